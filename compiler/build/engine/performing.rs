//! How an action comes to its output, once that is nowhere to be found: what it is given, what is told, what is remembered.

use std::collections::BTreeMap;

use super::super::ledger;
use super::super::parts::Parts;
use super::super::perform::{self, Context};
use super::super::{Event, Reason, reproduction, status};
use super::state::Way;
use super::{Engine, output};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::Stopwatch;
use crate::plan::ActionId;
use crate::tree::Digest;

impl Engine<'_> {
    /// What an action needs, by the identifiers of its own plan.
    fn inputs(&self, index: u32) -> BTreeMap<ActionId, Digest> {
        let state = self.state();
        let start = self.together.start(index);
        let needs = self.graph.needs[index as usize].iter();
        let inputs = needs.map(|need| (ActionId(need - start), output(&state.results, *need)));
        inputs.collect()
    }

    /// Whether an action is performed although its result may be stored; once for all that have its key.
    pub(super) fn is_again(&self, index: u32, key: Digest) -> bool {
        self.again[index as usize] && !self.state().made.contains(&key)
    }

    /// An action's stored output.
    pub(super) fn look_up(&self, index: u32, key: Digest) -> Result<Option<Digest>, Diagnostic> {
        let planned = self.planned(index);
        if self.is_again(index, key) {
            return Ok(None);
        }
        let yields = planned.action.yields();
        let found = ledger::result(self.store, &key, yields, self.trust);
        if found.is_some() {
            self.tell(index, Event::Cached);
            let plan = self.together.errand(index).plan;
            if ledger::last(self.store, plan, planned).is_none_or(|last| last.key != key) {
                self.remember(index, key)?;
            }
        }
        Ok(found)
    }

    /// Keeps what an action's key is made of, to tell later why it changed.
    pub(super) fn remember(&self, index: u32, key: Digest) -> Result<(), Diagnostic> {
        let planned = self.planned(index);
        let inputs = self.inputs(index);
        let plan = self.together.errand(index).plan;
        let parts = Parts::of(plan, planned, key, &resolver(&inputs));
        ledger::remember(self.store, plan, planned, &parts)
    }

    /// Performs an action here, on these processors where they are given.
    pub(super) fn perform(
        &self,
        index: u32,
        key: Digest,
        processors: &[usize],
    ) -> Result<Way, Diagnostics> {
        let here = |context: &Context<'_>| perform::perform(context).map(Some);
        let made = self.perform_by(index, key, processors, &here)?;
        Ok(Way::Performed(made.expect("what is here is performed")))
    }

    /// What performers are given.
    pub(super) fn with_context<R>(
        &self,
        index: u32,
        key: Digest,
        processors: &[usize],
        act: impl FnOnce(&Context<'_>) -> R,
    ) -> R {
        let inputs = self.inputs(index);
        act(&Context {
            store: self.store,
            planned: self.planned(index),
            key,
            resolve: &resolver(&inputs),
            options: self.options,
            again: self.is_again(index, key),
            processors,
            budget: self,
            observer: self.together.errand(index).observer,
            trees: &self.trees,
            plan: self.together.errand(index).plan,
        })
    }

    /// Performs an action in a certain way, and remembers what it yields; `None` where it was not performed after all.
    pub(super) fn perform_by(
        &self,
        index: u32,
        key: Digest,
        processors: &[usize],
        how: &dyn Fn(&Context<'_>) -> Result<Option<Digest>, Diagnostics>,
    ) -> Result<Option<Digest>, Diagnostics> {
        let planned = self.planned(index);
        let inputs = self.inputs(index);
        let earlier = ledger::recorded(self.store, &key);
        let cause = if self.is_again(index, key) && earlier.is_some() {
            Reason::Asked(self.options.selection.again)
        } else {
            let plan = self.together.errand(index).plan;
            status::reason(plan, self.store, planned, key, &resolver(&inputs))
        };
        self.tell(index, Event::Started { cause: &cause });
        let clock = Stopwatch::start();
        let made = self.with_context(index, key, processors, how);
        let made = made.inspect_err(|_| self.tell(index, Event::Failed))?;
        let Some(made) = made else {
            return Ok(None);
        };
        if let Some(earlier) = earlier.filter(|earlier| *earlier != made) {
            let ends = [(earlier, self.store), (made, self.store)];
            let warning = reproduction::differs(planned, ends);
            self.tell(index, Event::Warning(&warning));
        }
        ledger::record(self.store, &key, &made)?;
        self.remember(index, key)?;
        let elapsed = clock.elapsed();
        self.tell(index, Event::Finished { elapsed });
        Ok(Some(made))
    }
}

/// Finds an input's digest among those of one action.
fn resolver(inputs: &BTreeMap<ActionId, Digest>) -> impl Fn(ActionId) -> Digest + Sync {
    move |id| inputs.get(&id).copied().unwrap_or_else(|| Digest::of(b""))
}
