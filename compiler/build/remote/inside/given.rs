//! Gives what a command only reads the modes and times that it has at home: a server keeps of a mode whether a file is executable, and of a time nothing.
//!
//! A build that copies a file with its mode would otherwise leave another than at home. What the worker does not let happen is left as it is.

use std::fs::{self, File, FileTimes, Metadata, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::super::super::roots::everyones;
use crate::tree::{Entry, Node, Tree};

/// Dresses a tree that lies in a folder which nobody but this action sees.
pub(super) fn dress(tree: Tree, folder: &Path) {
    let tree = everyones(tree);
    if !tree.contains(&crate::tree::ImagePath::root()) {
        let _ = fs::set_permissions(folder, Permissions::from_mode(0o755));
    }
    // What is in a folder comes before it, since that changes its time.
    for (path, entry) in tree.iter().rev() {
        if matches!(entry.node, Node::Symlink { .. }) {
            continue;
        }
        let path = folder.join(path.relative());
        let Ok(facts) = path.symlink_metadata() else {
            continue;
        };
        // A link here is the server's way to its own storage.
        if !(facts.is_dir() || facts.is_file()) {
            continue;
        }
        let is_own = facts.is_dir() || facts.nlink() == 1;
        if is_own || !has_mode(&facts, entry.mode) && copy(&path).is_ok() {
            dress_own(&path, entry);
        }
    }
}

/// Makes a file that is laid into the root a program that everybody may start, as at home.
pub(super) fn dress_program(path: &Path) {
    let facts = path.symlink_metadata();
    if facts.is_ok_and(|facts| has_mode(&facts, 0o755) || facts.nlink() > 1 && copy(path).is_err())
    {
        return;
    }
    let _ = fs::set_permissions(path, Permissions::from_mode(0o755));
}

fn has_mode(facts: &Metadata, mode: u32) -> bool {
    facts.permissions().mode() & 0o7777 == mode
}

/// Puts a copy in the place of a file that may be the server's own under another name.
fn copy(path: &Path) -> std::io::Result<()> {
    let aside = path.with_extension("zosc-copy");
    fs::copy(path, &aside)?;
    fs::rename(&aside, path)
}

fn dress_own(path: &Path, entry: &Entry) {
    let _ = fs::set_permissions(path, Permissions::from_mode(entry.mode));
    let Some(time) = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(entry.mtime)) else {
        return;
    };
    let times = FileTimes::new().set_accessed(time).set_modified(time);
    let _ = File::open(path).and_then(|file| file.set_times(times));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Digest, ImagePath, Origin};

    #[test]
    fn modes_and_times_are_as_at_home_and_other_names_of_a_file_are_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name);
        fs::create_dir(place("in")).expect("made");
        fs::write(place("in/own"), "x").expect("written");
        fs::write(place("theirs"), "x").expect("written");
        fs::set_permissions(place("theirs"), Permissions::from_mode(0o555)).expect("own");
        fs::hard_link(place("theirs"), place("in/linked")).expect("linked");
        let origin = Origin::new("source x");
        let file = Entry::file(Digest::of(b"x"), 1, 0o640, 5, origin);
        let mut tree = Tree::new();
        for name in ["/own", "/linked"] {
            let path = ImagePath::new(name).expect("sound");
            tree.insert(path, file.clone());
        }
        dress(tree, &place("in"));
        for name in ["in/own", "in/linked"] {
            let facts = place(name).metadata().expect("there");
            assert!(has_mode(&facts, file.mode), "{name}");
            assert_eq!(facts.mtime(), 5);
        }
        let theirs = place("theirs").metadata().expect("there");
        assert_eq!(theirs.permissions().mode() & 0o777, 0o555);
        assert_ne!(theirs.mtime(), 5);
    }
}
