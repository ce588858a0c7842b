//! File trees as data, and the store that holds their contents.
//!
//! A [`Tree`] is a sorted map from [`ImagePath`] to [`Entry`]; file contents are [`Digest`]s of blobs in the
//! [`Store`]. Everything that becomes part of an image is a Tree first, so no step needs root, a staging directory or
//! the host's umask, clock or readdir order. Trees never touch the disk here; `build` materialises one when
//! foreign code has to run inside it.

mod batch;
mod digest;
mod entry;
mod look;
mod merge;
mod path;
mod removal;
mod store;
mod workplace;

pub use batch::Batch;
pub use digest::{Digest, Hasher, NotADigest};
pub use entry::{Entry, Node, Origin};
pub use look::{Known, Look, made_of};
pub use merge::{Conflict, merge};
pub(crate) use merge::{keep_other_names, physical};
pub use path::{ImagePath, PathError, is_file_name};
pub use removal::clear_away;
pub use store::{Access, BlobReader, BlobWriter, Holder, Listing, Shelf, Shelved, Store};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::diagnostic::Diagnostic;

/// A file tree as data.
///
/// The root directory itself is the entry at [`ImagePath::root`], present only where its mode or owner matters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    entries: BTreeMap<ImagePath, Entry>,
}

/// One line of the canonical encoding.
#[derive(Serialize, Deserialize)]
struct Line {
    path: ImagePath,
    #[serde(flatten)]
    entry: Entry,
}

impl Tree {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts an entry at a path and returns the one it replaces.
    pub fn insert(&mut self, path: ImagePath, entry: Entry) -> Option<Entry> {
        self.entries.insert(path, entry)
    }

    /// Puts an entry at a path and, where they are missing, directories (mode 0755, root) above it.
    pub fn insert_with_parents(&mut self, path: ImagePath, entry: Entry) -> Option<Entry> {
        let mut above = path.parent();
        while let Some(parent) = above.filter(|parent| !parent.is_root()) {
            if !self.entries.contains_key(&parent) {
                let directory = Entry::directory(0o755, entry.mtime, entry.origin.clone());
                self.entries.insert(parent.clone(), directory);
            }
            above = parent.parent();
        }
        self.entries.insert(path, entry)
    }

    /// The entry at a path; links are not followed.
    pub fn get(&self, path: &ImagePath) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// The entry at a path, to be changed.
    pub fn get_mut(&mut self, path: &ImagePath) -> Option<&mut Entry> {
        self.entries.get_mut(path)
    }

    /// Takes the entry at a path out; what lies below a directory stays.
    pub fn remove(&mut self, path: &ImagePath) -> Option<Entry> {
        self.entries.remove(path)
    }

    /// Whether something is at a path.
    pub fn contains(&self, path: &ImagePath) -> bool {
        self.entries.contains_key(path)
    }

    /// Entries in path order; a directory comes before what it holds.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&ImagePath, &Entry)> {
        self.entries.iter()
    }

    /// Entries in path order, to be changed.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (&ImagePath, &mut Entry)> {
        self.entries.iter_mut()
    }

    /// Keeps the entries for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&ImagePath, &Entry) -> bool) {
        self.entries.retain(|path, entry| keep(path, entry));
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of file content, each hard link counted once.
    pub fn content_size(&self) -> u64 {
        self.entries
            .values()
            .map(|entry| {
                if let Node::File { size, .. } = entry.node {
                    size
                } else {
                    0
                }
            })
            .sum()
    }

    /// Follows symlinks, as the kernel would with this tree as its root, until something else is found.
    ///
    /// Returns `None` for what is missing, and for loops (more than 40 links). `..` at the root stays there, as in the kernel.
    pub fn resolve(&self, path: &ImagePath) -> Option<(ImagePath, &Entry)> {
        let mut pending: Vec<String> = path.components().rev().map(str::to_owned).collect();
        let mut reached = ImagePath::root();
        let mut links = 0;
        while let Some(component) = pending.pop() {
            match component.as_str() {
                "" | "." => continue,
                ".." => {
                    reached = reached.parent().unwrap_or_else(ImagePath::root);
                    continue;
                }
                _ => {}
            }
            let next = reached.join(&component).ok()?;
            match self.entries.get(&next).map(|entry| &entry.node) {
                Some(Node::Symlink { target }) => {
                    links += 1;
                    if links > 40 {
                        return None;
                    }
                    if target.starts_with('/') {
                        reached = ImagePath::root();
                    }
                    pending.extend(target.split('/').rev().map(str::to_owned));
                }
                Some(_) => reached = next,
                None => return None,
            }
        }
        self.entries
            .get_key_value(&reached)
            .map(|(path, entry)| (path.clone(), entry))
    }

    /// The canonical encoding: one JSON object a line, in path order.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (path, entry) in &self.entries {
            let line = Line {
                path: path.clone(),
                entry: entry.clone(),
            };
            serde_json::to_writer(&mut bytes, &line).expect("entries hold nothing JSON cannot say");
            bytes.push(b'\n');
        }
        bytes
    }

    /// Reads the canonical encoding back.
    pub fn decode(bytes: &[u8]) -> Result<Self, Diagnostic> {
        let mut tree = Self::new();
        for line in bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let (path, entry) = Self::decode_line(line).map_err(|error| {
                Diagnostic::error(
                    "zosc::store::bad-tree",
                    format!("a stored tree cannot be read: {error}"),
                )
                .help("run `zosc build` again; the tree is made anew")
            })?;
            tree.insert(path, entry);
        }
        Ok(tree)
    }

    /// Reads one line of the canonical encoding back.
    pub fn decode_line(line: &[u8]) -> serde_json::Result<(ImagePath, Entry)> {
        let Line { path, entry } = serde_json::from_slice(line)?;
        Ok((path, entry))
    }

    /// The digest of the canonical encoding.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.encode())
    }
}

impl FromIterator<(ImagePath, Entry)> for Tree {
    fn from_iter<I: IntoIterator<Item = (ImagePath, Entry)>>(iter: I) -> Self {
        Self {
            entries: iter.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests;
