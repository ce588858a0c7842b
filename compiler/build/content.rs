//! One content of a plan, and what it needs.

use super::engine::{Errand, digest_of, perform_some};
use super::losses::retrying;
use super::{Observer, Options};
use crate::diagnostic::Diagnostics;
use crate::plan::{Input, Plan};
use crate::tree::{Digest, Store};

/// Brings contents of a plan into the store, performing only what they need; writes no output and leaves no record.
///
/// # Errors
/// What the failing actions say.
pub fn contents(
    plan: &Plan,
    wanted: &[Input],
    store: &Store,
    options: &Options<'_>,
    observer: &dyn Observer,
) -> Result<Vec<Digest>, Diagnostics> {
    let outputs = wanted.iter().filter_map(|input| match input {
        Input::Output(id) => Some(*id),
        Input::Known(_) => None,
    });
    let errands = [Errand {
        plan,
        wanted: plan.with_needs(outputs),
        observer,
    }];
    retrying(store, |trust, store| {
        let done = perform_some(&errands, store, options, trust)?;
        let results = done.first().map_or(&[][..], |done| &done.results);
        let digests = wanted.iter().map(|input| digest_of(input, results));
        let digests: Option<Vec<Digest>> = digests.collect();
        Ok(digests.expect("what is wanted was performed"))
    })
}
