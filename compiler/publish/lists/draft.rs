//! A folder that is being filled, beside the place where it belongs.
//!
//! It gets its name at once when everything is in it, and goes away otherwise. Nothing is written through a link.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FlockOperation, Gid, Mode, OFlags, RenameFlags, ResolveFlags, Timespec,
    Timestamps, Uid,
};

use crate::diagnostic::Diagnostic;
use crate::flist::{Entry, Kind};
use crate::io::{current_directory, disk_refusal};
use crate::tree::ImagePath;

/// How names of folders that are not finished begin.
const PREFIX: &str = ".zosc-unpack-";

/// Permissions that would give away what belongs to somebody else.
const SET_ID: u32 = 0o6000;

/// Whose unpacked files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Whose the list says they are.
    Listed,
    /// Who unpacks them; nothing runs as somebody else.
    Own,
}

/// Where the files go in the end.
pub(super) struct Place {
    folder: PathBuf,
    /// The folder that has it.
    above: PathBuf,
    /// Whether something is there that gives way.
    is_taken: bool,
}

impl Place {
    pub(super) fn new(folder: &Path, replaces: bool) -> Result<Self, Diagnostic> {
        let failed = |error: io::Error| refused(folder, &error);
        let folder = std::path::absolute(folder).map_err(failed)?;
        let folder = match folder.canonicalize() {
            Ok(there) => there,
            Err(error) if error.kind() == ErrorKind::NotFound => folder,
            Err(error) => return Err(failed(error)),
        };
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => Some(entries.count()),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let is_taken = entries.is_some_and(|count| count > 0);
        if is_taken && !replaces {
            return Err(not_empty(&folder));
        }
        let Some(above) = folder.parent() else {
            return Err(in_use(&folder));
        };
        let here = current_directory().unwrap_or_default();
        if entries.is_some() && here.starts_with(&folder) {
            return Err(in_use(&folder));
        }
        Ok(Self {
            above: above.to_owned(),
            folder,
            is_taken,
        })
    }
}

/// A folder beside the place, which goes away unless it gets its name.
pub(super) struct Draft {
    root: OwnedFd,
    folder: tempfile::TempDir,
}

impl Draft {
    pub(super) fn new(place: &Place) -> Result<Self, Diagnostic> {
        let failed = |error: io::Error| refused(&place.folder, &error);
        fs::create_dir_all(&place.above).map_err(failed)?;
        sweep(&place.above);
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(&place.above)
            .map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let root = rustix::fs::open(folder.path(), flags, Mode::empty())
            .and_then(|root| {
                // Held until the process ends, so that nobody takes it for one that was left.
                rustix::fs::flock(&root, FlockOperation::LockExclusive)?;
                Ok(root)
            })
            .map_err(|error| failed(error.into()))?;
        Ok(Self { root, folder })
    }

    /// Makes a directory, a link, or a file without content.
    pub(super) fn make(&self, entry: &Entry) -> Result<(), Diagnostic> {
        self.try_to_make(entry)
            .map_err(|error| self.refused(&entry.path, error))
    }

    fn try_to_make(&self, entry: &Entry) -> rustix::io::Result<()> {
        if entry.path.is_root() {
            return Ok(());
        }
        let (above, name) = self.above(&entry.path)?;
        match &entry.kind {
            Kind::Directory => rustix::fs::mkdirat(&above, name, Mode::from_raw_mode(0o700)),
            Kind::Symlink { target } => rustix::fs::symlinkat(target.as_slice(), &above, name),
            Kind::File { .. } => {
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
                rustix::fs::openat(&above, name, flags, Mode::from_raw_mode(0o600)).map(|_| ())
            }
            _ => Ok(()),
        }
    }

    /// The directory that has a path, open, and the last name of the path; the root's is `.`.
    fn above<'p>(&self, path: &'p ImagePath) -> rustix::io::Result<(OwnedFd, &'p str)> {
        let above = path.parent().unwrap_or_else(ImagePath::root);
        let relative = if above.is_root() {
            "."
        } else {
            above.relative()
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let name = if path.is_root() {
            "."
        } else {
            path.file_name()
        };
        Ok((self.open(relative, flags)?, name))
    }

    /// Opens what is at a path of the draft and nowhere else.
    fn open(&self, relative: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        rustix::fs::openat2(&self.root, relative, flags, Mode::empty(), resolve)
    }

    /// Writes a piece of a file.
    pub(super) fn write(
        &self,
        path: &ImagePath,
        offset: u64,
        content: &[u8],
    ) -> Result<(), Diagnostic> {
        let file = self.open(path.relative(), OFlags::WRONLY | OFlags::CLOEXEC);
        let written = file
            .map_err(io::Error::from)
            .and_then(|file| File::from(file).write_all_at(content, offset));
        written.map_err(|error| refused(&self.shown(path), &error))
    }

    /// Gives an entry owner, permissions and time, in an order in which one does not undo another.
    pub(super) fn dress(&self, entry: &Entry, ownership: Ownership) -> Result<(), Diagnostic> {
        let dress = || -> rustix::io::Result<()> {
            let (above, name) = self.above(&entry.path)?;
            let itself = AtFlags::SYMLINK_NOFOLLOW;
            let mut mode = entry.mode;
            match ownership {
                Ownership::Listed => {
                    let owner = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
                    rustix::fs::chownat(&above, name, Some(owner.0), Some(owner.1), itself)?;
                }
                Ownership::Own => mode &= !SET_ID,
            }
            if !matches!(entry.kind, Kind::Symlink { .. }) {
                // This process made the name, in a directory of its own: no link stands there.
                let mode = Mode::from_raw_mode(mode);
                rustix::fs::chmodat(&above, name, mode, AtFlags::empty())?;
            }
            let time = Timespec {
                tv_sec: i64::try_from(entry.mtime).unwrap_or(i64::MAX),
                tv_nsec: 0,
            };
            let times = Timestamps {
                last_access: time,
                last_modification: time,
            };
            rustix::fs::utimensat(&above, name, &times, itself)
        };
        dress().map_err(|error| self.refused(&entry.path, error))
    }

    /// Makes a directory's content removable again, where it is to go away.
    pub(super) fn undress(&self, entry: &Entry) {
        if let (Kind::Directory, Ok((above, name))) = (&entry.kind, self.above(&entry.path)) {
            let _ = rustix::fs::chmodat(&above, name, Mode::RWXU, AtFlags::empty());
        }
    }

    /// Puts the folder in its place; what was there goes.
    pub(super) fn name(&mut self, place: &Place) -> Result<(), Diagnostic> {
        let draft = &self.folder.path().to_owned();
        let flags = if place.is_taken {
            RenameFlags::EXCHANGE
        } else {
            RenameFlags::empty()
        };
        rustix::fs::renameat_with(CWD, draft, CWD, &place.folder, flags)
            .map_err(|error| refused(&place.folder, &error.into()))?;
        // Nothing has this name now, or what was there before.
        self.folder.disable_cleanup(true);
        if place.is_taken {
            fs::remove_dir_all(draft).map_err(|error| refused(draft, &error))?;
        }
        Ok(())
    }

    fn shown(&self, path: &ImagePath) -> PathBuf {
        self.folder.path().join(path.relative())
    }

    fn refused(&self, path: &ImagePath, error: rustix::io::Errno) -> Diagnostic {
        refused(&self.shown(path), &error.into())
    }
}

/// Removes what killed processes have left.
fn sweep(above: &Path) {
    for entry in fs::read_dir(above).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if !name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        let free = |folder: &File| {
            rustix::fs::flock(folder, FlockOperation::NonBlockingLockExclusive).is_ok()
        };
        if let Some(_lock) = File::open(entry.path()).ok().filter(free) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn not_empty(folder: &Path) -> Diagnostic {
    Diagnostic::error(
        "zosc::publish::not-empty",
        format!("`{}` is not empty", folder.display()),
    )
    .help("name a new folder; `--force` removes what is in this one, once everything is unpacked")
}

fn in_use(folder: &Path) -> Diagnostic {
    Diagnostic::error(
        "zosc::publish::not-empty",
        format!(
            "`{}` cannot be replaced: it is where you are",
            folder.display()
        ),
    )
    .help("name a new folder, and look at it first")
}

fn refused(path: &Path, error: &io::Error) -> Diagnostic {
    disk_refusal(path, error).unwrap_or_else(|| {
        Diagnostic::error(
            "zosc::publish::unusable-folder",
            format!("cannot unpack to `{}`: {error}", path.display()),
        )
        .help("name a folder that you may write to; only root can give files to others")
    })
}
