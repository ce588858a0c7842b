//! Which packages a set of wishes comes to, and in which order they are installed.
//!
//! Comes in: the parsed indexes of the repositories, first to last, and `world`, what is wished for. Goes out: a
//! [`Solution`], or a [`Refusal`] that says which wish fails on what. No file, no network, no manifest.
//!
//! The answer is the one that apk-tools 2.14 gives for `apk add WORLD…` in an empty root, package for package and in the
//! same order, because images must not change when their users change tools, and because repositories are composed and
//! tested with that program. apk does not search for *a* solution: it propagates what all candidates for a name have in
//! common, then commits to the best candidate of one name and never goes back. What is best depends on what was
//! committed before, and ties fall by the order in which its name table happens to be walked. A SAT or PubGrub solver
//! finds other, equally valid answers, and the wish to imitate would need every one of those rules as its cost function.
//! So the same two steps are made here, over data laid out for it:
//!
//! - [`universe`] numbers names and packages, in a [`table`] that keeps apk's order of names,
//! - [`discover`] finds what the wishes can reach, and how deep it lies,
//! - [`search`] and [`propagate`] decide every name,
//! - [`order`] walks the decisions depth first into the order of installation,
//! - [`explain`] says of a failed search who needs what and why that cannot be.

mod discover;
mod explain;
mod order;
mod propagate;
mod search;
mod table;
mod universe;

pub use explain::{Asker, Candidate, Link, Obstacle, Problem, Refusal};

use super::dependency::Dependency;
use super::index::{Index, Package};
pub use universe::Catalogue;
use universe::Universe;

/// One repository as the solver sees it.
#[derive(Debug, Clone, Copy)]
pub struct Repository<'a> {
    /// What it offers.
    pub index: &'a Index<'a>,
    /// Its tag: tagged repositories serve only wishes that carry the tag, and what those need.
    pub tag: Option<&'a str>,
}

/// The most repositories that can be told apart.
pub const MOST_REPOSITORIES: usize = 64;

/// Why a package is part of a solution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason<'a> {
    /// An entry of `world` asks for it.
    Wished(Dependency<'a>),
    /// The package at this position of the solution needs it.
    Needed {
        /// Position of the package that needs it, in [`Solution::packages`].
        by: usize,
        /// What that package says.
        dependency: Dependency<'a>,
    },
    /// Its `install_if` holds.
    Companion,
}

/// A package of a solution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<'a> {
    /// The package.
    pub package: &'a Package<'a>,
    /// The first repository that offers it, as an index into those given.
    pub repository: usize,
    /// Who asked for it first.
    pub reason: Reason<'a>,
}

/// What is to be installed, in the order of installation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Solution<'a> {
    /// The packages: dependencies before what needs them, as far as there are no cycles.
    pub packages: Vec<Choice<'a>>,
}

impl<'a> Catalogue<'a> {
    /// Resolves `world`; of several entries with one name the last counts.
    pub fn resolve(&'a self, world: &[Dependency<'a>]) -> Result<Solution<'a>, Refusal<'a>> {
        let universe = Universe::new(self, world);
        if let Some(wish) = universe.world.iter().find(|wish| wish.tag == 0) {
            return Err(Refusal::UnknownTag(wish.requirement.dependency));
        }
        let decisions = search::decide(&universe);
        let outcome = order::arrange(&universe, &decisions);
        if decisions.errors == 0 && outcome.errors == 0 {
            return Ok(outcome.solution);
        }
        Err(explain::explain(&universe, &decisions, &outcome))
    }
}

#[cfg(test)]
mod tests;
