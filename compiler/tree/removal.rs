//! Removes what foreign code has left: folders nested without end, or that nobody may write to.
//!
//! Nothing here calls itself, no path grows longer, and no more than four folders are open at a time: what lies in a folder of a folder is
//! moved up before it goes.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

/// Removes a file, or a folder with all that is in it; what cannot be removed stays.
pub fn clear_away(path: &Path) {
    if rustix::fs::unlinkat(CWD, path, AtFlags::empty()).is_ok() {
        return;
    }
    if let Ok(folder) = open(CWD, path) {
        empty(&folder);
        let _ = rustix::fs::unlinkat(CWD, path, AtFlags::REMOVEDIR);
    }
}

/// Empties a folder.
fn empty(top: &OwnedFd) {
    let mut number = 0_u64;
    let mut stuck = BTreeSet::new();
    loop {
        let mut folders = remove_files(top);
        folders.retain(|name| !stuck.contains(name));
        if folders.is_empty() {
            return;
        }
        for name in folders {
            let Ok(folder) = open(top, name.as_c_str()) else {
                stuck.insert(name);
                continue;
            };
            for inner in remove_files(&folder) {
                let _ = move_up(&folder, &inner, top, &mut number);
            }
            if rustix::fs::unlinkat(top, name.as_c_str(), AtFlags::REMOVEDIR).is_err() {
                stuck.insert(name);
            }
        }
    }
}

/// Gives a folder a name in the top one that nothing has there.
fn move_up(from: &OwnedFd, name: &CStr, top: &OwnedFd, number: &mut u64) -> Result<(), Errno> {
    // Who is moved has to be written to: its `..` changes.
    open(from, name)?;
    loop {
        *number += 1;
        let to = format!("{number}-removed");
        match rustix::fs::renameat(from, name, top, to.as_str()) {
            Err(Errno::EXIST | Errno::NOTEMPTY) => {}
            moved => return moved,
        }
    }
}

/// Removes all in a folder that is none itself; the names of what is left.
fn remove_files(folder: &OwnedFd) -> Vec<CString> {
    let Ok(listing) = Dir::read_from(folder) else {
        return Vec::new();
    };
    let names = listing
        .flatten()
        .map(|entry| entry.file_name().to_owned())
        .filter(|name| !matches!(name.to_bytes(), b"." | b".."));
    // All are read first: a folder that changes meanwhile may skip some.
    let mut names: Vec<CString> = names.collect();
    names.retain(|name| rustix::fs::unlinkat(folder, name.as_c_str(), AtFlags::empty()).is_err());
    names
}

/// Opens a folder, no link to one, and gives its owner every permission on it.
fn open(at: impl rustix::fd::AsFd, name: impl rustix::path::Arg + Copy) -> Result<OwnedFd, Errno> {
    let facts = rustix::fs::statat(&at, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(facts.st_mode) != FileType::Directory {
        return Err(Errno::NOTDIR);
    }
    if facts.st_mode & 0o700 != 0o700 {
        rustix::fs::chmodat(&at, name, Mode::RWXU, AtFlags::empty())?;
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(&at, name, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn folders_without_end_and_without_permission_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("place");
        fs::create_dir(&place).expect("made");
        fs::write(folder.path().join("kept"), "mine").expect("written");
        symlink("../kept", place.join("link")).expect("linked");
        symlink("..", place.join("up")).expect("linked");
        fs::create_dir_all(place.join("1-removed/full")).expect("made");
        fs::create_dir(place.join("closed")).expect("made");
        fs::write(place.join("closed/file"), "x").expect("written");
        fs::set_permissions(place.join("closed"), fs::Permissions::from_mode(0o000))
            .expect("closed");
        let mut deepest = open(CWD, place.as_path()).expect("opens");
        for _ in 0..5000 {
            rustix::fs::mkdirat(&deepest, "d", Mode::RWXU).expect("made");
            deepest = open(&deepest, c"d").expect("opens");
        }
        drop(deepest);
        clear_away(&place);
        let left: Vec<_> = fs::read_dir(folder.path())
            .expect("lists")
            .map(|entry| entry.expect("readable").file_name())
            .collect();
        assert_eq!(left, ["kept"]);
        clear_away(&folder.path().join("kept"));
        clear_away(&folder.path().join("none"));
        assert_eq!(fs::read_dir(folder.path()).expect("lists").count(), 0);
    }
}
