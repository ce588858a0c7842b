//! Puts a tree on disk, where foreign code can see it.
//!
//! Comes in: a [`Tree`] with its blobs in the [`Store`], and an empty directory. Goes out: a [`Base`], from which
//! [`capture`](super::capture) later tells what the foreign code changed. Nothing is written through a symlink, whatever
//! the tree holds. What the machine or the user cannot represent (owners and devices for an ordinary user, attributes on
//! a file system without them) is remembered instead and comes back unchanged.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;

use super::sandbox::{Owner, gives_owners};
use super::{cancelled, disk};
use crate::diagnostic::Diagnostic;
use crate::tree::{Entry, ImagePath, Node, Store, Tree};

/// A tree as it was put on disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Base {
    /// The tree.
    pub(super) tree: Tree,
    /// How regular files looked to the kernel right after they were written.
    pub(super) seen: BTreeMap<ImagePath, Fingerprint>,
    /// Devices that could not be made.
    pub(super) absent: BTreeSet<ImagePath>,
    /// Directories that the tree does not mention but its paths need.
    pub(super) implied: BTreeSet<ImagePath>,
    /// Extended attributes that could not be set.
    pub(super) lost: BTreeMap<ImagePath, BTreeSet<String>>,
    /// Whether owners on disk, as the foreign code sees them, are the tree's.
    pub(super) owned: bool,
}

impl Base {
    /// The owners that a sandbox with this tree as its root has to give to files; they count as given from here on.
    pub(super) fn hand_over(&mut self) -> Vec<Owner> {
        if self.owned {
            return Vec::new();
        }
        self.owned = true;
        let foreign = self.tree.iter().filter(|(path, entry)| {
            (entry.uid, entry.gid) != (0, 0)
                && !self.absent.contains(path)
                && !matches!(entry.node, Node::Hardlink { .. })
        });
        foreign
            .map(|(path, entry)| Owner {
                path: path.to_string(),
                uid: entry.uid,
                gid: entry.gid,
                mode: entry.mode,
            })
            .collect()
    }
}

/// What changes whenever a file does: the kernel lets nobody set `ctime`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint {
    inode: u64,
    size: u64,
    mtime: (i64, u64),
    ctime: (i64, u64),
}

impl Fingerprint {
    /// The fingerprint of a file.
    #[allow(clippy::unnecessary_cast)] // The fields' types differ between architectures.
    pub(super) fn of(stat: &Stat) -> Self {
        Self {
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            mtime: (stat.st_mtime as i64, stat.st_mtime_nsec as u64),
            ctime: (stat.st_ctime as i64, stat.st_ctime_nsec as u64),
        }
    }
}

/// Writes a tree into an empty directory.
pub(super) fn materialise(
    tree: &Tree,
    store: &Store,
    directory: &Path,
    cancel: &AtomicBool,
) -> Result<Base, Diagnostic> {
    let root = open_directory(directory)?;
    // The scratch folder was made under the caller's umask, and a tree need not say what its root is.
    rustix::fs::fchmod(&root, Mode::from_raw_mode(0o755))
        .map_err(|error| disk(directory, &error.into()))?;
    let mut writer = Writer {
        store,
        directory,
        root,
        parent: None,
        base: Base {
            tree: tree.clone(),
            owned: !gives_owners(),
            ..Base::default()
        },
    };
    let is_link = |entry: &Entry| matches!(entry.node, Node::Hardlink { .. });
    // Links come after all files, since a link may sort before its target; directories get their mode, owner and time
    // last, when nothing is written into them any more.
    for (path, entry) in tree.iter().filter(|(_, entry)| !is_link(entry)) {
        if cancel.load(Ordering::Relaxed) {
            return Err(cancelled());
        }
        writer.write(path, entry)?;
    }
    for (path, entry) in tree.iter().filter(|(_, entry)| is_link(entry)) {
        writer.link(path, entry)?;
    }
    for (path, entry) in tree.iter().rev().filter(|(_, entry)| entry.is_directory()) {
        writer.dress(path, entry)?;
    }
    for (path, entry) in tree.iter() {
        if let Node::File { .. } = entry.node {
            let (parent, name) = writer.place(path)?;
            let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|error| writer.refuse(path, error))?;
            writer
                .base
                .seen
                .insert(path.clone(), Fingerprint::of(&stat));
        }
    }
    Ok(writer.base)
}

/// Opens a directory itself, not a link to one.
pub(super) fn open_directory(directory: &Path) -> Result<OwnedFd, Diagnostic> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    rustix::fs::open(directory, flags, Mode::empty())
        .map_err(|error| disk(directory, &error.into()))
}

struct Writer<'a> {
    store: &'a Store,
    directory: &'a Path,
    root: OwnedFd,
    /// The directory that was written into last.
    parent: Option<(ImagePath, OwnedFd)>,
    base: Base,
}

impl Writer<'_> {
    fn refuse(&self, path: &ImagePath, error: Errno) -> Diagnostic {
        if matches!(
            error,
            Errno::LOOP | Errno::NOTDIR | Errno::EXIST | Errno::XDEV
        ) {
            return Diagnostic::error(
                "zosc::build::unplaceable-path",
                format!("`{path}` lies below something that is no directory"),
            )
            .help("`zosc inspect` shows who put the two there; remove one of them");
        }
        disk(&self.directory.join(path.relative()), &error.into())
    }

    /// The open directory that holds a path, and the path's last component.
    fn place<'p>(
        &mut self,
        path: &'p ImagePath,
    ) -> Result<(std::os::fd::BorrowedFd<'_>, &'p str), Diagnostic> {
        let above = path.parent().unwrap_or_else(ImagePath::root);
        if self
            .parent
            .as_ref()
            .is_none_or(|(known, _)| *known != above)
        {
            let opened = self
                .open(&above)
                .map_err(|error| self.refuse(path, error))?;
            self.parent = Some((above, opened));
        }
        let (_, parent) = self.parent.as_ref().expect("set right above");
        let name = if path.is_root() {
            "."
        } else {
            path.file_name()
        };
        Ok((parent.as_fd(), name))
    }

    /// Opens a directory, and makes those that are missing on the way.
    fn open(&mut self, path: &ImagePath) -> Result<OwnedFd, Errno> {
        let relative = if path.is_root() { "." } else { path.relative() };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let open =
            |root: &OwnedFd| rustix::fs::openat2(root, relative, flags, Mode::empty(), resolve);
        match (open(&self.root), path.parent()) {
            (Err(Errno::NOENT), Some(above)) => {
                let above = self.open(&above)?;
                rustix::fs::mkdirat(&above, path.file_name(), Mode::from_raw_mode(0o755))?;
                // Whatever the umask is.
                let flags = AtFlags::empty();
                rustix::fs::chmodat(&above, path.file_name(), Mode::from_raw_mode(0o755), flags)?;
                self.base.implied.insert(path.clone());
                open(&self.root)
            }
            (opened, _) => opened,
        }
    }

    fn write(&mut self, path: &ImagePath, entry: &Entry) -> Result<(), Diagnostic> {
        match &entry.node {
            Node::Directory => self.make_directory(path),
            Node::File { digest, .. } => {
                let flags = OFlags::CREATE
                    | OFlags::EXCL
                    | OFlags::WRONLY
                    | OFlags::NOFOLLOW
                    | OFlags::CLOEXEC;
                let (parent, name) = self.place(path)?;
                let file = rustix::fs::openat(parent, name, flags, Mode::from_raw_mode(0o600))
                    .map_err(|error| self.refuse(path, error))?;
                let mut file = File::from(file);
                self.store.copy(digest, &mut file)?;
                file.flush()
                    .map_err(|error| disk(&self.directory.join(path.relative()), &error))?;
                self.dress(path, entry)
            }
            Node::Symlink { target } => {
                let (parent, name) = self.place(path)?;
                rustix::fs::symlinkat(target.as_str(), parent, name)
                    .map_err(|error| self.refuse(path, error))?;
                self.dress(path, entry)
            }
            Node::CharDevice { major, minor } => {
                self.make_node(path, entry, FileType::CharacterDevice, (*major, *minor))
            }
            Node::BlockDevice { major, minor } => {
                self.make_node(path, entry, FileType::BlockDevice, (*major, *minor))
            }
            Node::Fifo => self.make_node(path, entry, FileType::Fifo, (0, 0)),
            Node::Hardlink { .. } => Ok(()),
        }
    }

    fn make_directory(&mut self, path: &ImagePath) -> Result<(), Diagnostic> {
        if path.is_root() {
            return Ok(());
        }
        let (parent, name) = self.place(path)?;
        match rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o700)) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.refuse(path, error)),
        }
    }

    fn make_node(
        &mut self,
        path: &ImagePath,
        entry: &Entry,
        kind: FileType,
        (major, minor): (u32, u32),
    ) -> Result<(), Diagnostic> {
        let (parent, name) = self.place(path)?;
        let device = rustix::fs::makedev(major, minor);
        match rustix::fs::mknodat(parent, name, kind, Mode::from_raw_mode(0o600), device) {
            Ok(()) => self.dress(path, entry),
            Err(Errno::PERM | Errno::ACCESS | Errno::NOTSUP) => {
                self.base.absent.insert(path.clone());
                Ok(())
            }
            Err(error) => Err(self.refuse(path, error)),
        }
    }

    fn link(&mut self, path: &ImagePath, entry: &Entry) -> Result<(), Diagnostic> {
        let Node::Hardlink { to } = &entry.node else {
            return Ok(());
        };
        if self.base.absent.contains(to) {
            self.base.absent.insert(path.clone());
            return Ok(());
        }
        let above = to.parent().unwrap_or_else(ImagePath::root);
        let from = self.open(&above).map_err(|error| self.refuse(to, error))?;
        let (parent, name) = self.place(path)?;
        rustix::fs::linkat(&from, to.file_name(), parent, name, AtFlags::empty())
            .map_err(|error| self.refuse(path, error))
    }

    /// Gives an entry its owner, mode, attributes and time, in the order in which one does not undo another.
    fn dress(&mut self, path: &ImagePath, entry: &Entry) -> Result<(), Diagnostic> {
        let owned = self.base.owned;
        let (parent, name) = self.place(path)?;
        let result = dress(parent, name, entry, owned);
        let lost = result.map_err(|error| self.refuse(path, error))?;
        if !lost.is_empty() {
            self.base.lost.insert(path.clone(), lost);
        }
        Ok(())
    }
}

fn dress(
    parent: std::os::fd::BorrowedFd<'_>,
    name: &str,
    entry: &Entry,
    owned: bool,
) -> Result<BTreeSet<String>, Errno> {
    let itself = AtFlags::SYMLINK_NOFOLLOW;
    if owned {
        let owner = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
        rustix::fs::chownat(parent, name, Some(owner.0), Some(owner.1), itself)?;
    }
    let mut lost = BTreeSet::new();
    let has_content = matches!(entry.node, Node::File { .. } | Node::Directory);
    for (attribute, value) in &entry.xattrs {
        let set = if has_content {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            rustix::fs::openat(parent, name, flags, Mode::empty()).and_then(|file| {
                rustix::fs::fsetxattr(&file, attribute.as_str(), value, XattrFlags::empty())
            })
        } else {
            Err(Errno::NOTSUP)
        };
        if set.is_err() {
            lost.insert(attribute.clone());
        }
    }
    if !matches!(entry.node, Node::Symlink { .. }) {
        // The name was made by this process in a directory of its own: no link stands there.
        rustix::fs::chmodat(
            parent,
            name,
            Mode::from_raw_mode(entry.mode),
            AtFlags::empty(),
        )?;
    }
    let time = Timespec {
        tv_sec: i64::try_from(entry.mtime).unwrap_or(i64::MAX),
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(parent, name, &times, itself)?;
    Ok(lost)
}
