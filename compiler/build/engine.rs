//! The scheduler: worker threads that take whatever has all its inputs, and others that accompany what goes elsewhere.

mod departing;
mod lending;
mod performing;
mod state;
mod together;

pub(super) use together::Errand;

use std::cmp::Reverse;
use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::crew::{Budget as _, Loan};
use super::graph::Graph;
use super::ledger::Trust;
use super::trees::Trees;
use super::{Counts, Event, Options, Selection, cancelled, foreign, settled};
use crate::diagnostic::Diagnostics;
use crate::plan::{Action, Input, PlannedAction};
use crate::tree::{Digest, Store};

use state::{Place, State, Way};
use together::Together;

/// Every action's output.
pub(super) struct Done {
    /// By the index of the action; none of one that was not wanted.
    pub(super) results: Vec<Option<Digest>>,
    /// How they came to them.
    pub(super) counts: Counts,
}

/// Brings every action that is wanted to its output, of all errands in one go.
pub(super) fn perform_all(
    errands: &[Errand<'_>],
    store: &Store,
    options: &Options<'_>,
    trust: Trust,
) -> Result<Vec<Done>, Diagnostics> {
    let is_whole = options.selection == Selection::default() && trust == Trust::Shallow;
    let known = || -> Option<Vec<_>> {
        let errands = errands.iter();
        errands
            .map(|errand| settled::recall(store, errand.plan))
            .collect()
    };
    if let Some(results) = is_whole.then(known).flatten() {
        let done = results.into_iter().zip(errands).map(|(results, errand)| {
            for planned in &errand.plan.actions {
                errand.observer.event(planned, Event::Cached);
            }
            let counts = Counts {
                cached: results.len(),
                ..Counts::default()
            };
            let results = results.into_iter().map(Some).collect();
            Done { results, counts }
        });
        return Ok(done.collect());
    }
    let done = perform_some(errands, store, options, trust)?;
    for (errand, done) in errands.iter().zip(&done) {
        settled::remember(store, errand.plan, &done.results)?;
    }
    Ok(done)
}

/// Brings those actions to their outputs that are wanted.
pub(super) fn perform_some(
    errands: &[Errand<'_>],
    store: &Store,
    options: &Options<'_>,
    trust: Trust,
) -> Result<Vec<Done>, Diagnostics> {
    foreign::refuse(errands, store, options)?;
    let together = Together::new(errands);
    let mut graph = Graph::new(
        &together.each(|plan| plan.actions.iter().collect()),
        together.needs(),
    );
    if options.reversed {
        graph.reverse();
    }
    let engine = Engine {
        store,
        options,
        trust,
        again: together.each(|plan| options.selection.again(plan)),
        state: Mutex::new(State::new(&together, &graph, options)),
        changed: Condvar::new(),
        departure: Condvar::new(),
        trees: Trees::of_images(errands.len()),
        graph,
        together,
    };
    std::thread::scope(|scope| {
        for _ in 1..options.jobs.clamp(1, MOST_THREADS) {
            scope.spawn(|| engine.work());
        }
        if let Some(fleet) = options.remote {
            for _ in 0..fleet.slots().clamp(1, MOST_SLOTS) {
                scope.spawn(|| engine.accompany(fleet));
            }
        }
        engine.work();
    });
    engine.finish()
}

/// How many threads there are at the most for what is done here.
const MOST_THREADS: usize = 256;
/// How many there are at the most for what is done elsewhere.
const MOST_SLOTS: usize = 4096;

/// What a worker does next.
enum Task {
    /// Look an action's output up, and go on from there.
    LookUp(u32, Digest),
    /// Perform a long action whose output is nowhere, with its share of processors and memory.
    Run(u32, Digest, Loan),
}

struct Engine<'a> {
    together: Together<'a>,
    store: &'a Store,
    options: &'a Options<'a>,
    trust: Trust,
    /// By action: whether it is performed although its result is stored.
    again: Vec<bool>,
    graph: Graph,
    trees: Trees,
    state: Mutex<State>,
    changed: Condvar,
    /// Something is to go elsewhere, or nothing will any more.
    departure: Condvar,
}

impl Engine<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked has said so in it (`Alarm`), and nothing more is begun.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let _alarm = Alarm(self);
        while let Some(task) = self.next() {
            match task {
                Task::LookUp(index, key) => self.look_up_and_go_on(index, key),
                Task::Run(index, key, loan) => {
                    let outcome = self.perform(index, key, &loan.share.processors());
                    self.give_back(loan);
                    self.settle_and_share(index, key, outcome);
                }
            }
        }
    }

    fn planned(&self, index: u32) -> &PlannedAction {
        self.together.planned(index)
    }

    /// Tells whoever watches an action's errand.
    fn tell(&self, index: u32, event: Event<'_>) {
        let errand = self.together.errand(index);
        errand.observer.event(self.planned(index), event);
    }

    fn is_command(&self, index: u32) -> bool {
        matches!(self.planned(index).action, Action::Run { .. })
    }

    /// Whether an action takes long enough to count among those that share the processors.
    fn is_long(&self, index: u32) -> bool {
        let action = &self.planned(index).action;
        matches!(
            action,
            Action::Run { .. } | Action::Cpio { .. } | Action::Strip { .. }
        )
    }

    /// Waits for something to do.
    fn next(&self) -> Option<Task> {
        let mut state = self.state();
        loop {
            if self.is_over(&state) {
                self.notify();
                return None;
            }
            if let Some(task) = self.pick(&mut state) {
                return Some(task);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether nothing is left to do, or nothing more is to be begun.
    fn is_over(&self, state: &State) -> bool {
        let is_cancelled = self.options.cancel.load(Ordering::Relaxed);
        is_cancelled || state.has_panicked || state.problems.has_errors() || state.is_done()
    }

    /// Lets everybody look again.
    fn notify(&self) {
        self.changed.notify_all();
        self.departure.notify_all();
    }

    /// What is worth most: an action whose inputs are there and whose key nobody else works on, or a long one that waits.
    ///
    /// Whether long actions have to run is found out before one of them starts, since they share the processors.
    fn pick(&self, state: &mut State) -> Option<Task> {
        loop {
            let unknown = state.ready.iter().find(|(_, index)| self.is_long(*index));
            let ready = unknown.or(state.ready.first()).copied();
            let can_run = unknown.is_none() && state.looked_up == 0 && state.cores.is_any_free();
            let waiting = state.waiting.first_key_value().filter(|_| can_run);
            let waiting = waiting.map(|(place, key)| (*place, *key));
            if let Some((place, key)) = waiting
                && ready.is_none_or(|ready| place < ready)
                && let Some(loan) = self.lend(state, place.1)
            {
                state.waiting.remove(&place);
                state.active += 1;
                return Some(Task::Run(place.1, key, loan));
            }
            let place = ready?;
            state.ready.remove(&place);
            let index = place.1;
            let start = self.together.start(index);
            let action = &self.planned(index).action;
            let key = action.key(&|id| output(&state.results, id.0 + start));
            if let Some(followers) = state.running.get_mut(&key) {
                followers.push(index);
                continue;
            }
            state.running.insert(key, Vec::new());
            state.active += 1;
            state.looked_up += usize::from(self.is_long(index));
            return Some(Task::LookUp(index, key));
        }
    }

    /// Looks an action's output up; without one, performs it, or lets it wait for a slot elsewhere or for processors.
    fn look_up_and_go_on(&self, index: u32, key: Digest) {
        let found = self.look_up(index, key);
        let is_long = self.is_long(index);
        if is_long && matches!(found, Ok(None)) {
            self.let_wait(index, key);
        } else if is_long {
            self.state().looked_up -= 1;
        }
        match found {
            Ok(Some(found)) => self.settle(index, key, Ok(Way::Found(found))),
            Ok(None) if is_long => {}
            Ok(None) => self.settle(index, key, self.perform(index, key, &[])),
            Err(problem) => self.settle(index, key, Err(problem.into())),
        }
    }

    fn place(&self, index: u32) -> Place {
        (Reverse(self.graph.weight[index as usize]), index)
    }

    /// Notes an outcome and frees those that waited for it.
    fn settle(&self, index: u32, key: Digest, outcome: Result<Way, Diagnostics>) {
        let mut state = self.state();
        state.active -= 1;
        let followers = state.running.remove(&key).unwrap_or_default();
        let found = match outcome {
            Ok(way) => Some(state.count(self.together.number(index), key, way)),
            Err(problems) => {
                let site = self.planned(index).site;
                for problem in problems {
                    let placed = if problem.labels.is_empty() {
                        problem.at_maybe(site)
                    } else {
                        problem
                    };
                    state.problems.push(placed);
                }
                None
            }
        };
        if let Some(output) = found {
            for follower in &followers {
                state.counts[self.together.number(*follower)].cached += 1;
                self.tell(*follower, Event::Cached);
            }
            for done in followers.into_iter().chain([index]) {
                state.results[done as usize] = Some(output);
                for next in &self.graph.needed_by[done as usize] {
                    let missing = &mut state.missing[*next as usize];
                    *missing -= 1;
                    if *missing == 0 {
                        state.ready.insert(self.place(*next));
                    }
                }
            }
        }
        if self.is_over(&state) {
            self.departure.notify_all();
        }
        self.changed.notify_all();
    }

    fn finish(self) -> Result<Vec<Done>, Diagnostics> {
        let state = self
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if self.options.cancel.load(Ordering::Relaxed) {
            return Err(cancelled().into());
        }
        if state.problems.has_errors() {
            return Err(state.problems);
        }
        let results = self.together.apart(state.results).into_iter();
        let done = results.zip(state.counts);
        Ok(done
            .map(|(results, counts)| Done { results, counts })
            .collect())
    }
}

/// Tells all others when a thread of the engine panics: what it worked on never ends, and nobody is to wait for that. Nothing new begins;
/// commands that run already come to their end, and the panic goes on where the threads are joined.
struct Alarm<'e>(&'e Engine<'e>);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state().has_panicked = true;
            self.0.notify();
        }
    }
}

/// The digest of an input, where it is known or its action was reached.
pub(super) fn digest_of(input: &Input, results: &[Option<Digest>]) -> Option<Digest> {
    match input {
        Input::Known(digest) => Some(*digest),
        Input::Output(id) => results.get(id.0 as usize).copied().flatten(),
    }
}

fn output(results: &[Option<Digest>], index: u32) -> Digest {
    let result = results.get(index as usize).copied().flatten();
    result.expect("an action is ready only when its inputs are there")
}
