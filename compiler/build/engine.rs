//! The scheduler: worker threads that take whatever has all its inputs, and others that accompany what goes elsewhere.

mod departing;
mod lending;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::cores::Cores;
use super::crew::{Budget as _, Loan};
use super::graph::Graph;
use super::ledger::{self, Trust};
use super::memory::Memory;
use super::parts::Parts;
use super::perform::{self, Context};
use super::trees::Trees;
use super::{
    Counts, Event, Observer, Options, Reason, Selection, cancelled, reproduction, settled, status,
};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::Stopwatch;
use crate::plan::{Action, ActionId, Input, Plan, PlannedAction};
use crate::tree::{Digest, Store};

/// Every action's output.
pub(super) struct Done {
    /// By the index of the action; none of one that was not wanted.
    pub(super) results: Vec<Option<Digest>>,
    /// How they came to them.
    pub(super) counts: Counts,
}

/// Brings every action of a plan that is selected to its output.
pub(super) fn perform_all(
    plan: &Plan,
    store: &Store,
    options: &Options<'_>,
    observer: &dyn Observer,
    trust: Trust,
) -> Result<Done, Diagnostics> {
    let is_whole = options.selection == Selection::default();
    if is_whole
        && trust == Trust::Shallow
        && let Some(results) = settled::recall(store, plan)
    {
        for planned in &plan.actions {
            observer.event(planned, Event::Cached);
        }
        return Ok(Done {
            counts: Counts {
                cached: results.len(),
                ..Counts::default()
            },
            results: results.into_iter().map(Some).collect(),
        });
    }
    let wanted = options.selection.wanted(plan);
    let wanted = |index: u32| wanted[index as usize];
    let (results, counts) = perform_some(plan, &wanted, store, options, observer, trust)?;
    settled::remember(store, plan, &results)?;
    Ok(Done { results, counts })
}

/// The outputs of some actions by their indices, and how they came to them.
type Brought = (Vec<Option<Digest>>, Counts);

/// Brings those actions to their outputs that are wanted; what these need must be wanted too.
pub(super) fn perform_some(
    plan: &Plan,
    wanted: &dyn Fn(u32) -> bool,
    store: &Store,
    options: &Options<'_>,
    observer: &dyn Observer,
    trust: Trust,
) -> Result<Brought, Diagnostics> {
    let mut graph = Graph::new(plan);
    if options.reversed {
        graph.reverse();
    }
    let engine = Engine {
        plan,
        store,
        options,
        observer,
        trust,
        again: options.selection.again(plan),
        state: Mutex::new(State::new(&graph, wanted, options)),
        changed: Condvar::new(),
        departure: Condvar::new(),
        trees: Trees::default(),
        graph,
    };
    std::thread::scope(|scope| {
        for _ in 1..options.jobs.clamp(1, MOST_THREADS) {
            scope.spawn(|| engine.work());
        }
        if let Some(fleet) = options.remote {
            for _ in 0..fleet.slots().clamp(1, MOST_THREADS) {
                scope.spawn(|| engine.accompany(fleet));
            }
        }
        engine.work();
    });
    engine.finish()
}

/// How many threads there are at the most for what is done here, and as many for what is done elsewhere.
const MOST_THREADS: usize = 256;

/// An action's place among those that could be next: the weightiest first.
type Place = (Reverse<u32>, u32);

struct State {
    results: Vec<Option<Digest>>,
    /// By action: how many inputs are still to come.
    missing: Vec<usize>,
    ready: BTreeSet<Place>,
    /// Long actions that are to run as soon as there are processors and memory for them, with their keys.
    waiting: BTreeMap<Place, Digest>,
    /// What is to go elsewhere as soon as a slot is free.
    departing: BTreeMap<Place, Digest>,
    /// Of how many long actions it is being found out whether they have to run here.
    looked_up: usize,
    cores: Cores,
    memory: Memory,
    /// Keys being worked on, with the further actions that wait for the same result.
    running: BTreeMap<Digest, Vec<u32>>,
    active: usize,
    problems: Diagnostics,
    /// Keys that were worked on with success.
    made: BTreeSet<Digest>,
    counts: Counts,
}

impl State {
    fn new(graph: &Graph, wanted: &dyn Fn(u32) -> bool, options: &Options<'_>) -> Self {
        let needs = graph.needs.iter().enumerate();
        // One that nobody wants lacks more than will ever come.
        let missing = needs.map(|(index, needs)| {
            let never = usize::from(!wanted(index as u32));
            needs.len() + never
        });
        let missing: Vec<usize> = missing.collect();
        let ready = missing.iter().enumerate().filter(|(_, count)| **count == 0);
        Self {
            results: vec![None; missing.len()],
            ready: ready
                .map(|(index, _)| (Reverse(graph.weight[index]), index as u32))
                .collect(),
            missing,
            waiting: BTreeMap::new(),
            departing: BTreeMap::new(),
            looked_up: 0,
            cores: Cores::new(options.jobs),
            memory: Memory::new(options.memory),
            running: BTreeMap::new(),
            active: 0,
            problems: Diagnostics::new(),
            made: BTreeSet::new(),
            counts: Counts::default(),
        }
    }

    /// Counts the way in which an action came to its output.
    fn count(&mut self, key: Digest, way: Way) -> Digest {
        match way {
            Way::Performed(_) => self.counts.performed += 1,
            Way::PerformedElsewhere(_) => {
                self.counts.performed += 1;
                self.counts.elsewhere += 1;
            }
            Way::Shared(_) => self.counts.shared += 1,
            Way::Found(_) => self.counts.cached += 1,
        }
        if way.made().is_some() {
            self.made.insert(key);
        }
        let (Way::Performed(output)
        | Way::PerformedElsewhere(output)
        | Way::Shared(output)
        | Way::Found(output)) = way;
        output
    }

    /// Whether nothing is left to do or to wait for.
    fn is_done(&self) -> bool {
        let is_idle = self.ready.is_empty() && self.waiting.is_empty();
        is_idle && self.departing.is_empty() && self.active == 0
    }
}

/// What a worker does next.
enum Task {
    /// Look an action's output up, and go on from there.
    LookUp(u32, Digest),
    /// Perform a long action whose output is nowhere, with its share of processors and memory.
    Run(u32, Digest, Loan),
}

/// How an action came to its output.
#[derive(Clone, Copy)]
enum Way {
    Performed(Digest),
    PerformedElsewhere(Digest),
    Shared(Digest),
    Found(Digest),
}

impl Way {
    /// The output, where it is new in the world.
    fn made(self) -> Option<Digest> {
        match self {
            Self::Performed(output) | Self::PerformedElsewhere(output) => Some(output),
            Self::Shared(_) | Self::Found(_) => None,
        }
    }
}

struct Engine<'a> {
    plan: &'a Plan,
    store: &'a Store,
    options: &'a Options<'a>,
    observer: &'a dyn Observer,
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
        // A worker that panicked takes the build down when its thread is joined; until then the others go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
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
        &self.plan.actions[index as usize]
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
        is_cancelled || state.problems.has_errors() || state.is_done()
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
            let action = &self.planned(index).action;
            let key = action.key(&|id| output(&state.results, id));
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

    fn inputs(&self, index: u32) -> BTreeMap<ActionId, Digest> {
        let state = self.state();
        let needs = self.graph.needs[index as usize].iter();
        needs.map(|id| (*id, output(&state.results, *id))).collect()
    }

    /// Whether an action is performed although its result may be stored; once for all that have its key.
    fn is_again(&self, index: u32, key: Digest) -> bool {
        self.again[index as usize] && !self.state().made.contains(&key)
    }

    /// An action's stored output.
    fn look_up(&self, index: u32, key: Digest) -> Result<Option<Digest>, Diagnostic> {
        let planned = self.planned(index);
        if self.is_again(index, key) {
            return Ok(None);
        }
        let yields = planned.action.yields();
        let found = ledger::result(self.store, &key, yields, self.trust);
        if found.is_some() {
            self.observer.event(planned, Event::Cached);
            if ledger::last(self.store, planned).is_none_or(|last| last.key != key) {
                self.remember(index, key)?;
            }
        }
        Ok(found)
    }

    /// Keeps what an action's key is made of, to tell later why it changed.
    fn remember(&self, index: u32, key: Digest) -> Result<(), Diagnostic> {
        let planned = self.planned(index);
        let inputs = self.inputs(index);
        let parts = Parts::of(self.plan, planned, key, &resolver(&inputs));
        ledger::remember(self.store, planned, &parts)
    }

    /// Performs an action here, on these processors where they are given.
    fn perform(&self, index: u32, key: Digest, processors: &[usize]) -> Result<Way, Diagnostics> {
        let here = |context: &Context<'_>| perform::perform(context).map(Some);
        let made = self.perform_by(index, key, processors, &here)?;
        Ok(Way::Performed(made.expect("what is here is performed")))
    }

    /// What performers are given.
    fn with_context<R>(
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
            observer: self.observer,
            trees: &self.trees,
            sites: &self.plan.sites,
        })
    }

    /// Performs an action in a certain way, and remembers what it yields; `None` where it was not performed after all.
    fn perform_by(
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
            status::reason(self.plan, self.store, planned, key, &resolver(&inputs))
        };
        self.observer
            .event(planned, Event::Started { cause: &cause });
        let clock = Stopwatch::start();
        let made = self.with_context(index, key, processors, how);
        let made = made.inspect_err(|_| self.observer.event(planned, Event::Failed))?;
        let Some(made) = made else {
            return Ok(None);
        };
        if let Some(earlier) = earlier.filter(|earlier| *earlier != made) {
            let ends = [(earlier, self.store), (made, self.store)];
            let warning = reproduction::differs(planned, ends);
            self.observer.event(planned, Event::Warning(&warning));
        }
        ledger::record(self.store, &key, &made)?;
        self.remember(index, key)?;
        let elapsed = clock.elapsed();
        self.observer.event(planned, Event::Finished { elapsed });
        Ok(Some(made))
    }

    /// Notes an outcome and frees those that waited for it.
    fn settle(&self, index: u32, key: Digest, outcome: Result<Way, Diagnostics>) {
        let mut state = self.state();
        state.active -= 1;
        let followers = state.running.remove(&key).unwrap_or_default();
        let found = match outcome {
            Ok(way) => Some(state.count(key, way)),
            Err(problems) => {
                let site = self.plan.actions[index as usize].site;
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
                state.counts.cached += 1;
                let planned = &self.plan.actions[*follower as usize];
                self.observer.event(planned, Event::Cached);
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

    fn finish(self) -> Result<Brought, Diagnostics> {
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
        Ok((state.results, state.counts))
    }
}

/// The digest of an input, where it is known or its action was reached.
pub(super) fn digest_of(input: &Input, results: &[Option<Digest>]) -> Option<Digest> {
    match input {
        Input::Known(digest) => Some(*digest),
        Input::Output(id) => results.get(id.0 as usize).copied().flatten(),
    }
}

fn output(results: &[Option<Digest>], id: ActionId) -> Digest {
    let result = results.get(id.0 as usize).copied().flatten();
    result.expect("an action is ready only when its inputs are there")
}

/// Finds an input's digest among those of one action.
fn resolver(inputs: &BTreeMap<ActionId, Digest>) -> impl Fn(ActionId) -> Digest + Sync {
    move |id| inputs.get(&id).copied().unwrap_or_else(|| Digest::of(b""))
}
