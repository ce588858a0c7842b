//! Small repositories that are nothing but trouble: made by dice, the same from the same seed.

#![allow(dead_code, missing_docs, unreachable_pub)]

use std::fmt::Write as _;
use std::fs;

use super::oracle::Oracle;
use super::packages::{append_plain, gzip};

/// A generator with a fixed seed (xorshift64), so that every run asks the same.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Whether one in `count` came up.
    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// Names of packages; the capitals and the hyphen are for apk's order of names.
const NAMES: [&str; 10] = ["a", "b", "c", "d", "D2", "e-f", "g", "h", "lib", "app"];

/// Names that packages only provide.
const ROLES: [&str; 5] = ["cmd:x", "so:y.so.1", "virtual", "any", "pc:z"];

const VERSIONS: [&str; 7] = [
    "1-r0",
    "1-r1",
    "1.1_rc1-r0",
    "1.1-r0",
    "1.10-r0",
    "2_p1-r0",
    "2-r3",
];

const OPERATORS: [&str; 6] = ["=", "<", ">", "<=", ">=", "~"];

/// Tags and texts of repositories, in their order.
pub struct Universe {
    pub repositories: Vec<(Option<&'static str>, String)>,
}

fn name(dice: &mut Dice) -> &'static str {
    if dice.one_in(4) {
        ROLES[dice.below(ROLES.len())]
    } else {
        NAMES[dice.below(NAMES.len())]
    }
}

fn requirement(dice: &mut Dice, refusals: usize) -> String {
    let sign = if dice.one_in(refusals) { "!" } else { "" };
    let name = name(dice);
    if dice.one_in(5) {
        let stem = *dice.pick(&VERSIONS);
        let version = if dice.one_in(2) { &stem[..1] } else { stem };
        format!("{sign}{name}{}{version}", dice.pick(&OPERATORS))
    } else {
        format!("{sign}{name}")
    }
}

fn list(dice: &mut Dice, most: usize, mut one: impl FnMut(&mut Dice) -> String) -> String {
    let words: Vec<String> = (0..dice.below(most + 1)).map(|_| one(dice)).collect();
    words.join(" ")
}

fn provided(dice: &mut Dice) -> String {
    let name = if dice.one_in(4) {
        *dice.pick(&NAMES)
    } else {
        *dice.pick(&ROLES)
    };
    if dice.one_in(2) {
        format!("{name}={}", dice.pick(&VERSIONS))
    } else {
        name.to_owned()
    }
}

/// The first packages have a name each, so that most wishes can be met; later ones are further versions.
fn record(dice: &mut Dice, number: usize) -> String {
    let name = match NAMES.get(number - 1) {
        Some(name) => name,
        None => dice.pick(&NAMES),
    };
    let version = dice.pick(&VERSIONS);
    // Identities are base64 of 20 bytes; equal ones would make two packages one.
    let identity = format!("Q1{number:026}0=");
    let size = if dice.one_in(8) { 0 } else { 4096 };
    let mut text = format!(
        "C:{identity}\nP:{name}\nV:{version}\nA:x86_64\nS:1000\nI:{size}\nT:made\nU:https://example.org\nL:MIT\n"
    );
    let mut field = |key: char, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "{key}:{value}");
        }
    };
    if dice.one_in(3) {
        field('o', (*dice.pick(&NAMES)).to_owned());
    }
    if dice.one_in(2) {
        field('k', (dice.below(4) * 10).to_string());
    }
    field('D', list(dice, 2, |dice| requirement(dice, 24)));
    field('p', list(dice, 2, provided));
    if dice.one_in(4) {
        field('i', list(dice, 2, |dice| requirement(dice, 12)));
    }
    text
}

/// One to three repositories of 6 to 23 packages; the later ones may carry a tag.
pub fn universe(dice: &mut Dice) -> Universe {
    let mut number = 0;
    let repositories = (0..=dice.below(3)).map(|position| {
        let tag = (position > 0 && dice.one_in(2)).then_some("edge");
        let records = (0..6 + dice.below(18)).map(|_| {
            number += 1;
            record(dice, number) + "\n"
        });
        let records: Vec<String> = records.collect();
        (tag, records.concat())
    });
    Universe {
        repositories: repositories.collect(),
    }
}

/// Up to three wishes over them.
pub fn world(dice: &mut Dice) -> Vec<String> {
    let wish = |dice: &mut Dice| {
        let mut wish = requirement(dice, 12);
        if dice.one_in(8) {
            let end = wish.find(['=', '<', '>', '~']).unwrap_or(wish.len());
            wish.insert_str(end, "@edge");
        }
        wish
    };
    (0..=dice.below(3)).map(|_| wish(dice)).collect()
}

/// Writes the repositories into the oracle's jail, unsigned, and returns the lines that name them.
pub fn publish(oracle: &Oracle, universe: &Universe) -> Vec<String> {
    let write = |(position, (tag, text)): (usize, &(Option<&str>, String))| {
        let folder = oracle.folder(&format!("mirror/dice{position}/x86_64"));
        fs::create_dir_all(&folder).expect("writable");
        let mut tar = tar::Builder::new(Vec::new());
        append_plain(&mut tar, "DESCRIPTION", 0o644, 0, b"dice");
        append_plain(&mut tar, "APKINDEX", 0o644, 0, text.as_bytes());
        let archive = gzip(&tar.into_inner().expect("into memory"));
        fs::write(folder.join("APKINDEX.tar.gz"), archive).expect("writable");
        let tag = tag.map_or_else(String::new, |tag| format!("@{tag} "));
        format!("{tag}/mirror/dice{position}")
    };
    universe
        .repositories
        .iter()
        .enumerate()
        .map(write)
        .collect()
}
