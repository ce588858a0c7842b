//! Packages that the repositories of a manifest offer, from their indexes, in a few megabytes.
//!
//! Comes in: the texts of indexes. Goes out: names in order, each with what its best offer says, and who depends on whom. The texts and
//! their records are let go.

use crate::apk::index::{Index, Package};
use crate::apk::version;

use super::arena::{Arena, Word};

/// Most offers that are kept; Alpine has some 30,000 in all repositories of a release.
const MOST_OFFERS: usize = 400_000;
/// How much of a description is kept, in bytes.
const LONGEST_DESCRIPTION: u16 = 200;
/// How much of a name or version is kept, in bytes: more than any has.
const LONGEST_NAME: u16 = 255;
/// Most providers of one dependency that count as depended on: a name with more stands for none of them.
const MOST_PROVIDERS: usize = 8;

/// The index of one repository.
#[derive(Debug, Clone, Copy)]
pub struct Offered<'a> {
    /// What people call the repository.
    pub repository: &'a str,
    /// Its tag.
    pub tag: Option<&'a str>,
    /// The index's text.
    pub text: &'a [u8],
}

/// What an index says of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackageFacts<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Bytes of its file.
    pub size: u64,
    /// Bytes of what it installs.
    pub installed_size: u64,
    /// What it is, in one line.
    pub description: &'a str,
    /// What people call the repository that offers it.
    pub repository: &'a str,
    /// The tag that a wish for it must carry, where its repository has one.
    pub tag: Option<&'a str>,
}

/// All packages that are offered.
#[derive(Debug, Clone, Default)]
pub struct Packages {
    words: Arena,
    /// By name; of one name the offer that is taken first comes first.
    offers: Vec<Offer>,
    repositories: Vec<(String, Option<String>)>,
    /// The names, as positions of their first offers.
    names: Vec<u32>,
    /// Where in `needed` the dependencies of each name begin, and at last where they end.
    needs: Vec<u32>,
    /// Positions in `names`.
    needed: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Offer {
    name: Word,
    version: Word,
    description: Word,
    repository: u16,
    size: u64,
    installed_size: u64,
}

/// A package of an index on its way into the arena.
type Read<'r, 'a> = (u16, &'r Package<'a>);

impl Packages {
    /// What these indexes offer; one that cannot be read offers nothing.
    pub fn of(offered: &[Offered<'_>]) -> Self {
        let indexes: Vec<Index<'_>> = offered
            .iter()
            .map(|offered| Index::parse(offered.text).unwrap_or_default())
            .collect();
        let mut read: Vec<Read<'_, '_>> = Vec::new();
        for (index, number) in indexes.iter().zip(0_u16..) {
            read.extend(index.packages.iter().map(|package| (number, package)));
        }
        read.truncate(MOST_OFFERS);
        let is_tagged = |number: u16| {
            let offered = offered.get(usize::from(number));
            offered.is_some_and(|offered| offered.tag.is_some())
        };
        read.sort_by_key(|(number, package)| (package.name, is_tagged(*number), *number));
        for same in read.chunk_by_mut(|(_, one), (_, other)| one.name == other.name) {
            let first = same.first().is_some_and(|(number, _)| is_tagged(*number));
            let equals = same.partition_point(|(number, _)| is_tagged(*number) == first);
            // Not every text is a version, so their order need not be one that a sort could rely on.
            let best = (1..equals).fold(0, |best, at| {
                let is_newer = version::compare(same[at].1.version, same[best].1.version).is_gt();
                if is_newer { at } else { best }
            });
            same[..=best].rotate_right(1);
        }
        let mut packages = Self {
            repositories: offered.iter().map(label).collect(),
            ..Self::default()
        };
        packages.fill(&read);
        packages.connect(&read);
        packages
    }

    fn fill(&mut self, read: &[Read<'_, '_>]) {
        self.offers.reserve_exact(read.len());
        for (repository, package) in read {
            let last = self.offers.last().map(|last| last.name);
            let is_same = last.is_some_and(|last| self.words.get(last) == package.name);
            let name = match last {
                Some(last) if is_same => last,
                _ => {
                    let position = u32::try_from(self.offers.len()).unwrap_or(u32::MAX);
                    self.names.push(position);
                    self.words.keep(package.name, LONGEST_NAME)
                }
            };
            self.offers.push(Offer {
                name,
                version: self.words.keep(package.version, LONGEST_NAME),
                description: self.words.keep(package.description, LONGEST_DESCRIPTION),
                repository: *repository,
                size: package.size,
                installed_size: package.installed_size,
            });
        }
        self.words.finish();
        self.names.shrink_to_fit();
    }

    /// Notes for the first offer of each name what it depends on.
    fn connect(&mut self, read: &[Read<'_, '_>]) {
        let providers = self.providers(read);
        let mut found: Vec<u32> = Vec::new();
        for (position, first) in (0_u32..).zip(&self.names) {
            self.needs
                .push(u32::try_from(self.needed.len()).unwrap_or(u32::MAX));
            let Some((_, package)) = read.get(*first as usize) else {
                continue;
            };
            for dependency in package.depends().flatten().filter(|one| !one.conflict) {
                let start = providers.partition_point(|(name, _)| *name < dependency.name);
                let behind = providers.iter().skip(start);
                let same = behind.take_while(|(name, _)| *name == dependency.name);
                let same: Vec<u32> = same.map(|(_, by)| *by).take(MOST_PROVIDERS + 1).collect();
                if same.len() <= MOST_PROVIDERS {
                    found.extend(same.into_iter().filter(|by| *by != position));
                }
            }
            found.sort_unstable();
            found.dedup();
            self.needed.append(&mut found);
        }
        self.needs
            .push(u32::try_from(self.needed.len()).unwrap_or(u32::MAX));
        self.needed.shrink_to_fit();
    }

    /// What can be depended on, and by which name's first offer it is provided, sorted.
    fn providers<'a>(&self, read: &[Read<'_, 'a>]) -> Vec<(&'a str, u32)> {
        let mut providers: Vec<(&str, u32)> = Vec::new();
        for (position, first) in (0_u32..).zip(&self.names) {
            let Some((_, package)) = read.get(*first as usize) else {
                continue;
            };
            providers.push((package.name, position));
            let provided = package.provides().flatten();
            providers.extend(provided.map(|provided| (provided.name, position)));
        }
        providers.sort_unstable();
        providers.dedup();
        providers
    }

    /// The best offers of the names that begin with a text, by name.
    pub fn starting_with<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = PackageFacts<'a>> + 'a {
        let start = self
            .names
            .partition_point(|first| self.name_of(*first) < prefix);
        let behind = self.names.iter().skip(start);
        behind
            .take_while(move |first| self.name_of(**first).starts_with(prefix))
            .filter_map(|first| self.facts(*first as usize))
    }

    /// The best offer of a name: that of the highest version without a tag, else with one.
    pub fn get(&self, name: &str) -> Option<PackageFacts<'_>> {
        self.offers_of(name).next()
    }

    /// Every offer of a name, the best one first.
    pub fn offers_of<'a>(&'a self, name: &str) -> impl Iterator<Item = PackageFacts<'a>> + 'a {
        let position = self.position(name);
        let at = |position: usize| {
            self.names
                .get(position)
                .map_or(self.offers.len(), |first| *first as usize)
        };
        let range = position.map_or(0..0, |position| at(position)..at(position + 1));
        range.filter_map(|offer| self.facts(offer))
    }

    /// The names of the packages that depend on one, by name; those that could as well do with another are among them.
    pub fn dependants(&self, name: &str) -> impl Iterator<Item = &str> {
        let position = self
            .position(name)
            .and_then(|found| u32::try_from(found).ok());
        let all = (0..self.names.len()).filter(move |at| {
            position.is_some_and(|position| self.needs_of(*at).binary_search(&position).is_ok())
        });
        all.filter_map(|at| self.names.get(at).map(|first| self.name_of(*first)))
    }

    /// The names that a package's best offer depends on, as far as somebody provides them.
    pub fn dependencies(&self, name: &str) -> impl Iterator<Item = &str> {
        let needed = self.position(name).map_or(&[][..], |at| self.needs_of(at));
        needed.iter().filter_map(|at| {
            let first = self.names.get(*at as usize)?;
            Some(self.name_of(*first))
        })
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether nothing is offered.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    fn needs_of(&self, position: usize) -> &[u32] {
        let bound = |at: usize| self.needs.get(at).map_or(0, |bound| *bound as usize);
        let found = self.needed.get(bound(position)..bound(position + 1));
        found.unwrap_or_default()
    }

    fn position(&self, name: &str) -> Option<usize> {
        let found = self
            .names
            .binary_search_by(|first| self.name_of(*first).cmp(name));
        found.ok()
    }

    fn name_of(&self, offer: u32) -> &str {
        let offer = self.offers.get(offer as usize);
        offer.map_or("", |offer| self.words.get(offer.name))
    }

    fn facts(&self, offer: usize) -> Option<PackageFacts<'_>> {
        let offer = self.offers.get(offer)?;
        let (repository, tag) = self.repositories.get(usize::from(offer.repository))?;
        Some(PackageFacts {
            name: self.words.get(offer.name),
            version: self.words.get(offer.version),
            size: offer.size,
            installed_size: offer.installed_size,
            description: self.words.get(offer.description),
            repository,
            tag: tag.as_deref(),
        })
    }

    /// How many bytes it takes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let numbers = self.names.capacity() + self.needs.capacity() + self.needed.capacity();
        self.words.bytes() + self.offers.capacity() * size_of::<Offer>() + numbers * 4
    }
}

fn label(offered: &Offered<'_>) -> (String, Option<String>) {
    (
        offered.repository.to_owned(),
        offered.tag.map(str::to_owned),
    )
}
