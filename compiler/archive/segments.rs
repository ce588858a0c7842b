//! Cutting a tree into archives that are packed on their own, and joining those.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use super::write_failed;
use crate::diagnostic::Diagnostic;
use crate::tree::{Entry, ImagePath, Node, Tree};

/// A part of a tree that is packed on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment<G> {
    /// The group of its entries.
    pub group: G,
    /// The entries, with every directory above them as the whole tree has it.
    pub tree: Tree,
}

/// Cuts a tree by the group of each entry; segments come in the order of their groups.
///
/// Names of one hard-linked file stay with the group of that file, because link tables end with each archive. A
/// directory belongs to its own group and comes again, identical, in each segment that holds something below it.
pub fn split<G: Ord>(
    tree: &Tree,
    mut grouping: impl FnMut(&ImagePath, &Entry) -> G,
) -> Vec<Segment<G>> {
    let mut groups: BTreeMap<G, Tree> = BTreeMap::new();
    for (path, entry) in tree.iter() {
        let group = match &entry.node {
            Node::Hardlink { to } => match tree.get(to) {
                Some(file) => grouping(to, file),
                None => grouping(path, entry),
            },
            _ => grouping(path, entry),
        };
        let part = groups.entry(group).or_default();
        let mut above = path.parent();
        while let Some(parent) = above {
            if let Some(directory) = tree.get(&parent)
                && !part.contains(&parent)
            {
                part.insert(parent.clone(), directory.clone());
            }
            above = parent.parent();
        }
        part.insert(path.clone(), entry.clone());
    }
    groups
        .into_iter()
        .map(|(group, tree)| Segment { group, tree })
        .collect()
}

/// Joins packed archives in order, each padded with zeros to a multiple of four bytes, and returns the bytes written.
///
/// The kernel takes an uncompressed archive only at such an offset; compressed ones do not need it, boot loaders
/// that add archives of their own do.
pub fn concatenate<'a>(
    archives: impl IntoIterator<Item = &'a mut dyn Read>,
    output: &mut dyn Write,
) -> Result<u64, Diagnostic> {
    let failed = |error: io::Error| write_failed(&error);
    let mut bytes = 0;
    for archive in archives {
        bytes += io::copy(archive, output).map_err(failed)?;
        let missing = (4 - bytes % 4) % 4;
        output
            .write_all(&[0; 3][..missing as usize])
            .map_err(failed)?;
        bytes += missing;
    }
    Ok(bytes)
}
