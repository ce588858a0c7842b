//! What is remembered between the steps of an installation.
//!
//! apk holds this in memory while it installs; here scripts run between one step and the next, each step starts from
//! nothing but a tree, so it travels in the tree: as a small file beside the database, which
//! [`finish`](super::finish) takes out.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::contents::PackagedFile;
use super::package::UnpackedPackage;
use crate::diagnostic::Diagnostic;
use crate::tree::{Entry, ImagePath, Node, Origin, Store, Tree};

/// Where the journal lies while an installation is under way.
const PATH: &str = "/lib/apk/db/zosc-journal.json";
/// A journal larger than this was not written here.
const LIMIT: u64 = 256 << 20;

/// What is remembered of an installation.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Journal {
    /// One record a package, in the order of installation.
    pub(super) packages: Vec<Record>,
    /// Whether directories have got their final owners and modes.
    pub(super) settled: bool,
}

/// What is remembered of one package.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Record {
    /// `NAME-VERSION`
    pub(super) package: String,
    /// Users that the root knew when the package was installed.
    pub(super) users: BTreeMap<String, u32>,
    /// Groups that the root knew when the package was installed.
    pub(super) groups: BTreeMap<String, u32>,
    /// Directories that were there although no package had listed them: they keep their owner and mode.
    pub(super) found: BTreeSet<ImagePath>,
}

impl Record {
    /// The owner and the group that a file of the package got.
    pub(super) fn owner(&self, file: &PackagedFile) -> (u32, u32) {
        let user = self.users.get(&file.user).copied();
        let group = self.groups.get(&file.group).copied();
        (
            user.unwrap_or(file.entry.uid),
            group.unwrap_or(file.entry.gid),
        )
    }
}

impl Journal {
    /// Reads the journal of a root in which exactly these packages have been installed.
    ///
    /// # Errors
    /// `zosc::apk::broken-installation` where it is missing or speaks of other packages: a script removed or changed it.
    pub(super) fn read<'a>(
        root: &Tree,
        packages: impl ExactSizeIterator<Item = &'a UnpackedPackage>,
        store: &Store,
    ) -> Result<Self, Diagnostic> {
        let broken = |reason: &str| {
            Diagnostic::error(
                "zosc::apk::broken-installation",
                format!("`{PATH}` {reason}"),
            )
            .help("a package's script removed or changed it; `packages { scripts skip }` names the culprit by trial")
        };
        let Some(Node::File { digest, size }) = root.get(&path()).map(|entry| &entry.node) else {
            return Err(broken("is gone in the middle of the installation"));
        };
        if *size > LIMIT {
            return Err(broken("has grown beyond all measure"));
        }
        let journal: Self = serde_json::from_slice(&store.get(digest)?)
            .map_err(|error| broken(&format!("cannot be read: {error}")))?;
        let same = journal.packages.len() == packages.len()
            && journal
                .packages
                .iter()
                .zip(packages)
                .all(|(record, package)| record.package == package.info.full_name());
        if !same {
            return Err(broken("speaks of other packages than those installed"));
        }
        Ok(journal)
    }

    /// Writes the journal into the root.
    pub(super) fn write(&self, root: &mut Tree, store: &Store) -> Result<(), Diagnostic> {
        let bytes = serde_json::to_vec(self).expect("names and numbers encode");
        let digest = store.put(&bytes)?;
        let entry = Entry::file(digest, bytes.len() as u64, 0o600, 0, origin());
        root.insert_with_parents(path(), entry);
        Ok(())
    }

    /// Takes the journal out of the root.
    pub(super) fn remove(root: &mut Tree) {
        root.remove(&path());
    }
}

/// The origin of what is apk's own.
pub(super) fn origin() -> Origin {
    Origin::new("apk database")
}

fn path() -> ImagePath {
    ImagePath::new(PATH).expect("a plain path")
}
