//! The order of an archive's entries, and the numbers of its files.
//!
//! Both are chosen so that what is added to a tree changes little of the archive: entries of one package stay together, and
//! a number belongs to a path rather than to a place in the list.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::{Digest, Entry, ImagePath, Tree};

/// Numbers from here on belong to files with several names; below are those of directories.
const FIRST_OF_FILES: u32 = 1 << 31;

/// A tree's entries: directories by path, then all else by who put it there, then by path.
pub(super) fn ordered(tree: &Tree) -> Vec<(&ImagePath, &Entry)> {
    let mut order: Vec<(&ImagePath, &Entry)> = tree.iter().collect();
    // Origins are compared for what is no directory only.
    order.sort_by_key(|(path, entry)| {
        let origin = (!entry.is_directory()).then_some(&entry.origin);
        (origin, *path)
    });
    order
}

/// Inode numbers of what needs one: directories, which some readers take for links of one another where numbers are equal,
/// and files with several names, by the path of the file. Everything else has 0.
pub(super) fn numbers<'t>(
    order: &[(&'t ImagePath, &'t Entry)],
    names: &BTreeMap<&'t ImagePath, u32>,
) -> BTreeMap<&'t ImagePath, u32> {
    let directories = order.iter().filter(|(_, entry)| entry.is_directory());
    let mut numbers: BTreeMap<&ImagePath, u32> = (1..)
        .zip(directories)
        .map(|(number, (path, _))| (*path, number))
        .collect();
    let mut taken = BTreeSet::new();
    for path in names.keys().copied() {
        let digest = Digest::of(path.as_str().as_bytes());
        let mut bytes = digest
            .as_bytes()
            .iter()
            .take(4)
            .map(|byte| u32::from(*byte));
        let mut number = bytes.by_ref().fold(0, |number, byte| number << 8 | byte) | FIRST_OF_FILES;
        while !taken.insert(number) {
            number = number.wrapping_add(1) | FIRST_OF_FILES;
        }
        numbers.insert(path, number);
    }
    numbers
}
