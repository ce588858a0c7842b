//! What takes the space: bytes of content by who brought them, by kind, and by folder.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::tree::{Entry, Node, Tree};

/// How deep folders are told apart: `/usr/lib`, not `/usr/lib/x`.
const DEPTH: usize = 2;

/// The bytes of all files, before compression, shared out in three ways; the largest share comes first.
///
/// A file with several names counts once. Folders hold one another, so their shares overlap; the others add up.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Sizes {
    /// By origin: `package busybox-1.36.1-r15`, `source zinit`, `module virtio_net`.
    pub origins: Vec<SizeReport>,
    /// By kind of origin: `package`, `source`, `module`.
    pub kinds: Vec<SizeReport>,
    /// By folder, two deep.
    pub folders: Vec<SizeReport>,
}

/// One share.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct SizeReport {
    /// Whose it is.
    pub name: String,
    /// How many regular files.
    pub files: u64,
    /// Bytes of their content.
    pub content: u64,
    /// That part of the whole, in thousandths, rounded down.
    pub per_mille: u64,
}

/// Shares out what a tree holds.
pub(super) fn sizes(tree: &Tree) -> Sizes {
    let mut origins = Shares::default();
    let mut kinds = Shares::default();
    let mut folders = Shares::default();
    for (path, entry) in tree.iter() {
        let Node::File { size, .. } = entry.node else {
            continue;
        };
        origins.add(entry.origin.as_str(), size);
        kinds.add(kind(entry), size);
        let mut above = path.parent();
        while let Some(folder) = above.filter(|folder| !folder.is_root()) {
            if folder.components().count() <= DEPTH {
                folders.add(folder.as_str(), size);
            }
            above = folder.parent();
        }
    }
    let whole = tree.content_size();
    Sizes {
        origins: origins.sorted(whole),
        kinds: kinds.sorted(whole),
        folders: folders.sorted(whole),
    }
}

/// The kind of an origin; lists and indexes of modules count as modules.
fn kind(entry: &Entry) -> &str {
    match entry.origin.kind() {
        "modules" => "module",
        kind => kind,
    }
}

#[derive(Default)]
struct Shares(BTreeMap<String, (u64, u64)>);

impl Shares {
    fn add(&mut self, name: &str, size: u64) {
        if !self.0.contains_key(name) {
            self.0.insert(name.to_owned(), (0, 0));
        }
        if let Some((files, content)) = self.0.get_mut(name) {
            *files += 1;
            *content += size;
        }
    }

    fn sorted(self, whole: u64) -> Vec<SizeReport> {
        let share = |content: u64| {
            let part = u128::from(content) * 1000 / u128::from(whole.max(1));
            u64::try_from(part).unwrap_or(1000)
        };
        let mut list: Vec<SizeReport> = self
            .0
            .into_iter()
            .map(|(name, (files, content))| SizeReport {
                name,
                files,
                content,
                per_mille: share(content),
            })
            .collect();
        // The sort is stable: equal shares stay in the order of their names.
        list.sort_by_key(|share| std::cmp::Reverse(share.content));
        list
    }
}
