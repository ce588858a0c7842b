//! What a store holds: how much of which kind, and what each build takes of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::reach::Reach;
use super::{Amount, Kind, inside, occupied};
use crate::build;
use crate::diagnostic::Diagnostic;
use crate::tree::{Digest, Shelf, Store};

/// What a store holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Inventory {
    /// Its folder.
    pub folder: PathBuf,
    /// How much of each kind.
    pub kinds: BTreeMap<Kind, Amount>,
    /// Builds by their numbers, with what they take.
    pub builds: Vec<BuildSize>,
}

/// A build, and the contents that it used and made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuildSize {
    /// Its number.
    pub number: u32,
    /// The image's name.
    pub name: String,
    /// The manifest.
    pub manifest: PathBuf,
    /// When it began, in milliseconds since 1970.
    pub started: u64,
    /// All that it used and made, as far as it is there.
    pub all: Amount,
    /// What no other build used or made.
    pub own: Amount,
}

impl Inventory {
    /// Everything.
    pub fn total(&self) -> Amount {
        let mut total = Amount::default();
        self.kinds.values().for_each(|amount| total += *amount);
        total
    }
}

/// Looks through a store.
///
/// # Errors
/// A folder cannot be read.
pub fn inventory(store: &Store) -> Result<Inventory, Diagnostic> {
    let blobs = store.list(Shelf::Blobs)?.files;
    let sizes: BTreeMap<Digest, u64> = blobs
        .iter()
        .map(|blob| (blob.digest, blob.occupied))
        .collect();
    let mut kinds: BTreeMap<Digest, Kind> = BTreeMap::new();
    let mut users: BTreeMap<Digest, u32> = BTreeMap::new();
    let mut builds = Vec::new();
    for record in build::records(store) {
        let mut reach = Reach::new(store);
        reach.build(&record);
        for (digest, kind) in &reach.contents {
            kinds.entry(*digest).or_insert(*kind);
            *users.entry(*digest).or_default() += 1;
        }
        builds.push((record, reach.contents));
    }
    let mut inventory = Inventory {
        folder: store.root().to_owned(),
        ..Inventory::default()
    };
    for (record, contents) in builds {
        let mut size = BuildSize {
            number: record.number,
            name: record.name,
            manifest: record.manifest,
            started: record.started,
            all: Amount::default(),
            own: Amount::default(),
        };
        for digest in contents.keys() {
            if let Some(bytes) = sizes.get(digest) {
                size.all.add(*bytes);
                if users.get(digest) == Some(&1) {
                    size.own.add(*bytes);
                }
            }
        }
        inventory.builds.push(size);
    }
    for blob in &blobs {
        let kind = kinds.get(&blob.digest).copied().unwrap_or(Kind::Unnamed);
        inventory.count(kind, blob.occupied);
    }
    for (shelf, kind) in [(Shelf::Results, Kind::Results), (Shelf::Notes, Kind::Notes)] {
        for file in store.list(shelf)?.files {
            inventory.count(kind, file.occupied);
        }
    }
    inventory.folders(store);
    Ok(inventory)
}

impl Inventory {
    fn count(&mut self, kind: Kind, bytes: u64) {
        self.kinds.entry(kind).or_default().add(bytes);
    }

    /// What lies in folders of its own. Of what is temporary, all but this process's own.
    fn folders(&mut self, store: &Store) {
        let temporary = store.root().join("temporary");
        let folders = [
            (Kind::Builds, store.builds()),
            (Kind::Roots, store.roots()),
            (Kind::Shells, store.shells()),
            (Kind::Logs, store.logs()),
            (Kind::Temporary, temporary),
        ];
        for (kind, folder) in folders {
            for path in inside(&folder) {
                let is_lock = path.extension().is_some_and(|ending| ending == "lock");
                if path != store.temporary() && !is_lock {
                    self.count(kind, occupied(&path));
                }
            }
        }
    }
}
