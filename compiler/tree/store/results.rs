//! What a store keeps under names that are not the digest of the content: results of actions by their keys, and notes.

use std::fs;
use std::path::Path;

use super::Store;
use super::refusal::unusable;
use crate::diagnostic::Diagnostic;
use crate::tree::Digest;

/// Digits of a digest.
const DIGITS: usize = 64;

impl Store {
    /// The stored result of the action with this key, if there is a sound one.
    pub fn action_result(&self, key: &Digest) -> Option<Vec<u8>> {
        fs::read(self.sharded("actions", key)).ok()
    }

    /// Remembers the result of the action with this key; replaces an older one.
    pub fn record_action(&self, key: &Digest, result: &[u8]) -> Result<(), Diagnostic> {
        self.write_named(&self.sharded("actions", key), result)
    }

    /// A small text kept under a name, where there is one that is sound; unlike a result, nothing depends on it.
    pub fn note(&self, name: &Digest) -> Option<Vec<u8>> {
        let note = fs::read(self.sharded("notes", name)).ok()?;
        let (digest, text) = note.split_at_checked(DIGITS)?;
        let text = text.strip_prefix(b"\n")?;
        (Digest::of(text).to_string().as_bytes() == digest).then(|| text.to_vec())
    }

    /// Keeps a small text under a name, behind its digest; replaces an older one. A store that cannot be written to goes without.
    pub fn write_note(&self, name: &Digest, text: &[u8]) -> Result<(), Diagnostic> {
        if self.is_read_only {
            return Ok(());
        }
        let mut note = format!("{}\n", Digest::of(text)).into_bytes();
        note.extend(text);
        self.write_named(&self.sharded("notes", name), &note)
    }

    fn write_named(&self, path: &Path, content: &[u8]) -> Result<(), Diagnostic> {
        if self.is_read_only {
            return Err(self.read_only());
        }
        let staged = self.stage(content);
        let staged = staged.map_err(|error| unusable(&self.temporary(), &error))?;
        Self::publish(staged, path)
    }
}
