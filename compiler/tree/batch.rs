//! Contents that come into the store together or not at all.

use std::collections::BTreeMap;

use tempfile::TempPath;

use super::Digest;
use super::{BlobWriter, Store};
use crate::diagnostic::Diagnostic;

/// Contents on their way into a store; dropped unpublished, they leave nothing behind.
#[derive(Debug)]
pub struct Batch<'s> {
    store: &'s Store,
    /// Files without open handles: there may be thousands.
    staged: BTreeMap<Digest, TempPath>,
}

impl<'s> Batch<'s> {
    /// A batch without contents.
    pub fn new(store: &'s Store) -> Self {
        Self {
            store,
            staged: BTreeMap::new(),
        }
    }

    /// Adds bytes.
    pub fn put(&mut self, bytes: &[u8]) -> Result<Digest, Diagnostic> {
        let digest = Digest::of(bytes);
        if self.staged.contains_key(&digest)
            || self.store.need_not_write(&digest, bytes.len() as u64)
        {
            return Ok(digest);
        }
        let staged = self.store.stage(bytes);
        let staged = staged.map_err(|error| self.store.unusable(&error))?;
        self.staged.insert(digest, staged);
        Ok(digest)
    }

    /// Begins a content that comes in pieces; [`Batch::add`] takes it once it is whole.
    pub fn writer(&self) -> Result<BlobWriter, Diagnostic> {
        self.store.writer()
    }

    /// Adds a content, and returns its digest and its size in bytes.
    pub fn add(&mut self, writer: BlobWriter) -> Result<(Digest, u64), Diagnostic> {
        let (digest, size, path) = writer.stage()?;
        self.staged.entry(digest).or_insert(path);
        Ok((digest, size))
    }

    /// Gives everything its name in the store.
    pub fn publish(self) -> Result<(), Diagnostic> {
        for (digest, path) in self.staged {
            self.store.admit(&digest, path)?;
        }
        Ok(())
    }
}
