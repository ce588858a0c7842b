//! An initramfs in numbers and lists.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::archive::{Contents, FrameFacts};
use crate::kmod;
use crate::tree::{Digest, Entry, ImagePath, Node, Tree};
use crate::zinit::Dialect;

/// How deep totals go: `/usr/lib`, not `/usr/lib/x`.
const DEPTH: usize = 2;

/// What an initramfs holds.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct ContentsReport {
    /// Its archives, in order.
    pub segments: Vec<FrameFacts>,
    /// Entries after all archives are unpacked.
    pub entries: u64,
    /// Regular files, each counted once whatever its names.
    pub files: u64,
    /// Bytes of their content.
    pub content: u64,
    /// Totals by directory, the largest first.
    pub directories: Vec<DirectoryReport>,
    /// What the kernel starts: `/init`, where it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
    /// Kernel modules, by path.
    pub modules: Vec<ModuleReport>,
    /// Units of zinit, by path.
    pub units: Vec<UnitReport>,
    /// What the kernel would drop, one line each.
    pub remarks: Vec<String>,
    /// Every entry, in path order.
    pub listing: Vec<ListedEntry>,
}

/// A directory's total.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct DirectoryReport {
    /// The directory.
    pub path: ImagePath,
    /// Regular files below it.
    pub files: u64,
    /// Bytes of their content.
    pub content: u64,
}

/// One kernel module.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct ModuleReport {
    /// Its normal name.
    pub name: String,
    /// The kernel release that it is for.
    pub release: String,
    /// Its file.
    pub path: ImagePath,
    /// Bytes of the file.
    pub size: u64,
}

/// One unit of zinit.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct UnitReport {
    /// Its name, from its file.
    pub name: String,
    /// The generation of zinit that reads it: `yaml` or `toml`.
    pub dialect: &'static str,
    /// Its file.
    pub path: ImagePath,
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
}

/// Sums up the contents of an initramfs.
pub(super) fn report(contents: &Contents) -> ContentsReport {
    let tree = &contents.tree;
    let is_file = |entry: &Entry| matches!(entry.node, Node::File { .. });
    ContentsReport {
        segments: contents.frames.clone(),
        entries: tree.len() as u64,
        files: tree.iter().filter(|(_, entry)| is_file(entry)).count() as u64,
        content: tree.content_size(),
        directories: directories(tree),
        init: init(tree),
        modules: tree
            .iter()
            .filter_map(|(path, entry)| module(path, entry))
            .collect(),
        units: tree
            .iter()
            .filter_map(|(path, entry)| unit(path, entry))
            .collect(),
        remarks: contents.remarks.clone(),
        listing: tree
            .iter()
            .map(|(path, entry)| listed(path, entry))
            .collect(),
    }
}

fn directories(tree: &Tree) -> Vec<DirectoryReport> {
    let mut totals: BTreeMap<ImagePath, (u64, u64)> = BTreeMap::new();
    for (path, entry) in tree.iter() {
        let Node::File { size, .. } = entry.node else {
            continue;
        };
        let mut above = path.parent();
        while let Some(directory) = above {
            if !directory.is_root() && directory.components().count() <= DEPTH {
                let (files, content) = totals.entry(directory.clone()).or_default();
                *files += 1;
                *content += size;
            }
            above = directory.parent();
        }
    }
    let mut list: Vec<DirectoryReport> = totals
        .into_iter()
        .map(|(path, (files, content))| DirectoryReport {
            path,
            files,
            content,
        })
        .collect();
    list.sort_by(|one, other| {
        other
            .content
            .cmp(&one.content)
            .then_with(|| one.path.cmp(&other.path))
    });
    list
}

fn init(tree: &Tree) -> Option<String> {
    let path = ImagePath::new("/init").ok()?;
    let entry = tree.get(&path)?;
    Some(match &entry.node {
        Node::Symlink { target } => format!("{path} -> {target}"),
        _ => path.to_string(),
    })
}

fn module(path: &ImagePath, entry: &Entry) -> Option<ModuleReport> {
    let Node::File { size, .. } = entry.node else {
        return None;
    };
    let parts: Vec<&str> = path.components().collect();
    let (["lib", "modules", release, ..] | ["usr", "lib", "modules", release, ..]) =
        parts.as_slice()
    else {
        return None;
    };
    let is_module = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"]
        .iter()
        .any(|ending| path.file_name().ends_with(ending));
    is_module.then(|| ModuleReport {
        name: kmod::module_name(path.file_name()),
        release: (*release).to_owned(),
        path: path.clone(),
        size,
    })
}

fn unit(path: &ImagePath, entry: &Entry) -> Option<UnitReport> {
    if !matches!(entry.node, Node::File { .. } | Node::Hardlink { .. }) {
        return None;
    }
    let (stem, _) = path.file_name().rsplit_once('.')?;
    let dialect = [Dialect::Yaml, Dialect::Toml]
        .into_iter()
        .find(|dialect| dialect.path(stem) == path.as_str())?;
    Some(UnitReport {
        name: stem.to_owned(),
        dialect: dialect.name(),
        path: path.clone(),
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
