//! Who gets processors and memory: long actions that wait first, then long actions that could use more.

use std::sync::PoisonError;

use super::super::crew::{Budget, Loan};
use super::super::memory;
use super::{Engine, State};

impl Engine<'_> {
    /// Processors and memory for a long action; `None` where there is too little memory while others have it.
    ///
    /// A command gets its share of all that is free. Work of zosc's own begins with one processor, and asks for more.
    pub(super) fn lend(&self, state: &mut State, index: u32) -> Option<Loan> {
        let memory = memory::needed(&self.planned(index).action);
        if !state.memory.take(memory) {
            return None;
        }
        let share = if self.is_command(index) {
            Some(state.cores.take(state.waiting.len() - 1))
        } else {
            state.cores.take_one()
        };
        let share = share.expect("whoever lends has seen that a processor is free");
        Some(Loan { share, memory })
    }

    /// A processor and memory that nobody waits for.
    fn spare(state: &mut State, memory: u64) -> Option<Loan> {
        let is_free = state.waiting.is_empty() && state.cores.is_any_free();
        if !is_free || !state.memory.take(memory) {
            return None;
        }
        let share = state.cores.take_one()?;
        Some(Loan { share, memory })
    }
}

impl Budget for Engine<'_> {
    fn borrow(&self, memory: u64) -> Option<Loan> {
        Self::spare(&mut self.state(), memory)
    }

    fn borrow_until(&self, memory: u64, is_over: &dyn Fn() -> bool) -> Option<Loan> {
        let mut state = self.state();
        while !is_over() {
            if let Some(loan) = Self::spare(&mut state, memory) {
                return Some(loan);
            }
            let woken = self.changed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    fn wake(&self) {
        // Whoever has looked and does not wait yet holds the state.
        drop(self.state());
        self.changed.notify_all();
    }

    fn give_back(&self, loan: Loan) {
        let mut state = self.state();
        state.cores.give_back(loan.share);
        state.memory.give_back(loan.memory);
        self.changed.notify_all();
    }
}
