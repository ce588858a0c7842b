//! The owners and modes of directories that several packages share.

use std::collections::BTreeMap;

use super::contents::PackagedFile;
use super::journal::{Journal, Record};
use super::package::UnpackedPackage;
use crate::diagnostic::Diagnostic;
use crate::tree::{ImagePath, Store, Tree, physical};

/// Gives directories their owners and modes, once all packages are installed and before triggers run.
///
/// As apk-tools 2.14 does: of the packages that list a directory the one with the lowest user, then group number
/// decides; where several have that owner, only what all of them allow stays in the mode. Directories that were there
/// before a package listed them stay as they are. Until then directories are root's, for scripts as well.
pub fn settle_directories(
    mut root: Tree,
    packages: &[UnpackedPackage],
    store: &Store,
) -> Result<Tree, Diagnostic> {
    let mut journal = Journal::read(&root, packages.iter(), store)?;
    settle(&mut root, &mut journal, packages);
    journal.write(&mut root, store)?;
    Ok(root)
}

pub(super) fn settle(root: &mut Tree, journal: &mut Journal, packages: &[UnpackedPackage]) {
    if std::mem::replace(&mut journal.settled, true) {
        return;
    }
    let mut owners: BTreeMap<&ImagePath, Permissions> = BTreeMap::new();
    for (package, record) in packages.iter().zip(&journal.packages) {
        for file in package
            .files
            .iter()
            .filter(|file| file.entry.is_directory())
        {
            let permissions = Permissions::of(file, record);
            owners
                .entry(&file.path)
                .and_modify(|chosen| chosen.share_with(permissions))
                .or_insert(permissions);
        }
    }
    for record in &journal.packages {
        owners.retain(|path, _| !record.found.contains(*path));
    }
    for (path, permissions) in owners {
        let place = physical(root, path);
        if let Some(entry) = root.get_mut(&place).filter(|entry| entry.is_directory()) {
            (entry.uid, entry.gid) = permissions.owner;
            entry.mode = permissions.mode;
        }
    }
}

#[derive(Clone, Copy)]
struct Permissions {
    owner: (u32, u32),
    mode: u32,
}

impl Permissions {
    fn of(file: &PackagedFile, record: &Record) -> Self {
        Self {
            owner: record.owner(file),
            mode: file.entry.mode,
        }
    }

    fn share_with(&mut self, other: Self) {
        if other.owner < self.owner {
            *self = other;
        } else if other.owner == self.owner {
            self.mode &= other.mode;
        }
    }
}
