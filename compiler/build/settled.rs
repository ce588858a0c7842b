//! What the last plan of a manifest yielded that was built with a store, so that an unchanged one is looked up at once instead of action by action.
//!
//! A plan is data, and its results follow from it: a note has the digest of its actions and what each of them yielded. It is written
//! after a build has brought all of them to their outputs. What lies between the plan and its outputs need not be there any more. There is one
//! such note for each manifest: after another plan of the same one, what each action's last key was made of is to be noted again, one by one.

use serde::{Deserialize, Serialize};

use crate::diagnostic::Diagnostic;
use crate::plan::Plan;
use crate::tree::{Digest, Store};

#[derive(Serialize, Deserialize)]
struct Settled {
    plan: Digest,
    results: Vec<Digest>,
}

/// What every action of a plan yielded, where all of it was built before, and nothing else of its manifest since.
pub(super) fn recall(store: &Store, plan: &Plan) -> Option<Vec<Digest>> {
    let note = store.note(&note(plan))?;
    let settled: Settled = serde_json::from_slice(&note).ok()?;
    let is_same = settled.results.len() == plan.actions.len() && settled.plan == name(plan);
    is_same.then_some(settled.results)
}

/// Remembers what every action of a plan yielded; nothing where it was built in part.
pub(super) fn remember(
    store: &Store,
    plan: &Plan,
    results: &[Option<Digest>],
) -> Result<(), Diagnostic> {
    let results: Option<Vec<Digest>> = results.iter().copied().collect();
    let settled = results.map(|results| Settled {
        plan: name(plan),
        results,
    });
    // One that was built in part has made notes of its own.
    let bytes = serde_json::to_vec(&settled).expect("digests are always JSON");
    store.write_note(&note(plan), &bytes)
}

fn note(plan: &Plan) -> Digest {
    let (manifest, arch) = (plan.manifest.display(), plan.arch);
    Digest::of(format!("last plan 3\n{manifest}\n{arch}").as_bytes())
}

/// What counts for the key of any action of the plan, and how they hang together.
fn name(plan: &Plan) -> Digest {
    let mut text = Vec::new();
    for planned in &plan.actions {
        text.extend(planned.action.kind_version().to_le_bytes());
        serde_json::to_writer(&mut text, &planned.action)
            .expect("actions hold nothing JSON cannot say");
        text.push(b'\n');
    }
    Digest::of(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Action, ActionId, Input, PlannedAction, Stage};
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
            processor: None,
        };
        let known = Input::Known(Digest::of(first));
        let actions = [known, Input::Output(second), Input::Output(ActionId(0))];
        Plan {
            actions: actions.map(merge).map(planned).into(),
            ..Plan::default()
        }
    }

    const RESULTS: [&[u8]; 3] = [b"1", b"2", b"3"];

    fn results() -> Vec<Option<Digest>> {
        let results = RESULTS.iter();
        results.map(|result| Some(Digest::of(result))).collect()
    }

    #[test]
    fn a_plan_is_known_by_all_its_actions_and_how_they_hang_together() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        let built = plan(b"a", ActionId(0));
        assert_eq!(recall(&store, &built), None);
        remember(&store, &built, &results()).expect("written");
        let known = RESULTS.map(Digest::of).to_vec();
        assert_eq!(recall(&store, &built), Some(known));
        assert_eq!(recall(&store, &plan(b"b", ActionId(0))), None);
        assert_eq!(recall(&store, &plan(b"a", ActionId(1))), None);
        remember(&store, &plan(b"b", ActionId(0)), &results()).expect("written");
        assert_eq!(recall(&store, &built), None);
    }

    #[test]
    fn a_plan_that_was_built_in_part_is_not_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        let built = plan(b"a", ActionId(0));
        remember(&store, &built, &results()).expect("written");
        let some = [Some(Digest::of(b"1")), None, Some(Digest::of(b"3"))];
        remember(&store, &built, &some).expect("written");
        assert_eq!(recall(&store, &built), None);
    }

    #[test]
    fn each_manifest_has_its_own_last_plan() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        let of = |manifest: &str, first| Plan {
            manifest: manifest.into(),
            ..plan(first, ActionId(0))
        };
        let (one, other) = (of("/one/zos.kdl", b"a"), of("/other/zos.kdl", b"b"));
        for plan in [&one, &other] {
            remember(&store, plan, &results()).expect("written");
        }
        assert!(recall(&store, &one).is_some() && recall(&store, &other).is_some());
        assert_eq!(recall(&store, &of("/other/zos.kdl", b"a")), None);
    }
}
