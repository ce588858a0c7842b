//! What a disk says when it takes nothing more: which one it is, and what to do about it.

use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, bytes};

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Where it is mounted.
    pub at: PathBuf,
    /// Bytes that it holds in all.
    pub size: u64,
    /// Bytes that are free.
    pub free: u64,
}

/// The disk that a path is on, or would be on.
pub fn disk_of(path: &Path) -> Option<Disk> {
    let path = std::path::absolute(path).ok()?;
    let there = path.ancestors().find(|above| above.exists())?;
    let there = there.canonicalize().ok()?;
    let device = there.metadata().ok()?.dev();
    let same = |above: &&Path| above.metadata().is_ok_and(|facts| facts.dev() == device);
    let at = there.ancestors().take_while(same).last()?.to_owned();
    let facts = rustix::fs::statvfs(&at).ok()?;
    Some(Disk {
        at,
        size: facts.f_blocks * facts.f_frsize,
        free: facts.f_bavail * facts.f_frsize,
    })
}

/// What the file system is called that a path is on, or would be on, where it is one of those that are told apart.
pub fn file_system_of(path: &Path) -> Option<&'static str> {
    /// `statfs(2)`.
    const KNOWN: [(i64, &str); 13] = [
        (0xEF53, "ext4"),
        (0x9123_683E, "btrfs"),
        (0x5846_5342, "xfs"),
        (0x0102_1994, "tmpfs"),
        (0x794C_7630, "overlayfs"),
        (0x2FC1_2FC1, "zfs"),
        (0xCA45_1A4E, "bcachefs"),
        (0xF2F5_2010, "f2fs"),
        (0x6969, "nfs"),
        (0xFF53_4D42, "cifs"),
        (0x4D44, "vfat"),
        (0x0102_1997, "9p"),
        (0x6573_5546, "fuse"),
    ];
    let path = std::path::absolute(path).ok()?;
    let there = path.ancestors().find(|above| above.exists())?;
    let kind = rustix::fs::statfs(there).ok()?.f_type as i64;
    let known = KNOWN.iter().find(|(number, _)| *number == kind);
    known.map(|(_, name)| *name)
}

/// An error with the path that it is about, for those who only see a writer.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
struct At {
    path: PathBuf,
    error: io::Error,
}

/// The same error, which knows the path that it is about.
pub fn at_path(path: &Path, error: io::Error) -> io::Error {
    let path = path.to_owned();
    io::Error::new(error.kind(), At { path, error })
}

/// The problem that a disk is full or read-only, where that is what an error at this path says.
pub fn disk_refusal(path: &Path, error: &io::Error) -> Option<Diagnostic> {
    let known = error.get_ref().and_then(|inner| inner.downcast_ref::<At>());
    let path = known.map_or(path, |known| &known.path);
    let path_shown = path.display();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            let problem = Diagnostic::error(
                "zosc::io::disk-full",
                format!(
                    "there is no room left on {} for `{path_shown}`",
                    named(path)
                ),
            );
            Some(problem.help(
                "make room there and run the command again, what is finished is kept: `zosc store gc --keep 1` removes what only \
                 older builds need; `--store DIR` or ZOSC_STORE puts the store, with everything temporary, on another disk",
            ))
        }
        ErrorKind::ReadOnlyFilesystem => {
            let problem = Diagnostic::error(
                "zosc::io::read-only",
                format!(
                    "{} is mounted read-only, and `{path_shown}` cannot be written",
                    named(path)
                ),
            );
            Some(problem.help(
                "`--store DIR` or ZOSC_STORE names another place for the store, `--output DIR` one for what is built",
            ))
        }
        _ => None,
    }
}

fn named(path: &Path) -> impl Display {
    match disk_of(path) {
        Some(disk) => format!("the disk at `{}` ({})", disk.at.display(), bytes(disk.size)),
        None => "the disk".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = disk_of(&folder.path().join("not/there")).expect("some disk");
        assert!(
            folder
                .path()
                .canonicalize()
                .expect("there")
                .starts_with(&disk.at)
        );
        assert!(disk.size >= disk.free);
        let full = disk_refusal(folder.path(), &ErrorKind::StorageFull.into()).expect("told");
        let at = format!("`{}`", disk.at.display());
        assert!(full.message.contains(&at), "{}", full.message);
        let placed = at_path(folder.path(), ErrorKind::StorageFull.into());
        assert_eq!(disk_refusal(Path::new("/proc"), &placed), Some(full));
        assert_eq!(
            disk_refusal(folder.path(), &ErrorKind::NotFound.into()),
            None
        );
    }
}
