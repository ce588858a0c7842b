//! Which actions have a stored result, and why the others have none.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::ledger::{self, Trust};
use super::parts::Parts;
use super::{Again, Selection};
use crate::plan::{ActionId, Plan, PlannedAction};
use crate::tree::{Digest, Store};

/// Whether an action would be performed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It would not: this is what it yields.
    Cached(Digest),
    /// It would, or might.
    Stale(Reason),
}

/// Why an action has no stored result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Nothing like it was ever performed.
    Never,
    /// What it depends on is not what it was; each cause by itself, in the words of the manifest.
    Changed(Vec<String>),
    /// It was performed, but what it yielded is no longer in the store.
    Lost,
    /// Its result is in the store, and it is performed again because someone asked for it.
    Asked(Again),
    /// Others come first; what those yield decides.
    Behind(Behind),
}

/// What an action waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// The actions with which it all begins, in the order of the plan: only their inputs are all known.
    pub roots: Vec<ActionId>,
    /// The label of the first of those, and why that has no stored result.
    pub root: (String, Vec<String>),
}

/// How many causes a line names.
const TOLD: usize = 3;

impl Reason {
    /// What it says, each cause by itself.
    pub fn causes(&self) -> Vec<String> {
        match self {
            Self::Never => vec!["never built".to_owned()],
            Self::Changed(causes) if causes.is_empty() => {
                vec!["its kind of action changed".to_owned()]
            }
            Self::Changed(causes) => causes.clone(),
            Self::Lost => vec!["its result is no longer in the store".to_owned()],
            Self::Asked(Again::From(stage)) => vec![format!("asked for: from {stage} on")],
            Self::Asked(_) => vec!["asked for".to_owned()],
            Self::Behind(behind) => vec![behind.to_string()],
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&some(&self.causes()))
    }
}

impl fmt::Display for Behind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (root, causes) = &self.root;
        write!(formatter, "after `{root}`: {}", some(causes))?;
        match self.roots.len() {
            0 | 1 => Ok(()),
            2 => formatter.write_str("; and one more such beginning"),
            many => write!(formatter, "; and {} more such beginnings", many - 1),
        }
    }
}

/// The first few causes, and how many there are besides.
fn some(causes: &[String]) -> String {
    let (shown, more) = causes.split_at(causes.len().min(TOLD));
    let shown = shown.join(", ");
    match more.len() {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Looks at every action without performing any; answers in the order of the plan.
pub fn status(plan: &Plan, store: &Store) -> Vec<Status> {
    let mut all: Vec<Status> = Vec::with_capacity(plan.actions.len());
    for planned in &plan.actions {
        let needs = planned.action.needs();
        let known = |id: ActionId| match all.get(id.0 as usize) {
            Some(Status::Cached(output)) => Some(*output),
            _ => None,
        };
        if let Some(behind) = behind(plan, &all, &needs) {
            all.push(Status::Stale(Reason::Behind(behind)));
            continue;
        }
        let resolve = |id| known(id).unwrap_or_else(|| Digest::of(b""));
        let key = planned.action.key(&resolve);
        let found = ledger::result(store, &key, planned.action.yields(), Trust::Shallow);
        all.push(match found {
            Some(output) => Status::Cached(output),
            None => Status::Stale(reason(plan, store, planned, key, &resolve)),
        });
    }
    all
}

/// What a build of a part of a plan would do, in the order of the plan: `None` for what it would leave.
pub fn preview(plan: &Plan, store: &Store, selection: Selection) -> Vec<Option<Status>> {
    let (wanted, again) = (selection.wanted(plan), selection.again(plan));
    let all = status(plan, store).into_iter().enumerate();
    all.map(|(index, status)| {
        let asked = matches!(status, Status::Cached(_)) && again[index];
        let asked = asked.then_some(Status::Stale(Reason::Asked(selection.again)));
        wanted[index].then(|| asked.unwrap_or(status))
    })
    .collect()
}

/// By plan and action: for which earlier plan a build of all of them performs it, where each would by itself.
pub fn shared(plans: &[&Plan], previews: &[Vec<Option<Status>>]) -> Vec<Vec<Option<usize>>> {
    let mut firsts: BTreeMap<Digest, usize> = BTreeMap::new();
    let each = plans.iter().zip(previews).enumerate();
    let each = each.map(|(number, (plan, preview))| {
        let keys = plan.keys_unbuilt().into_iter().zip(preview);
        let earlier = keys.map(|(key, status)| match status {
            Some(Status::Stale(_)) => {
                let first = *firsts.entry(key).or_insert(number);
                (first != number).then_some(first)
            }
            _ => None,
        });
        earlier.collect()
    });
    each.collect()
}

/// What an action waits for; `None` where all that it needs is there.
fn behind(plan: &Plan, all: &[Status], needs: &[ActionId]) -> Option<Behind> {
    let mut roots: BTreeSet<ActionId> = BTreeSet::new();
    for id in needs {
        match all.get(id.0 as usize) {
            Some(Status::Cached(_)) | None => {}
            Some(Status::Stale(Reason::Behind(behind))) => roots.extend(&behind.roots),
            Some(Status::Stale(_)) => {
                roots.insert(*id);
            }
        }
    }
    let root = *roots.first()?;
    let label = plan.actions.get(root.0 as usize);
    let label = label.map_or_else(String::new, |planned| planned.label.clone());
    let causes = match all.get(root.0 as usize) {
        Some(Status::Stale(reason)) => reason.causes(),
        _ => Vec::new(),
    };
    Some(Behind {
        roots: roots.into_iter().collect(),
        root: (label, causes),
    })
}

/// Why an action whose inputs are known has no stored result.
pub(super) fn reason(
    plan: &Plan,
    store: &Store,
    planned: &PlannedAction,
    key: Digest,
    resolve: &dyn Fn(ActionId) -> Digest,
) -> Reason {
    if ledger::recorded(store, &key).is_some() {
        return Reason::Lost;
    }
    match ledger::last(store, plan, planned) {
        Some(last) => {
            let parts = Parts::of(plan, planned, key, resolve);
            Reason::Changed(parts.changed_since(&last))
        }
        None => Reason::Never,
    }
}
