//! Which actions of a plan a build brings to their outputs, and which of those it performs although their outputs are stored.
//!
//! Stages have an order in which people think of them, and it is no order in which actions run: `--until` takes the stages up to one
//! and whatever those need; `--rebuild-from` takes one stage and whatever needs that.

use crate::plan::{ActionId, Plan, Stage};

/// What is performed although its result is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Again {
    /// Nothing.
    #[default]
    Nothing,
    /// The actions of a stage, and everything behind them.
    From(Stage),
    /// Everything.
    Everything,
}

/// The part of a plan that is looked at, and what is performed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Selection {
    /// The last stage that is wanted; without one, all are.
    pub until: Option<Stage>,
    /// What is performed although its result is stored. What was fetched is not fetched again: it is known by its digest.
    pub again: Again,
}

impl Selection {
    /// By the index of the action: whether it is brought to its output. What a wanted action needs is wanted.
    pub(super) fn wanted(self, plan: &Plan) -> Vec<bool> {
        let Some(until) = self.until else {
            return vec![true; plan.actions.len()];
        };
        let actions = (0..).map(ActionId).zip(&plan.actions);
        let chosen = actions.filter(|(_, planned)| planned.stage <= until);
        plan.with_needs(chosen.map(|(id, _)| id))
    }

    /// By the index of the action: whether it is performed although its result is stored.
    pub(super) fn again(self, plan: &Plan) -> Vec<bool> {
        let mut again = vec![false; plan.actions.len()];
        if self.again == Again::Nothing {
            return again;
        }
        for (index, planned) in plan.actions.iter().enumerate() {
            let is_meant = match self.again {
                Again::Nothing => false,
                Again::From(stage) => {
                    let mut needs = planned.action.needs().into_iter();
                    planned.stage == stage || needs.any(|id| again[id.0 as usize])
                }
                Again::Everything => true,
            };
            again[index] = is_meant && !planned.action.is_from_elsewhere();
        }
        again
    }
}
