//! Whose file it is when two packages hold the same path.

use std::collections::BTreeMap;

use super::contents::PackagedFile;
use super::dependency::Dependency;
use super::package::UnpackedPackage;
use crate::diagnostic::Diagnostic;
use crate::tree::ImagePath;

/// The owner of every path that is no directory, after a list of packages has been installed in order.
#[derive(Debug, Default)]
pub(super) struct Ownership<'a> {
    packages: Vec<&'a UnpackedPackage>,
    owners: BTreeMap<&'a ImagePath, usize>,
}

impl<'a> Ownership<'a> {
    /// Replays installations that have been made before.
    pub(super) fn replay(
        packages: impl IntoIterator<Item = &'a UnpackedPackage>,
    ) -> Result<Self, Diagnostic> {
        let mut ownership = Self::default();
        for package in packages {
            ownership.admit(package)?;
        }
        Ok(ownership)
    }

    /// Adds a package and returns those of its entries that are not left to an earlier package.
    ///
    /// # Errors
    /// `zosc::apk::file-collision` where an earlier package owns a path and neither of the two says that it replaces
    /// the other.
    pub(super) fn admit(
        &mut self,
        package: &'a UnpackedPackage,
    ) -> Result<Vec<&'a PackagedFile>, Diagnostic> {
        let mut admitted = Vec::new();
        for file in &package.files {
            let keeps = match self.owner(&file.path) {
                Some(owner) if !file.entry.is_directory() => outranks(owner, package, &file.path)?,
                _ => false,
            };
            if !keeps {
                admitted.push(file);
            }
        }
        let index = self.packages.len();
        self.packages.push(package);
        for file in &admitted {
            if !file.entry.is_directory() {
                self.owners.insert(&file.path, index);
            }
        }
        Ok(admitted)
    }

    /// The package that owns a path.
    pub(super) fn owner(&self, path: &ImagePath) -> Option<&'a UnpackedPackage> {
        self.packages.get(*self.owners.get(path)?).copied()
    }

    /// Whether the package at this place in the order of installation owns a path.
    pub(super) fn owns(&self, index: usize, path: &ImagePath) -> bool {
        self.owners.get(path) == Some(&index)
    }

    /// The owner's own entry for a path.
    pub(super) fn entry(&self, path: &ImagePath) -> Option<&'a PackagedFile> {
        self.owner(path)?
            .files
            .iter()
            .find(|file| file.path == *path)
    }
}

/// Whether `old` keeps a path that `new` holds too, as apk-tools 2.14 decides.
fn outranks(
    old: &UnpackedPackage,
    new: &UnpackedPackage,
    path: &ImagePath,
) -> Result<bool, Diagnostic> {
    if old.info.name == new.info.name
        || (new.info.origin.is_some() && old.info.origin == new.info.origin)
    {
        return Ok(false);
    }
    let old_rank = rank(old, new);
    let new_rank = rank(new, old);
    if old_rank > new_rank {
        return Ok(true);
    }
    if new_rank.is_some() {
        return Ok(false);
    }
    let (old, new) = (old.info.full_name(), new.info.full_name());
    Err(Diagnostic::error(
        "zosc::apk::file-collision",
        format!("the packages `{old}` and `{new}` both hold `{path}`"),
    )
    .help("exclude one of the two; a package that may take over the other's files says so with `replaces`"))
}

/// The priority with which a package replaces the other's files; `None` where it does not.
fn rank(package: &UnpackedPackage, other: &UnpackedPackage) -> Option<u64> {
    let names_other = |text: &String| {
        Dependency::parse(text).is_ok_and(|dependency| {
            dependency.name == other.info.name
                && dependency.is_met(Some(&other.info.version), &other.identity.to_string())
        })
    };
    package
        .info
        .replaces
        .iter()
        .any(names_other)
        .then_some(package.info.replaces_priority)
}
