//! Which directories a package's trigger is told of.

use std::collections::BTreeSet;

use super::package::UnpackedPackage;
use super::trigger_glob::matches;
use crate::tree::ImagePath;

/// The directories that a package's trigger script gets as arguments in a fresh installation, sorted; none means that
/// it does not run.
///
/// A pattern is matched against every directory that a package lists and those above them, whether they were changed
/// or not, because the package itself is new; a pattern after a `+` only against those that a package lists.
pub fn trigger_directories(
    packages: &[UnpackedPackage],
    package: &UnpackedPackage,
) -> Vec<ImagePath> {
    let mut listed: BTreeSet<ImagePath> = BTreeSet::new();
    let mut known: BTreeSet<ImagePath> = BTreeSet::new();
    for file in packages.iter().flat_map(|package| &package.files) {
        let mut path = Some(file.path.clone());
        if file.entry.is_directory() {
            listed.insert(file.path.clone());
        } else {
            path = file.path.parent();
            listed.extend(path.clone());
        }
        while let Some(above) = path.filter(|path| !known.contains(path)) {
            path = above.parent();
            known.insert(above);
        }
    }
    let wants = |path: &ImagePath| {
        let pattern = package.info.triggers.iter().find(|pattern| {
            let pattern = pattern.strip_prefix('+').unwrap_or(pattern);
            pattern.starts_with('/') && matches(pattern, path.as_str())
        });
        pattern.is_some_and(|pattern| !pattern.starts_with('+') || listed.contains(path))
    };
    known.iter().filter(|path| wants(path)).cloned().collect()
}
