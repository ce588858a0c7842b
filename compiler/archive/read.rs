//! The tree that the kernel makes of an initramfs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::Algorithm;
use super::frames::frames;
use super::members::{Member, MemberKind, damaged, members};
use crate::diagnostic::Diagnostic;
use crate::io::available_memory;
use crate::tree::{Entry, ImagePath, Node, Origin, Store, Tree};

/// How much an archive may claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes after decompression, all frames together.
    pub bytes: u64,
    /// Entries of one archive.
    pub entries: usize,
}

/// Most bytes that an archive unpacks to anywhere.
const MOST: u64 = 4 << 30;
/// What any machine has to have for an image.
const LEAST: u64 = 256 << 20;

impl Default for Limits {
    /// All of an archive is in memory while it is read: it gets half of what is free.
    fn default() -> Self {
        let free = available_memory().map_or(MOST, |free| free / 2);
        Self {
            bytes: free.clamp(LEAST, MOST),
            entries: 1_000_000,
        }
    }
}

/// One frame of an initramfs in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
pub struct FrameFacts {
    /// Where it starts.
    pub offset: u64,
    /// Bytes it takes there.
    pub stored: u64,
    /// Bytes after decompression.
    pub unpacked: u64,
    /// Entries, without trailers.
    pub entries: u64,
    /// How it is compressed.
    pub algorithm: Algorithm,
}

/// What an initramfs holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Its frames, in order.
    pub frames: Vec<FrameFacts>,
    /// The tree that the kernel makes of them.
    pub tree: Tree,
    /// What the kernel would drop or another tool would stumble over, one line each.
    pub remarks: Vec<String>,
}

/// Reads an initramfs: any number of archives, each plain or compressed, with zeros between them.
///
/// Contents go to the store; every entry gets `origin`. Later entries win as they do at boot: files are overwritten in
/// place, directories merge, a change of kind removes what was there.
pub fn read(
    bytes: &[u8],
    store: &Store,
    origin: &Origin,
    limits: Limits,
) -> Result<Contents, Diagnostic> {
    let mut unpacking = Unpacking {
        store,
        origin,
        tree: Tree::new(),
        links: BTreeMap::new(),
        remarks: Vec::new(),
    };
    let mut facts = Vec::new();
    for frame in frames(bytes, limits)? {
        let mut position = 0;
        let mut entries = 0;
        while let Some(rest) = frame.bytes.get(position..) {
            let (found, taken) = members(rest, limits.entries)?;
            if taken == 0 {
                if rest.iter().any(|byte| *byte != 0) {
                    return Err(damaged(
                        frame.offset,
                        "after its entries comes something else",
                    ));
                }
                break;
            }
            for member in &found {
                entries += u64::from(member.kind != MemberKind::Trailer);
                unpacking.take(member)?;
            }
            position += taken;
        }
        facts.push(FrameFacts {
            offset: frame.offset as u64,
            stored: frame.stored as u64,
            unpacked: frame.bytes.len() as u64,
            entries,
            algorithm: frame.algorithm,
        });
    }
    Ok(Contents {
        frames: facts,
        tree: unpacking.tree,
        remarks: unpacking.remarks,
    })
}

struct Unpacking<'a> {
    store: &'a Store,
    origin: &'a Origin,
    tree: Tree,
    /// Files with several names since the last trailer.
    links: BTreeMap<(u32, u32, u32), ImagePath>,
    remarks: Vec<String>,
}

impl Unpacking<'_> {
    fn take(&mut self, member: &Member<'_>) -> Result<(), Diagnostic> {
        if member.kind == MemberKind::Trailer {
            self.links.clear();
            return Ok(());
        }
        let Some(path) = self.place(member)? else {
            return Ok(());
        };
        let node = match member.kind {
            MemberKind::Regular => return self.regular(path, member),
            MemberKind::Directory => Node::Directory,
            MemberKind::Symlink => Node::Symlink {
                target: link_text(member)?,
            },
            MemberKind::CharDevice { major, minor } => Node::CharDevice { major, minor },
            MemberKind::BlockDevice { major, minor } => Node::BlockDevice { major, minor },
            MemberKind::Fifo => Node::Fifo,
            MemberKind::Socket | MemberKind::Trailer => {
                self.remarks.push(format!("`{path}` is a socket: left out"));
                return Ok(());
            }
        };
        let directory = node == Node::Directory;
        let both = directory && self.tree.get(&path).is_some_and(Entry::is_directory);
        if !both {
            self.clear(&path);
        }
        self.tree.insert(path, self.entry(node, member));
        Ok(())
    }

    /// Where a member really lies; `None` where the kernel would drop it.
    fn place(&mut self, member: &Member<'_>) -> Result<Option<ImagePath>, Diagnostic> {
        let path = ImagePath::new(&member.name).map_err(|error| {
            Diagnostic::error(
                "zosc::archive::bad-name",
                format!(
                    "the archive holds the name `{}`: {error}",
                    member.name.escape_debug()
                ),
            )
            .help("do not use this archive: no honest tool writes such a name")
        })?;
        let Some(parent) = path.parent().filter(|parent| !parent.is_root()) else {
            return Ok(Some(path));
        };
        if self.tree.get(&parent).is_some_and(Entry::is_directory) {
            return Ok(Some(path));
        }
        match self.tree.resolve(&parent) {
            Some((real, entry)) if entry.is_directory() => Ok(real.join(path.file_name()).ok()),
            _ => {
                self.remarks.push(format!(
                    "`{path}` comes before its directory: the kernel drops it"
                ));
                Ok(None)
            }
        }
    }

    fn regular(&mut self, path: ImagePath, member: &Member<'_>) -> Result<(), Diagnostic> {
        if member.links >= 2 {
            if let Some(first) = self.links.get(&member.identity).cloned()
                && first != path
            {
                if !member.data.is_empty() {
                    self.fill(&first, member.data)?;
                }
                self.clear(&path);
                let node = Node::Hardlink { to: first };
                self.tree.insert(path, self.entry(node, member));
                return Ok(());
            }
            self.links.insert(member.identity, path.clone());
        }
        // An existing file keeps its inode, and with it its other names.
        match self.tree.get(&path).map(|entry| entry.node.clone()) {
            Some(Node::File { .. }) => {}
            Some(Node::Hardlink { to }) => return self.fill(&to, member.data),
            _ => self.clear(&path),
        }
        let node = Node::File {
            digest: self.store.put(member.data)?,
            size: member.data.len() as u64,
        };
        self.tree.insert(path, self.entry(node, member));
        Ok(())
    }

    fn fill(&mut self, path: &ImagePath, data: &[u8]) -> Result<(), Diagnostic> {
        let node = Node::File {
            digest: self.store.put(data)?,
            size: data.len() as u64,
        };
        if let Some(entry) = self.tree.get_mut(path) {
            entry.node = node;
        }
        Ok(())
    }

    /// Removes what is at a path: the kernel's `clean_path`. A file's other names live on.
    fn clear(&mut self, path: &ImagePath) {
        let Some(old) = self.tree.get(path).cloned() else {
            return;
        };
        if old.is_directory() {
            self.tree.retain(|below, _| !below.starts_with(path));
            return;
        }
        self.tree.remove(path);
        if !matches!(old.node, Node::File { .. }) {
            return;
        }
        let mut heir: Option<ImagePath> = None;
        for (name, entry) in self.tree.iter_mut() {
            if !matches!(&entry.node, Node::Hardlink { to } if to == path) {
                continue;
            }
            entry.node = match &heir {
                Some(heir) => Node::Hardlink { to: heir.clone() },
                None => old.node.clone(),
            };
            heir.get_or_insert_with(|| name.clone());
        }
        let heir = heir.as_ref();
        self.links.retain(|_, first| {
            if first == path {
                if let Some(heir) = heir {
                    first.clone_from(heir);
                } else {
                    return false;
                }
            }
            true
        });
    }

    fn entry(&self, node: Node, member: &Member<'_>) -> Entry {
        Entry {
            node,
            mode: member.mode,
            uid: member.uid,
            gid: member.gid,
            mtime: u64::from(member.mtime),
            xattrs: BTreeMap::new(),
            origin: self.origin.clone(),
        }
    }
}

fn link_text(member: &Member<'_>) -> Result<String, Diagnostic> {
    // The kernel ends the text at its first NUL.
    let text = member.data.split(|byte| *byte == 0).next().unwrap_or(&[]);
    match std::str::from_utf8(text) {
        Ok(text) if !text.is_empty() && text.len() < 4096 => Ok(text.to_owned()),
        _ => Err(Diagnostic::error(
            "zosc::archive::bad-link",
            format!(
                "the link `{}` has no text that Linux can follow",
                member.name
            ),
        )
        .help("give the link a target that Linux can follow")),
    }
}
