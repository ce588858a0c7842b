//! Merging trees under an explicit policy.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{ImagePath, Node, Origin, Tree};
use crate::diagnostic::Diagnostic;

/// What happens where two trees hold different things at one path.
///
/// Directories always merge; the later tree's mode and owner win. Equal entries never conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conflict {
    /// The later tree wins; where a directory gives way, so does all it held.
    Replace,
    /// The merge fails and names both origins.
    Refuse,
}

/// Merges trees, the first at the bottom.
///
/// Paths reach through directory symlinks of the trees below: with `/bin → usr/bin` at the bottom, a later `/bin/x`
/// becomes `/usr/bin/x`, and a later directory `/bin` leaves the link in place.
///
/// # Errors
/// Under [`Conflict::Refuse`], one diagnostic for all clashes with the first tree that has any, in path order.
pub fn merge<'a>(
    trees: impl IntoIterator<Item = &'a Tree>,
    conflict: Conflict,
) -> Result<Tree, Diagnostic> {
    let mut merged = Tree::new();
    for tree in trees {
        lay_over(&mut merged, tree, conflict)?;
    }
    Ok(merged)
}

fn lay_over(merged: &mut Tree, tree: &Tree, conflict: Conflict) -> Result<(), Diagnostic> {
    let mut clashes = Vec::new();
    for (path, entry) in tree.iter() {
        let place = physical(merged, path);
        let mut entry = entry.clone();
        if let Node::Hardlink { to } = &mut entry.node {
            *to = physical(merged, to);
        }
        let Some(old) = merged.get(&place) else {
            merged.insert(place, entry);
            continue;
        };
        if entry.is_directory() && leads_to_directory(merged, &place) {
            if old.is_directory() {
                merged.insert(place, entry);
            }
            continue;
        }
        let same = old.node == entry.node
            && (old.mode, old.uid, old.gid) == (entry.mode, entry.uid, entry.gid);
        if conflict == Conflict::Refuse && !same {
            clashes.push((place, old.origin.clone(), entry.origin.clone()));
            continue;
        }
        if old.is_directory() {
            merged.retain(|below, _| !below.starts_with(&place));
        } else {
            keep_other_names(merged, &place);
        }
        merged.insert(place, entry);
    }
    refuse(&clashes)
}

/// How many clashes are told at a time.
const TOLD: usize = 20;

/// All clashes in one problem: the first, and what else the same two, or others, have both.
fn refuse(clashes: &[(ImagePath, Origin, Origin)]) -> Result<(), Diagnostic> {
    let Some(((place, old, new), others)) = clashes.split_first() else {
        return Ok(());
    };
    let mut problem = clash(place, old.as_str(), new.as_str());
    for (place, old, new) in others.iter().take(TOLD - 1) {
        let (old, new) = (old.as_str(), new.as_str());
        problem = problem.note(format!("`{place}` comes from both {old} and {new}, too"));
    }
    match others.len().saturating_sub(TOLD - 1) {
        0 => Err(problem),
        more => Err(problem.note(format!("and {more} more paths"))),
    }
}

/// Before the file at `place` is replaced: its first further name becomes the file, and the others point to that one.
pub(crate) fn keep_other_names(merged: &mut Tree, place: &ImagePath) {
    let names: BTreeSet<ImagePath> = merged
        .iter()
        .filter(|(_, entry)| matches!(&entry.node, Node::Hardlink { to } if to == place))
        .map(|(path, _)| path.clone())
        .collect();
    let Some(heir) = names.first().cloned() else {
        return;
    };
    let Some(file) = merged.get(place).map(|entry| entry.node.clone()) else {
        return;
    };
    for name in names {
        if let Some(entry) = merged.get_mut(&name) {
            entry.node = if name == heir {
                file.clone()
            } else {
                Node::Hardlink { to: heir.clone() }
            };
        }
    }
}

fn leads_to_directory(tree: &Tree, path: &ImagePath) -> bool {
    tree.resolve(path)
        .is_some_and(|(_, entry)| entry.is_directory())
}

/// Where a path really lies once the directory symlinks above it are followed.
pub(crate) fn physical(tree: &Tree, path: &ImagePath) -> ImagePath {
    let Some(parent) = path.parent() else {
        return path.clone();
    };
    match tree.resolve(&parent) {
        Some((real, entry)) if entry.is_directory() => {
            real.join(path.file_name()).unwrap_or_else(|_| path.clone())
        }
        _ => path.clone(),
    }
}

fn clash(path: &ImagePath, first: &str, second: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::path-clash",
        format!("`{path}` comes from both {first} and {second}, with different content"),
    )
    .help("remove one of the two, or put the wanted content in a `file` node, which wins over packages")
}

#[cfg(test)]
mod tests {
    use super::super::{Digest, Entry, Origin};
    use super::*;

    fn path(text: &str) -> ImagePath {
        ImagePath::new(text).expect("a valid path")
    }

    fn file(content: &str) -> Entry {
        Entry::file(
            Digest::of(content.as_bytes()),
            content.len() as u64,
            0o644,
            0,
            Origin::new("test"),
        )
    }

    fn tree(entries: &[(&str, Entry)]) -> Tree {
        let mut tree = Tree::new();
        for (at, entry) in entries {
            tree.insert_with_parents(path(at), entry.clone());
        }
        tree
    }

    #[test]
    fn later_paths_reach_through_directory_links() {
        let link = Entry::symlink("usr/bin", 0, Origin::new("test"));
        let below = tree(&[("/usr/bin/a", file("a")), ("/bin", link)]);
        let merged =
            merge([&below, &tree(&[("/bin/b", file("b"))])], Conflict::Refuse).expect("merges");
        assert!(merged.contains(&path("/usr/bin/b")));
        assert!(matches!(
            merged.get(&path("/bin")).map(|e| &e.node),
            Some(Node::Symlink { .. })
        ));
    }

    #[test]
    fn a_clash_is_refused_or_the_later_wins() {
        let trees = [tree(&[("/x", file("1"))]), tree(&[("/x", file("2"))])];
        assert_eq!(
            merge(&trees, Conflict::Refuse).expect_err("clash").code,
            "zosc::build::path-clash"
        );
        let merged = merge(&trees, Conflict::Replace).expect("merges");
        assert_eq!(merged.get(&path("/x")), Some(&file("2")));
        assert!(merge([&trees[0], &trees[0]], Conflict::Refuse).is_ok());
        let all: Vec<String> = (0..30).map(|number| format!("/{number:02}")).collect();
        let holding = |content| {
            let files = all.iter().map(|path| (path.as_str(), file(content)));
            tree(&files.collect::<Vec<_>>())
        };
        let clash = merge([&holding("1"), &holding("2")], Conflict::Refuse).expect_err("clash");
        assert!(clash.message.starts_with("`/00` comes from both"));
        assert_eq!(clash.notes.len(), 20, "{:?}", clash.notes);
        assert!(clash.notes[18].starts_with("`/19` comes"));
        assert_eq!(clash.notes[19], "and 10 more paths");
    }

    #[test]
    fn a_directory_that_gives_way_takes_its_files_along() {
        let trees = [tree(&[("/x/y", file("1"))]), tree(&[("/x", file("2"))])];
        let merged = merge(&trees, Conflict::Replace).expect("merges");
        assert!(!merged.contains(&path("/x/y")));
    }

    #[test]
    fn the_other_names_of_a_replaced_file_keep_its_content() {
        let mut linked = file("1");
        linked.node = Node::Hardlink { to: path("/a") };
        let below = tree(&[("/a", file("1")), ("/b", linked.clone()), ("/c", linked)]);
        let merged =
            merge([&below, &tree(&[("/a", file("2"))])], Conflict::Replace).expect("merges");
        assert_eq!(merged.get(&path("/b")), Some(&file("1")));
        assert!(
            matches!(&merged.get(&path("/c")).expect("there").node, Node::Hardlink { to } if *to == path("/b"))
        );
    }
}
