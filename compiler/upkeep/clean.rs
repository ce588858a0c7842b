//! Takes away what builds of one manifest have left: its outputs, and where that is asked for all that only they need.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::collect::{Collected, forget};
use crate::build::{self, Record};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::sweep_pending;
use crate::tree::{Digest, Hasher, Store};

/// What became of the outputs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Files that are gone, with their sizes.
    pub removed: Vec<(PathBuf, u64)>,
    /// Files that are not what a build has written there, and stay: a problem for each.
    pub foreign: Diagnostics,
    /// Folders that stay because something else is in them.
    pub occupied: Vec<PathBuf>,
    /// Whether any build of the manifest is known.
    pub is_known: bool,
}

/// Removes the files that builds of a manifest have written, as far as they are still what was written.
///
/// # Errors
/// A file cannot be read or removed.
pub fn clean(store: &Store, manifest: &Path, dry_run: bool) -> Result<Cleaned, Diagnostic> {
    let mut cleaned = Cleaned::default();
    let mut written: BTreeMap<PathBuf, BTreeSet<Digest>> = BTreeMap::new();
    for record in build::records(store)
        .iter()
        .filter(|record| record.is_of(manifest))
    {
        cleaned.is_known = true;
        for output in &record.outputs {
            let path = output.path.clone();
            written.entry(path).or_default().insert(output.digest);
        }
    }
    let folders = written.keys().filter_map(|path| path.parent());
    let folders: BTreeSet<PathBuf> = folders.map(Path::to_owned).collect();
    for (path, digests) in &written {
        let Ok(facts) = path.symlink_metadata() else {
            continue;
        };
        if !facts.is_file() || !digests.contains(&digest_of(path)?) {
            cleaned.foreign.push(foreign(path));
            continue;
        }
        if !dry_run {
            fs::remove_file(path).map_err(|error| refused(path, &error))?;
        }
        cleaned.removed.push((path.clone(), facts.len()));
    }
    for folder in folders {
        if dry_run {
            continue;
        }
        sweep_pending(&folder);
        // Only an empty one goes.
        if fs::remove_dir(&folder).is_err() && folder.is_dir() {
            cleaned.occupied.push(folder);
        }
    }
    Ok(cleaned)
}

/// Takes all records of a manifest's builds out of a store, and what only those need. The store must have been opened for this
/// process alone.
///
/// # Errors
/// Something cannot be read or removed.
pub fn forget_project(
    store: &Store,
    manifest: &Path,
    now: i64,
    dry_run: bool,
    cancel: &AtomicBool,
) -> Result<Collected, Diagnostic> {
    let records = build::records(store).into_iter();
    let (dropped, kept): (Vec<Record>, Vec<Record>) =
        records.partition(|record| record.is_of(manifest));
    forget(store, (kept, dropped), now, dry_run, cancel)
}

fn digest_of(path: &Path) -> Result<Digest, Diagnostic> {
    let mut file = fs::File::open(path).map_err(|error| refused(path, &error))?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = std::io::Read::read(&mut file, &mut buffer);
        match read.map_err(|error| refused(path, &error))? {
            0 => return Ok(hasher.finish()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

fn foreign(path: &Path) -> Diagnostic {
    Diagnostic::error(
        "zosc::upkeep::foreign-file",
        format!(
            "`{}` is not what a build has written there, and stays",
            path.display()
        ),
    )
    .help("remove it yourself if nobody needs it")
}

fn refused(path: &Path, error: &std::io::Error) -> Diagnostic {
    if let Some(problem) = crate::io::disk_refusal(path, error) {
        return problem;
    }
    Diagnostic::error(
        "zosc::upkeep::cannot-remove",
        format!("cannot remove `{}`: {error}", path.display()),
    )
    .help("see who may write to its folder, then run the command again")
}
