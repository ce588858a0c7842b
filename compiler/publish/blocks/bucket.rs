//! A bucket as a store.
//!
//! What is there already is asked once for each folder of blocks, and block by block where they lie flat.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use crate::diagnostic::Diagnostic;
use crate::flist::{BlockId, SEALED_LIMIT};
use crate::publish::objects::{Condition, Facts, Objects};

use super::{Blocks, Found, Layout, Put, Tried, checked};

/// A block never changes, so whoever has it may keep it.
const KEEP: &str = "public, max-age=31536000, immutable";

/// Blocks in a bucket.
pub struct BucketStore<'a> {
    objects: Objects<'a>,
    layout: Layout,
    /// The blocks that were there when a folder was first asked for, by the byte that names it.
    there: Vec<OnceLock<Result<BTreeSet<String>, Diagnostic>>>,
}

impl<'a> BucketStore<'a> {
    /// The blocks among the objects of a bucket.
    pub fn new(objects: Objects<'a>, layout: Layout) -> Self {
        let there = (0..=u8::MAX).map(|_| OnceLock::new()).collect();
        Self {
            objects,
            layout,
            there,
        }
    }

    /// The keys of the blocks in the folder that a block belongs to.
    fn beside(&self, id: &BlockId) -> Result<&BTreeSet<String>, Diagnostic> {
        let list = || {
            let listed = self.objects.list(&format!("{:02x}/", id.prefix()))?;
            Ok(listed.into_iter().map(|object| object.key).collect())
        };
        let known = &self.there[usize::from(id.prefix())];
        known.get_or_init(list).as_ref().map_err(Clone::clone)
    }
}

impl Blocks for BucketStore<'_> {
    fn address(&self) -> String {
        self.objects.name()
    }

    fn read(&self, id: &BlockId) -> Result<Vec<u8>, Vec<Tried>> {
        let mut tried = Vec::new();
        let other = match self.layout {
            Layout::Sharded => Layout::Flat,
            Layout::Flat => Layout::Sharded,
        };
        for layout in [self.layout, other] {
            let key = layout.name(id);
            let found = match self.objects.get(&key, SEALED_LIMIT as u64) {
                Ok(Some((bytes, _))) => match checked(id, bytes) {
                    Ok(bytes) => return Ok(bytes),
                    Err(found) => found,
                },
                Ok(None) => Found::Nothing,
                Err(problem) => Found::Failed(problem.message),
            };
            let place = format!("{}/{key}", self.address());
            tried.push(Tried { place, found });
        }
        Err(tried)
    }

    fn write(&self, id: &BlockId, bytes: &[u8]) -> Result<Put, Diagnostic> {
        if self.has(id)? {
            return Ok(Put::Present);
        }
        let facts = Facts {
            cache_control: Some(KEEP.to_owned()),
            ..Facts::bytes()
        };
        let key = self.layout.name(id);
        self.objects.put(&key, bytes, &Condition::Always, &facts)?;
        Ok(Put::New)
    }

    fn has(&self, id: &BlockId) -> Result<bool, Diagnostic> {
        let key = self.layout.name(id);
        match self.layout {
            Layout::Sharded => Ok(self.beside(id)?.contains(&key)),
            Layout::Flat => Ok(self.objects.head(&key)?.is_some()),
        }
    }
}
