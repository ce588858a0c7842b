//! Hands files that the command gave to other users back to the host's user, and tells whose they were.
//!
//! Runs in the sandbox's first process, like [`inside`](super::inside): system calls only, no allocation. How deep folders lie in each
//! other and how long their paths are, foreign code has decided: nothing here calls itself or puts a path together, and one folder is open
//! at a time. Names of those that are still to be entered wait in a file in memory.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, MemfdFlags, Mode, OFlags, ResolveFlags, Statx, StatxAttributes,
    StatxFlags, Uid,
};
use rustix::io::Errno;

use super::owners::Records;

/// How a folder is opened.
const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOFOLLOW);

/// Records who owns a writable place and the files below it, and makes them root's, which is the host's user.
///
/// Without this an ordinary user could neither read nor remove what the command gave to other users.
pub(super) fn give_back_files(place: &CStr, records: &mut Records<'_>) -> Result<(), Errno> {
    records.place(place);
    let facts = look(CWD, place)?;
    take(CWD, place, c".", &facts, records);
    if !is_folder(&facts) {
        return Ok(());
    }
    let mut folder = rustix::fs::openat(CWD, place, FOLDER, Mode::empty())?;
    let mut waiting = Waiting::new()?;
    take_all(folder.as_fd(), &mut waiting, records)?;
    let mut name = [0; NAME];
    while let Some(next) = waiting.pop(&mut name)? {
        match next {
            Next::Above => {
                folder = rustix::fs::openat(&folder, c"..", FOLDER, Mode::empty())?;
                records.leave();
            }
            Next::Below(name) => {
                let resolve = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
                match rustix::fs::openat2(&folder, name, FOLDER, Mode::empty(), resolve) {
                    Ok(below) => folder = below,
                    Err(error) => {
                        records.miss(error);
                        continue;
                    }
                }
                records.enter(name);
                waiting.push(b"")?;
                take_all(folder.as_fd(), &mut waiting, records)?;
            }
        }
    }
    Ok(())
}

/// Takes back all that lies in a folder; what is a folder itself waits.
fn take_all(
    folder: BorrowedFd<'_>,
    waiting: &mut Waiting,
    records: &mut Records<'_>,
) -> Result<(), Errno> {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut listing = rustix::fs::RawDir::new(folder, &mut buffer);
    while let Some(entry) = listing.next() {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let facts = match look(folder, name) {
            Ok(facts) => facts,
            Err(error) => {
                records.miss(error);
                continue;
            }
        };
        // Other mounts are no part of this place, and the owner of the root of a mount (`/proc`, binds) is not that of what it covers.
        if facts.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
            continue;
        }
        take(folder, name, name, &facts, records);
        if is_folder(&facts) {
            waiting.push(name.to_bytes_with_nul())?;
        }
    }
    Ok(())
}

fn look(folder: BorrowedFd<'_>, name: &CStr) -> Result<Statx, Errno> {
    let wanted = StatxFlags::TYPE | StatxFlags::MODE | StatxFlags::UID | StatxFlags::GID;
    rustix::fs::statx(folder, name, AtFlags::SYMLINK_NOFOLLOW, wanted)
}

fn is_folder(facts: &Statx) -> bool {
    FileType::from_raw_mode(facts.stx_mode.into()) == FileType::Directory
}

/// Records one file that is not root's, as `called`, and makes it root's.
fn take(
    folder: BorrowedFd<'_>,
    name: &CStr,
    called: &CStr,
    facts: &Statx,
    records: &mut Records<'_>,
) {
    if facts.stx_uid == 0 && facts.stx_gid == 0 {
        return;
    }
    let mode = u32::from(facts.stx_mode) & 0o7777;
    records.owner(called, facts.stx_uid, facts.stx_gid, mode);
    let (user, group) = (Some(Uid::ROOT), Some(Gid::ROOT));
    let given = rustix::fs::chownat(folder, name, user, group, AtFlags::SYMLINK_NOFOLLOW);
    if let Err(error) = given {
        records.miss(error);
    }
}

/// The longest name, with the zero behind it.
const NAME: usize = 256;

/// Where to go next.
enum Next<'a> {
    /// Into a folder of this one.
    Below(&'a CStr),
    /// Back to the folder that this one lies in.
    Above,
}

/// Folders to go to, the last one first: names, each with its length behind it. An empty one stands for the folder above.
struct Waiting {
    file: OwnedFd,
    end: u64,
}

impl Waiting {
    fn new() -> Result<Self, Errno> {
        let file = rustix::fs::memfd_create(c"folders", MemfdFlags::CLOEXEC)?;
        Ok(Self { file, end: 0 })
    }

    fn push(&mut self, name: &[u8]) -> Result<(), Errno> {
        let length = u16::try_from(name.len()).map_err(|_| Errno::NAMETOOLONG)?;
        self.write(name)?;
        self.write(&length.to_ne_bytes())
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<(), Errno> {
        while !bytes.is_empty() {
            let count = rustix::io::pwrite(&self.file, bytes, self.end)?;
            bytes = bytes.get(count..).unwrap_or_default();
            self.end += count as u64;
        }
        Ok(())
    }

    fn pop<'a>(&mut self, name: &'a mut [u8; NAME]) -> Result<Option<Next<'a>>, Errno> {
        if self.end == 0 {
            return Ok(None);
        }
        let mut length = [0; 2];
        self.read(&mut length)?;
        let length = u16::from_ne_bytes(length).into();
        if length == 0 {
            return Ok(Some(Next::Above));
        }
        let name = name.get_mut(..length).ok_or(Errno::NAMETOOLONG)?;
        self.read(name)?;
        let name = CStr::from_bytes_with_nul(name).map_err(|_| Errno::INVAL)?;
        Ok(Some(Next::Below(name)))
    }

    /// Takes bytes off the end.
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Errno> {
        self.end = self.end.saturating_sub(bytes.len() as u64);
        match rustix::io::pread(&self.file, &mut *bytes, self.end)? {
            count if count == bytes.len() => Ok(()),
            _ => Err(Errno::IO),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::fs::File;
    use std::io::{Read as _, Seek as _};
    use std::os::unix::ffi::OsStrExt as _;

    use super::super::owners;
    use super::*;
    use crate::tree::clear_away;

    /// A path that no call takes: more folders in each other than may be open, with long names.
    #[test]
    fn the_deepest_folder_is_given_back() {
        const LEVELS: usize = 3000;
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root can give files to others");
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("place");
        std::fs::create_dir(&place).expect("made");
        let name = "deep".repeat(30);
        let others = (Some(Uid::from_raw(5)), Some(Gid::from_raw(7)));
        let give = |at: BorrowedFd<'_>, name: &str| {
            rustix::fs::chownat(at, name, others.0, others.1, AtFlags::SYMLINK_NOFOLLOW)
                .expect("given");
        };
        let open = |at: BorrowedFd<'_>, name: &str| {
            rustix::fs::openat(at, name, FOLDER, Mode::empty()).expect("opens")
        };
        let mut levels = open(CWD, place.to_str().expect("UTF-8"));
        for _ in 0..LEVELS {
            for below in [&*name, "beside"] {
                rustix::fs::mkdirat(&levels, below, Mode::RWXU).expect("made");
                give(levels.as_fd(), below);
            }
            levels = open(levels.as_fd(), &name);
        }
        let mut told = File::from(
            rustix::fs::memfd_create(c"owners", MemfdFlags::CLOEXEC).expect("in memory"),
        );
        let mut records = Records::new(told.as_fd());
        let at = CString::new(place.as_os_str().as_bytes()).expect("no zero");
        give_back_files(&at, &mut records).expect("given back");
        records.end();
        for level in (0..=LEVELS).rev() {
            let facts = look(levels.as_fd(), c"beside").or_else(|_| look(levels.as_fd(), c"."));
            let facts = facts.expect("there");
            assert_eq!((facts.stx_uid, facts.stx_gid), (0, 0), "level {level}");
            levels = open(levels.as_fd(), "..");
        }
        let mut listed = Vec::new();
        told.rewind().expect("in memory");
        told.read_to_end(&mut listed).expect("read");
        let (owners, is_whole) = owners::read(&listed);
        assert!(is_whole);
        // Those whose paths an image could hold.
        let (room, level) = (4095 - at.as_bytes().len(), name.len() + 1);
        let beside = (room - "/beside".len()) / level + 1;
        assert_eq!(owners.len(), room / level + beside);
        let second = format!("{}/{name}/beside", place.display());
        assert!(owners.iter().any(|it| it.path == second && it.uid == 5));
        clear_away(&place);
        assert!(!place.exists());
    }
}
