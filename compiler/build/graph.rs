//! Which action of a plan waits for which, and which is the most urgent.

use crate::plan::{Action, ActionId, Plan};

/// Who needs whom.
pub(super) struct Graph {
    /// By action: those it needs.
    pub(super) needs: Vec<Vec<ActionId>>,
    /// By action: those that need it.
    pub(super) needed_by: Vec<Vec<u32>>,
    /// By action: how much work lies between its start and the end of the build. The largest goes first.
    pub(super) weight: Vec<u32>,
}

impl Graph {
    /// Follows the inputs of every action.
    pub(super) fn new(plan: &Plan) -> Self {
        let count = plan.actions.len();
        let needs: Vec<Vec<ActionId>> = plan
            .actions
            .iter()
            .map(|planned| planned.action.needs())
            .collect();
        let mut needed_by = vec![Vec::new(); count];
        for (index, needs) in needs.iter().enumerate() {
            for id in needs {
                if let Some(list) = needed_by.get_mut(id.0 as usize) {
                    list.push(index as u32);
                }
            }
        }
        let mut weight = vec![0; count];
        for index in (0..count).rev() {
            let behind = needed_by[index].iter();
            let behind = behind.map(|next| weight[*next as usize]).max().unwrap_or(0);
            weight[index] = behind + cost(&plan.actions[index].action);
        }
        Self {
            needs,
            needed_by,
            weight,
        }
    }

    /// Turns the order among those that are ready around.
    pub(super) fn reverse(&mut self) {
        for weight in &mut self.weight {
            *weight = u32::MAX - *weight;
        }
    }
}

/// A rough idea of how long an action takes.
fn cost(action: &Action) -> u32 {
    match action {
        Action::Run { .. } | Action::Cpio { .. } => 20,
        Action::Vendor { .. }
        | Action::Git { .. }
        | Action::Dependencies { .. }
        | Action::Pull { .. }
        | Action::Fetch { .. } => 5,
        _ => 1,
    }
}
