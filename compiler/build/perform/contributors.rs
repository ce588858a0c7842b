//! What an image that is too large is made of.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Context;
use crate::diagnostic::{Diagnostic, bytes};
use crate::plan::Input;
use crate::tree::{Node, Tree};

/// How many origins and how many files are named.
const MOST: usize = 10;

/// Adds the biggest parts of a tree to the refusal of what was made of it.
pub(super) fn contributors(
    context: &Context<'_>,
    refusal: Diagnostic,
    content: Option<&Input>,
) -> Result<Diagnostic, Diagnostic> {
    let Some(content) = content else {
        return Ok(refusal);
    };
    let tree = context.tree(content)?;
    let total = bytes(tree.content_size());
    let mut refusal = refusal.note(format!(
        "its files have {total} before compression; most of that is from"
    ));
    for (name, size) in largest(by_origin(&tree)) {
        refusal = refusal.note(format!("{:>12}  {name}", bytes(size)));
    }
    refusal = refusal.note("and its largest files are");
    for (name, size) in largest(by_file(&tree)) {
        refusal = refusal.note(format!("{:>12}  {name}", bytes(size)));
    }
    Ok(refusal)
}

/// The largest first; of equals, the first by name.
fn largest(sizes: impl IntoIterator<Item = (String, u64)>) -> Vec<(String, u64)> {
    let mut sizes: Vec<(String, u64)> = sizes.into_iter().filter(|(_, size)| *size > 0).collect();
    sizes.sort_by(|(one, size), (other, other_size)| {
        (Reverse(size), one).cmp(&(Reverse(other_size), other))
    });
    sizes.truncate(MOST);
    sizes
}

fn by_origin(tree: &Tree) -> BTreeMap<String, u64> {
    let mut sizes = BTreeMap::new();
    for (_, entry) in tree.iter() {
        if let Node::File { size, .. } = entry.node {
            *sizes.entry(entry.origin.to_string()).or_default() += size;
        }
    }
    sizes
}

fn by_file(tree: &Tree) -> impl Iterator<Item = (String, u64)> {
    tree.iter().filter_map(|(path, entry)| match entry.node {
        Node::File { size, .. } => Some((path.to_string(), size)),
        _ => None,
    })
}
