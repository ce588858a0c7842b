//! Where a process keeps what it has not finished: a folder inside the store, gone with the process however that ends.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FlockOperation, flock};

use super::removal::clear_away;
use crate::io::process_number;

/// How names of such folders begin; the number of a process follows.
const PREFIX: &str = "work-";

/// A folder that belongs to whoever holds the lock on it; the kernel gives the lock up when its holder dies.
#[derive(Debug)]
pub(super) struct Workplace {
    pub(super) path: PathBuf,
    /// How many small contents were written here, for their names.
    written: AtomicU64,
    _lock: fs::File,
}

impl Workplace {
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        loop {
            // The name says whose it is to those who wait for it.
            let path = tempfile::Builder::new()
                .prefix(&format!("{PREFIX}{}-", process_number()))
                .tempdir_in(folder)?
                .keep();
            // Another process may sweep it before it is locked, and before it is opened.
            let lock = match fs::File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            flock(&lock, FlockOperation::LockExclusive)?;
            if path.is_dir() {
                return Ok(Self {
                    path,
                    written: AtomicU64::new(0),
                    _lock: lock,
                });
            }
        }
    }

    /// A path that nothing has yet.
    pub(super) fn next_path(&self) -> PathBuf {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        self.path.join(format!("content-{number}"))
    }

    /// The processes that have something unfinished in a folder, as far as they are alive.
    pub(super) fn processes(folder: &Path) -> Vec<u32> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let is_held = |path: &Path| {
            let lock = fs::File::open(path);
            lock.is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockShared).is_err())
        };
        let alive = entries.filter(|entry| is_held(&entry.path()));
        let mut processes: Vec<u32> = alive
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let (process, _) = name.strip_prefix(PREFIX)?.split_once('-')?;
                process.parse().ok()
            })
            .collect();
        processes.sort_unstable();
        processes
    }

    /// Removes what processes that were killed have left.
    pub(super) fn sweep(folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let abandoned =
                |lock: &fs::File| flock(lock, FlockOperation::NonBlockingLockExclusive).is_ok();
            // Held until the folder is gone, so that nobody takes it meanwhile.
            if let Some(_lock) = fs::File::open(&path).ok().filter(abandoned) {
                clear_away(&path);
            }
        }
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        clear_away(&self.path);
    }
}
