//! Which action waits for which, and which is the most urgent.

use crate::plan::{Action, PlannedAction};

/// Who needs whom.
pub(super) struct Graph {
    /// By action: those it needs.
    pub(super) needs: Vec<Vec<u32>>,
    /// By action: those that need it.
    pub(super) needed_by: Vec<Vec<u32>>,
    /// By action: how much work lies between its start and the end of the build. The largest goes first.
    pub(super) weight: Vec<u32>,
}

impl Graph {
    /// Follows the inputs of every action, each of which comes after those that it needs.
    pub(super) fn new(actions: &[&PlannedAction], needs: Vec<Vec<u32>>) -> Self {
        let count = actions.len();
        let mut needed_by = vec![Vec::new(); count];
        for (index, needs) in needs.iter().enumerate() {
            for need in needs {
                if let Some(list) = needed_by.get_mut(*need as usize) {
                    list.push(index as u32);
                }
            }
        }
        let mut weight = vec![0; count];
        for index in (0..count).rev() {
            let behind = needed_by[index].iter();
            let behind = behind.map(|next| weight[*next as usize]).max().unwrap_or(0);
            weight[index] = behind + cost(&actions[index].action);
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
