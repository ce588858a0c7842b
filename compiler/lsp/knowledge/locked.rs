//! What `zos.lock` says, and how its packages hang together.

use std::collections::{BTreeMap, BTreeSet};

use crate::apk::dependency::{Constraint, Dependency};
use crate::apk::index::{Index, Package};
use crate::lock::{Lock, LockedPackage, LockedSource, LockedToolchain, Role};

/// A lock, with the dependencies among the packages of the image.
#[derive(Debug, Clone, Default)]
pub struct Locked {
    lock: Lock,
    /// The packages of the image, by name, as positions.
    positions: BTreeMap<String, usize>,
    packages: Vec<Node>,
    /// What is wished for, by the position of the package that answers.
    wished: BTreeSet<usize>,
    /// What only one wish brings in, by the position of the package that answers to it.
    shares: BTreeMap<usize, Share>,
}

/// A package of the image.
#[derive(Debug, Clone, Default)]
struct Node {
    name: String,
    installed_size: u64,
    /// Positions of what it depends on, each once.
    needs: Vec<usize>,
    /// Positions of those that make it come along.
    companions: Vec<usize>,
}

/// What a package brings into the image that would not be there without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Bytes of what is installed.
    pub installed_size: u64,
    /// How many packages.
    pub packages: usize,
}

impl Locked {
    /// Reads the dependencies of the image's packages in the texts of the indexes, as far as these list them.
    pub fn new(lock: Lock, texts: &[&[u8]]) -> Self {
        let indexes: Vec<Index<'_>> = texts
            .iter()
            .map(|text| Index::parse(text).unwrap_or_default())
            .collect();
        let of_image = lock
            .packages
            .iter()
            .filter(|package| package.role == Role::Image);
        let names: Vec<&LockedPackage> = of_image.collect();
        let positions: BTreeMap<String, usize> = names
            .iter()
            .enumerate()
            .map(|(position, package)| (package.name.clone(), position))
            .collect();
        let mut records: Vec<Option<&Package<'_>>> = vec![None; names.len()];
        for package in indexes.iter().flat_map(|index| &index.packages) {
            if let Some(position) = positions.get(package.name)
                && names[*position].identity == package.identity
            {
                records[*position] = Some(package);
            }
        }
        let roles = roles(&names, &records);
        let node = |(position, locked): (usize, &&LockedPackage)| {
            let record = records[position];
            let needs = record.into_iter().flat_map(Package::depends).flatten();
            let conditions = record.into_iter().flat_map(Package::install_if).flatten();
            Node {
                name: locked.name.clone(),
                installed_size: record.map_or(0, |record| record.installed_size),
                needs: met(needs, &roles, position),
                companions: met(conditions, &roles, position),
            }
        };
        let packages = names.iter().enumerate().map(node).collect();
        let wishes = lock.wishes.iter();
        let wishes = wishes.filter_map(|wish| Dependency::parse(wish).ok());
        let wished = met(wishes, &roles, usize::MAX).into_iter().collect();
        let mut locked = Self {
            positions,
            packages,
            wished,
            shares: BTreeMap::new(),
            lock,
        };
        locked.shares = locked.all_shares();
        locked
    }

    /// The lock itself.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// The packages of a name: one for the image, others for its kernel, firmware or toolchains.
    pub fn packages<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a LockedPackage> + 'a {
        let toolchains = self.lock.toolchains.values();
        let others = toolchains.flat_map(LockedToolchain::packages);
        let all = self.lock.packages.iter().chain(others);
        all.filter(move |package| package.name == name)
    }

    /// A source by its name.
    pub fn source(&self, name: &str) -> Option<&LockedSource> {
        self.lock.sources.get(name)
    }

    /// The packages of the image that need one of its packages, by name.
    pub fn needed_by(&self, name: &str) -> Vec<&str> {
        let Some(position) = self.positions.get(name) else {
            return Vec::new();
        };
        let needs = |node: &&Node| node.needs.contains(position);
        let mut found: Vec<&str> = self
            .packages
            .iter()
            .filter(needs)
            .map(|node| node.name.as_str())
            .collect();
        found.sort_unstable();
        found
    }

    /// What only the wish for a package brings in. `None` where nobody wishes for it, or the indexes that tell are not here.
    pub fn share(&self, name: &str) -> Option<Share> {
        self.shares.get(self.positions.get(name)?).copied()
    }

    fn all_shares(&self) -> BTreeMap<usize, Share> {
        if self.packages.iter().all(|node| node.installed_size == 0) {
            return BTreeMap::new();
        }
        let all: Vec<usize> = self.wished.iter().copied().collect();
        let with = self.reached(&all);
        let share = |wish: &usize| {
            let others: Vec<usize> = all.iter().copied().filter(|other| other != wish).collect();
            let own = &with - &self.reached(&others);
            let own = own.iter().filter_map(|at| self.packages.get(*at));
            let sizes = own.map(|node| node.installed_size);
            let share = Share {
                packages: sizes.clone().count(),
                installed_size: sizes.fold(0, u64::saturating_add),
            };
            (*wish, share)
        };
        all.iter().map(share).collect()
    }

    /// Everything that comes with some packages: what they need, and what comes along with all of its conditions.
    fn reached(&self, from: &[usize]) -> BTreeSet<usize> {
        let mut found: BTreeSet<usize> = BTreeSet::new();
        let mut open = from.to_vec();
        loop {
            while let Some(at) = open.pop() {
                if found.insert(at) {
                    open.extend(
                        self.packages
                            .get(at)
                            .into_iter()
                            .flat_map(|node| &node.needs),
                    );
                }
            }
            let comes_along = |(at, node): &(usize, &Node)| {
                let mut conditions = node.companions.iter();
                !node.companions.is_empty()
                    && !found.contains(at)
                    && conditions.all(|condition| found.contains(condition))
            };
            open.extend(
                self.packages
                    .iter()
                    .enumerate()
                    .filter(comes_along)
                    .map(|(at, _)| at),
            );
            if open.is_empty() {
                return found;
            }
        }
    }
}

/// What each package stands for: names, with the version where one is stated, and its identity.
type Roles<'a> = BTreeMap<&'a str, Vec<(usize, Option<&'a str>, &'a str)>>;

fn roles<'a>(names: &[&'a LockedPackage], records: &[Option<&Package<'a>>]) -> Roles<'a> {
    let mut roles: Roles<'_> = BTreeMap::new();
    for (position, locked) in names.iter().enumerate() {
        let identity = locked.identity.as_str();
        let own = (position, Some(locked.version.as_str()), identity);
        roles.entry(&locked.name).or_default().push(own);
        let provided = records[position].into_iter().flat_map(Package::provides);
        for provided in provided.flatten() {
            let version = match provided.constraint {
                Constraint::Version(_, version) | Constraint::Identity(version) => Some(version),
                Constraint::Any => None,
            };
            let role = (position, version, identity);
            roles.entry(provided.name).or_default().push(role);
        }
    }
    roles
}

/// The positions of what meets some dependencies, `own` left out, each once.
fn met<'a>(
    dependencies: impl Iterator<Item = Dependency<'a>>,
    roles: &Roles<'_>,
    own: usize,
) -> Vec<usize> {
    let mut found: Vec<usize> = dependencies
        .filter(|dependency| !dependency.conflict)
        .flat_map(|dependency| {
            let roles = roles.get(dependency.name).into_iter().flatten();
            let meeting =
                roles.filter(move |(_, version, identity)| dependency.is_met(*version, identity));
            meeting.map(|(position, ..)| *position)
        })
        .filter(|position| *position != own)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}
