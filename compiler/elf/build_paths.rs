//! Paths of the machine that a program was built on.
//!
//! They make a program differ from machine to machine, and tell strangers about the one that made it.

use std::fmt;

use super::headers::{Section, Tables};
use crate::diagnostic::Diagnostic;

/// Folders that only build machines have, wherever the text stands: texts of Rust follow each other without an end.
const SURE: [&str; 7] = [
    "/build/source/",
    "/build/target/",
    "/build/cargo/",
    "/build/home/",
    "/root/.cargo/",
    "/root/.rustup/",
    "/.cargo/registry/src/",
];
/// Folders that mean a build machine where a path begins with them, and goes on below a folder of theirs.
const LIKELY: [&str; 3] = ["/home/", "/build/", "/builds/"];
/// How many paths are told of one file.
const MOST: usize = 5;
/// The longest path that is shown.
const LONGEST: usize = 160;

/// A path of a build machine in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildPath {
    /// The path, up to its first unprintable byte.
    pub text: String,
    /// The section that it stands in, where there is one.
    pub section: Option<String>,
    /// Where in the file.
    pub offset: usize,
}

impl fmt::Display for BuildPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`", self.text)?;
        if let Some(section) = &self.section {
            write!(formatter, " in `{section}`")?;
        }
        write!(formatter, " at byte {}", self.offset)
    }
}

/// Which parts of a file are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// All of it.
    Everywhere,
    /// What is left when it has been stripped.
    WhatStays,
}

/// Refuses a file that holds paths of a build machine.
pub fn verify_no_build_paths(name: &str, bytes: &[u8], place: Where) -> Result<(), Diagnostic> {
    let found = build_paths(bytes, place);
    let Some(first) = found.first() else {
        return Ok(());
    };
    let problem = Diagnostic::error(
        "zosc::elf::build-path",
        format!("`{name}` holds {first}, a path of the machine that built it"),
    );
    let problem = problem.help(advice(first));
    Err(found[1..].iter().fold(problem, |problem, path| {
        problem.note(format!("also {path}"))
    }))
}

/// What to write so that the path does not get there.
fn advice(path: &BuildPath) -> String {
    let section = path.section.as_deref().unwrap_or("");
    let has = |part: &str| path.text.contains(part);
    if section == ".dynstr" {
        "it is the run path that a linker wrote: build without `-rpath`, or with `-Wl,-rpath,$ORIGIN/../lib`".to_owned()
    } else if has("/.cargo/") || has("/cargo/") || has(".rs") {
        "write `env RUSTFLAGS=\"--remap-path-prefix=/build=.\"` into its `build`, with one more for each folder that shows here"
            .to_owned()
    } else if has(".go") || section == ".gopclntab" {
        "build with `go build -trimpath`".to_owned()
    } else if section.starts_with(".debug") {
        "it is debugging information: write `size { strip binaries }`".to_owned()
    } else {
        "write `-ffile-prefix-map=/build/source=.` into its `CFLAGS`; of a program that came built, leave `no-build-paths` out"
            .to_owned()
    }
}

/// The first few paths of a build machine, each once.
pub fn build_paths(bytes: &[u8], place: Where) -> Vec<BuildPath> {
    let tables = Tables::read(bytes).ok();
    let mut found: Vec<BuildPath> = Vec::new();
    let mut position = 0;
    while found.len() < MOST {
        let slash = bytes
            .get(position..)
            .and_then(|rest| rest.iter().position(|byte| *byte == b'/'));
        let Some(slash) = slash else { break };
        let offset = position + slash;
        position = offset + 1;
        let Some(text) = path_at(bytes, offset) else {
            continue;
        };
        position = offset + text.len();
        let section = tables.as_ref().and_then(|tables| tables.section_at(offset));
        let stays = section.is_none_or(Section::is_loaded);
        let is_new = found.iter().all(|path| path.text != text);
        if is_new && (place == Where::Everywhere || stays) {
            let name = section.zip(tables.as_ref()).map(|(section, tables)| {
                String::from_utf8_lossy(tables.name(section)).into_owned()
            });
            found.push(BuildPath {
                text,
                section: name,
                offset,
            });
        }
    }
    found
}

/// The path of a build machine that begins at a slash.
fn path_at(bytes: &[u8], offset: usize) -> Option<String> {
    let rest = bytes.get(offset..)?;
    let begins = |folders: &[&str]| {
        folders
            .iter()
            .any(|folder| rest.starts_with(folder.as_bytes()))
    };
    let sure = begins(&SURE);
    if !sure && !begins(&LIKELY) {
        return None;
    }
    // Inside a longer path the folder means something else: `/usr/home/`, `./build/`.
    let before = offset.checked_sub(1).and_then(|before| bytes.get(before));
    let is_inside =
        before.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"/._-})~$".contains(byte));
    if is_inside && !sure {
        return None;
    }
    let printable = rest
        .iter()
        .take(LONGEST)
        .take_while(|byte| byte.is_ascii_graphic());
    let text = String::from_utf8_lossy(rest.get(..printable.count())?).into_owned();
    // The bare folder, or one below it, is ordinary: programs name those for their own reasons.
    let below = text.trim_matches('/').matches('/').count() > 1;
    (sure || below).then_some(text)
}
