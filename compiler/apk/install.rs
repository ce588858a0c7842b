//! Installing packages into a tree, as apk-tools 2.14 does into a directory.

use std::collections::BTreeSet;

use super::contents::PackagedFile;
use super::identities::{Database, Identities};
use super::journal::{Journal, Record, origin};
use super::ownership::Ownership;
use super::package::UnpackedPackage;
use crate::diagnostic::Diagnostic;
use crate::tree::{Entry, ImagePath, Node, Store, Tree, keep_other_names, physical};

/// What `apk add --initdb` makes in an empty directory, before any package.
pub fn initial_root(store: &Store) -> Result<Tree, Diagnostic> {
    let mut root = Tree::new();
    let at = |text: &str| ImagePath::new(text).expect("a plain path");
    let directories = [
        ("/dev", 0o755),
        ("/etc", 0o755),
        ("/etc/apk", 0o755),
        ("/lib", 0o755),
        ("/lib/apk", 0o755),
        ("/lib/apk/db", 0o755),
        ("/proc", 0o555),
        ("/tmp", 0o1777),
        ("/var", 0o755),
        ("/var/cache", 0o755),
        ("/var/cache/apk", 0o755),
        ("/var/cache/misc", 0o755),
    ];
    for (path, mode) in directories {
        root.insert(at(path), Entry::directory(mode, 0, origin()));
    }
    let devices = [
        ("/dev/null", 0o666, 1, 3),
        ("/dev/zero", 0o666, 1, 5),
        ("/dev/random", 0o666, 1, 8),
        ("/dev/urandom", 0o666, 1, 9),
        ("/dev/console", 0o600, 5, 1),
    ];
    for (path, mode, major, minor) in devices {
        let mut entry = Entry::directory(mode, 0, origin());
        entry.node = Node::CharDevice { major, minor };
        root.insert(at(path), entry);
    }
    let empty = store.put(b"")?;
    for (path, mode) in [
        ("/etc/apk/world", 0o644),
        ("/lib/apk/db/installed", 0o644),
        ("/lib/apk/db/lock", 0o600),
    ] {
        root.insert(at(path), Entry::file(empty, 0, mode, 0, origin()));
    }
    Journal::default().write(&mut root, store)?;
    Ok(root)
}

/// Installs the `new` packages in order into a root that holds the `installed` ones, in their order.
///
/// Call it once for all packages between two scripts: users and groups are looked up in the root as it is then.
/// Directories get their owners by [`settle_directories`](super::settle_directories).
///
/// # Errors
/// `zosc::apk::file-collision`, `zosc::apk::file-in-the-way`, `zosc::apk::broken-installation`.
pub fn install(
    mut root: Tree,
    installed: &[UnpackedPackage],
    new: &[UnpackedPackage],
    store: &Store,
) -> Result<Tree, Diagnostic> {
    let mut journal = Journal::read(&root, installed.iter(), store)?;
    let listed = installed
        .iter()
        .flat_map(|package| &package.files)
        .filter(|file| file.entry.is_directory())
        .map(|file| &file.path)
        .collect();
    let mut installation = Installation {
        root: &mut root,
        ownership: Ownership::replay(installed)?,
        listed,
        identities: Identities::default(),
        store,
    };
    for package in new {
        journal.packages.push(installation.add(package)?);
    }
    journal.settled = false;
    journal.write(&mut root, store)?;
    Ok(root)
}

struct Installation<'a> {
    root: &'a mut Tree,
    ownership: Ownership<'a>,
    /// Directories that some package lists.
    listed: BTreeSet<&'a ImagePath>,
    identities: Identities,
    store: &'a Store,
}

impl<'a> Installation<'a> {
    fn add(&mut self, package: &'a UnpackedPackage) -> Result<Record, Diagnostic> {
        let mut record = self.record(package)?;
        // What the root's files must be, unless a script has changed them, before this package takes any over.
        let before: Vec<_> = package
            .files
            .iter()
            .map(|file| self.ownership.entry(&file.path))
            .collect();
        let admitted: BTreeSet<_> = self
            .ownership
            .admit(package)?
            .into_iter()
            .map(|file| &file.path)
            .collect();
        for file in package
            .files
            .iter()
            .filter(|file| file.entry.is_directory())
        {
            self.directory(file, &mut record)?;
        }
        for (file, before) in package.files.iter().zip(before) {
            if !file.entry.is_directory() && admitted.contains(&file.path) {
                self.file(package, file, before, &record)?;
            }
        }
        Ok(record)
    }

    /// Looks up the package's owners in the root as it is before the package's own files.
    fn record(&mut self, package: &UnpackedPackage) -> Result<Record, Diagnostic> {
        let mut record = Record {
            package: package.info.full_name(),
            ..Record::default()
        };
        for file in &package.files {
            for (database, name, numbers) in [
                (Database::Users, &file.user, &mut record.users),
                (Database::Groups, &file.group, &mut record.groups),
            ] {
                let number = self
                    .identities
                    .look_up(database, name, self.root, self.store)?;
                if let Some(number) = number {
                    numbers.insert(name.clone(), number);
                }
            }
        }
        Ok(record)
    }

    /// Makes a directory, still root's; one that is there, also through a link, stays as it is.
    fn directory(&mut self, file: &'a PackagedFile, record: &mut Record) -> Result<(), Diagnostic> {
        let first = self.listed.insert(&file.path);
        let place = physical(self.root, &file.path);
        match self.root.resolve(&place) {
            Some((_, entry)) if entry.is_directory() => {
                if first {
                    record.found.insert(file.path.clone());
                }
            }
            _ if self.root.contains(&place) => {
                return Err(in_the_way(file, &record.package, "no directory"));
            }
            _ => {
                self.needs_parent(file, &place, record)?;
                let entry = file.entry.clone().owned_by(0, 0);
                self.root.insert(place, entry);
            }
        }
        Ok(())
    }

    fn file(
        &mut self,
        package: &UnpackedPackage,
        file: &PackagedFile,
        before: Option<&PackagedFile>,
        record: &Record,
    ) -> Result<(), Diagnostic> {
        let place = physical(self.root, &file.path);
        self.needs_parent(file, &place, record)?;
        let (uid, gid) = record.owner(file);
        let mut entry = file.entry.clone().owned_by(uid, gid);
        if let Node::Hardlink { to } = &file.entry.node {
            entry = self.hard_link(package, to, entry);
        }
        let Some(old) = self.root.get(&place) else {
            self.root.insert(place, entry);
            return Ok(());
        };
        if old.is_directory() {
            return Err(in_the_way(file, &record.package, "a directory"));
        }
        if is_protected(&file.path) && before.is_none_or(|before| !same_content(&before.entry, old))
        {
            if !same_content(&entry, old) {
                let name = format!("{}.apk-new", place.as_str());
                if let Ok(beside) = ImagePath::new(&name) {
                    self.root.insert(beside, entry);
                }
            }
            return Ok(());
        }
        keep_other_names(self.root, &place);
        self.root.insert(place, entry);
        Ok(())
    }

    /// A further name for a file of the same package; a copy of it where that file was left to another package or to
    /// a local change.
    fn hard_link(&self, package: &UnpackedPackage, to: &ImagePath, mut link: Entry) -> Entry {
        let Some(packaged) = package.files.iter().find(|file| file.path == *to) else {
            return link;
        };
        let place = physical(self.root, to);
        let owner = self.ownership.owner(to);
        match self.root.get(&place) {
            Some(there)
                if there.node == packaged.entry.node
                    && owner.is_some_and(|owner| owner.identity == package.identity) =>
            {
                let node = Node::Hardlink { to: place };
                Entry {
                    node,
                    ..there.clone()
                }
            }
            _ => {
                link.node = packaged.entry.node.clone();
                link
            }
        }
    }

    fn needs_parent(
        &self,
        file: &PackagedFile,
        place: &ImagePath,
        record: &Record,
    ) -> Result<(), Diagnostic> {
        let parent = place.parent().filter(|parent| !parent.is_root());
        match parent.map(|parent| self.root.get(&parent).map(Entry::is_directory)) {
            None | Some(Some(true)) => Ok(()),
            _ => Err(in_the_way(file, &record.package, "not below a directory")),
        }
    }
}

/// Whether apk protects local changes at a path: below `/etc`.
fn is_protected(path: &ImagePath) -> bool {
    path.components().next() == Some("etc") && path.components().count() > 1
}

/// Whether two entries are the same to apk's checksum: it covers content and link targets, not modes.
fn same_content(one: &Entry, other: &Entry) -> bool {
    match (&one.node, &other.node) {
        (Node::File { digest: one, .. }, Node::File { digest: other, .. }) => one == other,
        (one, other) => one == other,
    }
}

fn in_the_way(file: &PackagedFile, package: &str, what: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::apk::file-in-the-way",
        format!(
            "the package `{package}` cannot put `{}` in place: it is {what} in the image",
            file.path
        ),
    )
    .help("two packages, or a package and a script, disagree about that path: exclude one of them")
}
