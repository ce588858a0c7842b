//! Indexing a folder of packages.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::apk::{self, Expected, IndexEntry, Signer};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::{self, FileKind, Files as _};
use crate::tree::Store;

use super::files::{self, Outcome, unreadable};

/// An index that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed {
    /// `APKINDEX.tar.gz`
    pub path: PathBuf,
    /// How many packages it lists.
    pub packages: usize,
    /// What became of the file.
    pub outcome: Outcome,
}

/// Writes the index of every architecture's folder in a repository's folder.
///
/// Each package is read through with all checks that a build would make, since a signed index vouches for what it
/// lists. Contents go to the store, where a build finds them.
///
/// # Errors
/// `zosc::repository::no-packages`, `zosc::repository::misnamed-package`, `zosc::repository::other-architecture`, and those of
/// packages that cannot be read.
pub fn index(
    folder: &Path,
    description: &str,
    signer: Signer<'_>,
    store: &Store,
    told: &dyn Fn(&Path),
    cancel: &AtomicBool,
) -> Result<Vec<Indexed>, Diagnostics> {
    let mut problems = Diagnostics::new();
    let mut indexed = Vec::new();
    for architecture in list(folder)? {
        let inner = folder.join(&architecture);
        if io::System.kind(&inner) != Some(FileKind::Directory) {
            continue;
        }
        let mut entries = Vec::new();
        for name in list(&inner)?.into_iter().filter(|name| is_package(name)) {
            files::check_cancelled(cancel)?;
            let path = inner.join(name);
            told(&path);
            match entry(&path, &architecture, store) {
                Ok(entry) => entries.push(entry),
                Err(problem) => problems.push(problem.note(format!("in {}", path.display()))),
            }
        }
        if !entries.is_empty() {
            indexed.push((inner.join("APKINDEX.tar.gz"), entries));
        }
    }
    if indexed.is_empty() && !problems.has_errors() {
        problems.push(no_packages(folder));
    }
    if problems.has_errors() {
        return Err(problems);
    }
    let written = indexed.into_iter().map(|(path, entries)| {
        let bytes = apk::write_index(&entries, description, Some(signer))?;
        Ok(Indexed {
            outcome: files::bytes(&path, &bytes)?,
            packages: entries.len(),
            path,
        })
    });
    written
        .collect::<Result<_, Diagnostic>>()
        .map_err(Into::into)
}

fn list(folder: &Path) -> Result<Vec<String>, Diagnostic> {
    io::System
        .list(folder)
        .map_err(|error| unreadable(folder, &error))
}

fn is_package(name: &str) -> bool {
    Path::new(name).extension() == Some(OsStr::new("apk"))
}

/// Reads a package through and says how the index lists it.
fn entry(path: &Path, architecture: &str, store: &Store) -> Result<IndexEntry, Diagnostic> {
    let open = || std::fs::File::open(path).map_err(|error| unreadable(path, &error));
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let control = apk::read_control(&mut open()?, &file_name)?;
    let info = control.info;
    if file_name != format!("{}.apk", info.full_name()) {
        return Err(Diagnostic::error(
            "zosc::repository::misnamed-package",
            format!("`{file_name}` holds the package `{}`", info.full_name()),
        )
        .help(format!(
            "rename it to `{}.apk`: packages are found by that name",
            info.full_name()
        )));
    }
    if info.arch != architecture && info.arch != "noarch" {
        return Err(Diagnostic::error(
            "zosc::repository::other-architecture",
            format!(
                "`{file_name}` is for {}, and lies in `{architecture}`",
                info.arch
            ),
        )
        .help(format!(
            "move it to the folder `{}` beside that one",
            info.arch
        )));
    }
    let expected = Expected {
        name: info.name,
        version: info.version,
        identity: Some(control.identity),
    };
    let unpacked = apk::unpack(&mut open()?, &expected, store)?;
    let mut info = unpacked.info;
    // apk looks for a package below the architecture that its record has, so `noarch` is written as the folder's.
    architecture.clone_into(&mut info.arch);
    Ok(IndexEntry {
        info,
        identity: unpacked.identity,
        size: unpacked.archive_size,
    })
}

fn no_packages(folder: &Path) -> Diagnostic {
    let problem = Diagnostic::error(
        "zosc::repository::no-packages",
        format!("`{}` holds no packages", folder.display()),
    );
    let direct = list(folder).is_ok_and(|names| names.iter().any(|name| is_package(name)));
    match folder.parent().filter(|_| direct) {
        Some(above) => problem.help(format!(
            "packages lie in a folder named after their architecture; name the repository above it: `zosc repo index {}`",
            if above.as_os_str().is_empty() { Path::new(".") } else { above }.display()
        )),
        None => problem.help("`zosc repo pack RECIPE -o DIR --key KEY` puts packages there, into `DIR/x86_64`"),
    }
}
