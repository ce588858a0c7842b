//! What the last plan yielded that was built with a store, or the last plans together, so that an unchanged one is looked up at once instead of action by action.
//!
//! A plan is data, and its results follow from it: a note has the digest of its actions and what each of them yielded. It is written
//! after a build has brought all of them to their outputs. What lies between the plan and its outputs need not be there any more. There is one
//! such note only: after another plan, what each action's last key was made of is to be noted again, one by one.

use serde::{Deserialize, Serialize};

use crate::diagnostic::Diagnostic;
use crate::plan::{Plan, PlannedAction};
use crate::tree::{Digest, Store};

#[derive(Serialize, Deserialize)]
struct Settled {
    plan: Digest,
    results: Vec<Digest>,
}

/// What every action of the plans yielded, where all of them were built together before, and nothing else since.
pub(super) fn recall(store: &Store, plans: &[&Plan]) -> Option<Vec<Digest>> {
    let note = store.note(&note())?;
    let settled: Settled = serde_json::from_slice(&note).ok()?;
    let count: usize = plans.iter().map(|plan| plan.actions.len()).sum();
    let is_same = settled.results.len() == count && settled.plan == name(plans);
    is_same.then_some(settled.results)
}

/// Remembers what every action of the plans yielded; nothing where they were built in part.
pub(super) fn remember(
    store: &Store,
    plans: &[&Plan],
    results: Vec<Option<Digest>>,
) -> Result<(), Diagnostic> {
    let results: Option<Vec<Digest>> = results.into_iter().collect();
    let settled = results.map(|results| Settled {
        plan: name(plans),
        results,
    });
    // One that was built in part has made notes of its own.
    let bytes = serde_json::to_vec(&settled).expect("digests are always JSON");
    store.write_note(&note(), &bytes)
}

fn note() -> Digest {
    Digest::of(b"last plan 1")
}

/// What counts for the key of any action of the plans, and how they hang together.
fn name(plans: &[&Plan]) -> Digest {
    let mut text = Vec::new();
    for (number, planned) in plans.iter().enumerate().flat_map(numbered) {
        // The inputs of another plan's actions are counted anew.
        text.extend((number as u64).to_le_bytes());
        text.extend(planned.action.kind_version().to_le_bytes());
        serde_json::to_writer(&mut text, &planned.action)
            .expect("actions hold nothing JSON cannot say");
        text.push(b'\n');
    }
    Digest::of(&text)
}

fn numbered<'a>(
    (number, plan): (usize, &&'a Plan),
) -> impl Iterator<Item = (usize, &'a PlannedAction)> {
    plan.actions.iter().map(move |planned| (number, planned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Action, ActionId, Input, Stage};
    use crate::tree::Conflict;

    fn plan(first: &[u8], second: ActionId) -> Plan {
        let merge = |tree| Action::Merge {
            trees: vec![tree],
            conflict: Conflict::Refuse,
        };
        let planned = |action| PlannedAction {
            action,
            label: String::new(),
            stage: Stage::AlpineExtract,
            site: None,
            words: Vec::new(),
        };
        let known = Input::Known(Digest::of(first));
        let actions = [known, Input::Output(second), Input::Output(ActionId(0))];
        Plan {
            actions: actions.map(merge).map(planned).into(),
            ..Plan::default()
        }
    }

    #[test]
    fn a_plan_is_known_by_all_its_actions_and_how_they_hang_together() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        let built = plan(b"a", ActionId(0));
        assert_eq!(recall(&store, &[&built]), None);
        let results = [1, 2, 3].map(|number| Some(Digest::of(&[number])));
        remember(&store, &[&built], results.into()).expect("written");
        assert_eq!(
            recall(&store, &[&built]),
            Some(results.iter().flatten().copied().collect())
        );
        assert_eq!(recall(&store, &[&plan(b"b", ActionId(0))]), None);
        assert_eq!(recall(&store, &[&plan(b"a", ActionId(1))]), None);
        remember(&store, &[&plan(b"b", ActionId(0))], results.into()).expect("written");
        assert_eq!(recall(&store, &[&built]), None);
    }

    #[test]
    fn a_plan_that_was_built_in_part_is_not_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        let built = plan(b"a", ActionId(0));
        let all = [1, 2, 3].map(|number| Some(Digest::of(&[number])));
        remember(&store, &[&built], all.into()).expect("written");
        let some = [Some(Digest::of(b"1")), None, Some(Digest::of(b"3"))];
        remember(&store, &[&built], some.into()).expect("written");
        assert_eq!(recall(&store, &[&built]), None);
    }

    #[test]
    fn plans_that_were_built_together_are_known_together_and_in_their_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        let (one, other) = (plan(b"a", ActionId(0)), plan(b"b", ActionId(0)));
        let results = [1, 2, 3, 4, 5, 6].map(|number| Some(Digest::of(&[number])));
        remember(&store, &[&one, &other], results.into()).expect("written");
        let known = recall(&store, &[&one, &other]).expect("they were built");
        assert_eq!(known.len(), 6);
        for plans in [&[&other, &one][..], &[&one], &[&one, &one]] {
            assert_eq!(recall(&store, plans), None);
        }
    }
}
