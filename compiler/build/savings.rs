//! What each step that makes an image smaller has saved.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use super::engine::digest_of;
use super::perform::select::Patterns;
use crate::diagnostic::Diagnostic;
use crate::plan::Plan;
use crate::tree::{Digest, ImagePath, Node, Store, Tree};

/// What one step has saved, before compression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saving {
    /// What the manifest says: `drop docs`, `strip modules`.
    pub what: String,
    /// Files that are gone or smaller.
    pub files: usize,
    /// Their bytes before.
    pub before: u64,
    /// Their bytes after.
    pub after: u64,
}

impl Saving {
    /// The bytes that are saved.
    pub fn saved(&self) -> u64 {
        self.before.saturating_sub(self.after)
    }
}

/// The savings of a plan that has been performed, in its order.
pub(super) fn savings(
    plan: &Plan,
    results: &[Option<Digest>],
    store: &Store,
) -> Result<Vec<Saving>, Diagnostic> {
    let mut trees: BTreeMap<Digest, Tree> = BTreeMap::new();
    let mut savings = Vec::new();
    // Files that an earlier word of the same step has left out.
    let mut counted: Option<(Digest, Vec<Patterns>)> = None;
    for reduction in &plan.reductions {
        let ends = [reduction.before, reduction.after];
        let [Some(before), Some(after)] = ends.map(|input| digest_of(&input, results)) else {
            continue;
        };
        let ends = [before, after];
        for end in ends {
            if let Slot::Vacant(slot) = trees.entry(end) {
                slot.insert(store.get_tree(&end)?);
            }
        }
        let [before, after] = ends.map(|end| trees.get(&end).expect("it was read just now"));
        let mut saving = Saving {
            what: reduction.what.clone(),
            files: 0,
            before: 0,
            after: 0,
        };
        if reduction.patterns.is_empty() {
            count(before, after, &|_| true, &mut saving);
        } else {
            let earlier = match counted.take() {
                Some((step, earlier)) if step == ends[0] => earlier,
                _ => Vec::new(),
            };
            let own = Patterns::new(&reduction.patterns)?;
            let is_own = |path: &ImagePath| {
                own.cover(path) && !earlier.iter().any(|patterns| patterns.cover(path))
            };
            count(before, after, &is_own, &mut saving);
            counted = Some((ends[0], earlier.into_iter().chain([own]).collect()));
        }
        savings.push(saving);
    }
    Ok(savings)
}

/// Adds the files that are gone or smaller. A file whose content lives on under another of its names saves nothing.
fn count(before: &Tree, after: &Tree, counts: &dyn Fn(&ImagePath) -> bool, saving: &mut Saving) {
    let mut heirs: BTreeMap<&ImagePath, u64> = BTreeMap::new();
    for (path, entry) in before.iter() {
        if let Node::Hardlink { to } = &entry.node
            && let Some(Node::File { size, .. }) = after.get(path).map(|entry| &entry.node)
        {
            heirs.insert(to, *size);
        }
    }
    for (path, entry) in before.iter() {
        let Node::File { size: old, .. } = entry.node else {
            continue;
        };
        let new = match after.get(path).map(|entry| &entry.node) {
            Some(Node::File { size, .. }) => Some(*size),
            _ => heirs.get(path).copied(),
        };
        let is_gone = !after.contains(path);
        if (is_gone || new.is_none_or(|new| new < old)) && counts(path) {
            saving.files += 1;
            saving.before += old;
            saving.after += new.unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Entry, Origin};

    fn tree(files: &[(&str, u64)]) -> Tree {
        let entry = |(path, size): &(&str, u64)| {
            let path = ImagePath::new(path).expect("sound");
            let digest = Digest::of(&size.to_le_bytes());
            let file = Entry::file(digest, *size, 0o644, 0, Origin::new("source x"));
            (path, file)
        };
        files.iter().map(entry).collect()
    }

    #[test]
    fn a_file_that_grew_saves_nothing_and_costs_no_panic() {
        let mut saving = Saving {
            what: "strip programs".to_owned(),
            files: 0,
            before: 0,
            after: 0,
        };
        let before = tree(&[("/gone", 3), ("/less", 5), ("/more", 7)]);
        let after = tree(&[("/less", 4), ("/more", 90)]);
        count(&before, &after, &|_| true, &mut saving);
        let found = (saving.files, saving.before, saving.after, saving.saved());
        assert_eq!(found, (2, 8, 4, 4));
    }
}
