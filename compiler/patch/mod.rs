//! Patches: unified diffs, as `diff -u` and `git` write them, applied to trees as `patch -p1 --fuzz=0` would.
//!
//! Comes in: a tree with its contents in the store, and the text of a patch. Goes out: the changed tree. Every line that a hunk
//! mentions must be there as it says; a hunk may stand lower or higher than it thinks, never fit loosely. Nothing is changed
//! outside the tree, and no tree comes out of a patch that does not fit as a whole.

mod apply;
mod read;

use crate::diagnostic::Diagnostic;
use crate::tree::{Entry, ImagePath, Node, Origin, Store, Tree, keep_other_names};

use read::{FilePatch, Kind};

/// Largest patch, and largest file that one may change, in bytes.
const LARGEST: u64 = 64 << 20;

/// Applies a patch; `name` is what its file is called.
///
/// # Errors
/// `zosc::patch::unreadable`, `zosc::patch::does-not-fit`
pub fn apply(
    mut tree: Tree,
    name: &str,
    text: &[u8],
    origin: &Origin,
    store: &Store,
) -> Result<Tree, Diagnostic> {
    if text.len() as u64 > LARGEST {
        return Err(unreadable(name, 1, "it is larger than 64 MiB"));
    }
    let patches = read::read(text).map_err(|fault| unreadable(name, fault.line, &fault.why))?;
    for patch in &patches {
        let refuse = |line: usize, why: String| does_not_fit(name, line, patch, &why);
        change(&mut tree, patch, origin, store, &refuse)?;
    }
    Ok(tree)
}

/// Changes, makes, moves or removes one file.
fn change(
    tree: &mut Tree,
    patch: &FilePatch<'_>,
    origin: &Origin,
    store: &Store,
    refuse: &dyn Fn(usize, String) -> Diagnostic,
) -> Result<(), Diagnostic> {
    let here = patch.line;
    let entry = match &patch.kind {
        Kind::Add => {
            if tree.contains(&patch.path) {
                return Err(refuse(
                    here,
                    "the file is to be new, and is there already".to_owned(),
                ));
            }
            None
        }
        Kind::Change | Kind::Remove => Some(file_at(tree, &patch.path, here, refuse)?),
        Kind::Move(from) | Kind::Copy(from) => {
            if tree.contains(&patch.path) {
                file_at(tree, &patch.path, here, refuse)?;
            }
            Some(file_at(tree, from, here, refuse)?)
        }
    };
    let old = match &entry {
        Some((_, digest)) => store.get(digest)?,
        None => Vec::new(),
    };
    let new = apply::apply(&old, &patch.hunks).map_err(|fault| refuse(fault.line, fault.why))?;
    match &patch.kind {
        Kind::Remove if !new.is_empty() => {
            return Err(refuse(
                here,
                "the file is to go, and holds more than the patch removes".to_owned(),
            ));
        }
        Kind::Remove => {
            keep_other_names(tree, &patch.path);
            tree.remove(&patch.path);
            return Ok(());
        }
        Kind::Move(from) => {
            keep_other_names(tree, from);
            tree.remove(from);
        }
        _ => {}
    }
    // As `patch` does, which writes a new file: further names keep the old content.
    keep_other_names(tree, &patch.path);
    let digest = store.put(&new)?;
    let (mode, mtime) = entry.map_or((0o644, 0), |(entry, _)| (entry.mode, entry.mtime));
    let mode = patch.mode.unwrap_or(mode);
    let file = Entry::file(digest, new.len() as u64, mode, mtime, origin.clone());
    if !may_hold(tree, &patch.path) {
        return Err(refuse(
            here,
            "the file would lie below something that is no folder".to_owned(),
        ));
    }
    tree.insert_with_parents(patch.path.clone(), file);
    Ok(())
}

/// Whether a path can be made: folders that are not there are; what is there must be one, however far above.
fn may_hold(tree: &Tree, path: &ImagePath) -> bool {
    let is_folder = |above: ImagePath| tree.get(&above).is_none_or(Entry::is_directory);
    std::iter::successors(path.parent(), ImagePath::parent).all(is_folder)
}

/// A regular file of a tree, and the blob with its content.
fn file_at(
    tree: &Tree,
    path: &ImagePath,
    line: usize,
    refuse: &dyn Fn(usize, String) -> Diagnostic,
) -> Result<(Entry, crate::tree::Digest), Diagnostic> {
    let missing = || refuse(line, format!("there is no file `{}`", path.relative()));
    let entry = tree.get(path).ok_or_else(missing)?;
    let target = match &entry.node {
        Node::Hardlink { to } => tree.get(to).ok_or_else(missing)?,
        _ => entry,
    };
    match target.node {
        Node::File { digest, size } if size <= LARGEST => Ok((entry.clone(), digest)),
        Node::File { .. } => Err(refuse(line, "the file is larger than 64 MiB".to_owned())),
        _ => Err(refuse(line, format!("`{}` is no file", path.relative()))),
    }
}

fn unreadable(name: &str, line: usize, why: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::patch::unreadable",
        format!("the patch `{name}` cannot be read: line {line}: {why}"),
    )
    .help("patches are unified diffs, as `git diff`, `git format-patch` and `diff -ruN a b` write them")
}

fn does_not_fit(name: &str, line: usize, patch: &FilePatch<'_>, why: &str) -> Diagnostic {
    let file = patch.path.relative();
    Diagnostic::error(
        "zosc::patch::does-not-fit",
        format!("the patch `{name}`, line {line}, does not fit `{file}`"),
    )
    .note(why)
    .help("it was made for another version of the source: make it anew for this one, or take the version that it is for")
}

#[cfg(test)]
mod tests;
