//! What changed in the image since the build before.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::tree::{Entry, ImagePath, Node, Tree};

/// Most files that are listed.
const LISTED: usize = 400;

/// What changed.
#[derive(Debug, Serialize)]
pub(super) struct Changes {
    /// The number of the build before.
    since: u32,
    added: usize,
    removed: usize,
    changed: usize,
    /// Bytes before and after.
    bytes: (u64, u64),
    /// Bytes before and after by origin, the largest difference first.
    origins: Vec<(String, u64, u64)>,
    /// The first files in order of path: what became of it, the path, bytes before and after.
    files: Vec<(&'static str, String, u64, u64)>,
}

/// Compares two trees.
pub(super) fn changes(since: u32, before: &Tree, after: &Tree) -> Changes {
    let paths: BTreeSet<&ImagePath> = before
        .iter()
        .chain(after.iter())
        .map(|(path, _)| path)
        .collect();
    let mut changes = Changes {
        since,
        added: 0,
        removed: 0,
        changed: 0,
        bytes: (before.content_size(), after.content_size()),
        origins: Vec::new(),
        files: Vec::new(),
    };
    let mut origins: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for path in paths {
        let (was, is) = (before.get(path), after.get(path));
        let sizes = (size(was), size(is));
        if let Some(entry) = was {
            origins.entry(entry.origin.as_str()).or_default().0 += sizes.0;
        }
        if let Some(entry) = is {
            origins.entry(entry.origin.as_str()).or_default().1 += sizes.1;
        }
        let what = match (was, is) {
            (None, Some(_)) => "added",
            (Some(_), None) => "removed",
            (Some(was), Some(is)) if !same(was, is) => "changed",
            _ => continue,
        };
        match what {
            "added" => changes.added += 1,
            "removed" => changes.removed += 1,
            _ => changes.changed += 1,
        }
        if changes.files.len() < LISTED {
            let file = (what, path.to_string(), sizes.0, sizes.1);
            changes.files.push(file);
        }
    }
    let moved = origins.into_iter().filter(|(_, (was, is))| was != is);
    changes.origins = moved
        .map(|(origin, (was, is))| (origin.to_owned(), was, is))
        .collect();
    changes
        .origins
        .sort_by_key(|(_, was, is)| std::cmp::Reverse(was.abs_diff(*is)));
    changes.origins.truncate(LISTED);
    changes
}

fn size(entry: Option<&Entry>) -> u64 {
    match entry.map(|entry| &entry.node) {
        Some(Node::File { size, .. }) => *size,
        _ => 0,
    }
}

/// Whether a reader of the image sees no difference; times are not looked at.
fn same(was: &Entry, is: &Entry) -> bool {
    let facts = |entry: &Entry| (entry.mode, entry.uid, entry.gid);
    was.node == is.node && facts(was) == facts(is) && was.xattrs == is.xattrs
}
