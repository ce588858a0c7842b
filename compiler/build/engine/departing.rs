//! What goes elsewhere: commands that a fleet runs, and results that it has from others.
//!
//! As many threads accompany it as the fleet has slots; none of them takes a processor. What does not get there, or only might have been
//! there, waits for processors of this machine like everything else.

use std::sync::PoisonError;

use super::super::perform::run;
use super::super::{Elsewhere, Event, Fleet, ledger};
use super::Engine;
use super::state::Way;
use crate::diagnostic::Diagnostics;
use crate::io::Stopwatch;
use crate::tree::Digest;

impl Engine<'_> {
    /// The fleet that an action may have to do with.
    fn fleet(&self, index: u32) -> Option<&dyn Fleet> {
        let goes_remote = self.planned(index).action.goes_remote();
        self.options.remote.filter(|_| goes_remote)
    }

    /// Lets a long action wait whose output is not in the store: for a slot elsewhere, or for processors.
    pub(super) fn let_wait(&self, index: u32, key: Digest) {
        // Where it is performed in any case, there is nothing to ask those for who only share.
        let departs = |fleet: &dyn Fleet| fleet.executes() || !self.is_again(index, key);
        let fleet = self.fleet(index).filter(|fleet| departs(*fleet));
        let mut state = self.state();
        state.active -= 1;
        if let Some(fleet) = fleet {
            state.departing.insert(self.place(index), key);
            state.looked_up -= usize::from(fleet.executes());
            self.departure.notify_one();
        } else {
            state.waiting.insert(self.place(index), key);
            state.looked_up -= 1;
        }
        self.changed.notify_all();
    }

    /// Accompanies one action after another, until there are no more.
    pub(super) fn accompany(&self, fleet: &dyn Fleet) {
        while let Some((index, key)) = self.next_departure() {
            let outcome = self.send(fleet, index, key);
            if !fleet.executes() {
                self.state().looked_up -= 1;
            }
            match outcome {
                Ok(Some(way)) => self.settle_and_share(index, key, Ok(way)),
                Ok(None) => {
                    let mut state = self.state();
                    state.active -= 1;
                    state.waiting.insert(self.place(index), key);
                    self.changed.notify_all();
                }
                Err(problems) => self.settle(index, key, Err(problems)),
            }
        }
    }

    /// Waits for something to accompany: the weightiest first.
    fn next_departure(&self) -> Option<(u32, Digest)> {
        let mut state = self.state();
        loop {
            if self.is_over(&state) {
                return None;
            }
            if let Some(((_, index), key)) = state.departing.pop_first() {
                state.active += 1;
                return Some((index, key));
            }
            let woken = self.departure.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Looks for an action's result elsewhere, and has it performed there; `None` where it is to be performed here.
    fn send(&self, fleet: &dyn Fleet, index: u32, key: Digest) -> Result<Option<Way>, Diagnostics> {
        if !self.is_again(index, key) {
            let clock = Stopwatch::start();
            let found = self.with_context(index, key, &[], |context| fleet.found(context));
            let found = found.inspect_err(|_| self.tell(index, Event::Failed))?;
            if let Some(found) = found {
                ledger::record(self.store, &key, &found)?;
                self.remember(index, key)?;
                let elapsed = clock.elapsed();
                self.tell(index, Event::Shared { elapsed });
                return Ok(Some(Way::Shared(found)));
            }
            self.ended(index);
        }
        if !fleet.executes() {
            return Ok(None);
        }
        let made = self.perform_by(index, key, &[], &|context| {
            Ok(run::run_elsewhere(context, fleet)?)
        })?;
        Ok(made.map(Way::PerformedElsewhere))
    }

    /// Settles an action and, where its output is new in the world, shares it.
    pub(super) fn settle_and_share(
        &self,
        index: u32,
        key: Digest,
        outcome: Result<Way, Diagnostics>,
    ) {
        let made = outcome.as_ref().ok().and_then(|way| way.made());
        self.settle(index, key, outcome);
        if let (Some(made), Some(fleet)) = (made, self.fleet(index)) {
            self.with_context(index, key, &[], |context| fleet.share(context, &made));
            self.ended(index);
        }
    }

    /// Nothing goes on elsewhere for an action any more.
    fn ended(&self, index: u32) {
        self.tell(index, Event::Elsewhere(Elsewhere::Ended));
    }
}
