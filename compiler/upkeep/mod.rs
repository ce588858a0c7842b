//! Looks after a store: what is in it and for which builds, whether it is sound, and what nothing needs any more.
//!
//! Comes in: a [`Store`](crate::tree::Store), with the records that builds left in it. Goes out: an [`Inventory`], what was [`verified`](verify), what was
//! [`collected`](collect) or [`cleaned`](clean). Takes away only what can be fetched or built again, and results before the contents that they
//! lead to, so that a store from which somebody was just removing things is a sound one. Never builds anything.

mod clean;
mod collect;
mod inventory;
mod keep;
mod kind;
mod named;
mod reach;
mod verify;

pub use clean::{Cleaned, clean, forget_project};
pub use collect::{Collected, collect};
pub use inventory::{BuildSize, Inventory, inventory};
pub use keep::{Keep, Period, Size};
pub use kind::Kind;
pub use verify::{Damage, Looking, Verified, verify};

use std::path::{Path, PathBuf};

/// How much of something there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Amount {
    /// How many files or folders.
    pub count: u64,
    /// Bytes that they take on the disk.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

impl std::ops::AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.bytes += other.bytes;
    }
}

/// Bytes that a file, or a folder with all that is in it, takes on the disk. What cannot be looked at counts for nothing.
fn occupied(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;

    let Ok(facts) = path.symlink_metadata() else {
        return 0;
    };
    let own = facts.blocks() * 512;
    if !facts.is_dir() {
        return own;
    }
    let inside = inside(path).into_iter();
    own + inside.map(|path| occupied(&path)).sum::<u64>()
}

/// What lies in a folder.
fn inside(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// When a file was written, in milliseconds since 1970.
fn written(path: &Path) -> i64 {
    use std::os::unix::fs::MetadataExt as _;

    let facts = path.symlink_metadata();
    facts.map_or(0, |facts| {
        facts.mtime() * 1000 + facts.mtime_nsec() / 1_000_000
    })
}

#[cfg(test)]
mod tests;
