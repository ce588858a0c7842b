//! Which names the wishes can reach, and how long a chain of dependencies hangs below each.
//!
//! The depth of a name decides which of two undecided names goes first. Dependencies have cycles, so the depth depends on
//! where the walk comes in: it goes depth first, through the dependencies of a name's providers and then through what
//! their presence may bring along, wish by wish. The walk keeps its own stack, so that no index can exhaust the thread's.

use super::universe::{NameId, Universe};

/// What the walk learns of a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// Whether the walk came by.
    pub(super) seen: bool,
    /// The longest chain of dependencies below it, as far as it was known when the walk left it.
    pub(super) depth: u32,
}

/// Walks everything that the wishes can reach; the result is by name.
pub(super) fn discover(universe: &Universe<'_>) -> Vec<Reach> {
    let mut walk = Walk {
        universe,
        names: vec![Reach::default(); universe.names().count()],
        packages: vec![Reach::default(); universe.packages().len()],
        stack: Vec::new(),
    };
    for wish in &universe.world {
        walk.enter(wish.requirement.name);
        walk.run();
    }
    walk.names
}

/// Where the walk stands in a name.
#[derive(Clone, Copy)]
enum Step {
    /// At a provider, before its dependencies.
    Provider(usize),
    /// At a dependency of a provider.
    Depends { provider: usize, dependency: usize },
    /// At a companion of one of the names that a provider answers to; role 0 is its own name.
    Companions {
        provider: usize,
        role: usize,
        companion: usize,
    },
}

struct Walk<'u, 'a> {
    universe: &'u Universe<'a>,
    names: Vec<Reach>,
    packages: Vec<Reach>,
    stack: Vec<(NameId, Step)>,
}

impl Walk<'_, '_> {
    fn enter(&mut self, name: NameId) {
        let reach = &mut self.names[name.index()];
        if !reach.seen {
            reach.seen = true;
            self.stack.push((name, Step::Provider(0)));
        }
    }

    fn run(&mut self) {
        while let Some((name, step)) = self.stack.pop() {
            match step {
                Step::Provider(provider) => self.provider(name, provider),
                Step::Depends {
                    provider,
                    dependency,
                } => self.dependency(name, provider, dependency),
                Step::Companions {
                    provider,
                    role,
                    companion,
                } => self.companion(name, provider, role, companion),
            }
        }
    }

    fn provider(&mut self, name: NameId, number: usize) {
        let Some(provider) = self.universe.name(name).providers.get(number) else {
            self.stack.push((
                name,
                Step::Companions {
                    provider: 0,
                    role: 0,
                    companion: 0,
                },
            ));
            return;
        };
        let package = &mut self.packages[provider.package.index()];
        if package.seen {
            self.leave(name, number);
        } else {
            package.seen = true;
            self.stack.push((
                name,
                Step::Depends {
                    provider: number,
                    dependency: 0,
                },
            ));
        }
    }

    fn dependency(&mut self, name: NameId, number: usize, dependency: usize) {
        let package = self.universe.name(name).providers[number].package;
        let depends = &self.universe.package(package).depends;
        // The dependency before this one has been walked by now.
        if let Some(walked) = dependency
            .checked_sub(1)
            .and_then(|before| depends.get(before))
        {
            let below = self.names[walked.name.index()].depth + 1;
            let reach = &mut self.packages[package.index()];
            reach.depth = reach.depth.max(below);
        }
        if let Some(next) = depends.get(dependency) {
            self.stack.push((
                name,
                Step::Depends {
                    provider: number,
                    dependency: dependency + 1,
                },
            ));
            self.enter(next.name);
        } else {
            self.leave(name, number);
        }
    }

    fn leave(&mut self, name: NameId, number: usize) {
        let package = self.universe.name(name).providers[number].package;
        let reach = &mut self.names[name.index()];
        reach.depth = reach.depth.max(self.packages[package.index()].depth);
        self.stack.push((name, Step::Provider(number + 1)));
    }

    fn companion(&mut self, name: NameId, number: usize, role: usize, companion: usize) {
        let Some(provider) = self.universe.name(name).providers.get(number) else {
            return;
        };
        let Some(role_name) = self.universe.role(provider.package, role) else {
            let next = Step::Companions {
                provider: number + 1,
                role: 0,
                companion: 0,
            };
            self.stack.push((name, next));
            return;
        };
        let is_done = role > 0 && companion == 0 && self.names[role_name.index()].seen;
        match self.universe.name(role_name).companions.get(companion) {
            Some(next) if !is_done => {
                self.stack.push((
                    name,
                    Step::Companions {
                        provider: number,
                        role,
                        companion: companion + 1,
                    },
                ));
                self.enter(*next);
            }
            _ => self.stack.push((
                name,
                Step::Companions {
                    provider: number,
                    role: role + 1,
                    companion: 0,
                },
            )),
        }
    }
}
