//! Writing newc (`070701`), the format that `Documentation/driver-api/early-userspace/buffer-format.rst` fixes.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use super::write_failed;
use crate::diagnostic::Diagnostic;
use crate::tree::{Entry, ImagePath, Node, Origin, Store, Tree};

/// A header: the magic and thirteen fields of eight hexadecimal digits.
const HEADER: u64 = 110;
const TRAILER: &str = "TRAILER!!!";
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

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Entries, without the trailer.
    pub entries: u64,
    /// Bytes, a multiple of four.
    pub bytes: u64,
    /// Extended attributes that the format cannot hold, in path order.
    pub lost: Vec<LostAttribute>,
}

/// The bytes that [`write_newc`] will write for a tree.
pub fn newc_size(tree: &Tree) -> Result<u64, Diagnostic> {
    Ok(plan(tree)?.size)
}

/// Writes a tree as one archive that ends with its own trailer.
///
/// Entries come in path order, so directories come before what they hold; directories that the tree leaves out are
/// added (0755, root), since the kernel drops a file whose directory is missing. Inode numbers count from 1. The first
/// name of a hard-linked file carries its content and later names carry none, which the kernel (`init/initramfs.c`,
/// `maybe_link`), GNU cpio and busybox all accept. Times later than `epoch` (seconds since 1970) become `epoch`.
pub fn write_newc(
    tree: &Tree,
    store: &Store,
    epoch: u64,
    output: &mut dyn Write,
) -> Result<Written, Diagnostic> {
    let plan = plan(tree)?;
    let mut writer = Newc {
        output,
        epoch,
        bytes: 0,
    };
    let mut written = Written {
        entries: plan.records.len() as u64,
        ..Written::default()
    };
    for record in &plan.records {
        writer.record(record, store)?;
        written
            .lost
            .extend(record.entry.xattrs.keys().map(|name| LostAttribute {
                path: record.path.clone(),
                name: name.clone(),
                origin: record.entry.origin.clone(),
            }));
    }
    writer.trailer().map_err(|error| write_failed(&error))?;
    written.bytes = writer.bytes;
    Ok(written)
}

/// One entry with all that its header needs.
struct Record {
    path: ImagePath,
    entry: Entry,
    inode: u32,
    links: u32,
    /// The file whose content follows the header; `None` for everything else and for later names.
    content: Option<(crate::tree::Digest, u64)>,
}

struct Plan {
    records: Vec<Record>,
    size: u64,
}

fn plan(tree: &Tree) -> Result<Plan, Diagnostic> {
    let complete = with_directories(tree);
    let mut names: BTreeMap<&ImagePath, u32> = BTreeMap::new();
    for (path, entry) in complete.iter() {
        if let Node::Hardlink { to } = &entry.node {
            if !matches!(complete.get(to).map(|e| &e.node), Some(Node::File { .. })) {
                return Err(dangling(path, to));
            }
            *names.entry(to).or_insert(1) += 1;
        }
    }
    let mut inodes: BTreeMap<&ImagePath, u32> = BTreeMap::new();
    let mut plan = Plan {
        records: Vec::with_capacity(complete.len()),
        size: padded(HEADER + TRAILER.len() as u64 + 1),
    };
    for (index, (path, entry)) in complete.iter().enumerate() {
        check(path, entry)?;
        let own = u32::try_from(index + 1).map_err(|_| too_many())?;
        let file = match &entry.node {
            Node::Hardlink { to } => to,
            _ => path,
        };
        let first = !inodes.contains_key(file);
        let inode = *inodes.entry(file).or_insert(own);
        let content = match complete.get(file).map(|e| &e.node) {
            Some(Node::File { digest, size }) if first => Some((*digest, *size)),
            _ => None,
        };
        plan.size += padded(HEADER + name(path).len() as u64 + 1)
            + padded(match &entry.node {
                Node::Symlink { target } => target.len() as u64,
                _ => content.map_or(0, |(_, size)| size),
            });
        plan.records.push(Record {
            path: path.clone(),
            entry: entry.clone(),
            inode,
            links: match entry.node {
                Node::Directory => 2,
                _ => names.get(file).copied().unwrap_or(1),
            },
            content,
        });
    }
    Ok(plan)
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

fn too_many() -> Diagnostic {
    Diagnostic::error(
        "zosc::archive::too-many-entries",
        "the image has more entries than a CPIO archive can number",
    )
    .help("leave files out of the image")
}

/// The path as the archive names it: relative, `.` for the root.
fn name(path: &ImagePath) -> &str {
    if path.is_root() { "." } else { path.relative() }
}

/// The next multiple of four.
fn padded(length: u64) -> u64 {
    length.div_ceil(4) * 4
}

struct Newc<'a> {
    output: &'a mut dyn Write,
    epoch: u64,
    bytes: u64,
}

impl Newc<'_> {
    fn record(&mut self, record: &Record, store: &Store) -> Result<(), Diagnostic> {
        let failed = |error: io::Error| write_failed(&error);
        let size = match &record.entry.node {
            Node::Symlink { target } => target.len() as u64,
            _ => record.content.map_or(0, |(_, size)| size),
        };
        self.header(record, size).map_err(failed)?;
        if let Node::Symlink { target } = &record.entry.node {
            self.put(target.as_bytes()).map_err(failed)?;
        }
        if let Some((digest, size)) = record.content.filter(|(_, size)| *size > 0) {
            let mut content = store.reader(&digest)?.take(size);
            let copied = io::copy(&mut content, self.output).map_err(failed)?;
            self.bytes += copied;
            if copied != size {
                return Err(wrong_size(&record.path, size, copied));
            }
        }
        self.pad().map_err(failed)
    }

    fn header(&mut self, record: &Record, size: u64) -> io::Result<()> {
        let (kind, major, minor) = match record.entry.node {
            Node::File { .. } | Node::Hardlink { .. } => (0o100_000, 0, 0),
            Node::Directory => (0o040_000, 0, 0),
            Node::Symlink { .. } => (0o120_000, 0, 0),
            Node::CharDevice { major, minor } => (0o020_000, major, minor),
            Node::BlockDevice { major, minor } => (0o060_000, major, minor),
            Node::Fifo => (0o010_000, 0, 0),
        };
        let mtime = record.entry.mtime.min(self.epoch).min(u64::from(u32::MAX));
        self.fields(
            [
                record.inode,
                kind | record.entry.mode & 0o7777,
                record.entry.uid,
                record.entry.gid,
                record.links,
                mtime as u32,
                size as u32,
                0,
                0,
                major,
                minor,
            ],
            name(&record.path),
        )
    }

    fn trailer(&mut self) -> io::Result<()> {
        self.fields([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0], TRAILER)
    }

    /// Magic, fields, length of the name, an unused checksum, the name with its NUL, zeros.
    fn fields(&mut self, fields: [u32; 11], name: &str) -> io::Result<()> {
        let mut header = String::from("070701");
        for field in fields {
            header.push_str(&format!("{field:08X}"));
        }
        header.push_str(&format!("{:08X}{:08X}", name.len() + 1, 0));
        header.push_str(name);
        header.push('\0');
        self.put(header.as_bytes())?;
        self.pad()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.output.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn pad(&mut self) -> io::Result<()> {
        let missing = padded(self.bytes) - self.bytes;
        self.put(&[0; 3][..missing as usize])
    }
}

fn wrong_size(path: &ImagePath, size: u64, found: u64) -> Diagnostic {
    Diagnostic::error(
        "zosc::archive::wrong-size",
        format!("`{path}` should have {size} bytes, and its content has {found}"),
    )
    .help("run `zosc build` again; if it stays, this is a fault of zosc: please report it")
}
