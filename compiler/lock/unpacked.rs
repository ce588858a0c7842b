//! Packages unpacked into the store, each of them once.
//!
//! Comes in: the digest of a package's file, and what the package must turn out to be. Goes out: what it holds, with its
//! contents in the store. That is kept as JSON under its digest, and a note leads there from the file: what locking has
//! verified, a build need not unpack again. A note may be gone, or what it leads to may be; then the package is unpacked anew.

use crate::apk::{self, Expected, UnpackedPackage};
use crate::diagnostic::Diagnostic;
use crate::tree::{Digest, Node, Store, Tree};

/// Unpacks a package whose file is in the store, or finds it unpacked; also the digest that this is kept under.
///
/// # Errors
/// Those of [`apk::unpack`], and of a store that lacks the file.
pub fn unpack_once(
    store: &Store,
    file: &Digest,
    expected: &Expected,
) -> Result<(UnpackedPackage, Digest), Diagnostic> {
    if let Some((found, digest)) = unpacked(store, file)
        && found.is(expected)
        && is_whole(store, &found)
    {
        return Ok((found, digest));
    }
    let mut blob = store.stream(file)?;
    let made = apk::unpack(&mut blob, expected, store);
    // A damaged file explains whatever was found wrong in it.
    blob.finish()?;
    let made = made?;
    let bytes = serde_json::to_vec(&made).expect("packages hold nothing JSON cannot say");
    let digest = store.put(&bytes)?;
    store.write_note(&name(file), digest.to_string().as_bytes())?;
    Ok((made, digest))
}

/// The files of a package by the digest of its `.apk` file, where it was unpacked; their contents may be gone.
pub fn files_at_hand(store: &Store, file: &Digest) -> Option<Tree> {
    let (package, _) = unpacked(store, file)?;
    Some(package.tree())
}

/// What is known of a package by the digest of its file; its contents may be gone.
pub(super) fn unpacked(store: &Store, file: &Digest) -> Option<(UnpackedPackage, Digest)> {
    let note = store.note(&name(file))?;
    let digest = std::str::from_utf8(&note).ok()?.parse().ok()?;
    Some((read(store, &digest)?, digest))
}

/// Whether everything is in the store that a package holds, by the digest of what was kept of it.
pub fn is_whole_package(store: &Store, digest: &Digest) -> bool {
    read(store, digest).is_some_and(|package| is_whole(store, &package))
}

/// The contents that an unpacked package leads to, from what was kept of it, with their sizes where it tells them.
pub fn named_by_package(kept: &[u8]) -> Option<Vec<(Digest, Option<u64>)>> {
    let package: UnpackedPackage = serde_json::from_slice(kept).ok()?;
    let files = package.files.iter();
    let files = files.filter_map(|file| match file.entry.node {
        Node::File { digest, size } => Some((digest, Some(size))),
        _ => None,
    });
    let scripts = package.scripts.values().map(|script| (*script, None));
    Some(files.chain(scripts).collect())
}

fn read(store: &Store, digest: &Digest) -> Option<UnpackedPackage> {
    serde_json::from_slice(&store.get(digest).ok()?).ok()
}

fn is_whole(store: &Store, package: &UnpackedPackage) -> bool {
    let contents = package
        .files
        .iter()
        .filter_map(|file| match &file.entry.node {
            Node::File { digest, size } => Some((digest, *size)),
            _ => None,
        });
    let mut contents = contents;
    contents.all(|(digest, size)| store.contains_sized(digest, size))
        && package
            .scripts
            .values()
            .all(|digest| store.contains(digest))
}

fn name(file: &Digest) -> Digest {
    Digest::of(format!("unpacked 1\n{file}").as_bytes())
}
