//! Large contents that this process knows to be sound, since it has written or hashed them itself, so that it hashes each once.
//!
//! It knows them by how their files look, and forgets them when it ends. Who damages a file in the same tick of the clock in which it was written,
//! and keeps its size, is not found out by the process that wrote it; the next one hashes it again.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::tree::{Digest, Look};

/// Contents with fewer bytes are hashed in no time.
const LEAST: u64 = 1 << 20;

#[derive(Debug, Default)]
pub(super) struct Vouched(Mutex<BTreeMap<Digest, Look>>);

impl Vouched {
    /// Notes that a content is sound in a file that looks like this.
    pub(super) fn add(&self, digest: &Digest, facts: &Metadata) {
        if facts.len() >= LEAST {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(*digest, Look::of(facts));
        }
    }

    /// As [`Vouched::add`], of a file that was written and has its name.
    pub(super) fn add_at(&self, digest: &Digest, path: &Path) {
        if let Ok(facts) = path.metadata() {
            self.add(digest, &facts);
        }
    }

    /// Whether a content is known to be sound in a file that looks like this.
    pub(super) fn holds(&self, digest: &Digest, facts: &Metadata) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(digest) == Some(&Look::of(facts))
    }
}
