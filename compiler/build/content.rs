//! One content of a plan, and what it needs.

use super::engine::{Errand, digest_of, perform_some};
use super::ledger::Trust;
use super::{Observer, Options, is_loss};
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
    let mut needed = vec![false; plan.actions.len()];
    for input in wanted {
        if let Input::Output(id) = input {
            needed[id.0 as usize] = true;
        }
    }
    // Each action comes after those that it needs.
    for index in (0..plan.actions.len()).rev() {
        if needed[index] {
            for id in plan.actions[index].action.needs() {
                needed[id.0 as usize] = true;
            }
        }
    }
    let errands = [Errand {
        plan,
        wanted: needed,
        observer,
    }];
    let attempt = |trust| -> Result<Vec<Digest>, Diagnostics> {
        let done = perform_some(&errands, store, options, trust)?;
        let results = done.first().map_or(&[][..], |done| &done.results);
        let digests = wanted.iter().map(|input| digest_of(input, results));
        let digests: Option<Vec<Digest>> = digests.collect();
        Ok(digests.expect("what is wanted was performed"))
    };
    match attempt(Trust::Shallow) {
        Err(problems) if is_loss(&problems) => attempt(Trust::Deep),
        outcome => outcome,
    }
}
