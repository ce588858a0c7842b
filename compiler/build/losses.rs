//! Contents that turn out to be damaged or gone while a build needs them.
//!
//! A stored result is believed as long as its blob exists. Where one leads nowhere, everything behind it is looked at once more, blob by blob.

use super::ledger::Trust;
use crate::diagnostic::Diagnostics;
use crate::tree::Store;

/// How many contents may turn out to be damaged in one build, beside those that are cut short, before it is given up.
const MOST_LOSSES: usize = 16;

/// Whether something failed because a content that should be in the store is not, or was damaged.
pub fn is_loss(problems: &Diagnostics) -> bool {
    let codes = ["zosc::store::missing-blob", "zosc::store::damaged-blob"];
    problems.iter().any(|problem| codes.contains(&problem.code))
}

/// Tries something that believes the store, and again without believing as often as a loss comes up: each attempt may find another.
pub(super) fn retrying<T>(
    store: &Store,
    attempt: impl Fn(Trust, &Store) -> Result<T, Diagnostics>,
) -> Result<T, Diagnostics> {
    let mut outcome = attempt(Trust::Shallow, store);
    for _ in 0..MOST_LOSSES {
        match &outcome {
            Err(problems) if is_loss(problems) => {
                outcome = attempt(Trust::Deep, &store.distrusting());
            }
            _ => break,
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::diagnostic::Diagnostic;

    /// What comes of so many losses, and how many attempts that takes.
    fn tried(losses: usize, code: &'static str) -> (bool, usize) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        let attempts = Cell::new(0);
        let outcome = retrying(&store, |trust, _| {
            assert_eq!(trust == Trust::Shallow, attempts.get() == 0);
            attempts.set(attempts.get() + 1);
            if attempts.get() > losses {
                return Ok(());
            }
            Err(Diagnostic::error(code, "gone").into())
        });
        (outcome.is_ok(), attempts.get())
    }

    #[test]
    fn several_losses_are_survived_and_other_failures_end_it() {
        let lost = "zosc::store::missing-blob";
        assert_eq!(tried(0, lost), (true, 1));
        assert_eq!(tried(3, lost), (true, 4));
        assert_eq!(tried(99, lost), (false, 1 + MOST_LOSSES));
        assert_eq!(tried(1, "zosc::build::run-failed"), (false, 1));
    }
}
