//! A folder for foreign code, gone when it is dropped.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::disk;
use super::sandbox::take_back;
use crate::diagnostic::Diagnostic;
use crate::tree::{Store, clear_away};

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
        let made = tempfile::tempdir_in(&folder).map_err(|error| disk(&folder, &error))?;
        let scratch = Self {
            folder: made,
            _store: store.clone(),
        };
        open(scratch.path())?;
        Ok(scratch)
    }

    /// Makes a folder in it, and those above, all with mode 0755.
    pub(super) fn make(&self, relative: &str) -> Result<PathBuf, Diagnostic> {
        let mut path = self.path().to_owned();
        for name in relative.split('/').filter(|name| !name.is_empty()) {
            path.push(name);
            match fs::create_dir(&path) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    return Err(disk(&path, &error));
                }
                _ => open(&path)?,
            }
        }
        Ok(path)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Sets mode 0755, whatever the umask is.
fn open(folder: &Path) -> Result<(), Diagnostic> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
        .map_err(|error| disk(folder, &error))
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Foreign code may have left more than a recursion takes, and folders without write permission.
        clear_away(self.path());
        // What was killed has not given its files back.
        if self.path().exists() {
            take_back(self.path());
            clear_away(self.path());
        }
    }
}
