//! What a manifest and its imports come to: the same passes as `zosc check`, over the texts of the editor.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::check::{self, Image, Settings};
use crate::diagnostic::Diagnostics;
use crate::io::{Files, Noted};
use crate::lock::{self, Lock, LockedPackage};
use crate::plan;
use crate::source::{Source, SourceId, SourceMap};
use crate::tree::Store;

use super::knowledge::Knowledge;

/// What a check found. Places in it are of its own [`sources`](Self::sources), which may be older than what the editor shows.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// Which state of the editor's texts it is about; it grows with every change.
    pub revision: u64,
    /// The texts, the manifest first.
    pub sources: SourceMap,
    /// Every problem.
    pub diagnostics: Diagnostics,
    /// What the manifest means, where nothing is wrong with it.
    pub image: Option<Image>,
    /// What `zos.lock` says, whether or not it still answers to the manifest; empty without one.
    pub lock: Lock,
    /// The packages of `zos.lock`, where it answers to the manifest.
    pub packages: Vec<LockedPackage>,
    /// The files that were looked at, whether or not they are there.
    pub asked: BTreeSet<PathBuf>,
}

impl Checked {
    /// The text of a file, if the manifest consists of it.
    pub fn source(&self, path: &Path) -> Option<(SourceId, &Source)> {
        let mut sources = self.sources.iter();
        sources.find(|(_, source)| source.file.as_deref() == Some(path))
    }

    /// Whether a file is as it was checked.
    pub fn is_about(&self, path: &Path, text: &str) -> bool {
        self.source(path)
            .is_some_and(|(_, source)| &*source.text == text)
    }
}

/// A manifest that is the root of something open.
#[derive(Debug, Clone)]
pub struct Project {
    /// The manifest's path.
    pub entry: PathBuf,
    /// The folder that messages name files from.
    pub folder: PathBuf,
    /// The latest check; before the first, an empty one.
    pub checked: Arc<Checked>,
    /// The latest check of a manifest in which nothing was wrong.
    pub good: Option<Arc<Checked>>,
    /// What caches know of the latest good check, as far as that was read.
    pub knowledge: Knowledge,
    /// The state of texts that somebody waits for.
    pub(super) wanted: u64,
}

impl Project {
    /// A project that was not checked yet.
    pub(super) fn new(entry: &Path, folder: &Path) -> Self {
        Self {
            entry: entry.to_owned(),
            folder: folder.to_owned(),
            checked: Arc::default(),
            good: None,
            knowledge: Knowledge::default(),
            wanted: 0,
        }
    }

    /// Whether a file is part of it.
    pub fn consists_of(&self, path: &Path) -> bool {
        self.entry == path || self.checked.source(path).is_some()
    }

    /// Whether the latest check is about the latest texts.
    pub(super) fn is_current(&self) -> bool {
        self.checked.revision >= self.wanted
    }

    /// Takes what a check found, unless something newer is known.
    pub(super) fn take(&mut self, checked: Arc<Checked>) {
        if checked.revision < self.checked.revision {
            return;
        }
        if checked.image.is_some() {
            self.good = Some(checked.clone());
        }
        self.checked = checked;
    }
}

/// Checks a manifest as `zosc check` does it. What the environment of the editor holds does not count.
pub(super) fn check(
    entry: &Path,
    folder: &Path,
    files: &dyn Files,
    store: &Path,
    revision: u64,
) -> Checked {
    let mut checked = Checked {
        revision,
        ..Checked::default()
    };
    let settings = settings(folder);
    let entry = entry.strip_prefix(folder).unwrap_or(entry);
    let (sources, problems) = (&mut checked.sources, &mut checked.diagnostics);
    let files = Noted::new(files);
    checked.image = check::check(entry, &settings, &files, sources, problems);
    checked.asked = files.asked().files.into_keys().collect();
    if let Some(image) = &checked.image {
        let store = Store::existing(store);
        plan::review(image, store.as_ref(), problems);
        checked.lock = lock::known(image, store.as_ref());
        checked.packages = lock::answering(image, store.as_ref());
    }
    checked
}

/// The manifest that a file belongs to: of those in its folder and the folders above, up to `top`, the first that imports it; else
/// the file itself.
pub(super) fn root(path: &Path, top: Option<&Path>, files: &dyn Files) -> PathBuf {
    let folders = path.ancestors().skip(1);
    let mut left = ANCESTORS;
    for folder in folders {
        for entry in manifests(folder, files) {
            if entry == path {
                continue;
            }
            let parts = check::files(&entry, &settings(folder), files);
            if parts.iter().any(|part| part == path) {
                return entry;
            }
        }
        // Where a folder is open, its depth does not matter.
        left = left.saturating_sub(1);
        if Some(folder) == top || (top.is_none() && left == 0) {
            break;
        }
    }
    path.to_owned()
}

/// How many folders are looked through where the editor has no folder open.
const ANCESTORS: usize = 4;

/// The manifests of a folder: `zos.kdl`, then those called `NAME.zos.kdl`.
fn manifests(folder: &Path, files: &dyn Files) -> Vec<PathBuf> {
    let mut names = files.list(folder).unwrap_or_default();
    names.retain(|name| name == "zos.kdl" || name.ends_with(".zos.kdl"));
    names.sort_by_key(|name| name != "zos.kdl");
    names.iter().map(|name| folder.join(name)).collect()
}

/// Settings of a check: what is on the command line or in the environment does not count in an editor.
pub(super) fn settings(folder: &Path) -> Settings {
    Settings {
        current_directory: folder.to_owned(),
        ..Settings::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Memory;

    const HEAD: &str = "edition 1\nimage x version=\"1\"\n";

    #[test]
    fn a_file_belongs_to_the_manifest_above_that_imports_it() {
        let files = Memory::new([
            ("/w/zos.kdl", format!("{HEAD}import \"units/site.kdl\"\n")),
            ("/w/units/site.kdl", "import \"more/ssh.kdl\"\n".to_owned()),
            ("/w/units/more/ssh.kdl", String::new()),
            ("/w/units/alone.kdl", String::new()),
        ]);
        let root = |path: &str| root(Path::new(path), Some(Path::new("/w")), &files);
        assert_eq!(root("/w/units/more/ssh.kdl"), Path::new("/w/zos.kdl"));
        assert_eq!(root("/w/units/alone.kdl"), Path::new("/w/units/alone.kdl"));
        assert_eq!(root("/w/zos.kdl"), Path::new("/w/zos.kdl"));
    }

    #[test]
    fn the_last_good_check_is_kept() {
        let mut project = Project::new(Path::new("/w/zos.kdl"), Path::new("/w"));
        let checked = |text: &str, revision| {
            let files = Memory::new([("/w/zos.kdl", text)]);
            let checked = check(
                &project_path(),
                Path::new("/w"),
                &files,
                Path::new("/none"),
                revision,
            );
            Arc::new(checked)
        };
        project.take(checked(HEAD, 1));
        assert!(project.good.is_some());
        project.take(checked("image {", 3));
        project.take(checked(HEAD, 2));
        assert_eq!(project.checked.revision, 3);
        assert!(project.checked.image.is_none());
        assert_eq!(project.good.as_ref().map(|good| good.revision), Some(1));
    }

    fn project_path() -> PathBuf {
        PathBuf::from("/w/zos.kdl")
    }
}
