//! Choosing packages: those of the image and of flists by the solver, kernel, stub and firmware packages by name.

use std::collections::BTreeMap;

use crate::apk;
use crate::apk::dependency::Dependency;
use crate::apk::index::{Index, Package};
use crate::apk::solver::{Catalogue, Reason, Repository as Offer, Solution};
use crate::check::{Alpine, Repository};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::Network;
use crate::source::Span;

use super::change::Listed;
use super::held::{Held, Staying};
use super::indexes::FetchedIndex;
use super::packages::Single;
use super::refusal::{Wishes, explain, no_such_package};
use super::sets::choose_sets;
use super::{Ctx, Lock, LockedPackage, Role};

/// A package that was chosen.
pub(super) struct Chosen {
    pub(super) role: Role,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) identity: String,
    pub(super) architecture: String,
    pub(super) size: u64,
    pub(super) repository: usize,
    pub(super) because: Vec<String>,
    /// The wish that led to it, where there is one.
    pub(super) span: Span,
}

impl Chosen {
    pub(super) fn new(
        role: Role,
        package: &Package<'_>,
        repository: usize,
        because: Vec<String>,
        span: Span,
    ) -> Self {
        Self {
            role,
            name: package.name.to_owned(),
            version: package.version.to_owned(),
            identity: package.identity.to_owned(),
            architecture: package.architecture.to_owned(),
            size: package.size,
            repository,
            because,
            span,
        }
    }

    pub(super) fn full_name(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// Whether a locked package is this one.
    pub(super) fn is(&self, locked: &LockedPackage) -> bool {
        (self.role, &self.name, &self.identity) == (locked.role, &locked.name, &locked.identity)
            && self.version == locked.version
    }

    pub(super) fn listed(&self) -> Listed<'_> {
        Listed {
            role: self.role,
            name: &self.name,
            version: &self.version,
            identity: &self.identity,
            because: &self.because,
        }
    }
}

/// What was chosen, and why some of what was locked could not stay.
pub(super) struct Choices {
    pub(super) chosen: Vec<Chosen>,
    /// Names of locked packages that moved, with a sentence each.
    pub(super) moved: BTreeMap<String, String>,
}

/// What a choice is made from.
pub(super) struct Offered<'a> {
    pub(super) alpine: &'a Alpine,
    pub(super) fetched: &'a [FetchedIndex],
    pub(super) network: &'a dyn Network,
    /// What is locked, and stays as far as `held` says so.
    pub(super) previous: &'a Lock,
}

/// What the solver is asked over.
pub(super) struct Puzzle<'a> {
    pub(super) ctx: &'a Ctx<'a>,
    pub(super) alpine: &'a Alpine,
    pub(super) indexes: &'a [Index<'a>],
    pub(super) network: &'a dyn Network,
}

/// Solves some worlds, each by itself, over what is offered and what stays; what has no solution is told.
pub(super) fn solve(
    puzzle: &Puzzle<'_>,
    held: &mut Held<'_>,
    wishes: &Wishes,
    worlds: &[Vec<Dependency<'_>>],
    problems: &mut Diagnostics,
    take: &dyn Fn(&Solution<'_>, &[Dependency<'_>]) -> Vec<Chosen>,
) -> Vec<Chosen> {
    let (alpine, indexes) = (puzzle.alpine, puzzle.indexes);
    let texts = held.records(puzzle.ctx, alpine, indexes, puzzle.network, problems);
    if problems.has_errors() {
        return Vec::new();
    }
    let records: Vec<(usize, Index<'_>)> = texts
        .iter()
        .filter_map(|(number, text)| Some((*number, Index::parse(text.as_bytes()).ok()?)))
        .collect();
    'anew: loop {
        let universe = held.universe(indexes, &records);
        let offers = offers(alpine, &universe);
        let catalogue = Catalogue::new(&offers);
        let mut chosen = Vec::new();
        for world in worlds {
            match catalogue.resolve(world) {
                Ok(solution) => chosen.extend(take(&solution, world)),
                Err(refusal) if held.let_go(&refusal, indexes) => continue 'anew,
                Err(refusal) => problems.extend(explain(&refusal, wishes, alpine, &catalogue)),
            }
        }
        return chosen;
    }
}

/// Chooses the packages of all roles.
pub(super) fn choose(
    ctx: &Ctx<'_>,
    offered: &Offered<'_>,
    mut staying: Staying<'_>,
    wishes: &Wishes,
    singles: &[Single],
) -> Result<Choices, Diagnostics> {
    let alpine = offered.alpine;
    let mut problems = Diagnostics::new();
    let indexes = read(alpine, offered.fetched, &mut problems);
    let world = world(wishes, &mut problems);
    if problems.has_errors() {
        return Err(problems);
    }
    let puzzle = Puzzle {
        ctx,
        alpine,
        indexes: &indexes,
        network: offered.network,
    };
    let (worlds, held) = (&[world], &mut staying.image);
    let mut chosen = solve(&puzzle, held, wishes, worlds, &mut problems, &|found, _| {
        of_image(found, wishes, alpine.span)
    });
    let (sets, singles): (Vec<&Single>, Vec<&Single>) = singles
        .iter()
        .partition(|single| single.role == Role::Flist);
    for single in singles {
        let stays = !ctx.mode.update.moves(&single.name);
        let locked = offered.previous.packages.iter().find(|package| {
            stays
                && (package.role, &package.name) == (single.role, &single.name)
                && package.because == single.because()
        });
        let choice = single_choice(alpine, &indexes, single, locked);
        if choice.is_none() {
            let offers = offers(alpine, &indexes);
            let catalogue = Catalogue::new(&offers);
            let (name, span) = (&single.name, single.span);
            problems.push(no_such_package(name, span, alpine, &catalogue));
        }
        chosen.extend(choice);
    }
    chosen.extend(choose_sets(
        &puzzle,
        &mut staying.flists,
        &sets,
        &mut problems,
    ));
    if problems.has_errors() {
        return Err(problems);
    }
    Ok(Choices {
        chosen,
        moved: staying.moved(),
    })
}

/// A package that is taken by name: as it is locked, as long as that can be had, else the newest.
fn single_choice(
    alpine: &Alpine,
    indexes: &[Index<'_>],
    single: &Single,
    locked: Option<&LockedPackage>,
) -> Option<Chosen> {
    let same = locked.and_then(|locked| {
        let offered = indexes.iter().zip(&alpine.repositories).enumerate();
        let mut all = offered
            .filter(|(_, (_, repository))| serves(repository, single))
            .flat_map(|(number, (index, _))| {
                index.packages.iter().map(move |package| (number, package))
            });
        all.find(|(_, package)| package.name == single.name && package.identity == locked.identity)
    });
    let (repository, package) = same.or_else(|| best(indexes, alpine, single))?;
    let (role, span) = (single.role, single.span);
    Some(Chosen::new(
        role,
        package,
        repository,
        single.because(),
        span,
    ))
}

/// Indexes as the solver takes them.
fn offers<'i, 'a>(alpine: &'i Alpine, indexes: &'i [Index<'a>]) -> Vec<Offer<'i>>
where
    'a: 'i,
{
    let indexes = indexes.iter().zip(&alpine.repositories);
    indexes
        .map(|(index, repository)| Offer {
            index,
            tag: repository.tag.as_deref(),
        })
        .collect()
}

/// The records of every index.
pub(super) fn read<'a>(
    alpine: &Alpine,
    fetched: &'a [FetchedIndex],
    problems: &mut Diagnostics,
) -> Vec<Index<'a>> {
    let mut indexes = Vec::new();
    for (index, repository) in fetched.iter().zip(&alpine.repositories) {
        match Index::parse(&index.text) {
            Ok(index) => indexes.push(index),
            Err(problem) => problems.push(problem.at(repository.span)),
        }
    }
    indexes
}

/// Asks the solver, and hands its answer, or what it says against the wishes, to `take`.
pub(super) fn resolve<'a, T>(
    alpine: &Alpine,
    indexes: &[Index<'a>],
    wishes: &Wishes,
    world: &[Dependency<'a>],
    take: impl FnOnce(Result<Solution<'_>, Diagnostics>, &Catalogue<'_>) -> T,
) -> T {
    let offers = offers(alpine, indexes);
    let catalogue = Catalogue::new(&offers);
    let answer = catalogue.resolve(world);
    let answer = answer.map_err(|refusal| explain(&refusal, wishes, alpine, &catalogue));
    take(answer, &catalogue)
}

/// The wishes as the solver takes them; two different ones of the same name are refused.
pub(super) fn world<'a>(wishes: &'a Wishes, problems: &mut Diagnostics) -> Vec<Dependency<'a>> {
    let mut world: BTreeMap<&str, (Dependency<'a>, Span)> = BTreeMap::new();
    for (wish, span) in wishes {
        match Dependency::parse(wish) {
            Ok(dependency) => {
                if let Some((other, first)) = world.insert(dependency.name, (dependency, *span)) {
                    problems.push(asked_twice(&dependency, *span, &other, first));
                }
            }
            Err(problem) => problems.push(problem.at(*span)),
        }
    }
    world
        .into_values()
        .map(|(dependency, _)| dependency)
        .collect()
}

fn asked_twice(
    wish: &Dependency<'_>,
    span: Span,
    other: &Dependency<'_>,
    first: Span,
) -> Diagnostic {
    Diagnostic::error(
        "zosc::lock::asked-twice",
        format!("`{}` is asked for in two ways", wish.name),
    )
    .label(span, format!("as `{wish}`"))
    .label(first, format!("as `{other}`"))
    .help("keep one of them; apk knows one wish for a name")
}

/// The packages of a solution, each with who asked for it first.
fn of_image(solution: &Solution<'_>, wishes: &Wishes, fallback: Span) -> Vec<Chosen> {
    let packages = &solution.packages;
    let mut chosen = Vec::new();
    for choice in packages {
        let because = match &choice.reason {
            Reason::Wished(wish) => vec![wish.to_string()],
            Reason::Needed { by, .. } => packages
                .get(*by)
                .map(|asker| asker.package.name.to_owned())
                .into_iter()
                .collect(),
            Reason::Companion => {
                let conditions = choice.package.install_if().flatten();
                conditions
                    .map(|condition| condition.name.to_owned())
                    .collect()
            }
        };
        let span = wish_of(solution, &choice.reason).and_then(|wish| wishes.get(&wish.to_string()));
        chosen.push(Chosen::new(
            Role::Image,
            choice.package,
            choice.repository,
            because,
            span.copied().unwrap_or(fallback),
        ));
    }
    chosen
}

/// The wish at the end of a chain of reasons.
fn wish_of<'a>(solution: &Solution<'a>, reason: &Reason<'a>) -> Option<Dependency<'a>> {
    let mut reason = reason;
    // A chain cannot be longer than the solution, whatever cycles its packages have.
    for _ in 0..=solution.packages.len() {
        match reason {
            Reason::Wished(wish) => return Some(*wish),
            Reason::Needed { by, .. } => reason = &solution.packages.get(*by)?.reason,
            Reason::Companion => return None,
        }
    }
    None
}

/// Whether packages of a repository may be taken: one without a tag, or with the wanted one.
fn serves(repository: &Repository, single: &Single) -> bool {
    repository.tag.is_none() || repository.tag == single.tag
}

/// The newest package of a name, of equal ones that of the first repository; of tagged repositories only those with the
/// wanted tag count.
fn best<'i, 'a>(
    indexes: &'i [Index<'a>],
    alpine: &Alpine,
    single: &Single,
) -> Option<(usize, &'i Package<'a>)> {
    let mut best: Option<(usize, &Package<'a>)> = None;
    for (number, (index, repository)) in indexes.iter().zip(&alpine.repositories).enumerate() {
        let open = serves(repository, single);
        for package in index
            .packages
            .iter()
            .filter(|package| open && package.name == single.name)
        {
            let newer = |(_, old): (usize, &Package<'a>)| {
                apk::version::compare(package.version, old.version).is_gt()
            };
            if best.is_none_or(newer) {
                best = Some((number, package));
            }
        }
    }
    best
}
