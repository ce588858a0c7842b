//! Hands files that the command gave to other users back to the host's user, and tells whose they were.
//!
//! Runs in the sandbox's first process, like [`inside`](super::inside): system calls only, no allocation.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, StatxAttributes, StatxFlags, Uid};

/// Deepest directory that files are given back from.
const DEPTH: usize = 200;

/// Records who owns the files below a writable place, and makes them root's, which is the host's user.
///
/// Without this an ordinary user could neither read nor remove what the command gave to other users.
pub(super) fn give_back_files(place: &CStr, owners: BorrowedFd<'_>) {
    let mut path = PathBuffer {
        bytes: [0; 4096],
        length: 0,
    };
    path.push(place.to_bytes());
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    if let Ok(directory) = rustix::fs::openat(CWD, place, flags, Mode::empty()) {
        take(directory.as_fd(), c".", &path, owners);
        give_back_below(directory.as_fd(), &mut path, owners, DEPTH);
    }
}

fn give_back_below(
    directory: BorrowedFd<'_>,
    path: &mut PathBuffer,
    owners: BorrowedFd<'_>,
    depth: usize,
) {
    let mut buffer = [MaybeUninit::uninit(); 2048];
    let mut listing = rustix::fs::RawDir::new(directory, &mut buffer);
    while let Some(Ok(entry)) = listing.next() {
        let name = entry.file_name();
        // Other mounts (`/proc`, binds) are no part of this place, and their roots' owners are not those of what they cover.
        if name == c"." || name == c".." || is_mount(directory, name) {
            continue;
        }
        let length = path.length;
        path.push(b"/");
        path.push(name.to_bytes());
        take(directory, name, path, owners);
        let opened = rustix::fs::openat2(
            directory,
            name,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW,
            Mode::empty(),
            rustix::fs::ResolveFlags::NO_XDEV | rustix::fs::ResolveFlags::NO_SYMLINKS,
        );
        if let (Ok(below), 1..) = (opened, depth) {
            give_back_below(below.as_fd(), path, owners, depth - 1);
        }
        path.length = length;
    }
}

fn is_mount(directory: BorrowedFd<'_>, name: &CStr) -> bool {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::statx(directory, name, flags, StatxFlags::TYPE)
        .is_ok_and(|file| file.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Records one file that is not root's, and makes it root's.
fn take(directory: BorrowedFd<'_>, name: &CStr, path: &PathBuffer, owners: BorrowedFd<'_>) {
    let Ok(stat) = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) else {
        return;
    };
    if stat.st_uid == 0 && stat.st_gid == 0 {
        return;
    }
    let mut record = PathBuffer {
        bytes: [0; 4096],
        length: 0,
    };
    for number in [stat.st_uid, stat.st_gid, stat.st_mode & 0o7777] {
        record.push_number(number);
        record.push(b" ");
    }
    let _ = rustix::io::write(owners, record.as_bytes());
    let _ = rustix::io::write(owners, path.as_bytes());
    let _ = rustix::io::write(owners, b"\0");
    let root = (Some(Uid::ROOT), Some(Gid::ROOT));
    let _ = rustix::fs::chownat(directory, name, root.0, root.1, AtFlags::SYMLINK_NOFOLLOW);
}

/// A path that is put together without allocation; what does not fit is cut off.
struct PathBuffer {
    bytes: [u8; 4096],
    length: usize,
}

impl PathBuffer {
    fn push(&mut self, piece: &[u8]) {
        if let Some(place) = self
            .bytes
            .get_mut(self.length..self.length.saturating_add(piece.len()))
        {
            place.copy_from_slice(piece);
            self.length += piece.len();
        }
    }

    fn push_number(&mut self, number: u32) {
        let mut digits = [b'0'; 10];
        let mut rest = number;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        self.push(&digits);
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}
