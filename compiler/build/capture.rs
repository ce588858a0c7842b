//! Reads a directory back into a tree after foreign code ran in it.
//!
//! Comes in: the directory, the [`Base`] it was materialised from, the owners that the sandbox reported. Goes out: a tree
//! in which unchanged entries are the base's own, with their origin and time, and new or changed ones carry the given
//! origin and time, so that the result depends on what the code wrote and not on when. Symlinks are read, never
//! followed; sockets are no content and are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::disk;
use super::materialise::{Base, Fingerprint, open_directory};
use super::sandbox::{Owner, gives_owners};
use crate::diagnostic::Diagnostic;
use crate::tree::{Entry, ImagePath, Node, Origin, Store, Tree};

/// How new and changed entries are marked.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    /// Who made them.
    pub(super) origin: Origin,
    /// Their time, in seconds since 1970.
    pub(super) epoch: u64,
}

/// How much is read back.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Most entries.
    entries: usize,
    /// Deepest directory.
    depth: usize,
}

const LIMITS: Limits = Limits {
    entries: 2_000_000,
    depth: 512,
};

/// Reads a directory into a tree; blobs that are new go into the store.
pub(super) fn capture(
    directory: &Path,
    base: &Base,
    owners: &[Owner],
    store: &Store,
    mark: &Mark,
) -> Result<Tree, Diagnostic> {
    let root = open_directory(directory)?;
    capture_open(root, directory, base, owners, store, mark)
}

/// Opens a directory below another that foreign code wrote to; no symlink on the way is followed.
pub(super) fn open_below(directory: &Path, inner: &str) -> Result<OwnedFd, Diagnostic> {
    let root = open_directory(directory)?;
    let inner = if inner.is_empty() { "." } else { inner };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    rustix::fs::openat2(&root, inner, flags, Mode::empty(), resolve)
        .map_err(|error| disk(&directory.join(inner), &error.into()))
}

/// [`capture`] of a directory that is open already; `directory` is its name in errors.
pub(super) fn capture_open(
    root: OwnedFd,
    directory: &Path,
    base: &Base,
    owners: &[Owner],
    store: &Store,
    mark: &Mark,
) -> Result<Tree, Diagnostic> {
    Reader::new(&root, directory, base, owners, store, mark).read(root)
}

fn shared_owners<'a>(root: &OwnedFd, owners: &'a [Owner]) -> BTreeMap<(u64, u64), &'a Owner> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let stat = |owner: &Owner| {
        let path = owner.path.trim_start_matches('/');
        let file = rustix::fs::openat2(root, path, flags, Mode::empty(), resolve).ok()?;
        rustix::fs::fstat(&file).ok()
    };
    owners
        .iter()
        .filter_map(|owner| {
            let stat = stat(owner).filter(|stat| stat.st_nlink > 1)?;
            let directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            (!directory).then_some(((stat.st_dev, stat.st_ino), owner))
        })
        .collect()
}

struct Reader<'a> {
    limits: Limits,
    /// Names of entries so far, read or still to be read.
    seen: usize,
    directory: &'a Path,
    base: &'a Base,
    owners: BTreeMap<&'a str, &'a Owner>,
    /// The same for files with several names, of which only one was reported: by device and inode.
    shared: BTreeMap<(u64, u64), &'a Owner>,
    store: &'a Store,
    mark: &'a Mark,
    tree: Tree,
    /// Names of files with several, by device and inode.
    linked: BTreeMap<(u64, u64), BTreeSet<ImagePath>>,
}

/// A folder that is being read.
struct Level {
    folder: OwnedFd,
    path: ImagePath,
    /// What is left to be read of it.
    names: std::vec::IntoIter<CString>,
}

impl<'a> Reader<'a> {
    fn new(
        root: &OwnedFd,
        directory: &'a Path,
        base: &'a Base,
        owners: &'a [Owner],
        store: &'a Store,
        mark: &'a Mark,
    ) -> Self {
        Self {
            limits: LIMITS,
            seen: 0,
            directory,
            base,
            owners: owners
                .iter()
                .map(|owner| (owner.path.as_str(), owner))
                .collect(),
            shared: shared_owners(root, owners),
            store,
            mark,
            tree: Tree::new(),
            linked: BTreeMap::new(),
        }
    }

    fn read(mut self, root: OwnedFd) -> Result<Tree, Diagnostic> {
        let stat = rustix::fs::fstat(&root);
        let stat = stat.map_err(|error| self.refuse(&ImagePath::root(), error))?;
        self.entry(&ImagePath::root(), root.as_fd(), ".", &stat)?;
        self.walk(root)?;
        let Self {
            mut tree,
            linked,
            base,
            ..
        } = self;
        let plain = |entry: &Entry| (entry.mode, entry.uid, entry.gid) == (0o755, 0, 0);
        tree.retain(|path, entry| {
            let unsaid = path.is_root() || base.implied.contains(path);
            !unsaid || base.tree.contains(path) || !plain(entry)
        });
        join_links(&mut tree, base, linked);
        for path in &base.absent {
            let above = path.parent().unwrap_or_else(ImagePath::root);
            let entry = base.tree.get(path);
            if let Some(entry) = entry
                && !tree.contains(path)
                && (above.is_root() || tree.get(&above).is_some_and(Entry::is_directory))
            {
                tree.insert(path.clone(), entry.clone());
            }
        }
        Ok(tree)
    }

    fn refuse(&self, path: &ImagePath, error: Errno) -> Diagnostic {
        disk(&self.directory.join(path.relative()), &error.into())
    }

    /// Reads all that is below a folder. It does not call itself: foreign code decides how deep folders lie in each other.
    fn walk(&mut self, folder: OwnedFd) -> Result<(), Diagnostic> {
        let path = ImagePath::root();
        let names = self.names(&folder, &path)?;
        let mut levels = vec![Level {
            folder,
            path,
            names,
        }];
        loop {
            let depth = levels.len();
            let Some(level) = levels.last_mut() else {
                return Ok(());
            };
            let Some(name) = level.names.next() else {
                levels.pop();
                continue;
            };
            let (at, path) = (level.folder.as_fd(), &level.path);
            let name = name.to_str().map_err(|_| strange_name(path, &name))?;
            let below = path
                .join(name)
                .map_err(|reason| strange_path(path, name, &reason.to_string()))?;
            let stat = rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|error| self.refuse(&below, error))?;
            self.entry(&below, at, name, &stat)?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
                let opened = open(at, name, flags, &stat);
                let folder = opened.map_err(|error| self.refuse(&below, error))?;
                if depth > self.limits.depth {
                    return Err(too_much(&below));
                }
                let names = self.names(&folder, &below)?;
                let path = below;
                levels.push(Level {
                    folder,
                    path,
                    names,
                });
            }
        }
    }

    /// What is in a folder, sorted.
    fn names(
        &mut self,
        folder: &OwnedFd,
        path: &ImagePath,
    ) -> Result<std::vec::IntoIter<CString>, Diagnostic> {
        let mut names = Vec::new();
        let listing = Dir::read_from(folder).map_err(|error| self.refuse(path, error))?;
        for entry in listing {
            let entry = entry.map_err(|error| self.refuse(path, error))?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            self.seen += 1;
            if self.seen > self.limits.entries {
                return Err(too_much(path));
            }
            names.push(entry.file_name().to_owned());
        }
        names.sort();
        Ok(names.into_iter())
    }

    fn entry(
        &mut self,
        path: &ImagePath,
        at: BorrowedFd<'_>,
        name: &str,
        stat: &Stat,
    ) -> Result<(), Diagnostic> {
        let Some(node) = self.node(path, at, name, stat)? else {
            return Ok(());
        };
        let (uid, gid, mode) = self.owner(path, stat);
        let mode = if matches!(node, Node::Symlink { .. }) {
            0o777
        } else {
            mode
        };
        let known = self.known(path);
        let xattrs = self.attributes(path, at, name, &node, stat);
        let entry = match known {
            Some(known)
                if known.node == node
                    && known.xattrs == xattrs
                    && known.mode == mode
                    && self.same_owner(known, uid, gid) =>
            {
                Entry {
                    node,
                    ..known.clone()
                }
            }
            _ => Entry {
                node,
                mode,
                uid,
                gid,
                mtime: self.mark.epoch,
                xattrs,
                origin: self.mark.origin.clone(),
            },
        };
        let several = stat.st_nlink > 1 && matches!(entry.node, Node::File { .. });
        if several {
            let names = self.linked.entry((stat.st_dev, stat.st_ino)).or_default();
            names.insert(path.clone());
        }
        self.tree.insert(path.clone(), entry);
        Ok(())
    }

    /// The base's entry; for a further name of a file, that file's.
    fn known(&self, path: &ImagePath) -> Option<&Entry> {
        let entry = self.base.tree.get(path)?;
        match &entry.node {
            Node::Hardlink { to } => self.base.tree.get(to),
            _ => Some(entry),
        }
    }

    fn same_owner(&self, known: &Entry, uid: u32, gid: u32) -> bool {
        let expected = if self.base.owned {
            (known.uid, known.gid)
        } else {
            (0, 0)
        };
        expected == (uid, gid)
    }

    /// Owner, group and mode as the foreign code saw them.
    fn owner(&self, path: &ImagePath, stat: &Stat) -> (u32, u32, u32) {
        let shared = || self.shared.get(&(stat.st_dev, stat.st_ino));
        if let Some(owner) = self.owners.get(path.as_str()).or_else(shared) {
            return (owner.uid, owner.gid, owner.mode);
        }
        let mode = stat.st_mode & 0o7777;
        if gives_owners() {
            return (0, 0, mode);
        }
        (stat.st_uid, stat.st_gid, mode)
    }

    fn node(
        &self,
        path: &ImagePath,
        at: BorrowedFd<'_>,
        name: &str,
        stat: &Stat,
    ) -> Result<Option<Node>, Diagnostic> {
        let device = stat.st_rdev;
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        Ok(Some(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => self.file(path, at, name, stat)?,
            FileType::Directory => Node::Directory,
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(at, name, Vec::new())
                    .map_err(|error| self.refuse(path, error))?;
                let target = target.into_string();
                Node::Symlink {
                    target: target.map_err(|error| {
                        let text =
                            String::from_utf8_lossy(error.into_cstring().to_bytes()).into_owned();
                        strange_path(path, &text, "the link's target is not UTF-8")
                    })?,
                }
            }
            FileType::CharacterDevice => Node::CharDevice { major, minor },
            FileType::BlockDevice => Node::BlockDevice { major, minor },
            FileType::Fifo => Node::Fifo,
            FileType::Socket | FileType::Unknown => return Ok(None),
        }))
    }

    fn file(
        &self,
        path: &ImagePath,
        at: BorrowedFd<'_>,
        name: &str,
        stat: &Stat,
    ) -> Result<Node, Diagnostic> {
        let written = match self.base.tree.get(path).map(|entry| &entry.node) {
            Some(Node::Hardlink { to }) => to,
            _ => path,
        };
        let untouched = self.base.seen.get(written) == Some(&Fingerprint::of(stat));
        if let (true, Some(known)) = (untouched, self.known(path)) {
            return Ok(known.node.clone());
        }
        let file =
            open(at, name, OFlags::empty(), stat).map_err(|error| self.refuse(path, error))?;
        let (digest, size) = self.store.put_reader(&mut File::from(file))?;
        Ok(Node::File { digest, size })
    }

    /// Attributes of an image's files: those of users and of programs' capabilities.
    fn attributes(
        &self,
        path: &ImagePath,
        at: BorrowedFd<'_>,
        name: &str,
        node: &Node,
        stat: &Stat,
    ) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        if matches!(node, Node::File { .. } | Node::Directory)
            && let Ok(file) = open(at, name, OFlags::empty(), stat)
        {
            for name in attribute_names(&file) {
                if let Some(value) = attribute(&file, &name) {
                    found.insert(name, value);
                }
            }
        }
        if let (Some(lost), Some(known)) = (self.base.lost.get(path), self.known(path)) {
            for name in lost {
                if let Some(value) = known.xattrs.get(name) {
                    found.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
        }
        found
    }
}

/// Opens for reading; an ordinary user first allows itself what a mode without read permission forbids.
fn open(at: BorrowedFd<'_>, name: &str, flags: OFlags, stat: &Stat) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    match rustix::fs::openat(at, name, flags, Mode::empty()) {
        Err(Errno::ACCESS) => {
            let mode = Mode::from_raw_mode(stat.st_mode & 0o7777 | 0o700);
            rustix::fs::chmodat(at, name, mode, AtFlags::empty())?;
            rustix::fs::openat(at, name, flags, Mode::empty())
        }
        opened => opened,
    }
}

fn attribute_names(file: &OwnedFd) -> Vec<String> {
    let mut list = vec![0; 1 << 16];
    let count = rustix::fs::flistxattr(file, &mut list).unwrap_or(0);
    list.truncate(count);
    list.split(|byte| *byte == 0)
        .filter_map(|name| std::str::from_utf8(name).ok())
        .filter(|name| name.starts_with("user.") || *name == "security.capability")
        .map(str::to_owned)
        .collect()
}

fn attribute(file: &OwnedFd, name: &str) -> Option<Vec<u8>> {
    let mut value = vec![0; 1 << 16];
    let count = rustix::fs::fgetxattr(file, name, &mut value).ok()?;
    value.truncate(count);
    if name == "security.capability" && value.len() == 24 && value.get(3) == Some(&3) {
        // Revision 3 names the root user of a namespace behind what is otherwise revision 2 (capabilities(7)); in the
        // image there is one root only.
        value.truncate(20);
        if let Some(revision) = value.get_mut(3) {
            *revision = 2;
        }
    }
    Some(value)
}

/// Turns the names of one file into a file and further names of it.
fn join_links(tree: &mut Tree, base: &Base, linked: BTreeMap<(u64, u64), BTreeSet<ImagePath>>) {
    for names in linked.into_values() {
        let was_file = |path: &&ImagePath| {
            let entry = base.tree.get(path);
            entry.is_some_and(|entry| matches!(entry.node, Node::File { .. }))
        };
        let Some(file) = names.iter().find(was_file).or(names.first()).cloned() else {
            continue;
        };
        for name in names.iter().filter(|name| **name != file) {
            let known = base.tree.get(name);
            let still = tree.get(name).map(|entry| entry.origin.clone())
                == base.tree.get(&file).map(|entry| entry.origin.clone());
            let link = Node::Hardlink { to: file.clone() };
            match known {
                Some(known) if known.node == link && still => {
                    tree.insert(name.clone(), known.clone());
                }
                _ => {
                    if let Some(entry) = tree.get_mut(name) {
                        entry.node = link;
                    }
                }
            }
        }
    }
}

fn strange_name(directory: &ImagePath, name: &std::ffi::CStr) -> Diagnostic {
    let text = String::from_utf8_lossy(name.to_bytes()).into_owned();
    strange_path(directory, &text, "the name is not UTF-8")
}

fn strange_path(directory: &ImagePath, name: &str, reason: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::strange-name",
        format!(
            "a command wrote `{}` into `{directory}`: {reason}",
            name.escape_debug()
        ),
    )
    .help("change the script or the source so that it writes plain names, or removes the file")
}

fn too_much(path: &ImagePath) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::too-many-files",
        format!("a command left too many files or too deep folders at `{path}`"),
    )
    .help("at most 2000000 entries and 512 levels are read back; remove what is not needed in the script")
}

#[cfg(test)]
mod tests;
