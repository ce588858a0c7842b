//! Which actions have a stored result, and why the others have none.

use super::ledger::{self, Parts, Trust};
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
    /// These inputs (by the label of the action they come from) and parameters (by name) are not what they were.
    Changed(Vec<String>),
    /// It was performed, but what it yielded is no longer in the store.
    Lost,
    /// Its result is in the store, and it is performed again because someone asked for it.
    Asked(Again),
    /// The action with this label comes first; what that yields decides.
    Behind(String),
}

impl Reason {
    /// What it says, each cause by itself.
    pub fn causes(&self) -> Vec<String> {
        match self {
            Self::Changed(what) => what.iter().map(|what| format!("{what} changed")).collect(),
            _ => vec![self.to_string()],
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Never => formatter.write_str("never built"),
            Self::Changed(what) => {
                let (shown, more) = what.split_at(what.len().min(3));
                write!(formatter, "changed: {}", shown.join(", "))?;
                if more.is_empty() {
                    return Ok(());
                }
                write!(formatter, " and {} more", more.len())
            }
            Self::Lost => formatter.write_str("its result is no longer in the store"),
            Self::Asked(Again::From(stage)) => write!(formatter, "asked for: from {stage} on"),
            Self::Asked(_) => formatter.write_str("asked for"),
            Self::Behind(label) => write!(formatter, "comes after `{label}`"),
        }
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
        let first_stale = needs.iter().find(|id| known(**id).is_none());
        if let Some(id) = first_stale {
            let label = plan.actions.get(id.0 as usize);
            let label = label.map_or_else(String::new, |planned| planned.label.clone());
            all.push(Status::Stale(Reason::Behind(label)));
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
    match ledger::last(store, planned) {
        Some(last) => {
            let parts = Parts::of(plan, &planned.action, key, resolve);
            Reason::Changed(parts.changed_since(&last))
        }
        None => Reason::Never,
    }
}
