//! Files on their way to their names.
//!
//! A file is written beside its later place, as `.zosc-…`, and gets its name by one rename, so that nobody ever sees half of one.
//! Whoever writes it holds a lock on it: what a killed process left is told apart from what another one is writing, and goes.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use tempfile::NamedTempFile;

use super::at_path;

/// How names of unfinished files begin.
const PREFIX: &str = ".zosc-";

/// A file without its name; dropped, it is gone.
#[derive(Debug)]
pub struct Pending(NamedTempFile);

impl Pending {
    /// Begins one in a folder.
    pub fn new(folder: &Path) -> io::Result<Self> {
        // A file in the current folder has a parent without a name.
        let folder = match folder {
            empty if empty == Path::new("") => Path::new("."),
            folder => folder,
        };
        loop {
            let file = tempfile::Builder::new()
                .prefix(PREFIX)
                .tempfile_in(folder)?;
            flock(file.as_file(), FlockOperation::LockExclusive)?;
            // Another process may have swept it before it was locked.
            if file.path().exists() {
                return Ok(Self(file));
            }
        }
    }

    /// The file.
    pub fn file(&self) -> &File {
        self.0.as_file()
    }

    /// Where it is until then, for those who have to open it by name.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    fn folder(&self) -> &Path {
        let path = self.0.path();
        path.parent().unwrap_or(path)
    }

    /// Sets its permissions, whatever the umask is.
    pub fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        self.file().set_permissions(permissions)
    }

    /// Gives it its name; a file of that name is replaced.
    pub fn persist(self, path: &Path) -> io::Result<()> {
        self.0.persist(path).map_err(|failed| failed.error)?;
        Ok(())
    }

    /// Gives it a name that nothing has yet.
    pub fn persist_new(self, path: &Path) -> io::Result<()> {
        self.0
            .persist_noclobber(path)
            .map_err(|failed| failed.error)?;
        Ok(())
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.0.write(bytes);
        written.map_err(|error| at_path(self.folder(), error))
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.0.flush();
        flushed.map_err(|error| at_path(self.folder(), error))
    }
}

/// Removes unfinished files from a folder that killed processes have left.
pub fn sweep_pending(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if !name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        let path = entry.path();
        let abandoned = |file: &File| flock(file, FlockOperation::NonBlockingLockExclusive).is_ok();
        // Held until it is gone, so that nobody takes it for an own one meanwhile.
        if let Some(_lock) = File::open(&path).ok().filter(abandoned) {
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_being_written_stays_and_what_was_left_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = || {
            let listing = fs::read_dir(folder.path()).expect("lists");
            let mut names: Vec<_> = listing.flatten().map(|entry| entry.file_name()).collect();
            names.sort();
            names
        };
        let mut pending = Pending::new(folder.path()).expect("begins");
        pending.write_all(b"all of it").expect("writes");
        fs::write(folder.path().join(".zosc-left"), "half").expect("written");
        fs::write(folder.path().join("other"), "mine").expect("written");
        sweep_pending(folder.path());
        assert_eq!(names().len(), 2);
        pending
            .persist(&folder.path().join("whole"))
            .expect("named");
        assert_eq!(names(), ["other", "whole"]);
        assert_eq!(
            fs::read(folder.path().join("whole")).expect("there"),
            b"all of it"
        );
    }
}
