//! What a failed search failed on.
//!
//! The search goes on after its first failure, so what it chose is a picture of what would be installed. Every wish and
//! every dependency of a chosen package is held against that picture; what is not met is a [`Problem`], with the chain
//! that leads to who asked, and the candidates with what stands against each.

use std::collections::{BTreeMap, BTreeSet};

use super::super::dependency::{Constraint, Dependency};
use super::order::Outcome;
use super::search::Decisions;
use super::universe::{NameId, PackageId, Provider, Requirement, Universe};
use super::{Choice, Reason};

/// Who asks for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker<'a> {
    /// An entry of `world`.
    Wish,
    /// A package.
    Package {
        /// Its name.
        name: &'a str,
        /// Its version.
        version: &'a str,
    },
}

/// One link of a chain: somebody says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link<'a> {
    /// Who.
    pub asker: Asker<'a>,
    /// What it needs or refuses.
    pub dependency: Dependency<'a>,
}

/// A package that answers to a name that could not be had, and what stands against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// The package's name.
    pub name: &'a str,
    /// The package's version.
    pub version: &'a str,
    /// The first repository that offers it.
    pub repository: usize,
    /// Why it was not taken.
    pub obstacle: Obstacle<'a>,
}

/// What stands against a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle<'a> {
    /// It does not have the version that is asked for.
    Version,
    /// It is served by repositories with this tag only, and nothing that carries the tag asks for it.
    Tag(&'a str),
    /// Its record has a field or a dependency that cannot be read.
    Unreadable,
    /// Somebody else refuses it.
    Refused(Link<'a>),
    /// It answers to a name that this other package holds.
    Rival {
        /// The name that both answer to.
        name: &'a str,
        /// The package that holds it.
        holder: &'a str,
    },
    /// It needs this, which cannot be had.
    Needs(Dependency<'a>),
    /// It answers to the name without a version, and such packages are taken only when they are named.
    NotByItself,
    /// Nothing single.
    Unknown,
}

/// Something that is asked for and cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem<'a> {
    /// From a wish to who asks; the last link is what cannot be had.
    pub chain: Vec<Link<'a>>,
    /// Who could have answered; empty when nobody has the name.
    pub candidates: Vec<Candidate<'a>>,
}

/// Why there is no solution; at least one problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal<'a> {
    /// The wishes cannot be met together.
    Unsatisfiable(Vec<Problem<'a>>),
    /// A wish carries a tag that no repository has.
    UnknownTag(Dependency<'a>),
}

/// Most candidates that are told of for one problem.
const MOST_CANDIDATES: usize = 8;

/// Most problems that are told of: finding out what stands against a candidate takes a look at the whole picture.
const MOST_PROBLEMS: usize = 50;

/// Says what a failed search failed on.
pub(super) fn explain<'a>(
    universe: &Universe<'a>,
    decisions: &Decisions<'a>,
    outcome: &Outcome<'a>,
) -> Refusal<'a> {
    let explainer = Explainer {
        universe,
        decisions,
        outcome,
    };
    let mut problems = Vec::new();
    let mut told: BTreeSet<(NameId, String)> = BTreeSet::new();
    let wishes = universe.world.iter().map(|wish| (&wish.requirement, None));
    let needs = outcome
        .packages
        .iter()
        .enumerate()
        .flat_map(|(position, id)| {
            universe
                .package(*id)
                .depends
                .iter()
                .map(move |requirement| (requirement, Some(position)))
        });
    for (requirement, asker) in wishes.chain(needs) {
        let is_new = |told: &mut BTreeSet<_>| {
            told.insert((requirement.name, requirement.dependency.to_string()))
        };
        if problems.len() < MOST_PROBLEMS && !explainer.is_met(requirement) && is_new(&mut told) {
            problems.push(explainer.problem(requirement, asker));
        }
    }
    if problems.is_empty() {
        problems = explainer.clashes();
    }
    Refusal::Unsatisfiable(problems)
}

struct Explainer<'u, 'a> {
    universe: &'u Universe<'a>,
    decisions: &'u Decisions<'a>,
    outcome: &'u Outcome<'a>,
}

impl<'a> Explainer<'_, 'a> {
    /// Whether a requirement holds without breaking a rule.
    fn is_met(&self, requirement: &Requirement<'a>) -> bool {
        let provider = self.decisions.names[requirement.name.index()].provider();
        let sound = provider.is_none_or(|provider| {
            self.universe.package(provider.package).installable
                && self.decisions.tag_allowed[provider.package.index()]
        });
        self.universe.meets(requirement, provider) && (sound || requirement.conflict())
    }

    fn problem(&self, requirement: &Requirement<'a>, asker: Option<usize>) -> Problem<'a> {
        let mut chain = asker
            .map(|position| self.chain(position))
            .unwrap_or_default();
        let asker = asker.and_then(|position| self.outcome.packages.get(position));
        chain.push(Link {
            asker: self.asker(asker.copied()),
            dependency: requirement.dependency,
        });
        Problem {
            chain,
            candidates: self.candidates(requirement),
        }
    }

    fn asker(&self, package: Option<PackageId>) -> Asker<'a> {
        package.map_or(Asker::Wish, |id| {
            let package = self.universe.package(id).package;
            Asker::Package {
                name: package.name,
                version: package.version,
            }
        })
    }

    /// How the package at a position came in, from a wish on.
    fn chain(&self, position: usize) -> Vec<Link<'a>> {
        let mut links = Vec::new();
        let mut seen = BTreeSet::new();
        let mut at = Some(position);
        while let Some(position) = at.take().filter(|position| seen.insert(*position)) {
            match self
                .outcome
                .solution
                .packages
                .get(position)
                .map(|choice: &Choice<'a>| &choice.reason)
            {
                Some(Reason::Wished(dependency)) => links.push(Link {
                    asker: Asker::Wish,
                    dependency: *dependency,
                }),
                Some(Reason::Needed { by, dependency }) => {
                    let asker = self.asker(self.outcome.packages.get(*by).copied());
                    links.push(Link {
                        asker,
                        dependency: *dependency,
                    });
                    at = Some(*by);
                }
                Some(Reason::Companion) | None => {}
            }
        }
        links.reverse();
        links
    }

    /// Who answers to the name, the better ones first.
    fn candidates(&self, requirement: &Requirement<'a>) -> Vec<Candidate<'a>> {
        let mut providers = self.universe.name(requirement.name).providers.clone();
        // What has the version and fails on something else says more than what has another version.
        providers.sort_by_key(|provider| {
            !requirement.conflict() && !self.universe.meets(requirement, Some(*provider))
        });
        let told = providers.into_iter().take(MOST_CANDIDATES);
        told.map(|provider| {
            let package = self.universe.package(provider.package).package;
            Candidate {
                name: package.name,
                version: package.version,
                repository: self.universe.first_repository(provider.package),
                obstacle: self.obstacle(requirement, provider),
            }
        })
        .collect()
    }

    fn obstacle(&self, requirement: &Requirement<'a>, provider: Provider<'a>) -> Obstacle<'a> {
        let universe = self.universe;
        let member = universe.package(provider.package);
        if requirement.conflict() {
            let wanted = self.asked_by(provider.package, |link| !link.dependency.conflict);
            return wanted.map_or(Obstacle::Unknown, Obstacle::Refused);
        }
        if !universe.meets(requirement, Some(provider)) {
            return Obstacle::Version;
        }
        if !member.installable {
            return Obstacle::Unreadable;
        }
        if !self.decisions.tag_allowed[provider.package.index()] {
            let tag = universe.tag_of(universe.first_repository(provider.package));
            return tag.map_or(Obstacle::Unknown, Obstacle::Tag);
        }
        if let Some(link) = self.refused_by(provider.package) {
            return Obstacle::Refused(link);
        }
        if let Some((name, holder)) = self.rival(provider.package) {
            return Obstacle::Rival { name, holder };
        }
        if let Some(lacking) = member
            .depends
            .iter()
            .find(|needed| self.is_hopeless(needed))
        {
            return Obstacle::Needs(lacking.dependency);
        }
        if provider.version.is_none() && member.package.provider_priority == 0 {
            return Obstacle::NotByItself;
        }
        Obstacle::Unknown
    }

    /// Everything that wishes and chosen packages say.
    fn links(&self) -> impl Iterator<Item = (Link<'a>, &Requirement<'a>)> {
        let wishes = self
            .universe
            .world
            .iter()
            .map(|wish| (None, &wish.requirement));
        let chosen = self.outcome.packages.iter().flat_map(|id| {
            self.universe
                .package(*id)
                .depends
                .iter()
                .map(move |requirement| (Some(*id), requirement))
        });
        wishes.chain(chosen).map(|(asker, requirement)| {
            let link = Link {
                asker: self.asker(asker),
                dependency: requirement.dependency,
            };
            (link, requirement)
        })
    }

    /// Who says something about a package under one of its names.
    fn asked_by(&self, package: PackageId, which: impl Fn(&Link<'a>) -> bool) -> Option<Link<'a>> {
        let roles: BTreeSet<NameId> = self.universe.roles(package).map(|(role, _)| role).collect();
        self.links()
            .find(|(link, requirement)| which(link) && roles.contains(&requirement.name))
            .map(|(link, _)| link)
    }

    /// Whose words a package contradicts.
    fn refused_by(&self, package: PackageId) -> Option<Link<'a>> {
        let mut roles: BTreeMap<NameId, Vec<Provider<'a>>> = BTreeMap::new();
        for (role, provider) in self.universe.roles(package) {
            roles.entry(role).or_default().push(provider);
        }
        let contradicts = |requirement: &Requirement<'a>| {
            let mut answers = roles.get(&requirement.name).into_iter().flatten();
            answers.any(|provider| !self.universe.meets(requirement, Some(*provider)))
        };
        self.links()
            .find(|(_, requirement)| contradicts(requirement))
            .map(|(link, _)| link)
    }

    /// Which chosen package holds a name that this one answers to as well.
    fn rival(&self, package: PackageId) -> Option<(&'a str, &'a str)> {
        self.universe.roles(package).find_map(|(role, provider)| {
            let holder = self.decisions.names[role.index()].provider()?;
            let coexists = holder.version.is_none() && provider.version.is_none();
            (holder.package != package && !coexists).then(|| {
                (
                    self.universe.name(role).text,
                    self.universe.package(holder.package).package.name,
                )
            })
        })
    }

    /// Whether nothing that exists meets a requirement, or something else was decided for its name.
    fn is_hopeless(&self, requirement: &Requirement<'a>) -> bool {
        let mut providers = self.universe.name(requirement.name).providers.iter();
        let possible = providers.any(|provider| self.universe.meets(requirement, Some(*provider)));
        let decided = self.decisions.names[requirement.name.index()].provider();
        let contradicted = decided.is_some() && !self.universe.meets(requirement, decided);
        (!requirement.conflict() && !possible) || contradicted
    }

    /// Where every requirement holds on its own: chosen packages that answer to the same name.
    fn clashes(&self) -> Vec<Problem<'a>> {
        let faulty = |id: &PackageId| self.decisions.faulty[id.index()];
        let chosen = self
            .outcome
            .packages
            .iter()
            .enumerate()
            .filter(|(_, id)| faulty(id))
            .take(MOST_PROBLEMS);
        chosen
            .map(|(position, id)| {
                let package = self.universe.package(*id).package;
                let obstacle = match (self.refused_by(*id), self.rival(*id)) {
                    (Some(link), _) => Obstacle::Refused(link),
                    (None, Some((name, holder))) => Obstacle::Rival { name, holder },
                    (None, None) => Obstacle::Unknown,
                };
                let mut chain = self.chain(position);
                if chain.is_empty() {
                    let dependency = Dependency {
                        name: package.name,
                        conflict: false,
                        tag: None,
                        constraint: Constraint::Any,
                    };
                    chain.push(Link {
                        asker: Asker::Wish,
                        dependency,
                    });
                }
                let repository = self.universe.first_repository(*id);
                let candidate = Candidate {
                    name: package.name,
                    version: package.version,
                    repository,
                    obstacle,
                };
                Problem {
                    chain,
                    candidates: vec![candidate],
                }
            })
            .collect()
    }
}
