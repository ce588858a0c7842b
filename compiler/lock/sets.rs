//! Firmware that flists pack: a package, and every package that it stands for.
//!
//! A package such as Alpine's `linux-firmware` has no files: it depends on some eighty others. What it comes to is the solver's answer to that
//! one wish, apart from everything that the image installs. Dependencies on libraries and commands are left out: they serve scripts
//! and programs, and only firmware is taken.

use std::collections::{BTreeMap, BTreeSet};

use crate::apk::dependency::Dependency;
use crate::apk::solver::{Choice, Solution};
use crate::diagnostic::Diagnostics;

use super::choose::{Chosen, Puzzle, solve};
use super::held::Held;
use super::packages::Single;
use super::refusal::Wishes;
use super::{LockedPackage, Role};

/// Chooses the packages of every set; one that is in several of them is chosen once.
pub(super) fn choose_sets(
    puzzle: &Puzzle<'_>,
    held: &mut Held<'_>,
    sets: &[&Single],
    problems: &mut Diagnostics,
) -> Vec<Chosen> {
    let wishes: Wishes = sets
        .iter()
        .map(|set| (set.name.clone(), set.span))
        .collect();
    let mut worlds = Vec::new();
    for (name, span) in &wishes {
        match Dependency::parse(name) {
            Ok(wish) => worlds.push(vec![wish]),
            Err(problem) => problems.push(problem.at(*span)),
        }
    }
    if worlds.is_empty() {
        return Vec::new();
    }
    let found = solve(
        puzzle,
        held,
        &wishes,
        &worlds,
        problems,
        &|solution, world| {
            let root = world.first().map_or("", |wish| wish.name);
            let span = wishes.get(root).copied();
            members(solution, root)
                .into_iter()
                .map(|choice| {
                    let span = span.unwrap_or(puzzle.alpine.span);
                    let because = vec![root.to_owned()];
                    Chosen::new(
                        Role::Flist,
                        choice.package,
                        choice.repository,
                        because,
                        span,
                    )
                })
                .collect()
        },
    );
    let mut chosen: BTreeMap<(String, String), Chosen> = BTreeMap::new();
    for choice in found {
        let key = (choice.name.clone(), choice.identity.clone());
        match chosen.get_mut(&key) {
            Some(known) => known.because.extend(choice.because),
            None => {
                chosen.insert(key, choice);
            }
        }
    }
    chosen.into_values().collect()
}

/// A package of a solution and all that it depends on by names of packages.
fn members<'s, 'a>(solution: &'s Solution<'a>, root: &str) -> Vec<&'s Choice<'a>> {
    let mut providers: BTreeMap<&str, Vec<&Choice<'a>>> = BTreeMap::new();
    for choice in &solution.packages {
        let provided = choice.package.provides().flatten();
        let names = provided.map(|provided| provided.name);
        for name in names.chain([choice.package.name]) {
            providers.entry(name).or_default().push(choice);
        }
    }
    let mut found: BTreeMap<&str, &Choice<'a>> = BTreeMap::new();
    let mut pending = vec![root];
    let mut asked = BTreeSet::new();
    while let Some(name) = pending.pop() {
        // `so:libc.musl-x86_64.so.1`, `cmd:sh`, `/bin/sh`
        if name.contains([':', '/']) || !asked.insert(name) {
            continue;
        }
        for choice in providers.get(name).into_iter().flatten() {
            found.insert(choice.package.name, choice);
            let needed = choice.package.depends().flatten();
            pending.extend(
                needed
                    .filter(|needed| !needed.conflict)
                    .map(|needed| needed.name),
            );
        }
    }
    found.into_values().collect()
}

/// Whether the locked packages are those of exactly these sets.
pub(super) fn answers(packages: &[LockedPackage], sets: &[&Single]) -> bool {
    let asked: BTreeSet<&str> = sets.iter().map(|set| set.name.as_str()).collect();
    let locked: BTreeSet<&str> = packages
        .iter()
        .filter(|package| package.role == Role::Flist)
        .flat_map(|package| package.because.iter().map(String::as_str))
        .collect();
    asked == locked
}
