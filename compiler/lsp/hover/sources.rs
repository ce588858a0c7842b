//! What is known of a component and of a toolchain.

use super::page::{Page, code, count, some};
use crate::check::{Image, Recipe, Source, SourceOrigin};
use crate::diagnostic::bytes;
use crate::lock::{Lock, LockedPackage, LockedSource, LockedToolchain};

/// Most names that a line shows.
const SHOWN: usize = 6;
/// Digits of a commit that tell it from others.
const SHORT: usize = 12;

/// What is known of a component; whether the image has it.
pub(super) fn source(name: &str, image: &Image, lock: Option<&Lock>, page: &mut Page) -> bool {
    let mut sources = image.sources.iter();
    let Some(source) = sources.find(|source| source.name.value == name) else {
        return false;
    };
    page.title(name, "source");
    match lock.and_then(|lock| lock.sources.get(name)) {
        Some(locked) => page.fact(locked_source(locked)),
        None => page.fact(match &source.from {
            SourceOrigin::Path(path) => {
                format!(
                    "the folder {}, which counts by its content",
                    code(&path.display().to_string())
                )
            }
            _ => "not locked yet: `zosc lock` does that".to_owned(),
        }),
    }
    recipe(source, page);
    if let Some(vendored) = lock.and_then(|lock| lock.vendored.get(name)) {
        page.fact(format!(
            "what {} brings for it is locked, too",
            vendored.by.name()
        ));
    }
    let installed: Vec<String> = source
        .install
        .iter()
        .map(|file| file.to.value.to_string())
        .collect();
    if !installed.is_empty() {
        page.fact(format!("puts {} into the image", some(&installed, SHOWN)));
    }
    true
}

fn locked_source(locked: &LockedSource) -> String {
    match locked {
        LockedSource::Git {
            url,
            revision,
            commit,
            ..
        } => {
            let commit = commit.get(..SHORT).unwrap_or(commit);
            format!(
                "{} of {} is locked at commit {}",
                revision_of(revision),
                code(url),
                code(commit)
            )
        }
        LockedSource::Crate { name, version, .. } => {
            format!("the crate {} is locked at {version}", code(name))
        }
        LockedSource::Release { url, sha256, size } => {
            format!(
                "{} is locked, {} with sha256 {}…",
                code(url),
                bytes(*size),
                code(&sha256.short())
            )
        }
    }
}

/// `tag v0.2.14`, with the hash of a commit left out, which follows anyway.
fn revision_of(revision: &str) -> String {
    match revision.split_once(' ') {
        Some(("commit", _)) | None => "a commit".to_owned(),
        Some((kind, name)) => format!("{kind} {}", code(name)),
    }
}

fn recipe(source: &Source, page: &mut Page) {
    let Some(build) = &source.build else {
        return page.fact("its files are installed as they come");
    };
    let what = match &build.recipe {
        Recipe::Cargo {
            target,
            profile,
            bins,
            ..
        } => {
            let target = target
                .as_ref()
                .map_or_else(String::new, |target| format!(" for {}", code(target)));
            let bins = if bins.is_empty() {
                String::new()
            } else {
                format!(": {}", some(bins, SHOWN))
            };
            format!("built by cargo, profile {}{target}{bins}", code(profile))
        }
        Recipe::Make { targets, .. } if targets.is_empty() => "built by make".to_owned(),
        Recipe::Make { targets, .. } => format!("built by make: {}", some(targets, SHOWN)),
        Recipe::Go { packages, .. } if packages.is_empty() => "built by go".to_owned(),
        Recipe::Go { packages, .. } => format!("built by go: {}", some(packages, SHOWN)),
        Recipe::Script(script) => format!(
            "built by {}",
            code(script.lines().next().unwrap_or_default())
        ),
    };
    page.fact(format!(
        "{what}, in the toolchain {}",
        code(&build.toolchain)
    ));
}

/// What is known of a toolchain; whether the image has it.
pub(super) fn toolchain(name: &str, image: &Image, lock: Option<&Lock>, page: &mut Page) -> bool {
    if !image.toolchains.contains_key(name) {
        return false;
    }
    page.title(name, "toolchain");
    match lock.and_then(|lock| lock.toolchains.get(name)) {
        Some(LockedToolchain::Alpine { packages, .. }) => {
            let size = packages
                .iter()
                .map(|package: &LockedPackage| package.size)
                .sum();
            page.fact(format!(
                "{}, {} to fetch",
                count(packages.len(), "locked package", "locked packages"),
                bytes(size)
            ));
        }
        Some(LockedToolchain::Download { url, size, .. }) => {
            page.fact(format!("{} is locked, {}", code(url), bytes(*size)));
        }
        Some(LockedToolchain::Image {
            reference, sha256, ..
        }) => {
            page.fact(format!(
                "{} is locked with sha256 {}…",
                code(reference),
                code(&sha256.short())
            ));
        }
        None => page.fact("the lock says nothing of it"),
    }
    let users = image.sources.iter().filter(|source| {
        let build = source.build.as_ref();
        build.is_some_and(|build| build.toolchain == name)
    });
    let users: Vec<&str> = users.map(|source| source.name.value.as_str()).collect();
    if !users.is_empty() {
        page.fact(format!("builds {}", some(&users, SHOWN)));
    }
    true
}
