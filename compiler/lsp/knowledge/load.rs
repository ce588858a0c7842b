//! Reading what this machine's caches know of a manifest's project.
//!
//! Comes in: an image and the folder of the store. Goes out: [`Knowledge`], first what is quickly read, then more of it. Never uses the
//! network, makes no store where there is none, and holds it no longer than it reads.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::build::{self, Status};
use crate::check::{Image, KernelOrigin, OutputKind};
use crate::io::Stamp;
use crate::kconfig::Language;
use crate::kmod::Kernel;
use crate::lock::{self, Lock, Role};
use crate::plan;
use crate::tree::{self, Conflict, Digest, ImagePath, Node, Store, Tree};

use super::{
    Firmware, Knowledge, Known, Locked, Modules, Offered, Outcome, Packages, Reading, Symbols,
};

/// Largest `Kconfig` file that is read, in bytes.
const LARGEST_KCONFIG: u64 = 4 << 20;
/// What the action is called that compiles a kernel.
const KERNEL_IS_BUILT: &str = "build kernel";
/// Makes a lock, and fetches indexes and packages for it.
const LOCK: &str = "zosc lock";
/// Fetches the indexes alone, which a lock that is kept does not ask for.
const RESOLVE: &str = "zosc resolve";
/// Unpacks everything.
const BUILD: &str = "zosc build";

/// What knowledge was read from. It is read again when that has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis(Vec<String>);

impl Basis {
    /// What is here now for an image; takes a few look-ups of files.
    pub fn of(image: &Image, store: &Path) -> Self {
        let opened = Store::existing(store);
        let lock = lock::file_of(image);
        let builds = opened.as_ref().map(|store| Stamp::of(&store.builds()));
        let mut basis = vec![
            format!("{:?} {builds:?}", Stamp::of(&lock)),
            image.arch.to_string(),
            format!("{:?}", image.kernel.as_ref().map(|kernel| &kernel.from)),
            format!("{:?} {:?}", image.stage1, image.stage2),
            format!("{:?}", image.firmware.packages),
        ];
        if let Some(alpine) = &image.alpine {
            for repository in &alpine.repositories {
                basis.push(format!("{:?} {:?}", repository.urls, repository.tag));
            }
            let keys = alpine.keys.iter();
            basis.extend(keys.map(|key| Digest::of(key.pem.as_bytes()).to_string()));
            let lock = lock_beside(image, opened.as_ref()).unwrap_or_default();
            let store = opened.as_ref();
            basis.extend(lock::index_marks(store, alpine, image.arch.name(), &lock));
        }
        Self(basis)
    }
}

/// Reads what is known of an image. Each time more is known, `publish` gets all that is known by then; what is not read yet is
/// [`Known::Loading`] in it.
pub fn load(image: &Image, store: &Path, cancel: &AtomicBool, publish: &mut dyn FnMut(Knowledge)) {
    let store = Store::existing(store);
    let lock = lock_beside(image, store.as_ref());
    let mut reader = Reader {
        image,
        store: store.as_ref(),
        is_locked: lock.is_some(),
        lock: lock.unwrap_or_default(),
        known: Knowledge::default(),
    };
    reader.outcomes();
    let steps: [fn(&mut Reader<'_>, &AtomicBool); 5] = [
        |reader, _| reader.packages(),
        |reader, _| reader.firmware(),
        |reader, cancel| reader.modules(cancel, true),
        |reader, _| reader.symbols(),
        |reader, cancel| reader.modules(cancel, false),
    ];
    for step in steps {
        if cancel.load(Ordering::Relaxed) {
            return;
        }
        step(&mut reader, cancel);
        publish(reader.known.clone());
    }
}

fn lock_beside(image: &Image, store: Option<&Store>) -> Option<Lock> {
    lock::beside(image, store).ok().flatten()
}

struct Reader<'a> {
    image: &'a Image,
    store: Option<&'a Store>,
    lock: Lock,
    is_locked: bool,
    known: Knowledge,
}

impl Reader<'_> {
    /// What to run where something is missing: a lock comes before anything else.
    fn missing<T>(&self, otherwise: &'static str) -> Known<T> {
        Known::Missing {
            command: if self.is_locked { otherwise } else { LOCK },
        }
    }

    fn packages(&mut self) {
        let alpine = self.image.alpine.as_ref();
        let texts = alpine.map_or_else(Vec::new, |alpine| {
            lock::index_texts(self.store, alpine, self.image.arch.name(), &self.lock)
        });
        let repositories = alpine.map_or(&[][..], |alpine| &alpine.repositories);
        let labels: Vec<String> = repositories
            .iter()
            .map(|repository| label(repository.urls.first().map_or("", String::as_str)))
            .collect();
        let offered: Vec<Offered<'_>> = repositories
            .iter()
            .zip(&labels)
            .zip(&texts)
            .filter_map(|((repository, label), text)| {
                Some(Offered {
                    repository: label,
                    tag: repository.tag.as_deref(),
                    text: text.as_deref()?,
                })
            })
            .collect();
        self.known.packages = if offered.is_empty() {
            self.missing(RESOLVE)
        } else {
            Known::Ready(Arc::new(Packages::of(&offered)))
        };
        if self.is_locked {
            let texts: Vec<&[u8]> = offered.iter().map(|offered| offered.text).collect();
            let locked = Locked::new(self.lock.clone(), &texts);
            self.known.locked = Some(Arc::new(locked));
        }
    }

    /// What the last build has written: of several files of a kind, the last.
    fn outcomes(&mut self) {
        let store = self.store;
        let record = store.and_then(|store| build::latest_of(store, &self.image.manifest));
        let files = record.iter().flat_map(|record| &record.outputs);
        let outcomes = files.filter_map(|file| {
            let kinds = [OutputKind::Efi, OutputKind::Initramfs, OutputKind::Kernel];
            let kind = kinds.into_iter().find(|kind| kind.name() == file.kind)?;
            Some(Outcome {
                kind,
                size: file.size,
            })
        });
        self.known.outcomes = outcomes.collect();
    }

    fn firmware(&mut self) {
        let trees = self.trees(Role::Firmware, self.image.firmware.packages.len());
        let pool = trees.and_then(|trees| tree::merge(&trees, Conflict::Replace).ok());
        self.known.firmware = match pool {
            Some(pool) => Known::Ready(Arc::new(Firmware::of(pool))),
            None => self.missing(BUILD),
        };
    }

    /// The files of all packages of a role; `None` where they are not all known.
    fn trees(&self, role: Role, least: usize) -> Option<Vec<Tree>> {
        let packages = self.lock.packages.iter();
        let packages = packages.filter(|package| package.role == role);
        let trees: Option<Vec<Tree>> = packages
            .map(|package| lock::files_at_hand(self.store?, &package.sha256))
            .collect();
        trees.filter(|trees| trees.len() >= least)
    }

    /// Reads the kernel's modules: first what those say of themselves that the manifest names, at last what all say.
    fn modules(&mut self, cancel: &AtomicBool, is_first: bool) {
        if !is_first && !matches!(self.known.modules, Known::Ready(_)) {
            return;
        }
        let requests = self.image.stage1.iter().chain(&self.image.stage2);
        let names: BTreeSet<String> = requests.map(|module| module.name.value.clone()).collect();
        let reading = if is_first {
            Reading::Named(&names)
        } else {
            Reading::All
        };
        let tree = self.kernel_tree();
        let read = tree.as_ref().zip(self.store).and_then(|(tree, store)| {
            let kernel = Kernel::read(tree, store).ok()?;
            Some(Modules::of(&kernel, reading, cancel))
        });
        self.known.modules = match read {
            Some(modules) => Known::Ready(Arc::new(modules)),
            None => self.missing(BUILD),
        };
    }

    /// The tree with the kernel's modules: of its package, or of what was built last.
    fn kernel_tree(&self) -> Option<Tree> {
        match &self.image.kernel.as_ref()?.from {
            KernelOrigin::Package(_) => self.trees(Role::Kernel, 1)?.into_iter().next(),
            KernelOrigin::Built(_) => {
                let store = self.store?;
                let record = build::latest_of(store, &self.image.manifest)?;
                let mut actions = record.actions.iter();
                let built = actions.find(|action| action.label == KERNEL_IS_BUILT)?;
                store.get_tree(&built.output).ok()
            }
            // Those of its folder that the last image has.
            KernelOrigin::Prebuilt { .. } => {
                let store = self.store?;
                let record = build::latest_of(store, &self.image.manifest)?;
                store.get_tree(&record.tree?).ok()
            }
        }
    }

    fn symbols(&mut self) {
        self.known.symbols = match self.language() {
            Some(language) => Known::Ready(Arc::new(Symbols::of(&language))),
            None => self.missing(BUILD),
        };
    }

    /// The language of the kernel's sources, where they were unpacked.
    fn language(&self) -> Option<Language> {
        let (store, locked) = (self.store?, self.lock.kernel_source.as_ref()?);
        let plan = plan::kernel_sources(locked);
        let Some(Status::Cached(sources)) = build::status(&plan, store).pop() else {
            return None;
        };
        let tree = store.get_tree(&sources).ok()?;
        Some(Language::read(self.image.arch.name(), &mut |path| {
            text(store, &tree, path)
        }))
    }
}

/// The text of a file of some sources.
fn text(store: &Store, tree: &Tree, path: &str) -> Option<String> {
    let (_, entry) = tree.resolve(&ImagePath::new(path).ok()?)?;
    match &entry.node {
        Node::File { digest, size } if *size <= LARGEST_KCONFIG => {
            let bytes = store.get(digest).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => None,
    }
}

/// What people call a repository: the last two parts of its address.
fn label(url: &str) -> String {
    let parts: Vec<&str> = url.trim_end_matches('/').rsplit('/').take(2).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}
