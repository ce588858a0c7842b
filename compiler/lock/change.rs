//! What is different between two locks, for people and for programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::{Lock, LockedPackage, LockedSource, LockedToolchain, LockedVendor, Role, git};

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A package.
    Package,
    /// A source.
    Source,
    /// What a source is built from.
    Dependencies,
    /// A toolchain, or a package of one.
    Toolchain,
    /// The kernel inside its package.
    Kernel,
}

/// One difference; shown as a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What it is about.
    pub subject: Subject,
    /// Its name.
    pub name: String,
    /// The version before; none for what is new.
    pub old: Option<String>,
    /// The version now; none for what is gone.
    pub new: Option<String>,
    /// Why, in a few words; may be empty.
    pub why: String,
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.subject {
            Subject::Package => self.name.clone(),
            Subject::Source => format!("source {}", self.name),
            Subject::Dependencies => format!("dependencies of {}", self.name),
            Subject::Toolchain => format!("toolchain {}", self.name),
            Subject::Kernel => "kernel".to_owned(),
        };
        match (&self.old, &self.new) {
            (Some(old), Some(new)) if old == new => {
                write!(formatter, "{name} {new}: other content")
            }
            (Some(old), Some(new)) => write!(formatter, "{name} {old} → {new}"),
            (None, Some(new)) => write!(formatter, "+ {name} {new}"),
            (Some(old), None) => write!(formatter, "- {name} {old}"),
            (None, None) => formatter.write_str(&name),
        }
    }
}

impl Change {
    /// The change of a package, as one of a toolchain.
    pub(super) fn of_toolchain(self, toolchain: &str) -> Self {
        Self {
            subject: Subject::Toolchain,
            name: format!("{toolchain}: {}", self.name),
            ..self
        }
    }
}

/// A package as far as a difference needs to know it.
pub(super) struct Listed<'a> {
    pub(super) role: Role,
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) identity: &'a str,
    pub(super) because: &'a [String],
}

impl<'a> From<&'a LockedPackage> for Listed<'a> {
    fn from(package: &'a LockedPackage) -> Self {
        Self {
            role: package.role,
            name: &package.name,
            version: &package.version,
            identity: &package.identity,
            because: &package.because,
        }
    }
}

/// Differences between packages; `moved` knows why some of them could not stay.
pub(super) fn packages(
    old: &[Listed<'_>],
    new: &[Listed<'_>],
    moved: &BTreeMap<String, String>,
) -> Vec<Change> {
    let before = by_name(old);
    let after = by_name(new);
    let change = |package: &Listed<'_>, old: Option<&str>, new: Option<&str>, why: String| Change {
        subject: Subject::Package,
        name: package.name.to_owned(),
        old: old.map(str::to_owned),
        new: new.map(str::to_owned),
        why,
    };
    let mut changes = Vec::new();
    for (key, package) in &after {
        match before.get(key) {
            None => changes.push(change(
                package,
                None,
                Some(package.version),
                asked_by(package),
            )),
            Some(old) if (old.version, old.identity) != (package.version, package.identity) => {
                let why = moved.get(package.name).cloned().unwrap_or_default();
                changes.push(change(
                    package,
                    Some(old.version),
                    Some(package.version),
                    why,
                ));
            }
            Some(_) => {}
        }
    }
    let gone = before.iter().filter(|(key, _)| !after.contains_key(key));
    changes.extend(gone.map(|(_, package)| {
        let why = "nothing needs it any more".to_owned();
        change(package, Some(package.version), None, why)
    }));
    changes
}

fn by_name<'l, 'a>(packages: &'l [Listed<'a>]) -> BTreeMap<(Role, &'a str), &'l Listed<'a>> {
    packages
        .iter()
        .map(|package| ((package.role, package.name), package))
        .collect()
}

/// Who asked for a package that is new.
fn asked_by(package: &Listed<'_>) -> String {
    match package.because {
        [] => String::new(),
        [wish]
            if crate::apk::dependency::Dependency::parse(wish)
                .is_ok_and(|wish| wish.name == package.name) =>
        {
            "asked for".to_owned()
        }
        askers => format!("needed by {}", askers.join(", ")),
    }
}

/// Differences between two locks.
pub(super) fn between(old: &Lock, new: &Lock, moved: &BTreeMap<String, String>) -> Vec<Change> {
    let before: Vec<Listed<'_>> = old.packages.iter().map(Listed::from).collect();
    let after: Vec<Listed<'_>> = new.packages.iter().map(Listed::from).collect();
    let mut changes = packages(&before, &after, moved);
    changes.extend(toolchains(old, new));
    let change = |name: &str, old: Option<&LockedSource>, new: Option<&LockedSource>| Change {
        subject: Subject::Source,
        name: name.to_owned(),
        old: old.map(version),
        new: new.map(version),
        why: String::new(),
    };
    for (name, source) in &new.sources {
        let before = old.sources.get(name);
        if before != Some(source) {
            changes.push(change(name, before, Some(source)));
        }
    }
    for (name, source) in &old.sources {
        if !new.sources.contains_key(name) {
            changes.push(change(name, Some(source), None));
        }
    }
    let dependencies: BTreeSet<&String> = old.vendored.keys().chain(new.vendored.keys()).collect();
    for name in dependencies {
        let (before, after) = (old.vendored.get(name), new.vendored.get(name));
        if before != after {
            let short = |vendored: &LockedVendor| vendored.tree.short();
            changes.push(Change {
                subject: Subject::Dependencies,
                name: name.clone(),
                old: before.map(short),
                new: after.map(short),
                why: String::new(),
            });
        }
    }
    if (&old.kernel, &old.kernel_source) != (&new.kernel, &new.kernel_source)
        && let Some(kernel) = &new.kernel
    {
        changes.push(Change {
            subject: Subject::Kernel,
            name: kernel.release.clone(),
            old: old.kernel.as_ref().map(|kernel| kernel.release.clone()),
            new: Some(kernel.release.clone()),
            why: String::new(),
        });
    }
    changes
}

/// Differences between the toolchains of two locks.
fn toolchains(old: &Lock, new: &Lock) -> Vec<Change> {
    let names: BTreeSet<&String> = old.toolchains.keys().chain(new.toolchains.keys()).collect();
    let mut changes = Vec::new();
    for name in names {
        let (before, after) = (old.toolchains.get(name), new.toolchains.get(name));
        let (packages_before, packages_after) = (listed(before), listed(after));
        let moved = packages(&packages_before, &packages_after, &BTreeMap::new());
        changes.extend(moved.into_iter().map(|change| change.of_toolchain(name)));
        let (was, is) = (before.and_then(root_version), after.and_then(root_version));
        if was != is {
            changes.push(Change {
                subject: Subject::Toolchain,
                name: name.clone(),
                old: was,
                new: is,
                why: String::new(),
            });
        }
    }
    changes
}

fn listed(toolchain: Option<&LockedToolchain>) -> Vec<Listed<'_>> {
    match toolchain {
        Some(LockedToolchain::Alpine { packages, .. }) => {
            packages.iter().map(Listed::from).collect()
        }
        _ => Vec::new(),
    }
}

/// What tells one root filesystem from another, where it is a whole one.
fn root_version(toolchain: &LockedToolchain) -> Option<String> {
    match toolchain {
        LockedToolchain::Alpine { .. } => None,
        LockedToolchain::Download { sha256, .. } | LockedToolchain::Image { sha256, .. } => {
            Some(sha256.short())
        }
    }
}

fn version(source: &LockedSource) -> String {
    match source {
        LockedSource::Crate { version, .. } => version.clone(),
        LockedSource::Git { commit, .. } => git::short(commit).to_owned(),
        LockedSource::Release { sha256, .. } => sha256.short(),
    }
}
