//! What goes elsewhere: commands that a fleet runs, and results that it has from others.
//!
//! As many threads accompany it as the fleet has slots; none of them takes a processor. What does not get there, or only might have been
//! there, waits for processors of this machine like everything else.

use std::cell::Cell;
use std::sync::PoisonError;

use super::super::perform::run;
use super::super::{Elsewhere, Event, Fleet, ledger};
use super::state::Way;
use super::{Alarm, Engine};
use crate::diagnostic::Diagnostics;
use crate::io::Stopwatch;
use crate::tree::Digest;

/// What is to be accompanied.
enum Departure {
    /// An action with its key.
    Action(u32, Digest),
    /// What an action with this key has yielded here, on its way to others.
    Result(u32, Digest, Digest),
}

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
        let _alarm = Alarm(self);
        while let Some(departure) = self.next_departure() {
            let (index, key) = match departure {
                Departure::Action(index, key) => (index, key),
                Departure::Result(index, key, made) => {
                    self.share(fleet, index, key, made);
                    self.state().active -= 1;
                    self.notify();
                    continue;
                }
            };
            // Those who wait for processors wait no longer than until it is known who needs some.
            let is_known = Cell::new(fleet.executes());
            let known = || {
                if !is_known.replace(true) {
                    self.state().looked_up -= 1;
                    self.changed.notify_all();
                }
            };
            let outcome = self.send(fleet, index, key, &known);
            known();
            match outcome {
                Ok(Some(way)) => {
                    let made = way.made();
                    self.settle(index, key, Ok(way));
                    if let Some(made) = made {
                        self.share(fleet, index, key, made);
                    }
                }
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

    /// Waits for something to accompany: the weightiest first, and what is here already last.
    fn next_departure(&self) -> Option<Departure> {
        let mut state = self.state();
        loop {
            let is_over = self.is_over(&state);
            if !is_over && let Some(((_, index), key)) = state.departing.pop_first() {
                state.active += 1;
                return Some(Departure::Action(index, key));
            }
            // Also where something has failed: nobody looks at it again.
            if let Some((index, key, made)) = state.sharing.pop() {
                state.active += 1;
                return Some(Departure::Result(index, key, made));
            }
            if is_over {
                return None;
            }
            let woken = self.departure.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Looks for an action's result elsewhere, and has it performed there; `None` where it is to be performed here.
    fn send(
        &self,
        fleet: &dyn Fleet,
        index: u32,
        key: Digest,
        is_there: &dyn Fn(),
    ) -> Result<Option<Way>, Diagnostics> {
        if !self.is_again(index, key) {
            let clock = Stopwatch::start();
            let found =
                self.with_context(index, key, &[], |context| fleet.found(context, is_there));
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

    /// Settles an action that was performed here. Where its output is new in the world, it is on its way to others.
    pub(super) fn settle_and_share(
        &self,
        index: u32,
        key: Digest,
        outcome: Result<Way, Diagnostics>,
    ) {
        let made = outcome.as_ref().ok().and_then(|way| way.made());
        self.settle(index, key, outcome);
        if let (Some(made), Some(fleet)) = (made, self.fleet(index)) {
            let mut state = self.state();
            if self.is_over(&state) {
                // Whoever could do it may be gone already.
                drop(state);
                self.share(fleet, index, key, made);
            } else {
                state.sharing.push((index, key, made));
                self.departure.notify_one();
            }
        }
    }

    fn share(&self, fleet: &dyn Fleet, index: u32, key: Digest, made: Digest) {
        self.with_context(index, key, &[], |context| fleet.share(context, &made));
        self.ended(index);
    }

    /// Nothing goes on elsewhere for an action any more.
    fn ended(&self, index: u32) {
        self.tell(index, Event::Elsewhere(Elsewhere::Ended));
    }
}
