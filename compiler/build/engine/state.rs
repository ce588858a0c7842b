//! What is known of a build that runs: what is ready, what waits, what was done.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::super::cores::Cores;
use super::super::graph::Graph;
use super::super::memory::Memory;
use super::super::{Counts, Options};
use super::together::Together;
use crate::diagnostic::Diagnostics;
use crate::tree::Digest;

/// An action's place among those that could be next: the weightiest first.
pub(super) type Place = (Reverse<u32>, u32);

/// What the threads of an engine share.
pub(super) struct State {
    pub(super) results: Vec<Option<Digest>>,
    /// By action: how many inputs are still to come.
    pub(super) missing: Vec<usize>,
    pub(super) ready: BTreeSet<Place>,
    /// Long actions that are to run as soon as there are processors and memory for them, with their keys.
    pub(super) waiting: BTreeMap<Place, Digest>,
    /// What is to go elsewhere as soon as a slot is free.
    pub(super) departing: BTreeMap<Place, Digest>,
    /// What was made here and is to be shared: actions, their keys, what they yielded.
    pub(super) sharing: Vec<(u32, Digest, Digest)>,
    /// Of how many long actions it is being found out whether they have to run here.
    pub(super) looked_up: usize,
    pub(super) cores: Cores,
    pub(super) memory: Memory,
    /// Keys being worked on, with the further actions that wait for the same result.
    pub(super) running: BTreeMap<Digest, Vec<u32>>,
    pub(super) active: usize,
    /// A thread has panicked: nothing more is begun.
    pub(super) has_panicked: bool,
    pub(super) problems: Diagnostics,
    /// Keys that were worked on with success.
    pub(super) made: BTreeSet<Digest>,
    /// By errand.
    pub(super) counts: Vec<Counts>,
}

impl State {
    /// Everything that needs nothing is ready.
    pub(super) fn new(together: &Together<'_>, graph: &Graph, options: &Options<'_>) -> Self {
        let needs = graph.needs.iter().enumerate();
        // One that nobody wants lacks more than will ever come.
        let missing = needs.map(|(index, needs)| {
            let never = usize::from(!together.is_wanted(index as u32));
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
            sharing: Vec::new(),
            looked_up: 0,
            cores: Cores::new(options.jobs),
            memory: Memory::new(options.memory),
            running: BTreeMap::new(),
            active: 0,
            has_panicked: false,
            problems: Diagnostics::new(),
            made: BTreeSet::new(),
            counts: vec![Counts::default(); together.count()],
        }
    }

    /// Counts for an errand the way in which an action came to its output.
    pub(super) fn count(&mut self, errand: usize, key: Digest, way: Way) -> Digest {
        let counts = &mut self.counts[errand];
        match way {
            Way::Performed(_) => counts.performed += 1,
            Way::PerformedElsewhere(_) => {
                counts.performed += 1;
                counts.elsewhere += 1;
            }
            Way::Shared(_) => counts.shared += 1,
            Way::Found(_) => counts.cached += 1,
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
    pub(super) fn is_done(&self) -> bool {
        let is_idle = self.ready.is_empty() && self.waiting.is_empty();
        is_idle && self.departing.is_empty() && self.sharing.is_empty() && self.active == 0
    }
}

/// How an action came to its output.
#[derive(Clone, Copy)]
pub(super) enum Way {
    Performed(Digest),
    PerformedElsewhere(Digest),
    Shared(Digest),
    Found(Digest),
}

impl Way {
    /// The output, where it is new in the world.
    pub(super) fn made(self) -> Option<Digest> {
        match self {
            Self::Performed(output) | Self::PerformedElsewhere(output) => Some(output),
            Self::Shared(_) | Self::Found(_) => None,
        }
    }
}
