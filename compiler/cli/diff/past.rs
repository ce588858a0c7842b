//! `REVISION:PATH`: a file of a commit of the repository that one is in, with everything around it.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::diff::{Difference, Place};
use crate::lock;
use crate::tree::Store;

use super::super::session::CANCELLED;

/// The files of a commit, for as long as this lives.
pub(super) struct Past {
    folder: tempfile::TempDir,
    revision: String,
    /// The named file among them.
    pub(super) file: PathBuf,
}

/// Takes `REVISION:PATH` apart; `None` for what is no such text or names a file as it is.
pub(super) fn split(path: &Path) -> Option<(&str, &str)> {
    let (revision, file) = path.to_str()?.split_once(':')?;
    let is_one = !revision.is_empty() && !file.is_empty() && !path.exists();
    is_one.then_some((revision, file))
}

/// Brings the files of a commit. As git has it, a path begins at the top of the repository, and at the current folder where it begins with
/// `./` or `../`.
pub(super) fn bring(
    current: &Path,
    (revision, file): (&str, &str),
    store: &Store,
) -> Result<Past, Diagnostics> {
    let place = store.temporary();
    let folder = tempfile::tempdir_in(&place).map_err(|error| {
        let fact = format!("cannot write below `{}`: {error}", place.display());
        Diagnostic::error("zosc::cli::cannot-write", fact)
            .help("make room there, or name another store")
    })?;
    let inside = lock::git_past(current, revision, folder.path(), store, &CANCELLED)?;
    let from = if file.starts_with("./") || file.starts_with("../") {
        folder.path().join(inside)
    } else {
        folder.path().to_owned()
    };
    // Without `..`, so that every file that is read has a name below the folder.
    let mut path = from;
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." if path != folder.path() => {
                path.pop();
            }
            ".." => {
                let fact = format!("`{file}` leads out of the repository");
                let problem = Diagnostic::error("zosc::cli::cannot-read", fact);
                return Err(problem
                    .help("name a file of the repository: `REVISION:PATH`")
                    .into());
            }
            name => path.push(name),
        }
    }
    Ok(Past {
        folder,
        revision: revision.to_owned(),
        file: path,
    })
}

impl Past {
    /// Names files as people have named them.
    pub(super) fn rename(&self, difference: &mut Difference) {
        let changes = difference
            .sections
            .iter_mut()
            .flat_map(|section| &mut section.changes);
        for change in changes {
            let places = change
                .fields
                .iter_mut()
                .flat_map(|field| [&mut field.old, &mut field.new]);
            for place in places.chain([&mut change.old, &mut change.new]) {
                self.rename_place(place);
            }
        }
    }

    fn rename_place(&self, place: &mut Option<Place>) {
        let Some(place) = place else { return };
        let name = self.folder.path().file_name();
        let name = name.map(|name| format!("{}/", name.to_string_lossy()));
        // The folder may be named from elsewhere; its own name is made of random letters.
        if let Some((_, rest)) = name.and_then(|name| place.file.split_once(name.as_str())) {
            place.file = format!("{}:{rest}", self.revision);
        }
    }
}
