//! Toolchains' root filesystems on disk: each there once per digest, read-only to all that run in it.
//!
//! Comes in: the digest of a tree. Goes out: its folder `roots/DIGEST` below the store, held as long as it is used. It gets
//! its name by one rename, so nobody sees half of one. Any number of processes share it: who uses it holds the lock file
//! beside it shared, who makes it exclusively. A folder that something has changed is made anew.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::materialise::materialise;
use super::scratch::Scratch;
use super::{cancelled, disk};
use crate::diagnostic::Diagnostic;
use crate::tree::{Digest, Entry, Node, Store, Tree};

/// A root filesystem that nobody changes or removes while this lives.
#[derive(Debug)]
pub(super) struct SharedRoot {
    /// Its folder.
    pub(super) path: PathBuf,
    _lock: File,
}

/// The folder of a tree, made where it is missing or damaged.
pub(super) fn shared_root(
    digest: &Digest,
    store: &Store,
    cancel: &AtomicBool,
) -> Result<SharedRoot, Diagnostic> {
    let tree = everyones(store.get_tree(digest)?);
    let path = store.roots().join(digest.to_string());
    let lock_path = path.with_extension("lock");
    let lock = File::options()
        .create(true)
        .append(true)
        .open(&lock_path)
        .map_err(|error| disk(&lock_path, &error))?;
    let hold = |shared: FlockOperation| loop {
        match flock(&lock, shared) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::WOULDBLOCK) if cancel.load(Ordering::Relaxed) => {
                return Err(cancelled());
            }
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(Duration::from_millis(50)),
            Err(error) => return Err(disk(&lock_path, &error.into())),
        }
    };
    hold(FlockOperation::NonBlockingLockShared)?;
    if !is_whole(&tree, &path) {
        hold(FlockOperation::NonBlockingLockExclusive)?;
        // Another process may have made it meanwhile.
        if !is_whole(&tree, &path) {
            make(&tree, &path, store, cancel)?;
        }
        hold(FlockOperation::NonBlockingLockShared)?;
    }
    Ok(SharedRoot { path, _lock: lock })
}

/// The tree as any user can put it on disk: everything root's, readable, without devices and attributes.
pub(super) fn everyones(mut tree: Tree) -> Tree {
    tree.retain(|_, entry| {
        let node = &entry.node;
        !matches!(
            node,
            Node::CharDevice { .. } | Node::BlockDevice { .. } | Node::Fifo
        )
    });
    for (_, entry) in tree.iter_mut() {
        (entry.uid, entry.gid) = (0, 0);
        entry.xattrs.clear();
        let least = if entry.is_directory() { 0o700 } else { 0o400 };
        entry.mode = entry.mode & 0o777 | least;
    }
    tree
}

fn make(tree: &Tree, path: &Path, store: &Store, cancel: &AtomicBool) -> Result<(), Diagnostic> {
    let refuse = |error| disk(path, &error);
    if path.symlink_metadata().is_ok() {
        // Out of the way at once; it goes with this process's unfinished work.
        let aside = Scratch::new(store)?;
        fs::rename(path, aside.path().join("damaged")).map_err(refuse)?;
    }
    let scratch = Scratch::new(store)?;
    materialise(tree, store, scratch.path(), cancel)?;
    fs::rename(scratch.path(), path).map_err(refuse)
}

/// Whether a tree is on disk as it was written.
pub(super) fn is_sound(tree: Tree, folder: &Path) -> bool {
    is_whole(&everyones(tree), folder)
}

/// Whether every entry is on disk as it was written. Contents are not read: who changes a file changes its time.
fn is_whole(tree: &Tree, folder: &Path) -> bool {
    folder.is_dir()
        && tree
            .iter()
            .filter(|(path, _)| !path.is_root())
            .all(|(path, entry)| is_as_written(entry, &folder.join(path.relative())))
}

fn is_as_written(entry: &Entry, path: &Path) -> bool {
    let Ok(facts) = fs::symlink_metadata(path) else {
        return false;
    };
    let dressed = || {
        facts.permissions().mode() & 0o7777 == entry.mode
            && u64::try_from(facts.mtime()) == Ok(entry.mtime)
    };
    match &entry.node {
        Node::File { size, .. } => facts.is_file() && facts.size() == *size && dressed(),
        Node::Directory => facts.is_dir() && dressed(),
        Node::Symlink { target } => {
            fs::read_link(path).is_ok_and(|found| found.as_os_str() == target.as_str())
        }
        Node::Hardlink { .. } => facts.is_file() && facts.nlink() > 1,
        Node::CharDevice { .. } | Node::BlockDevice { .. } | Node::Fifo => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{ImagePath, Origin};

    fn path(text: &str) -> ImagePath {
        ImagePath::new(text).expect("sound")
    }

    /// A tree that an ordinary user could not make as it is.
    fn tree(store: &Store) -> Digest {
        let origin = Origin::new("package x-1");
        let digest = store.put(b"program").expect("stored");
        let mut tool = Entry::file(digest, 7, 0o4511, 5, origin.clone());
        (tool.uid, tool.gid) = (12, 34);
        let link = Entry {
            node: Node::Hardlink {
                to: path("/bin/tool"),
            },
            ..tool.clone()
        };
        let mut tree = Tree::new();
        tree.insert_with_parents(path("/bin/tool"), tool);
        tree.insert(path("/bin/again"), link);
        tree.insert(path("/bin/sh"), Entry::symlink("tool", 5, origin.clone()));
        tree.insert(path("/closed"), Entry::directory(0, 5, origin));
        store.put_tree(&tree).expect("stored")
    }

    #[test]
    fn a_root_is_made_once_and_mended_when_it_is_damaged() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        let digest = tree(&store);
        let open = || shared_root(&digest, &store, &AtomicBool::new(false)).expect("made");
        let (one, other) = (open(), open());
        assert_eq!(one.path, other.path);
        let tool = one.path.join("bin/tool");
        let inode = |path: &Path| fs::metadata(path).expect("there").ino();
        let first = inode(&tool);
        assert_eq!(inode(&one.path.join("bin/again")), first);
        drop((one, other));
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("own");
        fs::write(&tool, "another").expect("writable");
        let mended = open();
        assert_eq!(fs::read(&tool).expect("readable"), b"program");
        drop(mended);
        let second = inode(&tool);
        open();
        assert_eq!(inode(&tool), second, "a sound root is left alone");
    }
}
