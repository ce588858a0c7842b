//! What wishes come to over some repositories, and who asked for what.
//!
//! Comes in: repositories, keys and wishes, from a manifest or a command line. Goes out: the packages that would be
//! installed, in that order, each with its reason. Only indexes are fetched; no package is, and no lock is written.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::apk::dependency::{Constraint, Dependency};
use crate::apk::solver::{Choice, Reason, Solution};
use crate::check::{Alpine, Arch, Image, Repository};
use crate::diagnostic::Diagnostics;
use crate::source::Span;
use crate::tree::Store;

use super::choose::{read, resolve, world};
use super::indexes::indexes;
use super::packages::{network, wishes};
use super::refusal::Wishes;
use super::{Ctx, Lock, Mode, Observer, Update, on_disk};

/// What is asked.
#[derive(Debug)]
pub struct Question<'a> {
    /// The repositories and their keys.
    pub alpine: &'a Alpine,
    /// The architecture that packages are for.
    pub arch: &'a str,
    /// What is wished for, as apk's `world` writes it, and where that was said.
    pub wishes: Vec<(String, Span)>,
    /// The manifest whose lock has the indexes that are used, as far as the store has them.
    pub manifest: Option<&'a Path>,
}

/// Who asked for a package first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Because {
    /// A wish.
    Wished(String),
    /// A package of the answer.
    Needed {
        /// Its position.
        by: usize,
        /// What it says.
        dependency: String,
    },
    /// Its `install_if` holds: all of these are there.
    Companion(Vec<String>),
}

/// A package of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The first address of the first repository that offers it.
    pub repository: String,
    /// That repository's tag.
    pub tag: Option<String>,
    /// Who asked for it first.
    pub because: Because,
    /// Everyone who needs it: their positions, and what they say.
    pub needed_by: Vec<(usize, String)>,
    /// What it is besides its name.
    pub provides: Vec<String>,
}

impl ResolvedPackage {
    /// `busybox-1.36.1-r15`
    pub fn full_name(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

/// What the packages of a manifest are asked for as, and where.
pub fn wishes_of(image: &Image) -> Vec<(String, Span)> {
    wishes(image).into_iter().collect()
}

/// Answers a question: the packages in the order of their installation.
///
/// # Errors
/// Indexes that could not be fetched or verified, wishes that make no sense, and why they cannot be met.
pub fn resolution(
    question: &Question<'_>,
    store: &Store,
    mode: Mode<'_>,
    observer: &dyn Observer,
    cancel: &AtomicBool,
) -> Result<Vec<ResolvedPackage>, Diagnostics> {
    let ctx = Ctx {
        store,
        mode,
        observer,
        cancel,
    };
    let previous = match question.manifest {
        Some(manifest) if mode.update == Update::Nothing => {
            let arch = Arch::named(question.arch).unwrap_or_default();
            on_disk::read(&on_disk::file_for(manifest, arch), Some(store))?
        }
        _ => Lock::default(),
    };
    let (alpine, arch) = (question.alpine, question.arch);
    let network = network(mode.offline)?;
    let fetched = indexes(&ctx, alpine, arch, &previous, network.as_ref())?;
    let canonical = |(wish, span): &(String, Span)| {
        let text = Dependency::parse(wish).map(|wish| wish.to_string());
        (text.unwrap_or_else(|_| wish.clone()), *span)
    };
    let wishes: Wishes = question.wishes.iter().map(canonical).collect();
    let mut problems = Diagnostics::new();
    let world = world(&wishes, &mut problems);
    let indexes = read(alpine, &fetched, &mut problems);
    if problems.has_errors() {
        return Err(problems);
    }
    resolve(alpine, &indexes, &wishes, &world, |answer, _| {
        answer.map(|solution| described(&solution, alpine))
    })
}

fn described(solution: &Solution<'_>, alpine: &Alpine) -> Vec<ResolvedPackage> {
    let packages = &solution.packages;
    let mut described: Vec<ResolvedPackage> = packages
        .iter()
        .map(|choice| {
            let repository: Option<&Repository> = alpine.repositories.get(choice.repository);
            let url = repository.and_then(|repository| repository.urls.first());
            ResolvedPackage {
                name: choice.package.name.to_owned(),
                version: choice.package.version.to_owned(),
                repository: url.cloned().unwrap_or_default(),
                tag: repository.and_then(|repository| repository.tag.clone()),
                because: because(choice),
                needed_by: Vec::new(),
                provides: provided(choice).map(|(name, _)| name.to_owned()).collect(),
            }
        })
        .collect();
    for (needed, choice) in described.iter_mut().zip(packages) {
        needed.needed_by = askers(packages, choice);
    }
    described
}

fn because(choice: &Choice<'_>) -> Because {
    match choice.reason {
        Reason::Wished(wish) => Because::Wished(wish.to_string()),
        Reason::Needed { by, dependency } => Because::Needed {
            by,
            dependency: dependency.to_string(),
        },
        Reason::Companion => {
            let conditions = choice.package.install_if().flatten();
            Because::Companion(conditions.map(|condition| condition.to_string()).collect())
        }
    }
}

/// What a package provides, with the version where it states one.
fn provided<'a>(choice: &Choice<'a>) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
    choice.package.provides().flatten().map(|provided| {
        let version = match provided.constraint {
            Constraint::Version(_, version) | Constraint::Identity(version) => Some(version),
            Constraint::Any => None,
        };
        (provided.name, version)
    })
}

/// The packages whose dependencies a package meets, itself left out.
fn askers(packages: &[Choice<'_>], choice: &Choice<'_>) -> Vec<(usize, String)> {
    let own = (choice.package.name, Some(choice.package.version));
    let roles: Vec<(&str, Option<&str>)> = std::iter::once(own).chain(provided(choice)).collect();
    let meets = |dependency: &Dependency<'_>| {
        !dependency.conflict
            && roles.iter().any(|(name, version)| {
                *name == dependency.name && dependency.is_met(*version, choice.package.identity)
            })
    };
    packages
        .iter()
        .enumerate()
        .filter(|(_, asker)| asker.package.name != choice.package.name)
        .filter_map(|(position, asker)| {
            let dependency = asker.package.depends().flatten().find(meets)?;
            Some((position, dependency.to_string()))
        })
        .collect()
}
