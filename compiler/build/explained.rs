//! One action in every respect: what it depends on, what it yields, who needs it, how it went last.

use crate::plan::{Action, ActionId, Facets, Input, Plan, PlannedAction, Yield};
use crate::tree::{Digest, Store};

use super::record::{ActionRecord, newest_first};
use super::status::Status;

/// Everything there is to say about an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Its key, where all its inputs are known.
    pub key: Option<Digest>,
    /// What it needs of others.
    pub inputs: Vec<ExplainedInput>,
    /// What it depends on besides, in the words of the manifest.
    pub facets: Facets,
    /// What its result amounts to, where that is in the store.
    pub yielded: Option<Yielded>,
    /// The newest build that performed it.
    pub last: Option<LastRun>,
    /// The actions that need what it yields.
    pub needed_by: Vec<ActionId>,
    /// The outputs of the build that depend on it, however indirectly.
    pub outputs: Vec<String>,
}

/// What an action needs of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedInput {
    /// The action that yields it.
    pub from: ActionId,
    /// What that is, where it is known.
    pub digest: Option<Digest>,
}

/// What a stored result amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Yielded {
    /// Its digest.
    pub digest: Digest,
    /// Bytes: of a blob, or of all files of a tree.
    pub size: Option<u64>,
    /// How many entries a tree has.
    pub entries: Option<usize>,
}

/// How an action went when it was last performed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    /// The number of the build.
    pub build: u32,
    /// How long it took, in milliseconds.
    pub elapsed: u64,
    /// Why it was performed.
    pub cause: Vec<String>,
}

/// Explains an action of a plan whose status is known; `None` where the plan has no such action.
pub fn explain(plan: &Plan, status: &[Status], id: ActionId, store: &Store) -> Option<Explained> {
    let planned = plan.actions.get(id.0 as usize)?;
    let output = |id: ActionId| match status.get(id.0 as usize) {
        Some(Status::Cached(digest)) => Some(*digest),
        _ => None,
    };
    let needs = planned.action.needs();
    let are_known = needs.iter().all(|id| output(*id).is_some());
    let inputs = needs.iter().map(|id| ExplainedInput {
        from: *id,
        digest: output(*id),
    });
    let resolve = |id| output(id).unwrap_or_else(|| Digest::of(b""));
    let needed_by = plan.actions.iter().enumerate();
    let needed_by = needed_by.filter(|(_, other)| other.action.needs().contains(&id));
    Some(Explained {
        key: are_known.then(|| planned.action.key(&resolve)),
        inputs: inputs.collect(),
        facets: planned.facets(),
        yielded: output(id).map(|digest| yielded(&planned.action, digest, store)),
        last: last(plan, planned, store),
        needed_by: needed_by.map(|(index, _)| ActionId(index as u32)).collect(),
        outputs: outputs(plan, id),
    })
}

fn yielded(action: &Action, digest: Digest, store: &Store) -> Yielded {
    let tree = match action.yields() {
        Yield::Tree => store.get_tree(&digest).ok(),
        Yield::Blob | Yield::Package => None,
    };
    Yielded {
        digest,
        size: match &tree {
            Some(tree) => Some(tree.content_size()),
            None => std::fs::metadata(store.blob_path(&digest))
                .ok()
                .map(|facts| facts.len()),
        },
        entries: tree.map(|tree| tree.len()),
    }
}

fn last(plan: &Plan, planned: &PlannedAction, store: &Store) -> Option<LastRun> {
    let is_meant = |action: &ActionRecord| {
        action.performed && action.label == planned.label && action.stage == planned.stage.name()
    };
    let mut records = newest_first(store).filter(|record| record.is_of(&plan.manifest));
    records.find_map(|record| {
        let action = record.actions.into_iter().find(is_meant)?;
        Some(LastRun {
            build: record.number,
            elapsed: action.elapsed,
            cause: action.cause,
        })
    })
}

/// The outputs that an action is behind.
fn outputs(plan: &Plan, id: ActionId) -> Vec<String> {
    let mut reached = vec![false; plan.actions.len()];
    for (index, planned) in plan.actions.iter().enumerate() {
        let is_reached = |need: &ActionId| reached.get(need.0 as usize) == Some(&true);
        reached[index] = index == id.0 as usize || planned.action.needs().iter().any(is_reached);
    }
    let depends = |content: &Input| match content {
        Input::Known(_) => false,
        Input::Output(id) => reached.get(id.0 as usize) == Some(&true),
    };
    let outputs = plan.outputs.iter();
    let outputs = outputs.filter(|output| depends(&output.content));
    outputs.map(|output| output.name.clone()).collect()
}
