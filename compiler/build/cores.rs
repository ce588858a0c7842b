//! The budget of processors, which foreign commands and long work of zosc's own share.
//!
//! A command is told its share by what it may run on: `nproc`, `make -j"$(nproc)"` and cargo look at that. It counts for no key.

/// Processors that are free to be given to commands.
#[derive(Debug)]
pub(super) struct Cores {
    /// By place in the budget: the processor behind it.
    free: Vec<usize>,
    /// Places in all.
    budget: usize,
    /// Whether the budget is the machine: then a command that has all of it is not held to anything.
    is_everything: bool,
}

impl Cores {
    /// A budget of `jobs` places on the processors that this process may use.
    ///
    /// Several zosc at once begin at different ones.
    pub(super) fn new(jobs: usize) -> Self {
        let allowed = rustix::thread::sched_getaffinity(None)
            .map(|set| {
                let all = 0..rustix::thread::CpuSet::MAX_CPU;
                all.filter(|number| set.is_set(*number)).collect()
            })
            .unwrap_or_default();
        Self::among(allowed, jobs, std::process::id() as usize)
    }

    fn among(allowed: Vec<usize>, jobs: usize, first: usize) -> Self {
        let budget = jobs.max(1);
        let count = allowed.len().max(1);
        let place = |place: usize| allowed.get((first + place) % count).copied().unwrap_or(0);
        Self {
            free: (0..budget).rev().map(place).collect(),
            budget,
            is_everything: allowed.is_empty() || budget >= allowed.len(),
        }
    }

    /// Whether a command can start now.
    pub(super) fn is_any_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// The share of a command, when so many others are about to start.
    pub(super) fn take(&mut self, others: usize) -> Share {
        let count = self.free.len().div_ceil(others + 1);
        let places = self.free.split_off(self.free.len() - count);
        Share {
            unbound: self.is_everything && places.len() == self.budget,
            places,
        }
    }

    /// One processor, for work of zosc's own; `None` where none is free.
    pub(super) fn take_one(&mut self) -> Option<Share> {
        let place = self.free.pop()?;
        Some(Share {
            unbound: true,
            places: vec![place],
        })
    }

    /// Takes a share back.
    pub(super) fn give_back(&mut self, share: Share) {
        self.free.extend(share.places);
    }
}

/// What one command has of the budget.
#[derive(Debug)]
pub(super) struct Share {
    places: Vec<usize>,
    unbound: bool,
}

impl Share {
    /// The processors to run on; none where the command may use all that there are.
    pub(super) fn processors(&self) -> Vec<usize> {
        if self.unbound {
            return Vec::new();
        }
        let mut processors = self.places.clone();
        processors.sort_unstable();
        processors.dedup();
        processors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(count: usize, jobs: usize) -> Cores {
        Cores::among((10..10 + count).collect(), jobs, 0)
    }

    #[test]
    fn commands_that_start_together_share_and_one_alone_has_all() {
        let mut cores = machine(4, 4);
        let alone = cores.take(0);
        assert_eq!(
            alone.processors(),
            Vec::<usize>::new(),
            "not held to anything"
        );
        assert!(!cores.is_any_free());
        cores.give_back(alone);
        let first = cores.take(2);
        let second = cores.take(1);
        let third = cores.take(0);
        let mut all = [&first, &second, &third].map(Share::processors).concat();
        all.sort_unstable();
        assert_eq!(all, [10, 11, 12, 13], "nothing twice");
        assert_eq!(first.processors().len(), 2);
        cores.give_back(first);
        assert_eq!(cores.take(0).processors().len(), 2);
    }

    #[test]
    fn a_small_budget_binds_and_a_large_one_goes_round() {
        assert_eq!(machine(4, 1).take(0).processors(), [10]);
        assert_eq!(machine(4, 3).take(0).processors(), [10, 11, 12]);
        let mut cores = machine(2, 4);
        assert_eq!(cores.take(1).processors(), [10, 11]);
        assert_eq!(cores.take(0).processors(), [10, 11]);
        assert_eq!(
            Cores::among(Vec::new(), 2, 5).take(0).processors(),
            Vec::<usize>::new()
        );
    }

    #[test]
    fn several_zosc_begin_elsewhere() {
        let begin = |first| {
            Cores::among((0..4).collect(), 1, first)
                .take(0)
                .processors()
        };
        assert_eq!([begin(0), begin(1), begin(6)], [[0], [1], [2]]);
    }
}
