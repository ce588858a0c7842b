//! Who put each file there: from the record of the build that wrote the image, else from what lies in the image.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::apk;
use crate::kmod;
use crate::tree::{self, Entry, ImagePath, Node, Origin, Store, Tree};

use super::{module_release, unit_name};

/// The largest database of packages that is read.
const LARGEST_DATABASE: u64 = 64 << 20;

/// Where the origins of an image's files are known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OriginsFrom {
    /// The record of the build that wrote it.
    Record,
    /// The image itself: apk's database, and where modules, firmware and units lie.
    Image,
}

/// Gives every entry its origin; what nobody is known to have put there gets `unknown`.
pub(super) fn give(tree: &mut Tree, recorded: Option<&Tree>, store: &Store) -> OriginsFrom {
    let owners = owners(tree, store);
    for (path, entry) in tree.iter_mut() {
        let known = recorded.and_then(|recorded| recorded.get(path));
        entry.origin = match known {
            Some(known) => known.origin.clone(),
            None => guess(path, entry, &owners),
        };
    }
    match recorded {
        Some(_) => OriginsFrom::Record,
        None => OriginsFrom::Image,
    }
}

/// Packages by what they own in the end, from apk's database in the image.
fn owners(tree: &Tree, store: &Store) -> BTreeMap<ImagePath, Origin> {
    let mut owners = BTreeMap::new();
    for package in installed(tree, store) {
        let origin = Origin::new(format!("package {}", package.full_name()));
        // The database names files as their package does, also where a link leads elsewhere.
        for file in &package.files {
            owners.insert(tree::physical(tree, file), origin.clone());
        }
        for directory in &package.directories {
            let place = tree::physical(tree, directory);
            owners.entry(place).or_insert_with(|| origin.clone());
        }
    }
    owners
}

/// The packages that apk's database in an image lists, by name.
pub fn installed(tree: &Tree, store: &Store) -> Vec<apk::InstalledPackage> {
    let databases = apk::INSTALLED.iter().filter_map(|path| {
        let (_, entry) = tree.resolve(&ImagePath::new(path).ok()?)?;
        text(entry, store, LARGEST_DATABASE)
    });
    let database = databases.into_iter().next();
    database.map_or_else(Vec::new, |text| apk::read_installed(&text))
}

/// A file's text, where it has no more bytes than that.
pub(super) fn text(entry: &Entry, store: &Store, limit: u64) -> Option<String> {
    match entry.node {
        Node::File { digest, size } if size <= limit => {
            let bytes = store.get(&digest).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => None,
    }
}

fn guess(path: &ImagePath, entry: &Entry, owners: &BTreeMap<ImagePath, Origin>) -> Origin {
    if let Some(owner) = owners.get(path) {
        return owner.clone();
    }
    let parts: Vec<&str> = path.components().collect();
    let inner = parts.strip_prefix(&["usr"]).unwrap_or(&parts);
    let text = match inner {
        ["lib", "modules", ..] if module_release(path, entry).is_some() => {
            format!("module {}", kmod::module_name(path.file_name()))
        }
        ["lib", "modules", _, ..] => "modules index".to_owned(),
        ["etc", "zosc", list] if list.ends_with(".modules") => {
            format!("modules {}", list.trim_end_matches(".modules"))
        }
        ["lib", "firmware", ..] => "firmware".to_owned(),
        ["lib" | "etc", "apk", ..] => "apk database".to_owned(),
        ["kernel", "x86", "microcode", ..] => "microcode".to_owned(),
        _ => match unit_name(path, entry) {
            Some((name, _)) => format!("unit {name}"),
            None => "unknown".to_owned(),
        },
    };
    Origin::new(text)
}
