//! Copies by way of this machine, for servers that copy nothing themselves.

use std::io::Write as _;

use super::bucket::Bucket;
use super::folder::unusable;
use super::trouble::Trouble;
use super::{Facts, Object, Source};
use crate::diagnostic::Diagnostic;
use crate::io::Pending;
use crate::tree::Hasher;

/// Largest object that is copied so.
const LARGEST: u64 = 5 << 30;

impl Bucket<'_> {
    pub(super) fn copy_through(&self, from: &str, to: &str) -> Result<(), Diagnostic> {
        let failed = |error: std::io::Error| unusable(&self.notes, &error);
        std::fs::create_dir_all(&self.notes).map_err(failed)?;
        let mut file = Pending::new(&self.notes).map_err(failed)?;
        let mut hasher = Hasher::new();
        let seen = self.read(from, LARGEST, &mut |piece| {
            hasher.update(piece);
            file.write_all(piece).map_err(failed)
        })?;
        let Some(Object { size, .. }) = seen else {
            return Err(self.named.problem("copy", Some(from), &Trouble::gone()));
        };
        let path = file.path().to_owned();
        let source = Source {
            path: &path,
            digest: hasher.finish(),
            size,
        };
        self.upload(to, source, &Facts::bytes(), &|_| {})
    }
}
