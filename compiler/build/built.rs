//! What a plan yielded when it was built, asked without building anything.

use super::engine::digest_of;
use super::{Status, settled, status};
use crate::plan::{Input, Plan};
use crate::tree::{Digest, Store};

/// What the actions of a plan yielded, as far as the store knows.
pub struct Built(Vec<Option<Digest>>);

impl Built {
    /// Looks a plan up.
    pub fn of(plan: &Plan, store: &Store) -> Self {
        if let Some(results) = settled::recall(store, plan) {
            return Self(results.into_iter().map(Some).collect());
        }
        let known = status(plan, store).into_iter().map(|status| match status {
            Status::Cached(output) => Some(output),
            Status::Stale(_) => None,
        });
        Self(known.collect())
    }

    /// The content that an input stands for, if that is in the store.
    pub fn content(&self, input: &Input, store: &Store) -> Option<Digest> {
        digest_of(input, &self.0).filter(|digest| store.contains(digest))
    }
}
