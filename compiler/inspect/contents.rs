//! An initramfs in numbers and lists.

use schemars::{JsonSchema, Schema};
use serde::Serialize;

use crate::archive::{Contents, FrameFacts};
use crate::tree::{Digest, Entry, ImagePath, Node, Origin, Store, Tree};

use super::flists::{FlistReport, flists};
use super::modules::{ModuleReport, modules};
use super::origins::OriginsFrom;
use super::sizes::{Sizes, sizes};
use super::units::{UnitReport, units};

/// What an initramfs holds.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
#[schemars(transform = parts_may_be_left_out)]
pub struct ContentsReport {
    /// Its archives, in order.
    pub segments: Vec<FrameFacts>,
    /// Entries after all archives are unpacked.
    pub entries: u64,
    /// Regular files, each counted once whatever its names.
    pub files: u64,
    /// Bytes of their content.
    pub content: u64,
    /// Where origins are known from.
    pub origins: OriginsFrom,
    /// Who takes the space.
    pub sizes: Sizes,
    /// What the kernel starts: `/init`, where it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
    /// Kernel modules, by path.
    pub modules: Vec<ModuleReport>,
    /// Units of zinit, by the wave in which they start.
    pub units: Vec<UnitReport>,
    /// Lists of files that are not in the image, by path.
    pub flists: Vec<FlistReport>,
    /// What the kernel would drop, and what could not be read, one line each.
    pub remarks: Vec<String>,
    /// Every entry, in path order.
    pub listing: Vec<ListedEntry>,
}

/// Who asks for some parts is not given the others: `zosc inspect --files --format json`.
fn parts_may_be_left_out(schema: &mut Schema) {
    let parts = ["segments", "sizes", "modules", "units", "flists", "listing"];
    if let Some(required) = schema
        .get_mut("required")
        .and_then(|list| list.as_array_mut())
    {
        required.retain(|name| !parts.iter().any(|part| name == part));
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct ListedEntry {
    /// Where it is.
    pub path: ImagePath,
    /// Kind and permissions, as `ls -l` shows them.
    pub mode: String,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes of content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The content's SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Where a link leads, or the numbers of a device (`5, 1`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Who put it there: a kind and a name, `package busybox-1.36.1-r15`; `unknown` where that is not known.
    pub origin: Origin,
}

/// Sums up the contents of an initramfs, whose entries have their origins.
pub(super) fn report(contents: &Contents, origins: OriginsFrom, store: &Store) -> ContentsReport {
    let tree = &contents.tree;
    let mut remarks = contents.remarks.clone();
    let is_file = |entry: &Entry| matches!(entry.node, Node::File { .. });
    ContentsReport {
        segments: contents.frames.clone(),
        entries: tree.len() as u64,
        files: tree.iter().filter(|(_, entry)| is_file(entry)).count() as u64,
        content: tree.content_size(),
        origins,
        sizes: sizes(tree),
        init: init(tree),
        modules: modules(tree, store, &mut remarks),
        units: units(tree, store, &mut remarks),
        flists: flists(tree, store, &mut remarks),
        remarks,
        listing: tree
            .iter()
            .map(|(path, entry)| listed(path, entry))
            .collect(),
    }
}

fn init(tree: &Tree) -> Option<String> {
    let path = ImagePath::new("/init").ok()?;
    let entry = tree.get(&path)?;
    Some(match &entry.node {
        Node::Symlink { target } => format!("{path} -> {target}"),
        _ => path.to_string(),
    })
}

fn listed(path: &ImagePath, entry: &Entry) -> ListedEntry {
    let (kind, target) = match &entry.node {
        Node::File { .. } => ('-', None),
        Node::Directory => ('d', None),
        Node::Symlink { target } => ('l', Some(target.clone())),
        Node::Hardlink { to } => ('-', Some(to.to_string())),
        Node::CharDevice { major, minor } => ('c', Some(format!("{major}, {minor}"))),
        Node::BlockDevice { major, minor } => ('b', Some(format!("{major}, {minor}"))),
        Node::Fifo => ('p', None),
    };
    let content = match entry.node {
        Node::File { digest, size } => Some((digest, size)),
        _ => None,
    };
    ListedEntry {
        path: path.clone(),
        mode: format!("{kind}{}", permissions(entry.mode)),
        uid: entry.uid,
        gid: entry.gid,
        size: content.map(|(_, size)| size),
        digest: content.map(|(digest, _)| digest),
        target,
        origin: entry.origin.clone(),
    }
}

/// Nine letters, with setuid, setgid and sticky where `ls` puts them.
fn permissions(mode: u32) -> String {
    let mut text = String::with_capacity(9);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}
