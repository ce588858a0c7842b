//! What the text of a lock says, remembered: to read KDL takes longer than everything else that an unchanged build does.
//!
//! A note in the store leads from a text's digest to the lock. It is believed only as far as the lock that it holds has exactly
//! this text, so a note that is gone, old or damaged costs time and nothing else.

use std::path::Path;

use super::{Lock, LockedPackage, LockedToolchain, file};
use crate::diagnostic::Diagnostics;
use crate::tree::{Digest, Store};

/// The lock with this text, where it is remembered.
pub(super) fn recall(store: &Store, text: &[u8]) -> Option<Lock> {
    let note = store.note(&name(text))?;
    let lock: Lock = serde_json::from_slice(&note).ok()?;
    (file::emit(&lock).as_bytes() == text).then_some(lock)
}

/// Reads the text of a lock, and remembers what it says for the next time.
pub(super) fn parse(
    path: &Path,
    text: Vec<u8>,
    store: Option<&Store>,
) -> Result<Lock, Diagnostics> {
    let known = store.map(|store| (store, text.clone()));
    let lock = file::parse(path, text)?;
    if let Some((store, text)) = known
        && let Ok(text) = std::str::from_utf8(&text)
        && file::emit(&lock) == text
    {
        remember(store, text, &lock);
    }
    Ok(lock)
}

/// Remembers a lock by its text. What cannot be written is read from the text the next time.
pub(super) fn remember(store: &Store, text: &str, lock: &Lock) {
    let mut lock = lock.clone();
    // Mirrors come from the manifest.
    let own = |package: &mut LockedPackage| package.urls.truncate(1);
    lock.packages.iter_mut().for_each(own);
    for toolchain in lock.toolchains.values_mut() {
        if let LockedToolchain::Alpine { packages, .. } = toolchain {
            packages.iter_mut().for_each(own);
        }
    }
    let note = serde_json::to_vec(&lock).expect("locks hold nothing JSON cannot say");
    let name = name(text.as_bytes());
    if store.note(&name).as_ref() != Some(&note) {
        let _ = store.write_note(&name, &note);
    }
}

fn name(text: &[u8]) -> Digest {
    let digest = Digest::of(text);
    Digest::of(format!("lock 1\n{digest}").as_bytes())
}
