//! The scheduler: worker threads that take whatever has all its inputs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::ledger::{self, Parts, Trust};
use super::perform::{self, Context};
use super::{Event, Observer, Options, cancelled};
use crate::diagnostic::Diagnostics;
use crate::io::Stopwatch;
use crate::plan::{Action, ActionId, Plan, PlannedAction};
use crate::tree::{Digest, Store};

/// Every action's output.
pub(super) struct Done {
    /// By the index of the action.
    pub(super) results: Vec<Digest>,
    /// How many were performed.
    pub(super) performed: usize,
    /// How many were looked up.
    pub(super) cached: usize,
}

/// Brings every action of a plan to its output.
pub(super) fn perform_all(
    plan: &Plan,
    store: &Store,
    options: &Options<'_>,
    observer: &dyn Observer,
    trust: Trust,
) -> Result<Done, Diagnostics> {
    let graph = Graph::new(plan);
    let engine = Engine {
        plan,
        store,
        options,
        observer,
        trust,
        state: Mutex::new(State::new(&graph)),
        changed: Condvar::new(),
        graph,
    };
    std::thread::scope(|scope| {
        for _ in 1..options.jobs.clamp(1, 256) {
            scope.spawn(|| engine.work());
        }
        engine.work();
    });
    engine.finish()
}

/// Who needs whom.
struct Graph {
    /// By action: those it needs.
    needs: Vec<Vec<ActionId>>,
    /// By action: those that need it.
    needed_by: Vec<Vec<u32>>,
    /// By action: how much work lies between its start and the end of the build. The largest goes first.
    weight: Vec<u32>,
}

impl Graph {
    fn new(plan: &Plan) -> Self {
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
}

/// A rough idea of how long an action takes.
fn cost(action: &Action) -> u32 {
    match action {
        Action::Run { .. } | Action::Cpio { .. } => 20,
        Action::Vendor { .. } | Action::Git { .. } | Action::Fetch { .. } => 5,
        _ => 1,
    }
}

struct State {
    results: Vec<Option<Digest>>,
    /// By action: how many inputs are still to come.
    missing: Vec<usize>,
    ready: BTreeSet<(Reverse<u32>, u32)>,
    /// Keys being worked on, with the further actions that wait for the same result.
    running: BTreeMap<Digest, Vec<u32>>,
    active: usize,
    problems: Diagnostics,
    performed: usize,
    cached: usize,
}

impl State {
    fn new(graph: &Graph) -> Self {
        let missing: Vec<usize> = graph.needs.iter().map(Vec::len).collect();
        let ready = missing.iter().enumerate().filter(|(_, count)| **count == 0);
        Self {
            results: vec![None; missing.len()],
            ready: ready
                .map(|(index, _)| (Reverse(graph.weight[index]), index as u32))
                .collect(),
            missing,
            running: BTreeMap::new(),
            active: 0,
            problems: Diagnostics::new(),
            performed: 0,
            cached: 0,
        }
    }
}

/// How an action came to its output.
enum Way {
    Performed(Digest),
    Found(Digest),
}

struct Engine<'a> {
    plan: &'a Plan,
    store: &'a Store,
    options: &'a Options<'a>,
    observer: &'a dyn Observer,
    trust: Trust,
    graph: Graph,
    state: Mutex<State>,
    changed: Condvar,
}

impl Engine<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        // A worker that panicked takes the build down when its thread is joined; until then the others go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some((index, key)) = self.next() {
            let planned = &self.plan.actions[index as usize];
            let outcome = self.bring(planned, key, index);
            self.settle(index, key, outcome);
        }
    }

    /// Waits for an action whose inputs are there and whose key nobody else works on.
    fn next(&self) -> Option<(u32, Digest)> {
        let mut state = self.state();
        loop {
            let stopped =
                self.options.cancel.load(Ordering::Relaxed) || state.problems.has_errors();
            if stopped || (state.ready.is_empty() && state.active == 0) {
                self.changed.notify_all();
                return None;
            }
            let Some((_, index)) = state.ready.pop_first() else {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let action = &self.plan.actions[index as usize].action;
            let key = action.key(&|id| output(&state.results, id));
            if let Some(followers) = state.running.get_mut(&key) {
                followers.push(index);
                continue;
            }
            state.running.insert(key, Vec::new());
            state.active += 1;
            return Some((index, key));
        }
    }

    /// Looks an action's output up, or performs it.
    fn bring(&self, planned: &PlannedAction, key: Digest, index: u32) -> Result<Way, Diagnostics> {
        let inputs: BTreeMap<ActionId, Digest> = {
            let state = self.state();
            let needs = self.graph.needs[index as usize].iter();
            needs.map(|id| (*id, output(&state.results, *id))).collect()
        };
        let resolve = |id| inputs.get(&id).copied().unwrap_or_else(|| Digest::of(b""));
        let parts = || Parts::of(self.plan, &planned.action, key, &resolve);
        let yields = planned.action.yields();
        if let Some(found) = ledger::result(self.store, &key, yields, self.trust) {
            self.observer.event(planned, Event::Cached);
            if ledger::last(self.store, planned).is_none_or(|last| last.key != key) {
                ledger::remember(self.store, planned, &parts())?;
            }
            return Ok(Way::Found(found));
        }
        self.observer.event(planned, Event::Started);
        let clock = Stopwatch::start();
        let context = Context {
            store: self.store,
            planned,
            key,
            resolve: &resolve,
            options: self.options,
            observer: self.observer,
            sites: &self.plan.sites,
        };
        let made = perform::perform(&context).inspect_err(|_| {
            self.observer.event(planned, Event::Failed);
        })?;
        ledger::record(self.store, &key, &made)?;
        ledger::remember(self.store, planned, &parts())?;
        let elapsed = clock.elapsed();
        self.observer.event(planned, Event::Finished { elapsed });
        Ok(Way::Performed(made))
    }

    /// Notes an outcome and frees those that waited for it.
    fn settle(&self, index: u32, key: Digest, outcome: Result<Way, Diagnostics>) {
        let mut state = self.state();
        state.active -= 1;
        let followers = state.running.remove(&key).unwrap_or_default();
        let found = match outcome {
            Ok(Way::Performed(output)) => {
                state.performed += 1;
                Some(output)
            }
            Ok(Way::Found(output)) => {
                state.cached += 1;
                Some(output)
            }
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
                state.cached += 1;
                let planned = &self.plan.actions[*follower as usize];
                self.observer.event(planned, Event::Cached);
            }
            for done in followers.into_iter().chain([index]) {
                state.results[done as usize] = Some(output);
                for next in &self.graph.needed_by[done as usize] {
                    let missing = &mut state.missing[*next as usize];
                    *missing -= 1;
                    if *missing == 0 {
                        let weight = Reverse(self.graph.weight[*next as usize]);
                        state.ready.insert((weight, *next));
                    }
                }
            }
        }
        self.changed.notify_all();
    }

    fn finish(self) -> Result<Done, Diagnostics> {
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
        let results: Option<Vec<Digest>> = state.results.into_iter().collect();
        Ok(Done {
            results: results.expect("inputs come before those who need them, so all were reached"),
            performed: state.performed,
            cached: state.cached,
        })
    }
}

fn output(results: &[Option<Digest>], id: ActionId) -> Digest {
    let result = results.get(id.0 as usize).copied().flatten();
    result.expect("an action is ready only when its inputs are there")
}
