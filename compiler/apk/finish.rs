//! The last step of an installation: the files by which `apk` inside the image knows what is there.

use std::collections::BTreeMap;

use super::database;
use super::directories::settle;
use super::journal::{Journal, origin};
use super::package::UnpackedPackage;
use crate::diagnostic::Diagnostic;
use crate::tree::{Entry, ImagePath, Node, Store, Tree};

/// What `apk` inside the image is to know beside the packages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatabaseSettings {
    /// Entries of `/etc/apk/world`, in any order.
    pub world: Vec<String>,
    /// Lines of `/etc/apk/repositories`; without any the file is left alone.
    pub repositories: Vec<String>,
    /// The architecture: `x86_64`.
    pub arch: String,
    /// Files of `/etc/apk/keys` by name.
    pub keys: BTreeMap<String, Vec<u8>>,
    /// The repository tag that a package was taken from, without its `@`, by package name.
    pub tags: BTreeMap<String, String>,
}

/// Writes apk's database and settings into a root in which these packages have been installed, in this order.
///
/// Settles directories where that has not been done.
///
/// # Errors
/// `zosc::apk::broken-installation`, `zosc::apk::bad-key`.
pub fn finish(
    mut root: Tree,
    packages: &[UnpackedPackage],
    settings: &DatabaseSettings,
    store: &Store,
) -> Result<Tree, Diagnostic> {
    let mut journal = Journal::read(&root, packages.iter(), store)?;
    settle(&mut root, &mut journal, packages);
    Journal::remove(&mut root);

    let newest = packages.iter().map(|package| package.info.build_date).max();
    let mut writer = Writer {
        root: &mut root,
        store,
        mtime: newest.unwrap_or(0),
    };
    let tag = |name: &str| settings.tags.get(name).cloned();
    let installed = database::installed(packages, &journal.packages, &settings.arch, tag)?;
    writer.put("/lib/apk/db/installed", installed.as_bytes(), 0o644)?;
    let triggers = database::triggers(packages);
    writer.put("/lib/apk/db/triggers", triggers.as_bytes(), 0o644)?;
    let scripts = database::scripts(packages, store)?;
    writer.put("/lib/apk/db/scripts.tar", &scripts, 0o644)?;
    writer.put("/lib/apk/db/lock", b"", 0o600)?;
    writer.put(
        "/etc/apk/arch",
        format!("{}\n", settings.arch).as_bytes(),
        0o644,
    )?;
    writer.put("/etc/apk/world", world(&settings.world).as_bytes(), 0o644)?;
    if !settings.repositories.is_empty() {
        let lines = settings.repositories.join("\n") + "\n";
        writer.put("/etc/apk/repositories", lines.as_bytes(), 0o644)?;
    }
    for (name, content) in &settings.keys {
        writer.put_key(name, content)?;
    }
    Ok(root)
}

/// World entries, one a line, sorted by the name that they speak of.
fn world(entries: &[String]) -> String {
    let name = |entry: &String| {
        let entry = entry.strip_prefix('!').unwrap_or(entry);
        let end = entry.find(['@', '<', '>', '=', '~']).unwrap_or(entry.len());
        database::sort_key(entry.get(..end).unwrap_or(entry))
    };
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by_key(|entry| (name(entry), (*entry).clone()));
    sorted.dedup();
    let lines: Vec<&str> = sorted.iter().map(|entry| entry.as_str()).collect();
    lines.join("\n") + "\n"
}

struct Writer<'a> {
    root: &'a mut Tree,
    store: &'a Store,
    mtime: u64,
}

impl Writer<'_> {
    fn put(&mut self, path: &str, content: &[u8], mode: u32) -> Result<(), Diagnostic> {
        let path = ImagePath::new(path).expect("a plain path");
        self.put_at(path, content, mode)
    }

    /// Puts a file in place, through directory links of the root.
    fn put_at(&mut self, path: ImagePath, content: &[u8], mode: u32) -> Result<(), Diagnostic> {
        let place = crate::tree::physical(self.root, &path);
        let digest = self.store.put(content)?;
        let entry = Entry::file(digest, content.len() as u64, mode, self.mtime, origin());
        self.root.insert_with_parents(place, entry);
        Ok(())
    }

    /// A key that a package has put there already stays that package's.
    fn put_key(&mut self, name: &str, content: &[u8]) -> Result<(), Diagnostic> {
        let path = ImagePath::new(&format!("/etc/apk/keys/{name}"))
            .ok()
            .filter(|path| !name.is_empty() && path.file_name() == name)
            .ok_or_else(|| {
                Diagnostic::error(
                    "zosc::apk::bad-key",
                    format!("`{name}` is no plain file name for a key"),
                )
                .help("name the key's file without folders")
            })?;
        let there = self.root.resolve(&path).map(|(_, entry)| &entry.node);
        let same = match there {
            Some(Node::File { digest, .. }) => self.store.get(digest)? == content,
            _ => false,
        };
        if same {
            return Ok(());
        }
        self.put_at(path, content, 0o644)
    }
}
