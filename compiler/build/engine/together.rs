//! Several plans under one numbering: an action's index counts through all of them, and its inputs' identifiers through its own.
//!
//! What two plans share needs no care here: it has one key, and a key is worked on once.

use super::super::Observer;
use crate::plan::{ActionId, Plan, PlannedAction};

/// A plan that is performed, alone or beside others.
pub(in super::super) struct Errand<'a> {
    /// The plan.
    pub(in super::super) plan: &'a Plan,
    /// By action: whether it is brought to its output; what a wanted one needs must be wanted too.
    pub(in super::super) wanted: Vec<bool>,
    /// Who is told.
    pub(in super::super) observer: &'a dyn Observer,
}

/// All that is performed by one engine.
pub(super) struct Together<'a> {
    errands: &'a [Errand<'a>],
    /// By errand: the index of its first action.
    starts: Vec<u32>,
}

impl<'a> Together<'a> {
    /// Numbers them.
    pub(super) fn new(errands: &'a [Errand<'a>]) -> Self {
        let mut next = 0;
        let starts = errands.iter().map(|errand| {
            let start = next;
            next += errand.plan.actions.len() as u32;
            start
        });
        Self {
            starts: starts.collect(),
            errands,
        }
    }

    /// How many errands there are.
    pub(super) fn count(&self) -> usize {
        self.errands.len()
    }

    /// The number of the errand that an action belongs to.
    pub(super) fn number(&self, index: u32) -> usize {
        self.starts.partition_point(|start| *start <= index) - 1
    }

    /// The errand that an action belongs to.
    pub(super) fn errand(&self, index: u32) -> &Errand<'a> {
        &self.errands[self.number(index)]
    }

    /// An action.
    pub(super) fn planned(&self, index: u32) -> &'a PlannedAction {
        let number = self.number(index);
        &self.errands[number].plan.actions[(index - self.starts[number]) as usize]
    }

    /// What stands in the place of identifiers of an action's plan.
    pub(super) fn start(&self, index: u32) -> u32 {
        self.starts[self.number(index)]
    }

    /// Whether an action is wanted.
    pub(super) fn is_wanted(&self, index: u32) -> bool {
        let number = self.number(index);
        self.errands[number].wanted[(index - self.starts[number]) as usize]
    }

    /// Something for each action, put together errand by errand.
    pub(super) fn each<T>(&self, of: impl Fn(&'a Plan) -> Vec<T>) -> Vec<T> {
        let all = self.errands.iter();
        all.flat_map(|errand| of(errand.plan)).collect()
    }

    /// By action: those that it needs, as indices.
    pub(super) fn needs(&self) -> Vec<Vec<u32>> {
        let errands = self.errands.iter().zip(&self.starts);
        let needs = errands.flat_map(|(errand, start)| {
            let actions = errand.plan.actions.iter();
            actions.map(|planned| {
                let needs = planned.action.needs().into_iter();
                needs.map(|ActionId(id)| id + *start).collect()
            })
        });
        needs.collect()
    }

    /// Takes something for each action apart again, errand by errand.
    pub(super) fn apart<T>(&self, all: Vec<T>) -> Vec<Vec<T>> {
        let mut all = all.into_iter();
        let counts = self.errands.iter().map(|errand| errand.plan.actions.len());
        counts
            .map(|count| all.by_ref().take(count).collect())
            .collect()
    }
}
