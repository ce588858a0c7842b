//! What earlier builds left behind: results by key, and what each action's last key was made of.

use super::parts::Parts;
use crate::diagnostic::Diagnostic;
use crate::lock;
use crate::plan::{Plan, PlannedAction, Yield};
use crate::tree::{Digest, Node, Store, Tree};

/// How much of a stored result is looked at before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Its blob exists.
    Shallow,
    /// Its blob is sound and, of a tree or a package, every file's exists with its size.
    Deep,
}

/// The stored result of a key, where its content is still there.
pub(super) fn result(store: &Store, key: &Digest, yields: Yield, trust: Trust) -> Option<Digest> {
    let output = recorded(store, key)?;
    if !store.contains(&output) {
        return None;
    }
    let is_whole = match (trust, yields) {
        (Trust::Shallow, _) => true,
        (Trust::Deep, Yield::Blob) => store.reader(&output).is_ok(),
        (Trust::Deep, Yield::Tree) => is_whole_tree(store, &output),
        (Trust::Deep, Yield::Package) => lock::is_whole_package(store, &output),
    };
    is_whole.then_some(output)
}

/// Whether a tree and all its files are in the store.
pub(super) fn is_whole_tree(store: &Store, digest: &Digest) -> bool {
    let tree = store.get_tree(digest);
    tree.is_ok_and(|tree| files(&tree).all(|(digest, size)| store.contains_sized(&digest, size)))
}

/// What a key yielded, whether or not the content is still there.
pub(super) fn recorded(store: &Store, key: &Digest) -> Option<Digest> {
    let record = store.action_result(key)?;
    std::str::from_utf8(&record).ok()?.trim().parse().ok()
}

/// Remembers what a key yields.
pub(super) fn record(store: &Store, key: &Digest, output: &Digest) -> Result<(), Diagnostic> {
    store.record_action(key, format!("{output}\n").as_bytes())
}

/// The keys of the pieces that an archive was put together from; none of one that has no pieces.
pub(super) fn pieces(store: &Store, archive: &Digest) -> Vec<Digest> {
    let note = store.note(&pieces_of(archive));
    let keys = note.and_then(|note| serde_json::from_slice(&note).ok());
    keys.unwrap_or_default()
}

/// Remembers the keys of an archive's pieces, so that whoever keeps the archive keeps them.
pub(super) fn remember_pieces(
    store: &Store,
    archive: &Digest,
    keys: &[Digest],
) -> Result<(), Diagnostic> {
    let note = serde_json::to_vec(keys).expect("digests are always JSON");
    store.write_note(&pieces_of(archive), &note)
}

fn pieces_of(archive: &Digest) -> Digest {
    Digest::of(format!("pieces 1\n{archive}").as_bytes())
}

fn files(tree: &Tree) -> impl Iterator<Item = (Digest, u64)> + '_ {
    tree.iter().filter_map(|(_, entry)| match entry.node {
        Node::File { digest, size } => Some((digest, size)),
        _ => None,
    })
}

/// The parts of the key that an action of this label had last, in builds of the same manifest.
pub(super) fn last(store: &Store, plan: &Plan, planned: &PlannedAction) -> Option<Parts> {
    serde_json::from_slice(&store.note(&place(plan, planned))?).ok()
}

/// Remembers the parts of a key as the last of its action.
pub(super) fn remember(
    store: &Store,
    plan: &Plan,
    planned: &PlannedAction,
    parts: &Parts,
) -> Result<(), Diagnostic> {
    let bytes = serde_json::to_vec(parts).expect("digests and names are always JSON");
    store.write_note(&place(plan, planned), &bytes)
}

fn place(plan: &Plan, planned: &PlannedAction) -> Digest {
    let (manifest, arch) = (plan.manifest.display(), plan.arch);
    let (stage, label) = (&planned.stage, &planned.label);
    Digest::of(format!("parts 3\n{manifest}\n{arch}\n{stage}\n{label}").as_bytes())
}
