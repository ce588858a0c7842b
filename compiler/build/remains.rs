//! What builds leave in a store beside contents: results, logs, root filesystems on disk. For those who look after a store.

use std::fs::{self, File};
use std::path::PathBuf;

use rustix::fs::{FlockOperation, flock};

use super::perform::run::Request;
use super::scratch::Scratch;
use super::{disk, ledger, logs, roots};
use crate::diagnostic::Diagnostic;
use crate::tree::{Digest, Store};

/// What the action with this key yielded, as far as its result can be read; the content may be gone.
pub fn result(store: &Store, key: &Digest) -> Option<Digest> {
    ledger::recorded(store, key)
}

/// The keys under which an archive's pieces are kept; none of one that is in one piece.
pub fn pieces(store: &Store, archive: &Digest) -> Vec<Digest> {
    ledger::pieces(store, archive)
}

/// The keys of commands whose output is kept.
pub fn logged(store: &Store) -> Vec<Digest> {
    let keys = names(store.logs()).into_iter();
    let mut keys: Vec<Digest> = keys
        .filter_map(|name| name.split('.').next()?.parse().ok())
        .collect();
    keys.dedup();
    keys
}

/// The files that the command with this key has left: its log, and what it was asked.
pub fn log_files(store: &Store, key: &Digest) -> [PathBuf; 2] {
    [
        logs::path(store, key),
        Request::path(store, &key.to_string()),
    ]
}

/// The trees that lie on disk as root filesystems.
pub fn roots_on_disk(store: &Store) -> Vec<Digest> {
    let names = names(store.roots()).into_iter();
    names.filter_map(|name| name.parse().ok()).collect()
}

/// Whether a root filesystem on disk is as it was written, as far as that can be said without reading its contents.
pub fn is_root_sound(store: &Store, tree: &Digest) -> bool {
    store
        .get_tree(tree)
        .is_ok_and(|contents| roots::is_sound(contents, &store.roots().join(tree.to_string())))
}

/// Removes a root filesystem from the disk; `false` where somebody is using it.
///
/// # Errors
/// It cannot be removed.
pub fn remove_root(store: &Store, tree: &Digest) -> Result<bool, Diagnostic> {
    let path = store.roots().join(tree.to_string());
    let lock_path = path.with_extension("lock");
    let lock = File::options().create(true).append(true).open(&lock_path);
    let lock = lock.map_err(|error| disk(&lock_path, &error))?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(false);
    }
    // Out of the way at once; it goes with this process's unfinished work.
    let aside = Scratch::new(store)?;
    fs::rename(&path, aside.path().join("root")).map_err(|error| disk(&path, &error))?;
    fs::remove_file(&lock_path).map_err(|error| disk(&lock_path, &error))?;
    Ok(true)
}

fn names(folder: PathBuf) -> Vec<String> {
    let listing = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = listing.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
