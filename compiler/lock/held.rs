//! What stays as it is locked while something else moves.
//!
//! Of a package that stays, the solver is shown the locked build alone, wherever an index has it, or what the package says of itself
//! where none has it any more. Only when that leads nowhere, those that stand in the way are let go, and why is noted.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::apk::index::{Index, Package};
use crate::apk::solver::{Asker, Link, Problem, Refusal};
use crate::apk::{self, IndexEntry, version};
use crate::check::Alpine;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::Network;

use super::fetch::{Wanted, fetch};
use super::packages::{repository_of, with_mirrors};
use super::refusal::said;
use super::{Ctx, Lock, LockedPackage, Role, Update};

/// What stays of all that the solver chooses.
#[derive(Debug, Default)]
pub(super) struct Staying<'p> {
    /// Packages of the image.
    pub(super) image: Held<'p>,
    /// Packages of flists.
    pub(super) flists: Held<'p>,
}

impl<'p> Staying<'p> {
    /// Nothing stays.
    pub(super) fn nothing() -> Self {
        Self::default()
    }

    /// All that is locked stays, but what is to be updated.
    pub(super) fn of(previous: &'p Lock, update: Update<'_>) -> Self {
        Self {
            image: Held::of(previous, Role::Image, update),
            flists: Held::of(previous, Role::Flist, update),
        }
    }

    /// What was let go, and the sentence that says why.
    pub(super) fn moved(self) -> BTreeMap<String, String> {
        let mut moved = self.flists.moved;
        moved.extend(self.image.moved);
        moved
    }
}

/// Packages of one role that stay, and those that were let go.
#[derive(Debug, Clone, Default)]
pub(super) struct Held<'p> {
    /// What may not move now.
    staying: BTreeMap<&'p str, &'p LockedPackage>,
    /// What was not to move at first.
    wanted: BTreeMap<&'p str, &'p LockedPackage>,
    /// What is to move, where there is anything newer.
    named: BTreeMap<&'p str, &'p LockedPackage>,
    /// Whether of what is to move nothing older may be taken.
    insists: bool,
    /// What was let go, and the sentence that says why.
    pub(super) moved: BTreeMap<String, String>,
}

/// Records that no index has any more, with the repository that they count for.
pub(super) type Records = Vec<(usize, String)>;

impl<'p> Held<'p> {
    fn of(previous: &'p Lock, role: Role, update: Update<'_>) -> Self {
        let locked = previous
            .packages
            .iter()
            .filter(|package| package.role == role)
            .map(|package| (package.name.as_str(), package));
        let (named, wanted): (BTreeMap<_, _>, BTreeMap<_, _>) =
            locked.partition(|(name, _)| update.moves(name));
        Self {
            staying: wanted.clone(),
            wanted,
            insists: !named.is_empty(),
            named,
            moved: BTreeMap::new(),
        }
    }

    /// Records of what stays and is in no index: from the packages themselves, in the store or still somewhere to be had.
    ///
    /// What is nowhere any more is let go; what cannot be brought here for another reason is told.
    pub(super) fn records(
        &mut self,
        ctx: &Ctx<'_>,
        alpine: &Alpine,
        indexes: &[Index<'_>],
        network: &dyn Network,
        problems: &mut Diagnostics,
    ) -> Records {
        let listed: BTreeSet<&str> = indexes
            .iter()
            .flat_map(|index| &index.packages)
            .filter(|package| self.staying.contains_key(package.name))
            .map(|package| package.identity)
            .collect();
        let mut records = Records::new();
        for (name, package) in &self.wanted {
            if listed.contains(package.identity.as_str()) {
                continue;
            }
            match record(ctx, alpine, package, network) {
                Ok(record) => records.push((repository_of(alpine, package), record)),
                Err(problem) if problem.code == "zosc::io::not-found" => {
                    self.staying.remove(name);
                    let why = format!("{} is gone from its repository", package.version);
                    self.moved.insert((*name).to_owned(), why);
                }
                Err(problem) => problems.push(problem),
            }
        }
        self.wanted.clone_from(&self.staying);
        records
    }

    /// The indexes as the solver may see them.
    pub(super) fn universe<'i, 'a>(
        &self,
        indexes: &'i [Index<'a>],
        records: &[(usize, Index<'a>)],
    ) -> Cow<'i, [Index<'a>]> {
        if self.staying.is_empty() && !self.insists {
            return Cow::Borrowed(indexes);
        }
        let newer: BTreeSet<&str> = indexes
            .iter()
            .flat_map(|index| &index.packages)
            .filter(|package| self.insists && self.is_newer(package))
            .map(|package| package.name)
            .collect();
        let admitted = |package: &&Package<'a>| match self.staying.get(package.name) {
            Some(locked) => package.identity == locked.identity,
            None => !newer.contains(package.name) || self.is_newer(package),
        };
        let seen = indexes.iter().enumerate().map(|(number, index)| {
            let more = records
                .iter()
                .filter(|(repository, _)| *repository == number);
            let more = more.flat_map(|(_, record)| &record.packages);
            let packages = index.packages.iter().chain(more).filter(admitted);
            Index {
                packages: packages.cloned().collect(),
            }
        });
        Cow::Owned(seen.collect())
    }

    /// Whether a package is a newer build of one that is to move.
    fn is_newer(&self, package: &Package<'_>) -> bool {
        self.named
            .get(package.name)
            .is_some_and(|old| version::compare(package.version, &old.version).is_gt())
    }

    /// Lets go what stands in the way of a solution; `false` where nothing is left to let go.
    pub(super) fn let_go(&mut self, refusal: &Refusal<'_>, indexes: &[Index<'_>]) -> bool {
        let Refusal::Unsatisfiable(problems) = refusal else {
            return false;
        };
        let mut freed = false;
        for problem in problems {
            let why = problem.chain.last().map_or_else(String::new, said);
            for name in blamed(problem, indexes) {
                if self.staying.remove(name.as_str()).is_some() {
                    self.moved.insert(name, why.clone());
                    freed = true;
                }
            }
        }
        if freed {
            return true;
        }
        if !self.staying.is_empty() {
            for name in std::mem::take(&mut self.staying).into_keys() {
                let why = "it could not stay with what moved".to_owned();
                self.moved.insert(name.to_owned(), why);
            }
            return true;
        }
        if self.insists {
            self.insists = false;
            self.staying = self.wanted.clone();
            self.moved
                .retain(|name, _| !self.staying.contains_key(name.as_str()));
            return true;
        }
        false
    }
}

/// Names of packages that a problem is about: along its chain, its candidates, and whoever provides what is missing.
fn blamed(problem: &Problem<'_>, indexes: &[Index<'_>]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for Link { asker, dependency } in &problem.chain {
        if let Asker::Package { name, .. } = asker {
            names.insert((*name).to_owned());
        }
        names.insert(dependency.name.to_owned());
    }
    names.extend(
        problem
            .candidates
            .iter()
            .map(|candidate| candidate.name.to_owned()),
    );
    if let Some(missing) = problem.chain.last().map(|link| link.dependency.name) {
        let providers = indexes
            .iter()
            .flat_map(|index| &index.packages)
            .filter(|package| {
                package
                    .provides()
                    .flatten()
                    .any(|provided| provided.name == missing)
            });
        names.extend(providers.map(|package| package.name.to_owned()));
    }
    names
}

/// What a package that is in the store, or can be brought there, says of itself, as an index would.
fn record(
    ctx: &Ctx<'_>,
    alpine: &Alpine,
    package: &LockedPackage,
    network: &dyn Network,
) -> Result<String, Diagnostic> {
    let subject = format!("the package `{}`", package.full_name());
    let urls: Vec<String> = package
        .urls
        .iter()
        .flat_map(|url| with_mirrors(alpine, url))
        .collect();
    let wanted = Wanted {
        subject: &subject,
        urls: &urls,
        sha256: Some(package.sha256),
        limit: Some(package.size),
    };
    let (digest, size) = fetch(wanted, ctx.store, network, &|_| {})?;
    let mut blob = ctx.store.reader(&digest)?;
    let control = apk::read_control(&mut blob, &package.full_name())?;
    let entry = IndexEntry {
        info: control.info,
        identity: control.identity,
        size,
    };
    Ok(entry.record())
}
