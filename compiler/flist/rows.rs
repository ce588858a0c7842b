//! The rows of a list, in the order in which they are written.

use std::path::Path;

use rusqlite::{Connection, Statement, params};

use super::write::write_failed;
use super::{BLOCKS, Block, ENTRIES, Entry, Kind, TEXT, too_large};
use crate::diagnostic::Diagnostic;
use crate::tree::ImagePath;

/// Takes entries in the order of their paths, and blocks in the order of the files that they belong to.
pub(super) struct Rows<'c> {
    inode: Statement<'c>,
    extra: Statement<'c>,
    block: Statement<'c>,
    path: &'c Path,
    epoch: u64,
    /// The path, number and kind of the last entry, and of those above it.
    above: Vec<(ImagePath, i64, bool)>,
    entries: u32,
    blocks: usize,
}

impl<'c> Rows<'c> {
    /// The rows of the list that SQLite writes to `path`.
    pub(super) fn new(
        connection: &'c Connection,
        path: &'c Path,
        epoch: u64,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            inode: connection.prepare(
                "INSERT INTO inode (ino, parent, name, size, uid, gid, mode, rdev, ctime, mtime) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?,
            extra: connection.prepare("INSERT INTO extra (ino, data) VALUES (?, ?)")?,
            block: connection.prepare("INSERT INTO block (ino, id, key) VALUES (?, ?, ?)")?,
            path,
            epoch,
            above: Vec::new(),
            entries: 0,
            blocks: 0,
        })
    }

    /// Writes an entry, and returns its number. Directories above it that have no entry become root's, with mode 0755.
    pub(super) fn entry(&mut self, entry: &Entry) -> Result<i64, Diagnostic> {
        let last = self.above.last();
        if last.is_some_and(|(last, ..)| *last >= entry.path) {
            return Err(bad_entry(
                &entry.path,
                "comes twice, or after what sorts behind it",
            ));
        }
        let parent = match entry.path.parent() {
            Some(parent) => self.directory(&parent)?,
            None => 0,
        };
        self.insert(entry, parent)
    }

    /// Writes the root where nothing has been written.
    pub(super) fn finish(&mut self) -> Result<(), Diagnostic> {
        self.directory(&ImagePath::root()).map(|_| ())
    }

    /// The number of a directory, which is on the way to the last entry or has not been there yet.
    fn directory(&mut self, path: &ImagePath) -> Result<i64, Diagnostic> {
        while self
            .above
            .last()
            .is_some_and(|(above, ..)| !path.starts_with(above))
        {
            self.above.pop();
        }
        if let Some((above, ino, is_directory)) = self.above.last() {
            if !is_directory {
                return Err(bad_entry(
                    above,
                    "is no directory, and something lies below it",
                ));
            }
            if above == path {
                return Ok(*ino);
            }
        }
        let parent = match path.parent() {
            Some(parent) => self.directory(&parent)?,
            None => 0,
        };
        let made = Entry {
            path: path.clone(),
            kind: Kind::Directory,
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: self.epoch,
        };
        self.insert(&made, parent)
    }

    fn insert(&mut self, entry: &Entry, parent: i64) -> Result<i64, Diagnostic> {
        if self.entries as usize == ENTRIES {
            return Err(too_large(format!(
                "an flist holds at most {ENTRIES} entries"
            )));
        }
        self.entries += 1;
        let ino = i64::from(self.entries);
        let name = if entry.path.is_root() {
            "/"
        } else {
            entry.path.file_name()
        };
        let size = i64::try_from(entry.kind.size())
            .map_err(|_| bad_entry(&entry.path, "is larger than files are"))?;
        let time = i64::try_from(entry.mtime.min(self.epoch)).unwrap_or(i64::MAX);
        let mode = entry.kind.bits() | entry.mode & 0o7777;
        let rdev = entry.kind.rdev().cast_signed();
        self.inode
            .execute(params![
                ino, parent, name, size, entry.uid, entry.gid, mode, rdev, time, time
            ])
            .map_err(|error| write_failed(self.path, error))?;
        if let Kind::Symlink { target } = &entry.kind {
            if target.is_empty() || target.len() >= TEXT || target.contains(&0) {
                return Err(bad_entry(
                    &entry.path,
                    "is a symbolic link to what is no path",
                ));
            }
            self.extra
                .execute(params![ino, target])
                .map_err(|error| write_failed(self.path, error))?;
        }
        let is_directory = entry.kind == Kind::Directory;
        self.above.push((entry.path.clone(), ino, is_directory));
        Ok(ino)
    }

    /// Writes the next block of the file with this number.
    pub(super) fn block(&mut self, ino: i64, block: &Block) -> Result<(), Diagnostic> {
        if self.blocks == BLOCKS {
            return Err(too_large("an flist holds at most 2 TiB of content"));
        }
        self.blocks += 1;
        self.block
            .execute(params![ino, block.id.0, block.key])
            .map_err(|error| write_failed(self.path, error))?;
        Ok(())
    }
}

/// The problem that an entry cannot be packed.
pub(super) fn bad_entry(path: &ImagePath, what: impl std::fmt::Display) -> Diagnostic {
    Diagnostic::error("zosc::flist::bad-entry", format!("`{path}` {what}"))
        .help("leave it out, or mend it, and pack again")
}
