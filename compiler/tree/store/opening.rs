//! Opening: the folders of a store, who else is in it, and whether it can be written to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::hold::{self, Access, Hold, Holder};
use super::refusal::{strange, unusable};
use super::{Store, Workplace};
use crate::diagnostic::Diagnostic;
use crate::io::{stranger_of, temporary_folder};

impl Store {
    /// Opens the store in `root` and makes it where it is missing; waits for one who is taking things out of it.
    ///
    /// A store that cannot be written to is opened to be read.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, Diagnostic> {
        Self::open_as(root, Access::Shared, &mut |_| true)
    }

    /// The store in `root` where there is one already; nothing is made, and where it cannot be used there is none.
    pub fn existing(root: &Path) -> Option<Self> {
        let is_there = root.join("blobs").is_dir();
        is_there.then(|| Self::open(root).ok()).flatten()
    }

    /// Opens the store in `root`. While others are in the way, `wait` is told who, again and again, and whether it goes on
    /// waiting is its answer.
    pub fn open_as(
        root: impl Into<PathBuf>,
        access: Access,
        wait: &mut dyn FnMut(&[Holder]) -> bool,
    ) -> Result<Self, Diagnostic> {
        let root = root.into();
        if let Some(user) = stranger_of(&root) {
            return Err(strange(&root, user));
        }
        let is_read_only = match prepare(&root) {
            Ok(()) => false,
            Err((_, error)) if access == Access::Shared && is_kept_from_writing(&root, &error) => {
                true
            }
            Err((folder, error)) => return Err(unusable(&folder, &error)),
        };
        // Somebody may have been quicker than this process to make it.
        if let Some(user) = stranger_of(&root) {
            return Err(strange(&root, user));
        }
        let (lock, folder) = (root.join("lock"), root.join("temporary"));
        let mut wait = || wait(&holders(&folder));
        let hold = Hold::take(&lock, access, &mut wait).map_err(|error| unusable(&lock, &error))?;
        let hold = hold.ok_or_else(|| hold::busy(&holders(&folder)))?;
        // What is made of a store that cannot be written to is thrown away, but has to be somewhere meanwhile.
        let folder = if is_read_only {
            temporary_folder()
        } else {
            Workplace::sweep(&folder);
            folder
        };
        let workplace = Workplace::new(&folder).map_err(|error| unusable(&folder, &error))?;
        Ok(Self {
            root,
            workplace: Arc::new(workplace),
            hold: Arc::new(hold),
            vouched: Arc::default(),
            is_read_only,
            distrusts: false,
        })
    }
}

/// Makes the folders of a store, where they are missing; otherwise says which one cannot be had.
fn prepare(root: &Path) -> Result<(), (PathBuf, io::Error)> {
    let folders = [
        "blobs",
        "actions",
        "notes",
        "roots",
        "shells",
        "builds",
        "logs",
        "temporary",
    ];
    for folder in folders {
        let folder = root.join(folder);
        fs::create_dir_all(&folder).map_err(|error| (folder, error))?;
    }
    // That folders are there does not say that anything can be written.
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    let writable = rustix::fs::access(root.join("temporary"), access);
    writable.map_err(|error| (root.to_owned(), error.into()))
}

/// Whether there is a store, and all that is wrong with it is that it cannot be written to.
fn is_kept_from_writing(root: &Path, error: &io::Error) -> bool {
    let kinds = [
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::ReadOnlyFilesystem,
    ];
    kinds.contains(&error.kind()) && root.join("blobs").is_dir()
}

/// The other processes that have something unfinished in a store.
fn holders(folder: &Path) -> Vec<Holder> {
    let processes = Workplace::processes(folder).into_iter();
    processes.map(Holder::new).collect()
}
