//! Firmware files from a pool.

use std::collections::BTreeSet;

use globset::GlobBuilder;

use crate::diagnostic::Diagnostic;
use crate::tree::{ImagePath, Node, Tree};

/// The kernel's search path (`drivers/base/firmware_loader/main.c`), without the folders named after a release.
const FOLDERS: [&str; 4] = [
    "/lib/firmware/updates",
    "/lib/firmware",
    "/usr/lib/firmware/updates",
    "/usr/lib/firmware",
];
/// Endings that the kernel adds where the plain file is missing.
const ENDINGS: [&str; 3] = ["", ".zst", ".xz"];
/// Links that are followed before a path counts as a loop.
const MOST_LINKS: usize = 40;

/// Firmware that was found and that was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FirmwareSelection {
    /// The files, the links that lead to them, and the directories above, as the pool has them.
    pub tree: Tree,
    /// Wanted names and patterns that match nothing, in the order of asking.
    pub missing: Vec<String>,
}

/// Says that nothing in the pool has a name or matches a pattern.
pub fn no_firmware(pattern: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::no-firmware",
        format!("no firmware package has `{pattern}`"),
    )
    .help("name the package that has it in `firmware { package … }`, or correct the pattern")
}

/// Picks from a pool every file that one of the names or patterns stands for.
///
/// A name is a path below `/lib/firmware`, or a pattern (`*`, `?`, `[…]` within a component, `**` across them). A file
/// packed with xz or zstd counts for its plain name, as it does for the kernel.
pub fn select_firmware<S: AsRef<str>>(pool: &Tree, wanted: &[S]) -> FirmwareSelection {
    let mut selection = FirmwareSelection::default();
    for name in wanted.iter().map(AsRef::as_ref) {
        let found = matches(pool, name);
        let mut reached = false;
        for path in &found {
            let mut way = Tree::new();
            if take(pool, path, &mut way) {
                reached = true;
                for (path, entry) in way.iter() {
                    selection.tree.insert(path.clone(), entry.clone());
                }
            }
        }
        if !reached {
            selection.missing.push(name.to_owned());
        }
    }
    selection
}

/// The paths of the pool that a name may mean.
fn matches(pool: &Tree, name: &str) -> BTreeSet<ImagePath> {
    let exact = candidates(name)
        .into_iter()
        .filter(|path| matches!(pool.resolve(path), Some((_, entry)) if !entry.is_directory()));
    let exact: BTreeSet<ImagePath> = exact.take(1).collect();
    if !exact.is_empty() || !name.contains(['*', '?', '[']) {
        return exact;
    }
    let globs: Vec<_> = ENDINGS
        .iter()
        .filter_map(|ending| {
            GlobBuilder::new(&format!("{name}{ending}"))
                .literal_separator(true)
                .build()
                .ok()
        })
        .map(|glob| glob.compile_matcher())
        .collect();
    pool.iter()
        .filter(|(path, entry)| {
            let below = FOLDERS
                .iter()
                .find_map(|folder| path.as_str().strip_prefix(folder)?.strip_prefix('/'));
            !entry.is_directory()
                && below.is_some_and(|below| globs.iter().any(|glob| glob.is_match(below)))
        })
        .map(|(path, _)| path.clone())
        .collect()
}

fn candidates(name: &str) -> Vec<ImagePath> {
    let folders = FOLDERS.iter().flat_map(|folder| {
        ENDINGS
            .iter()
            .map(move |ending| format!("{folder}/{name}{ending}"))
    });
    folders
        .filter_map(|path| ImagePath::new(&path).ok())
        .collect()
}

/// Copies a path with all that leads to it; whether a file was reached at its end.
fn take(pool: &Tree, path: &ImagePath, into: &mut Tree) -> bool {
    let mut pending: Vec<String> = path.components().rev().map(str::to_owned).collect();
    let mut at = ImagePath::root();
    let mut links = 0;
    while let Some(component) = pending.pop() {
        match component.as_str() {
            "" | "." => continue,
            ".." => {
                at = at.parent().unwrap_or_else(ImagePath::root);
                continue;
            }
            _ => {}
        }
        let Ok(next) = at.join(&component) else {
            return false;
        };
        let Some(entry) = pool.get(&next) else {
            return false;
        };
        into.insert(next.clone(), entry.clone());
        match &entry.node {
            Node::Symlink { target } => {
                links += 1;
                if links > MOST_LINKS {
                    return false;
                }
                if target.starts_with('/') {
                    at = ImagePath::root();
                }
                pending.extend(target.split('/').rev().map(str::to_owned));
            }
            Node::Hardlink { to } => {
                let to = to.clone();
                return pending.is_empty() && take(pool, &to, into);
            }
            Node::Directory => at = next,
            Node::File { .. } => return pending.is_empty(),
            _ => return false,
        }
    }
    false
}
