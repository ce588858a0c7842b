//! From decisions to the order of installation.
//!
//! Wishes in turn, depth first: what a package depends on, the package, then what its presence brings along. A cycle
//! breaks where it is entered a second time. The walk keeps its own stack, so that no index can exhaust the thread's.

use super::super::dependency::Dependency;
use super::search::Decisions;
use super::universe::{NameId, PackageId, Requirement, Universe};
use super::{Choice, Reason, Solution};

/// The order, and how many of its packages lack something.
pub(super) struct Outcome<'a> {
    pub(super) solution: Solution<'a>,
    /// The packages of the solution, as the universe numbers them.
    pub(super) packages: Vec<PackageId>,
    pub(super) errors: usize,
}

/// Puts the chosen packages in order.
pub(super) fn arrange<'a>(universe: &Universe<'a>, decisions: &Decisions<'a>) -> Outcome<'a> {
    let mut walk = Walk {
        universe,
        decisions,
        reached: vec![false; universe.names().count()],
        entered: vec![false; universe.packages().len()],
        position: vec![None; universe.packages().len()],
        pending: Vec::new(),
        packages: Vec::new(),
        stack: Vec::new(),
        errors: 0,
    };
    for wish in &universe.world {
        walk.enter(
            wish.requirement.name,
            Asked::Wish(wish.requirement.dependency),
        );
        walk.run();
    }
    walk.finish()
}

/// Who led the walk to a package.
#[derive(Clone, Copy)]
enum Asked<'a> {
    Wish(Dependency<'a>),
    Package(PackageId, Dependency<'a>),
    Companion,
}

/// What is left to do with a package.
enum Step {
    Depends(usize),
    /// At a companion of one of the names that it answers to; role 0 is its own name.
    Companions {
        role: usize,
        companion: usize,
    },
}

struct Walk<'u, 'a> {
    universe: &'u Universe<'a>,
    decisions: &'u Decisions<'a>,
    /// Names whose package is in the order or about to be.
    reached: Vec<bool>,
    entered: Vec<bool>,
    position: Vec<Option<usize>>,
    pending: Vec<(PackageId, Asked<'a>)>,
    packages: Vec<(PackageId, Asked<'a>)>,
    stack: Vec<(PackageId, Step)>,
    errors: usize,
}

impl<'a> Walk<'_, 'a> {
    fn enter(&mut self, name: NameId, asked: Asked<'a>) {
        if std::mem::replace(&mut self.reached[name.index()], true) {
            return;
        }
        let Some(provider) = self.decisions.names[name.index()].provider() else {
            return;
        };
        let package = provider.package;
        if std::mem::replace(&mut self.entered[package.index()], true) {
            return;
        }
        for (role, _) in self.universe.roles(package) {
            self.reached[role.index()] = true;
        }
        self.pending.push((package, asked));
        self.stack.push((package, Step::Depends(0)));
    }

    fn run(&mut self) {
        while let Some((package, step)) = self.stack.pop() {
            match step {
                Step::Depends(number) => self.depends(package, number),
                Step::Companions { role, companion } => self.companions(package, role, companion),
            }
        }
    }

    fn depends(&mut self, package: PackageId, number: usize) {
        let universe = self.universe;
        let Some(requirement) = universe.package(package).depends.get(number) else {
            self.place(package);
            self.stack.push((
                package,
                Step::Companions {
                    role: 0,
                    companion: 0,
                },
            ));
            return;
        };
        self.errors += usize::from(!self.is_met(requirement));
        self.stack.push((package, Step::Depends(number + 1)));
        self.enter(
            requirement.name,
            Asked::Package(package, requirement.dependency),
        );
    }

    fn place(&mut self, package: PackageId) {
        // Packages are placed in the reverse order of being entered, save those in between, which are placed already.
        let index = self
            .pending
            .iter()
            .rposition(|(pending, _)| *pending == package);
        if let Some(index) = index {
            let (_, asked) = self.pending.remove(index);
            self.position[package.index()] = Some(self.packages.len());
            self.packages.push((package, asked));
        }
    }

    fn companions(&mut self, package: PackageId, role: usize, companion: usize) {
        let Some(name) = self.universe.role(package, role) else {
            return;
        };
        let Some(&next) = self.universe.name(name).companions.get(companion) else {
            self.stack.push((
                package,
                Step::Companions {
                    role: role + 1,
                    companion: 0,
                },
            ));
            return;
        };
        self.stack.push((
            package,
            Step::Companions {
                role,
                companion: companion + 1,
            },
        ));
        if self.is_companion(next) {
            self.enter(next, Asked::Companion);
        }
    }

    /// Whether what was chosen for a name comes along with what is in the order by now.
    fn is_companion(&self, name: NameId) -> bool {
        let Some(provider) = self.decisions.names[name.index()].provider() else {
            return false;
        };
        // A name that no wish reaches may be held by a package that answers to it by the way.
        if !self.decisions.reached[name.index()] {
            return false;
        }
        let mut conditions = self.universe.package(provider.package).install_if.iter();
        conditions.all(|condition| self.reached[condition.name.index()] && self.is_met(condition))
    }

    fn is_met(&self, requirement: &Requirement<'a>) -> bool {
        let provider = self.decisions.names[requirement.name.index()].provider();
        self.universe.meets(requirement, provider)
    }

    fn finish(self) -> Outcome<'a> {
        let choices = self.packages.iter().map(|(id, asked)| Choice {
            package: self.universe.package(*id).package,
            repository: self.universe.first_repository(*id),
            reason: match *asked {
                Asked::Wish(dependency) => Reason::Wished(dependency),
                Asked::Package(by, dependency) => match self.position[by.index()] {
                    Some(by) => Reason::Needed { by, dependency },
                    None => Reason::Companion,
                },
                Asked::Companion => Reason::Companion,
            },
        });
        Outcome {
            solution: Solution {
                packages: choices.collect(),
            },
            packages: self.packages.iter().map(|(id, _)| *id).collect(),
            errors: self.errors,
        }
    }
}
