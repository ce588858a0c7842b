//! A folder for foreign code, gone when it is dropped.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::disk;
use crate::diagnostic::Diagnostic;
use crate::tree::Store;

/// A temporary folder inside the store.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: tempfile::TempDir,
    /// Keeps the store's folder for unfinished work, in which this one lies.
    _store: Store,
}

impl Scratch {
    /// Makes one with mode 0755.
    pub(super) fn new(store: &Store) -> Result<Self, Diagnostic> {
        let folder = store.temporary();
        tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir_in(&folder)
            .map(|made| Self {
                folder: made,
                _store: store.clone(),
            })
            .map_err(|error| disk(&folder, &error))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Folders without write permission keep an ordinary user from removing what is in them.
        open_up(self.folder.path());
    }
}

/// Gives the owner every permission on a folder and all folders below it.
fn open_up(folder: &Path) {
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}
