//! Every name and package of the repositories, numbered, with the edges between them; and one question asked of them.

use indexmap::IndexMap;

use super::super::dependency::{Constraint, Dependency};
use super::super::index::Package;
use super::table::Table;
use super::{MOST_REPOSITORIES, Repository};

/// The number of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NameId(pub(super) u32);

/// The number of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PackageId(u32);

impl NameId {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

impl PackageId {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A set of repositories or of tags, one bit each.
pub(super) type Mask = u64;

/// The tag of repositories without a tag.
pub(super) const UNTAGGED: Mask = 1;

/// A package under one of the names it answers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Provider<'a> {
    pub(super) package: PackageId,
    /// The version of the name; `None` where the package provides the name without one.
    pub(super) version: Option<&'a str>,
}

/// Whether most providers of a name are packages of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum NameKind {
    /// Only packages of that name.
    #[default]
    Plain,
    /// Packages of that name and others.
    Mixed,
    /// Only packages of other names.
    Virtual,
}

/// A name that packages have, provide or ask for.
#[derive(Debug, Default)]
pub(super) struct Name<'a> {
    pub(super) text: &'a str,
    pub(super) kind: NameKind,
    /// Who answers to it, in the order of the indexes.
    pub(super) providers: Vec<Provider<'a>>,
    /// Names with a provider that depends on this name, in the order of the table.
    pub(super) needed_by: Vec<NameId>,
    /// Names with a provider whose `install_if` speaks of this name, in the order of the table.
    pub(super) companions: Vec<NameId>,
}

/// A dependency whose name is numbered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Requirement<'a> {
    pub(super) name: NameId,
    pub(super) dependency: Dependency<'a>,
}

impl<'a> Requirement<'a> {
    pub(super) fn conflict(&self) -> bool {
        self.dependency.conflict
    }

    /// The version that a `provides` entry states.
    pub(super) fn provided_version(&self) -> Option<&'a str> {
        match self.dependency.constraint {
            Constraint::Version(_, version) | Constraint::Identity(version) => Some(version),
            Constraint::Any => None,
        }
    }
}

/// A package with its edges.
#[derive(Debug)]
pub(super) struct Member<'a> {
    pub(super) package: &'a Package<'a>,
    pub(super) name: NameId,
    pub(super) depends: Vec<Requirement<'a>>,
    pub(super) provides: Vec<Requirement<'a>>,
    pub(super) install_if: Vec<Requirement<'a>>,
    /// The repositories that offer it.
    pub(super) repositories: Mask,
    /// Whether its record is understood in full.
    pub(super) installable: bool,
}

/// A wish, numbered, with the tags it carries.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    pub(super) requirement: Requirement<'a>,
    /// One bit: its tag, or [`UNTAGGED`].
    pub(super) tag: Mask,
}

/// Everything that is to be chosen from, and the wishes.
#[derive(Debug)]
pub(super) struct Universe<'a> {
    pub(super) catalogue: &'a Catalogue<'a>,
    /// Names that only wishes have; they are numbered behind those of the catalogue.
    unknown: Vec<Name<'a>>,
    /// The wishes in the order of their names, letters' case aside.
    pub(super) world: Vec<Wish<'a>>,
}

impl<'a> Universe<'a> {
    pub(super) fn new(catalogue: &'a Catalogue<'a>, world: &[Dependency<'a>]) -> Self {
        let mut unknown: Vec<Name<'a>> = Vec::new();
        let mut wishes: IndexMap<&'a str, Wish<'a>> = IndexMap::new();
        for dependency in world {
            let number = catalogue.table.find(dependency.name).unwrap_or_else(|| {
                let known = unknown.iter().position(|name| name.text == dependency.name);
                let position = known.unwrap_or_else(|| {
                    unknown.push(Name {
                        text: dependency.name,
                        ..Name::default()
                    });
                    unknown.len() - 1
                });
                NameId((catalogue.table.names.len() + position) as u32)
            });
            let requirement = Requirement {
                name: number,
                dependency: *dependency,
            };
            wishes.insert(
                dependency.name,
                Wish {
                    requirement,
                    tag: catalogue.tag(dependency.tag),
                },
            );
        }
        wishes.sort_by(|left, _, right, _| {
            let lowercase = |name: &str| name.to_ascii_lowercase();
            lowercase(left)
                .cmp(&lowercase(right))
                .then_with(|| left.cmp(right))
        });
        Self {
            catalogue,
            unknown,
            world: wishes.into_values().collect(),
        }
    }

    /// Every name in the order of its number.
    pub(super) fn names(&self) -> impl Iterator<Item = &Name<'a>> {
        self.catalogue.table.names.iter().chain(&self.unknown)
    }

    pub(super) fn packages(&self) -> &'a [Member<'a>] {
        &self.catalogue.packages
    }

    pub(super) fn name(&self, id: NameId) -> &Name<'a> {
        let names = &self.catalogue.table.names;
        names
            .get(id.index())
            .unwrap_or_else(|| &self.unknown[id.index() - names.len()])
    }

    pub(super) fn package(&self, id: PackageId) -> &'a Member<'a> {
        &self.catalogue.packages[id.index()]
    }

    /// Whether a provider meets a requirement; without a provider only a conflict is met.
    pub(super) fn meets(
        &self,
        requirement: &Requirement<'a>,
        provider: Option<Provider<'a>>,
    ) -> bool {
        provider.map_or(requirement.conflict(), |provider| {
            let identity = self.package(provider.package).package.identity;
            requirement.dependency.is_met(provider.version, identity)
        })
    }

    /// The package under each name it answers to: its own, then those it provides.
    pub(super) fn roles(&self, id: PackageId) -> impl Iterator<Item = (NameId, Provider<'a>)> + '_ {
        let member = self.package(id);
        let own = (member.name, Some(member.package.version));
        std::iter::once(own)
            .chain(
                member
                    .provides
                    .iter()
                    .map(|provided| (provided.name, provided.provided_version())),
            )
            .map(move |(name, version)| {
                (
                    name,
                    Provider {
                        package: id,
                        version,
                    },
                )
            })
    }

    /// The name that a package answers to in this place: its own, then those it provides.
    pub(super) fn role(&self, id: PackageId, place: usize) -> Option<NameId> {
        let member = self.package(id);
        match place.checked_sub(1) {
            None => Some(member.name),
            Some(number) => member.provides.get(number).map(|provided| provided.name),
        }
    }

    /// The repositories that any of the tags opens.
    pub(super) fn repositories_of(&self, tags: Mask) -> Mask {
        self.catalogue
            .tags
            .iter()
            .enumerate()
            .filter(|(number, _)| tags & (1 << number) != 0)
            .fold(0, |mask, (_, (_, repositories))| mask | repositories)
    }

    /// The first repository that offers a package.
    pub(super) fn first_repository(&self, id: PackageId) -> usize {
        self.package(id).repositories.trailing_zeros() as usize
    }

    /// The tag of a repository.
    pub(super) fn tag_of(&self, repository: usize) -> Option<&'a str> {
        self.catalogue
            .tags
            .iter()
            .find(|(_, mask)| mask & (1 << repository) != 0)
            .and_then(|(tag, _)| *tag)
    }
}

/// Everything that the repositories offer; many questions may be asked of one.
#[derive(Debug)]
pub struct Catalogue<'a> {
    table: Table<'a>,
    packages: Vec<Member<'a>>,
    by_identity: IndexMap<&'a str, PackageId>,
    /// Tags, and the repositories of each; the first stands for no tag.
    tags: Vec<(Option<&'a str>, Mask)>,
}

impl<'a> Catalogue<'a> {
    /// Takes repositories in their order of preference; of more than [`MOST_REPOSITORIES`] the rest is left out.
    pub fn new(repositories: &[Repository<'a>]) -> Self {
        let mut tags: Vec<(Option<&'a str>, Mask)> = vec![(None, 0)];
        for (number, repository) in repositories.iter().enumerate().take(MOST_REPOSITORIES) {
            match tags.iter_mut().find(|(tag, _)| *tag == repository.tag) {
                Some((_, mask)) => *mask |= 1 << number,
                None => tags.push((repository.tag, 1 << number)),
            }
        }
        let offers = repositories.iter().take(MOST_REPOSITORIES);
        let count = offers
            .map(|repository| repository.index.packages.len())
            .sum();
        let mut catalogue = Self {
            table: Table::default(),
            packages: Vec::with_capacity(count),
            by_identity: IndexMap::with_capacity(count),
            tags,
        };
        for (number, repository) in repositories.iter().enumerate().take(MOST_REPOSITORIES) {
            for package in &repository.index.packages {
                catalogue.add(package, 1 << number);
            }
        }
        catalogue.connect();
        catalogue
    }

    /// Names of all packages, each once, in no order that means anything.
    pub fn package_names(&self) -> impl Iterator<Item = &'a str> {
        let own = |name: &&Name<'a>| name.kind != NameKind::Virtual && !name.providers.is_empty();
        self.table.names.iter().filter(own).map(|name| name.text)
    }

    /// The bit of a tag; none for a tag that no repository has.
    pub(super) fn tag(&self, tag: Option<&str>) -> Mask {
        self.tags
            .iter()
            .position(|(known, _)| *known == tag)
            .map_or(0, |number| 1 << number)
    }

    fn require(&mut self, dependency: Dependency<'a>) -> Requirement<'a> {
        Requirement {
            name: self.table.number(dependency.name),
            dependency,
        }
    }

    /// Adds a package, or only the repository to one that is known.
    fn add(&mut self, package: &'a Package<'a>, repository: Mask) {
        let name = self.table.number(package.name);
        let mut installable = package.unknown_field.is_none();
        // A record that cannot be read in full is kept, so that an error can name it, but never chosen.
        let mut read = |list: &mut dyn Iterator<Item = Result<Dependency<'a>, _>>| {
            let mut requirements = Vec::new();
            for dependency in list {
                match dependency {
                    Ok(dependency) => requirements.push(self.require(dependency)),
                    Err(_) => installable = false,
                }
            }
            requirements
        };
        let depends = read(&mut package.depends());
        let provides = read(&mut package.provides());
        let install_if = read(&mut package.install_if());
        if let Some(known) = self.by_identity.get(package.identity) {
            self.packages[known.index()].repositories |= repository;
            return;
        }
        let id = PackageId(self.packages.len() as u32);
        self.by_identity.insert(package.identity, id);
        let own = Provider {
            package: id,
            version: Some(package.version),
        };
        self.table.names[name.index()].providers.push(own);
        for provided in &provides {
            let provider = Provider {
                package: id,
                version: provided.provided_version(),
            };
            self.table.names[provided.name.index()]
                .providers
                .push(provider);
        }
        let repositories = repository;
        self.packages.push(Member {
            package,
            name,
            depends,
            provides,
            install_if,
            repositories,
            installable,
        });
    }

    /// Draws the edges from names to those who ask for them.
    fn connect(&mut self) {
        let walk = self.table.walk();
        let names = &mut self.table.names;
        for id in walk {
            let providers = std::mem::take(&mut names[id.index()].providers);
            let mut foreign = 0;
            for provider in &providers {
                let member = &self.packages[provider.package.index()];
                foreign += usize::from(member.name != id);
                for needed in &member.depends {
                    push_once(&mut names[needed.name.index()].needed_by, id);
                }
                for condition in &member.install_if {
                    push_once(&mut names[condition.name.index()].companions, id);
                }
            }
            let name = &mut names[id.index()];
            name.kind = match foreign {
                0 => NameKind::Plain,
                _ if foreign < providers.len() => NameKind::Mixed,
                _ => NameKind::Virtual,
            };
            name.providers = providers;
        }
    }
}

/// Names are walked one after the other, so a name that is there already is the last.
fn push_once(list: &mut Vec<NameId>, id: NameId) {
    if list.last() != Some(&id) {
        list.push(id);
    }
}
