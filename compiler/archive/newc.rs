//! Writing newc (`070701`), the format that `Documentation/driver-api/early-userspace/buffer-format.rst` fixes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::{Mutex, PoisonError};

use super::order::{numbers, ordered};
use super::write_failed;
use crate::diagnostic::Diagnostic;
use crate::tree::{Digest, Entry, ImagePath, Node, Origin, Store, Tree};

/// A header: the magic and thirteen fields of eight hexadecimal digits.
const HEADER: u64 = 110;
const TRAILER: &str = "TRAILER!!!";
/// Bytes of the entry that ends an archive.
pub(super) const TRAILER_SIZE: u64 = 124;
/// The longest link text: the kernel's `PATH_MAX` with its NUL.
const LONGEST_LINK: usize = 4095;

/// An extended attribute that newc has no place for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostAttribute {
    /// Where it was.
    pub path: ImagePath,
    /// Its full name, such as `security.capability`.
    pub name: String,
    /// Who put the file there.
    pub origin: Origin,
}

/// A tree laid out as one archive that ends with its own trailer; any part of its bytes can be written on its own.
///
/// Directories come first, so each is there before what it holds; directories that the tree leaves out are added (0755,
/// root), since the kernel drops a file whose directory is missing. The first name of a hard-linked file carries its
/// content and later names carry none, which the kernel (`init/initramfs.c`, `maybe_link`), GNU cpio and busybox all
/// accept. Times later than the epoch (seconds since 1970) become the epoch.
#[derive(Debug)]
pub struct Archive {
    pub(super) records: Vec<Record>,
    /// Bytes, a multiple of four.
    size: u64,
    /// Large files of which parts were read: they are verified once, as a whole.
    opened: Mutex<BTreeMap<Digest, File>>,
}

/// One entry with its header, and its place in the archive.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) path: ImagePath,
    entry: Entry,
    /// The header with the name, as it is written.
    header: Vec<u8>,
    pub(super) data: Data,
    /// Where the header begins.
    pub(super) start: u64,
}

/// What follows a header.
#[derive(Debug, Clone)]
pub(super) enum Data {
    /// Nothing.
    None,
    /// The text of a link.
    Text(String),
    /// The content of a file.
    Content(Digest, u64),
}

impl Data {
    fn size(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::Text(text) => text.len() as u64,
            Self::Content(_, size) => *size,
        }
    }
}

impl Record {
    /// Who put it there.
    pub(super) fn origin(&self) -> &Origin {
        &self.entry.origin
    }

    /// Where the next header begins.
    pub(super) fn end(&self) -> u64 {
        self.start + self.header.len() as u64 + padded(self.data.size())
    }
}

impl Archive {
    /// Lays a tree out.
    pub fn new(tree: &Tree, epoch: u64) -> Result<Self, Diagnostic> {
        let complete = with_directories(tree);
        let names = names(&complete)?;
        let order = ordered(&complete);
        let inodes = numbers(&order, &names);
        let mut records = Vec::with_capacity(complete.len() + 1);
        let mut start = 0;
        let mut linked: BTreeSet<&ImagePath> = BTreeSet::new();
        for (path, entry) in order {
            check(path, entry)?;
            let file = match &entry.node {
                Node::Hardlink { to } => to,
                _ => path,
            };
            let links = names.get(file).copied().unwrap_or(1);
            let data = match complete.get(file).map(|entry| &entry.node) {
                Some(Node::File { digest, size }) if links == 1 || linked.insert(file) => {
                    Data::Content(*digest, *size)
                }
                Some(Node::Symlink { target }) => Data::Text(target.clone()),
                _ => Data::None,
            };
            let inode = inodes.get(file).copied().unwrap_or(0);
            let record = Record {
                header: header(path, entry, [inode, links, data.size() as u32], epoch),
                path: path.clone(),
                entry: entry.clone(),
                data,
                start,
            };
            start = record.end();
            records.push(record);
        }
        Ok(Self {
            records,
            size: start + trailer().len() as u64,
            opened: Mutex::default(),
        })
    }

    /// Entries, without the trailer.
    pub fn entries(&self) -> u64 {
        self.records.len() as u64
    }

    /// Bytes, a multiple of four.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Extended attributes that the format cannot hold, in the archive's order.
    pub fn lost(&self) -> Vec<LostAttribute> {
        let lost = self.records.iter().flat_map(|record| {
            let names = record.entry.xattrs.keys();
            names.map(|name| LostAttribute {
                path: record.path.clone(),
                name: name.clone(),
                origin: record.entry.origin.clone(),
            })
        });
        lost.collect()
    }

    /// The records of which a part lies within a range of bytes.
    pub(super) fn within(&self, range: &Range<u64>) -> &[Record] {
        let first = self
            .records
            .partition_point(|record| record.end() <= range.start);
        let last = self
            .records
            .partition_point(|record| record.start < range.end);
        self.records.get(first..last).unwrap_or(&[])
    }

    /// Writes a part of the archive.
    pub fn write(
        &self,
        range: &Range<u64>,
        store: &Store,
        output: &mut dyn Write,
    ) -> Result<(), Diagnostic> {
        for record in self.within(range) {
            let data = record.start + record.header.len() as u64;
            let end = data + record.data.size();
            put(&record.header, record.start, range, output)?;
            match &record.data {
                Data::None => {}
                Data::Text(text) => put(text.as_bytes(), data, range, output)?,
                Data::Content(digest, size) => {
                    let place = |offset: u64| offset.saturating_sub(data).min(*size);
                    let part = place(range.start)..place(range.end);
                    if part == (0..*size) {
                        whole(record, store, output)?;
                    } else if part.start < part.end {
                        self.part(digest, part, store, output)?;
                    }
                }
            }
            let padding = (record.end() - end) as usize;
            put(&[0; 3][..padding], end, range, output)?;
        }
        let trailer = trailer();
        put(&trailer, self.size - trailer.len() as u64, range, output)
    }

    /// Writes a part of a large file.
    fn part(
        &self,
        digest: &Digest,
        part: Range<u64>,
        store: &Store,
        output: &mut dyn Write,
    ) -> Result<(), Diagnostic> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if !opened.contains_key(digest) {
            opened.insert(*digest, store.reader(digest)?);
        }
        let file = opened.get(digest).map(File::try_clone);
        drop(opened);
        let file = file.expect("it was opened just now");
        let copied = file.and_then(|file| {
            let mut buffer = vec![0; 1 << 16];
            let mut position = part.start;
            while position < part.end {
                let most = buffer.len().min((part.end - position) as usize);
                file.read_exact_at(&mut buffer[..most], position)?;
                output.write_all(&buffer[..most])?;
                position += most as u64;
            }
            Ok(())
        });
        copied.map_err(|error: io::Error| write_failed(&error))
    }

    /// What a part of the archive is made of: its bytes change only when this does.
    pub(super) fn digest(&self, range: &Range<u64>) -> Digest {
        let mut hasher = crate::tree::Hasher::new();
        let first = self
            .within(range)
            .first()
            .map_or(self.size, |record| record.start);
        let is_last = range.end == self.size;
        hasher.update(&range.start.saturating_sub(first).to_le_bytes());
        hasher.update(&(range.end - range.start).to_le_bytes());
        hasher.update(&[u8::from(is_last)]);
        for record in self.within(range) {
            hasher.update(&record.header);
            match &record.data {
                Data::None => {}
                Data::Text(text) => hasher.update(text.as_bytes()),
                Data::Content(digest, _) => hasher.update(digest.as_bytes()),
            }
        }
        hasher.finish()
    }
}

/// Writes those of some bytes that lie within a range; the first lies at `start`.
fn put(
    bytes: &[u8],
    start: u64,
    range: &Range<u64>,
    output: &mut dyn Write,
) -> Result<(), Diagnostic> {
    let place = |offset: u64| (offset.saturating_sub(start) as usize).min(bytes.len());
    let wanted = bytes.get(place(range.start)..place(range.end));
    let written = output.write_all(wanted.unwrap_or(&[]));
    written.map_err(|error| write_failed(&error))
}

/// Writes the whole content of a file.
fn whole(record: &Record, store: &Store, output: &mut dyn Write) -> Result<(), Diagnostic> {
    match &record.data {
        Data::Content(digest, size) if *size > 0 => match store.copy(digest, output)? {
            copied if copied != *size => Err(wrong_size(&record.path, *size, copied)),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// By file with several names: how many there are.
fn names(tree: &Tree) -> Result<BTreeMap<&ImagePath, u32>, Diagnostic> {
    let mut names: BTreeMap<&ImagePath, u32> = BTreeMap::new();
    for (path, entry) in tree.iter() {
        if let Node::Hardlink { to } = &entry.node {
            if !matches!(tree.get(to).map(|e| &e.node), Some(Node::File { .. })) {
                return Err(dangling(path, to));
            }
            *names.entry(to).or_insert(1) += 1;
        }
    }
    Ok(names)
}

/// The tree with every directory above its entries.
fn with_directories(tree: &Tree) -> Tree {
    let mut complete = tree.clone();
    for (path, entry) in tree.iter() {
        let missing = path
            .parent()
            .is_some_and(|parent| !parent.is_root() && !tree.contains(&parent));
        if missing {
            complete.insert_with_parents(path.clone(), entry.clone());
        }
    }
    complete
}

fn check(path: &ImagePath, entry: &Entry) -> Result<(), Diagnostic> {
    if path.relative() == TRAILER {
        return Err(Diagnostic::error(
            "zosc::archive::reserved-name",
            format!("`{path}` cannot be archived: the name marks the end of a CPIO archive"),
        )
        .note(format!("it comes from {}", entry.origin))
        .help("give the file another name"));
    }
    match &entry.node {
        Node::File { size, .. } if *size > u64::from(u32::MAX) => Err(Diagnostic::error(
            "zosc::archive::file-too-large",
            format!("`{path}` has {size} bytes; a file in an initramfs ends below 4 GiB"),
        )
        .note(format!("it comes from {}", entry.origin))
        .help("keep it out of the image, or fetch it at run time")),
        Node::Symlink { target } if target.is_empty() || target.len() > LONGEST_LINK => {
            Err(Diagnostic::error(
                "zosc::archive::bad-link",
                format!(
                    "the text of the link `{path}` has {} bytes; Linux takes 1 to {LONGEST_LINK}",
                    target.len()
                ),
            )
            .help("give the link a target that Linux can follow"))
        }
        _ => Ok(()),
    }
}

fn dangling(path: &ImagePath, to: &ImagePath) -> Diagnostic {
    Diagnostic::error(
        "zosc::archive::dangling-hard-link",
        format!("`{path}` is a further name of `{to}`, which is not a file of this image"),
    )
    .help(format!("drop `{path}` too, or keep `{to}`"))
}

/// The path as the archive names it: relative, `.` for the root.
fn name(path: &ImagePath) -> &str {
    if path.is_root() { "." } else { path.relative() }
}

/// The next multiple of four.
fn padded(length: u64) -> u64 {
    length.div_ceil(4) * 4
}

/// The header of an entry.
fn header(path: &ImagePath, entry: &Entry, [inode, links, size]: [u32; 3], epoch: u64) -> Vec<u8> {
    let (kind, major, minor) = match entry.node {
        Node::File { .. } | Node::Hardlink { .. } => (0o100_000, 0, 0),
        Node::Directory => (0o040_000, 0, 0),
        Node::Symlink { .. } => (0o120_000, 0, 0),
        Node::CharDevice { major, minor } => (0o020_000, major, minor),
        Node::BlockDevice { major, minor } => (0o060_000, major, minor),
        Node::Fifo => (0o010_000, 0, 0),
    };
    let links = if entry.is_directory() { 2 } else { links };
    let mtime = entry.mtime.min(epoch).min(u64::from(u32::MAX)) as u32;
    let mode = kind | entry.mode & 0o7777;
    let (uid, gid) = (entry.uid, entry.gid);
    fields(
        [
            inode, mode, uid, gid, links, mtime, size, 0, 0, major, minor,
        ],
        name(path),
    )
}

fn trailer() -> Vec<u8> {
    fields([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0], TRAILER)
}

/// Magic, fields, length of the name, an unused checksum, the name with its NUL, zeros.
fn fields(fields: [u32; 11], name: &str) -> Vec<u8> {
    use std::fmt::Write as _;

    let mut header = String::with_capacity(HEADER as usize + name.len() + 4);
    header.push_str("070701");
    for field in fields.into_iter().chain([name.len() as u32 + 1, 0]) {
        let _ = write!(header, "{field:08X}");
    }
    header.push_str(name);
    header.push('\0');
    let mut header = header.into_bytes();
    header.resize(header.len().next_multiple_of(4), 0);
    header
}

fn wrong_size(path: &ImagePath, size: u64, found: u64) -> Diagnostic {
    Diagnostic::error(
        "zosc::archive::wrong-size",
        format!("`{path}` should have {size} bytes, and its content has {found}"),
    )
    .help("run `zosc build` again; if it stays, this is a fault of zosc: please report it")
}
