//! The bytes of an image as a tree of who takes them: kind, origin, folders, files. It stays small however many files there are.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::tree::{Node, Tree};

/// How many files have places of their own; what is smaller than the last of them is drawn together.
const MOST: usize = 6_000;

/// One place in the outline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Item {
    /// Its name.
    #[serde(rename = "n")]
    pub(super) name: String,
    /// Bytes of everything in it.
    #[serde(rename = "b")]
    pub(super) bytes: u64,
    /// Files in it.
    #[serde(rename = "f")]
    pub(super) files: u64,
    /// What is in it, the largest first; nothing for a file.
    #[serde(rename = "c", skip_serializing_if = "Vec::is_empty")]
    pub(super) children: Vec<Item>,
    /// Whether it stands for several that are too small for places of their own.
    #[serde(rename = "s", skip_serializing_if = "std::ops::Not::not")]
    pub(super) several: bool,
}

#[derive(Default)]
struct Folder {
    bytes: u64,
    files: u64,
    inside: BTreeMap<String, Folder>,
}

/// Outlines a tree.
pub(super) fn outline(tree: &Tree) -> Item {
    let mut root = Folder::default();
    let mut sizes = Vec::new();
    for (path, entry) in tree.iter() {
        let Node::File { size, .. } = entry.node else {
            continue;
        };
        sizes.push(size);
        let kind = match entry.origin.kind() {
            "modules" => "module",
            kind => kind,
        };
        let name = match entry.origin.name() {
            "" => kind,
            name => name,
        };
        let steps = [kind, name].into_iter().chain(path.components());
        let mut place = &mut root;
        place.take(size);
        for step in steps {
            place = place.inside.entry(step.to_owned()).or_default();
            place.take(size);
        }
    }
    sizes.sort_unstable_by(|one, other| other.cmp(one));
    let smallest = sizes.get(MOST).copied().map_or(0, |size| size + 1);
    root.item(String::new(), smallest, 0)
}

impl Folder {
    fn take(&mut self, size: u64) {
        self.bytes += size;
        self.files += 1;
    }

    fn item(self, name: String, smallest: u64, depth: usize) -> Item {
        let (bytes, files) = (self.bytes, self.files);
        let mut inside = self.inside;
        let mut name = name;
        // A folder with nothing but a folder in it is one step, not two; kinds and origins stay as they are.
        while depth > 2 && inside.len() == 1 {
            let Some((step, folder)) = inside.pop_first() else {
                break;
            };
            name = format!("{name}/{step}");
            inside = folder.inside;
        }
        let mut children = Vec::new();
        let mut rest = (0, 0, 0);
        for (step, folder) in inside {
            if folder.bytes < smallest && depth > 0 {
                rest = (rest.0 + folder.files, rest.1 + folder.bytes, rest.2 + 1);
            } else {
                children.push(folder.item(step, smallest, depth + 1));
            }
        }
        // The sort is stable: what is equally large stays in the order of its names.
        children.sort_by_key(|child| std::cmp::Reverse(child.bytes));
        if rest.2 > 0 {
            children.push(Item {
                name: format!("{} more", rest.2),
                bytes: rest.1,
                files: rest.0,
                children: Vec::new(),
                several: true,
            });
        }
        Item {
            name,
            bytes,
            files,
            children,
            several: false,
        }
    }
}
