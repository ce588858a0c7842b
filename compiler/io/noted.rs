//! Files that remember who was asked for: what a manifest was read from, so that it can be watched.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{FileKind, Files};

/// What a file looked like; a change of its content changes it. `None` where there was no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(Option<(u64, u64, u64, [i64; 4])>);

impl Stamp {
    /// How a path looks now; links are followed.
    pub fn of(path: &Path) -> Self {
        let facts = std::fs::metadata(path).ok();
        Self(facts.map(|facts| {
            let times = [
                facts.mtime(),
                facts.mtime_nsec(),
                facts.ctime(),
                facts.ctime_nsec(),
            ];
            (facts.dev(), facts.ino(), facts.size(), times)
        }))
    }

    /// Which file or folder it was, whatever its content.
    pub(super) fn identity(self) -> Option<(u64, u64)> {
        self.0.map(|(device, inode, ..)| (device, inode))
    }
}

/// The machine's files and folders that someone asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Files, and paths at which there was nothing, as they looked just before they were read.
    pub files: BTreeMap<PathBuf, Stamp>,
    /// Folders.
    pub folders: BTreeMap<PathBuf, Stamp>,
}

/// Files below which everything that is asked for is noted.
pub struct Noted<'a> {
    files: &'a dyn Files,
    asked: Mutex<Asked>,
}

impl<'a> Noted<'a> {
    /// Nothing was asked for yet.
    pub fn new(files: &'a dyn Files) -> Self {
        Self {
            files,
            asked: Mutex::default(),
        }
    }

    /// What was asked for.
    pub fn asked(self) -> Asked {
        self.asked
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, path: &Path, kind: Option<FileKind>, stamp: Stamp) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let list = match kind {
            Some(FileKind::Directory) => &mut asked.folders,
            _ => &mut asked.files,
        };
        // The first look counts: what changes after it was not read.
        list.entry(path.to_owned()).or_insert(stamp);
    }
}

impl Files for Noted<'_> {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        self.note(path, None, Stamp::of(path));
        self.files.read(path, limit)
    }

    fn kind(&self, path: &Path) -> Option<FileKind> {
        let stamp = Stamp::of(path);
        let kind = self.files.kind(path);
        self.note(path, kind, stamp);
        kind
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.files.list(path)
    }

    fn is_link(&self, path: &Path) -> bool {
        self.files.is_link(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::System;

    #[test]
    fn files_folders_and_what_is_missing_are_noted_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a"), "1").unwrap();
        let noted = Noted::new(&System);
        noted.read(&path("a"), 9).unwrap();
        assert_eq!(noted.kind(&path("b")), None);
        assert_eq!(noted.kind(folder.path()), Some(FileKind::Directory));
        let asked = noted.asked();
        let files: Vec<_> = asked.files.keys().cloned().collect();
        assert_eq!(files, [path("a"), path("b")]);
        assert!(asked.folders.contains_key(folder.path()));
        assert_eq!(asked.files[&path("a")], Stamp::of(&path("a")));
        std::fs::write(path("a"), "22").unwrap();
        assert_ne!(asked.files[&path("a")], Stamp::of(&path("a")));
    }
}
