//! The solver and the version order against the real apk 2.14: over Alpine's repositories, and over made ones.
//!
//! Needs the Alpine packages that `ZOSC_TEST_ALPINE` names (default `../shared/alpine` beside the repository) and root, for
//! the oracle's chroot; says so and passes where either is missing. By default each group is a sample; `ZOSC_SLOW_TESTS=1` asks
//! everything, which takes half an hour of one core.
//!
//! A plain `apk add --simulate` takes half a second, all of it spent on reading indexes. So one process of it reads them once and a copy of
//! that process (fork) answers each world: see `support/apk_server.c`. What it prints is compared with plain runs, 300 of
//! them when everything is asked, and was the same byte for byte.

// Tests may read the environment.
#![allow(clippy::disallowed_methods, missing_docs)]

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeSet;

use support::made::{self, Dice};
use support::oracle::{Oracle, index_texts};
use support::worlds::{Agreement, compare, prepare, version_rows};
use zosc::apk::dependency::{Constraint, Dependency};
use zosc::apk::index::{Index, Package};
use zosc::apk::solver::{Catalogue, Repository};
use zosc::apk::version;

/// The real apk, ready for worlds, or `None`, said aloud.
fn oracle() -> Option<Oracle> {
    let oracle = Oracle::new()?;
    prepare(&oracle)?;
    Some(oracle)
}

/// Whether everything is asked.
fn slow() -> bool {
    std::env::var_os("ZOSC_SLOW_TESTS").is_some()
}

/// Everything, or every `step`th of it.
fn sampled<T>(all: Vec<T>, step: usize) -> Vec<T> {
    all.into_iter()
        .step_by(if slow() { 1 } else { step })
        .collect()
}

fn parsed(texts: &[Vec<u8>]) -> Vec<Index<'_>> {
    texts
        .iter()
        .map(|text| Index::parse(text).expect("an index"))
        .collect()
}

fn catalogue<'a>(indexes: &'a [Index<'a>], tags: &[Option<&'a str>]) -> Catalogue<'a> {
    let repositories: Vec<Repository<'_>> = indexes
        .iter()
        .zip(tags)
        .map(|(index, tag)| Repository { index, tag: *tag })
        .collect();
    Catalogue::new(&repositories)
}

/// A group of the table, and how it went when it was recorded: `[agreed, refused by both, disagreements]`.
struct Recorded {
    agreement: Agreement,
    sample: [usize; 3],
    all: [usize; 3],
}

/// Prints the table, and fails where a figure is another than the recorded one.
fn settle(groups: &[Recorded]) {
    eprintln!("{}", Agreement::HEAD);
    let mut wrong = String::new();
    for group in groups {
        let found = &group.agreement;
        eprintln!("{}", found.line());
        let recorded = if slow() { group.all } else { group.sample };
        let figures = [found.agreed, found.refused, found.disagreements.len()];
        if figures != recorded {
            wrong += &format!("{}: {figures:?}, recorded {recorded:?}\n", found.what);
            wrong += &found.disagreements.join("\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A world of each name, each once.
fn singles<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Vec<String>> {
    let names: BTreeSet<&str> = names.collect();
    names
        .into_iter()
        .map(|name| vec![name.to_owned()])
        .collect()
}

/// Names that bring companions along with what else is there.
const COLLECTIVE: [&str; 7] = [
    "docs",
    "openrc",
    "bash-completion",
    "lang",
    "dbg",
    "static",
    "systemd",
];

/// Sets of 2 to 12 packages; some of them pinned to a version, refused, or with a name that brings companions along.
fn sets(dice: &mut Dice, indexes: &[Index<'_>], count: usize) -> Vec<Vec<String>> {
    let packages: Vec<_> = indexes.iter().flat_map(|index| &index.packages).collect();
    let wish = |dice: &mut Dice| {
        let package = dice.pick(&packages);
        let (name, version) = (package.name, package.version);
        let stem = version.split(['.', '_', '-']).next().unwrap_or(version);
        match dice.below(16) {
            0 => format!("{name}={version}"),
            1 => format!("{name}~{stem}"),
            2 => format!("{name}>{stem}"),
            3 => format!("!{name}"),
            4 => (*dice.pick(&COLLECTIVE)).to_owned(),
            _ => name.to_owned(),
        }
    };
    (0..count)
        .map(|_| (0..2 + dice.below(11)).map(|_| wish(dice)).collect())
        .collect()
}

#[test]
fn alpine_resolves_as_apk_resolves_it() {
    let Some(oracle) = oracle() else { return };
    let full = index_texts(&["v3.19/main", "v3.19/community"]);
    let (full, medium) = (parsed(&full), index_texts(&["v3.19-iso"]));
    let medium = parsed(&medium);
    let lines = ["/mirror/v3.19/main", "/mirror/v3.19/community"].map(str::to_owned);
    let all = || full.iter().flat_map(|index| &index.packages);
    let plain = catalogue(&full, &[None, None]);
    let ask = |what, worlds: Vec<Vec<String>>| compare(what, &oracle, &lines, &plain, &worlds);

    let medium_names = || medium[0].packages.iter().map(|package| package.name);
    let groups = [
        Recorded {
            agreement: compare(
                "each package of the installation medium",
                &oracle,
                &["/mirror/v3.19-iso".to_owned()],
                &catalogue(&medium, &[None]),
                &singles(medium_names()),
            ),
            sample: [100, 0, 0],
            all: [100, 0, 0],
        },
        Recorded {
            agreement: ask(
                "each package of main and community",
                sampled(singles(all().map(|package| package.name)), 50),
            ),
            sample: [461, 0, 0],
            all: [23_019, 6, 0],
        },
        Recorded {
            agreement: ask("each name that packages provide", provided(all())),
            sample: [58, 0, 0],
            all: [2890, 1, 0],
        },
        Recorded {
            agreement: ask(
                "2,000 sets, seed 0x5eed_2000",
                sampled(sets(&mut Dice::new(0x5eed_2000), &full, 2000), 20),
            ),
            sample: [79, 21, 0],
            all: [1656, 344, 0],
        },
        Recorded {
            agreement: tagged(&oracle, &full),
            sample: [13, 12, 0],
            all: [221, 279, 0],
        },
    ];
    settle(&groups);
}

/// Names that packages provide and that none bears, every tenth of them.
fn provided<'a>(packages: impl Iterator<Item = &'a Package<'a>>) -> Vec<Vec<String>> {
    let names = packages.flat_map(|package| package.provides().flatten().map(|it| it.name));
    let tenth = singles(names).into_iter().step_by(10).collect();
    sampled(tenth, 50)
}

/// Community behind a tag that every second world carries.
fn tagged(oracle: &Oracle, full: &[Index<'_>]) -> Agreement {
    let mut worlds = sampled(sets(&mut Dice::new(0x7a99_ed00), full, 500), 20);
    for wish in worlds.iter_mut().step_by(2).flatten() {
        if let Some(end) = wish.find(['=', '~', '>']) {
            wish.insert_str(end, "@extra");
        } else if !wish.starts_with('!') {
            wish.push_str("@extra");
        }
    }
    compare(
        "500 sets, community behind a tag",
        oracle,
        &["/mirror/v3.19/main", "@extra /mirror/v3.19/community"].map(str::to_owned),
        &catalogue(full, &[None, Some("extra")]),
        &worlds,
    )
}

#[test]
fn the_oracles_server_says_what_plain_runs_say() {
    let Some(oracle) = oracle() else { return };
    let lines = ["/mirror/v3.19/main", "/mirror/v3.19/community"].map(str::to_owned);
    let texts = index_texts(&["v3.19/main", "v3.19/community"]);
    let indexes = parsed(&texts);
    let catalogue = catalogue(&indexes, &[None, None]);
    let names: Vec<&str> = catalogue.package_names().collect();
    let mut dice = Dice::new(0x0c0_ffee);
    let single = |_| vec![(*dice.pick(&names)).to_owned()];
    let mut worlds: Vec<Vec<String>> = (0..150).map(single).collect();
    worlds.extend(sets(&mut dice, &indexes, 150));
    let worlds = sampled(worlds, 30);
    let differences = support::worlds::against_plain_runs(&oracle, &lines, &worlds);
    eprintln!("{} worlds asked both ways", worlds.len());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Small repositories with every kind of edge, each asked a dozen worlds.
#[test]
fn made_repositories_resolve_as_apk_resolves_them() {
    let Some(oracle) = oracle() else { return };
    let mut dice = Dice::new(0x3ade_3ade);
    let mut sum = Agreement {
        what: "made repositories, 12 worlds each",
        ..Agreement::default()
    };
    for number in 0..if slow() { 1500 } else { 60 } {
        let universe = made::universe(&mut dice);
        let lines = made::publish(&oracle, &universe);
        let indexes: Vec<Index<'_>> = universe
            .repositories
            .iter()
            .map(|(_, text)| Index::parse(text.as_bytes()).expect("an index"))
            .collect();
        let tags: Vec<Option<&str>> = universe.repositories.iter().map(|(tag, _)| *tag).collect();
        let catalogue = catalogue(&indexes, &tags);
        let worlds: Vec<Vec<String>> = (0..12).map(|_| made::world(&mut dice)).collect();
        let found = compare(sum.what, &oracle, &lines, &catalogue, &worlds);
        sum.agreed += found.agreed;
        sum.refused += found.refused;
        for text in found.disagreements {
            let repositories = universe
                .repositories
                .iter()
                .map(|(tag, text)| format!("{tag:?}\n{text}"));
            let repositories: Vec<String> = repositories.collect();
            sum.disagreements.push(format!(
                "repository {number}:\n{}{text}",
                repositories.concat()
            ));
        }
    }
    settle(&[Recorded {
        agreement: sum,
        sample: [260, 460, 0],
        all: [6791, 11_209, 0],
    }]);
}

/// Needs no oracle: what is chosen meets what it needs, and no name has two packages.
#[test]
fn what_is_chosen_from_made_repositories_meets_every_need() {
    let mut dice = Dice::new(0x0dd5_0dd5);
    let mut solved = 0;
    for _ in 0..400 {
        let universe = made::universe(&mut dice);
        let indexes: Vec<Index<'_>> = universe
            .repositories
            .iter()
            .map(|(_, text)| Index::parse(text.as_bytes()).expect("an index"))
            .collect();
        let tags: Vec<Option<&str>> = universe.repositories.iter().map(|(tag, _)| *tag).collect();
        let catalogue = catalogue(&indexes, &tags);
        for _ in 0..10 {
            let world = made::world(&mut dice);
            let wishes: Vec<Dependency<'_>> = world
                .iter()
                .map(|wish| Dependency::parse(wish).expect("a wish"))
                .collect();
            let Ok(solution) = catalogue.resolve(&wishes) else {
                continue;
            };
            solved += 1;
            let chosen: Vec<_> = solution
                .packages
                .iter()
                .map(|choice| choice.package)
                .collect();
            let names: BTreeSet<&str> = chosen.iter().map(|package| package.name).collect();
            assert_eq!(names.len(), chosen.len(), "{world:?}");
            let needs = chosen
                .iter()
                .flat_map(|package| package.depends().flatten());
            for need in needs.filter(|need| !need.conflict) {
                assert!(
                    chosen.iter().any(|package| meets(package, &need)),
                    "{world:?}: {need}"
                );
            }
        }
    }
    assert!(solved > 1000, "most are about something: {solved}");
}

/// Whether a package meets a dependency by its name or by what it provides.
fn meets(package: &Package<'_>, need: &Dependency<'_>) -> bool {
    let own = package.name == need.name && need.is_met(Some(package.version), package.identity);
    let mut provided = package.provides().flatten();
    own || provided.any(|provided| {
        let version = match provided.constraint {
            Constraint::Version(_, version) | Constraint::Identity(version) => Some(version),
            Constraint::Any => None,
        };
        provided.name == need.name && need.is_met(version, package.identity)
    })
}

/// All version strings of the indexes, of packages and in constraints.
fn versions<'a>(indexes: &[Index<'a>]) -> Vec<&'a str> {
    let mut versions = BTreeSet::new();
    for package in indexes.iter().flat_map(|index| &index.packages) {
        versions.insert(package.version);
        let said = package.depends().chain(package.provides()).flatten();
        versions.extend(said.filter_map(
            |dependency: Dependency<'a>| match dependency.constraint {
                Constraint::Version(_, version) => Some(version),
                Constraint::Any | Constraint::Identity(_) => None,
            },
        ));
    }
    let mut versions: Vec<&str> = versions.into_iter().collect();
    versions.sort_by(|left, right| version::compare(left, right).then_with(|| left.cmp(right)));
    versions
}

/// Texts that are mostly no versions.
fn crafted(dice: &mut Dice, count: usize) -> Vec<String> {
    let pieces = [
        "0", "1", "01", "001", "00", "10", ".", "..", "a", "b", "_alpha", "_pre", "_p", "_rc1",
        "_git2", "-r", "-r0", "-r1", "~", "_x", "-",
    ];
    let one = |_| {
        let tail = (0..dice.below(6)).map(|_| *dice.pick(&pieces));
        std::iter::once("1")
            .chain(tail.collect::<Vec<_>>())
            .collect()
    };
    (0..count).map(one).collect()
}

/// Compares every pair of a row; `v` or `x` first, as the oracle answers it.
fn row(first: &str, others: &[&str]) -> String {
    let valid = if version::is_valid(first) { 'v' } else { 'x' };
    let order = |other: &&str| match version::compare(first, other) {
        std::cmp::Ordering::Less => '<',
        std::cmp::Ordering::Equal => '=',
        std::cmp::Ordering::Greater => '>',
    };
    std::iter::once(valid)
        .chain(others.iter().map(order))
        .collect()
}

/// Asks both about every pair of some versions; returns how many pairs there were.
fn compare_all(oracle: &Oracle, versions: &[&str]) -> usize {
    let joined = versions.join(" ");
    let mut start = 0;
    let rows: Vec<&str> = versions
        .iter()
        .map(|version| {
            let row = &joined[start..];
            start += version.len() + 1;
            row
        })
        .collect();
    let answers = version_rows(oracle, &rows);
    for (number, theirs) in answers.iter().enumerate() {
        let ours = row(versions[number], &versions[number + 1..]);
        let pairs = ours.chars().zip(theirs.chars()).enumerate();
        let wrong = pairs.filter(|(_, (ours, theirs))| ours != theirs);
        let wrong: Vec<_> = wrong
            .map(|(at, pair)| (versions[number + at], pair))
            .collect();
        assert!(wrong.is_empty(), "{}: {wrong:?}", versions[number]);
        assert_eq!(ours.len(), theirs.len());
    }
    versions.len() * (versions.len() - 1) / 2
}

#[test]
fn versions_compare_as_apk_compares_them() {
    let Some(oracle) = oracle() else { return };
    let texts = index_texts(&["v3.19/main", "v3.19/community"]);
    let indexes = parsed(&texts);
    let versions = versions(&indexes);
    // Neighbours in the order always; every pair of all, or of a sample, besides.
    let neighbours = versions.windows(12).step_by(11);
    let mut pairs = neighbours
        .map(|few| compare_all(&oracle, few))
        .sum::<usize>();
    pairs += compare_all(&oracle, &sampled(versions.clone(), 10));
    let mut dice = Dice::new(0x5eed_0ff5);
    let crafted = crafted(&mut dice, if slow() { 2000 } else { 500 });
    let crafted: Vec<&str> = crafted.iter().map(String::as_str).collect();
    pairs += compare_all(&oracle, &crafted);
    eprintln!("{} versions, {pairs} pairs compared", versions.len());
}
