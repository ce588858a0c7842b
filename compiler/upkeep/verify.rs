//! Whether a store is sound: every content is what its name says, every result leads to something whole.
//!
//! Others may use the store meanwhile. What is damaged is removed: whoever needs it fetches or builds it again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use serde::Serialize;

use super::Amount;
use super::named::named_by;
use crate::build;
use crate::diagnostic::Diagnostic;
use crate::tree::{Digest, Shelf, Shelved, Store};

/// What was looked at, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Contents that were hashed.
    pub contents: Amount,
    /// Results that were followed.
    pub results: u64,
    /// What is wrong, in the order of the paths.
    pub damaged: Vec<Damage>,
    /// Whether it was removed.
    pub removed: bool,
    /// Whether somebody asked to stop before all was looked at.
    pub stopped: bool,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Damage {
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong.
    pub what: String,
}

/// How a store is looked at.
pub struct Looking<'a> {
    /// How many files are read at a time.
    pub jobs: usize,
    /// Only look, and remove nothing.
    pub dry_run: bool,
    /// Told how many bytes of how many are done.
    pub progress: &'a (dyn Fn(u64, u64) + Sync),
    /// Set from elsewhere to stop.
    pub cancel: &'a AtomicBool,
}

/// Reads everything in a store, and removes what is damaged.
///
/// # Errors
/// Something cannot be read or removed.
pub fn verify(store: &Store, looking: &Looking<'_>) -> Result<Verified, Diagnostic> {
    let listing = store.list(Shelf::Blobs)?;
    let sound = contents(store, &listing.files, looking)?;
    let mut verified = Verified::default();
    for blob in &listing.files {
        verified.contents.add(blob.occupied);
    }
    verified.stopped = looking.cancel.load(Ordering::Relaxed);
    if verified.stopped {
        return Ok(verified);
    }
    let mut findings = Findings {
        store,
        sound: &sound,
        whole: BTreeMap::new(),
        damaged: BTreeMap::new(),
    };
    for blob in &listing.files {
        if !sound.contains_key(&blob.digest) {
            let path = store.blob_path(&blob.digest);
            findings.add(path, "is not what its name says");
        }
    }
    verified.results = findings.results()?;
    findings.small_things()?;
    for (path, what) in findings.damaged {
        if !looking.dry_run {
            remove(store, &path)?;
        }
        verified.damaged.push(Damage { path, what });
    }
    verified.removed = !looking.dry_run;
    Ok(verified)
}

/// The sound ones among contents, with their sizes.
fn contents(
    store: &Store,
    blobs: &[Shelved],
    looking: &Looking<'_>,
) -> Result<BTreeMap<Digest, u64>, Diagnostic> {
    let total: u64 = blobs.iter().map(|blob| blob.size).sum();
    let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
    let sound: Mutex<BTreeMap<Digest, u64>> = Mutex::default();
    let failure: Mutex<Option<Diagnostic>> = Mutex::default();
    let work = || {
        while !looking.cancel.load(Ordering::Relaxed) {
            let Some(blob) = blobs.get(next.fetch_add(1, Ordering::Relaxed)) else {
                return;
            };
            match store.is_sound(&blob.digest) {
                // One that has gone meanwhile was damaged, and another process has seen that.
                Ok(None | Some(false)) => {}
                Ok(Some(true)) => {
                    let mut sound = sound.lock().expect("no thread panics while it holds it");
                    sound.insert(blob.digest, blob.size);
                }
                Err(problem) => {
                    let mut failure = failure.lock().expect("no thread panics while it holds it");
                    failure.get_or_insert(problem);
                    return;
                }
            }
            let done = done.fetch_add(blob.size, Ordering::Relaxed) + blob.size;
            (looking.progress)(done, total);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..looking.jobs {
            scope.spawn(work);
        }
    });
    let failure = failure.into_inner();
    match failure.expect("no thread panics while it holds it") {
        Some(problem) => Err(problem),
        None => Ok(sound
            .into_inner()
            .expect("no thread panics while it holds it")),
    }
}

struct Findings<'a> {
    store: &'a Store,
    sound: &'a BTreeMap<Digest, u64>,
    /// What was found of contents that results lead to: what is wrong with them, where something is.
    whole: BTreeMap<Digest, Option<String>>,
    damaged: BTreeMap<PathBuf, String>,
}

impl Findings<'_> {
    fn add(&mut self, path: PathBuf, what: &str) {
        self.damaged.entry(path).or_insert_with(|| what.to_owned());
    }

    /// Follows every result; answers how many there are.
    fn results(&mut self) -> Result<u64, Diagnostic> {
        let listing = self.store.list(Shelf::Results)?;
        for result in &listing.files {
            let path = self.store.shelf_path(Shelf::Results, &result.digest);
            let Some(output) = build::result(self.store, &result.digest) else {
                self.add(path, "is no result");
                continue;
            };
            // One that was written after the contents were listed is not judged.
            if !self.sound.contains_key(&output)
                && self.store.contains(&output)
                && !self.is_listed(&output)
            {
                continue;
            }
            if let Some(what) = self.lacks(&output) {
                self.add(path, &what);
            }
        }
        Ok(listing.files.len() as u64)
    }

    /// Whether a content that is there was found damaged.
    fn is_listed(&self, digest: &Digest) -> bool {
        self.damaged.contains_key(&self.store.blob_path(digest))
    }

    /// What is missing of a content and of what it leads to.
    fn lacks(&mut self, output: &Digest) -> Option<String> {
        if let Some(known) = self.whole.get(output) {
            return known.clone();
        }
        let lacks = if self.sound.contains_key(output) {
            let missing = named_by(self.store, output)
                .into_iter()
                .find(|(part, size)| {
                    let found = self.sound.get(part);
                    let is_there =
                        found.is_some_and(|found| size.is_none_or(|size| size == *found));
                    // One that came while the others were read counts by its size.
                    let came = match size {
                        Some(size) => self.store.contains_sized(part, *size),
                        None => self.store.contains(part),
                    };
                    !is_there && (self.is_listed(part) || !came)
                });
            missing.map(|(part, _)| {
                format!("leads to {}, which lacks {}", output.short(), part.short())
            })
        } else {
            Some(format!("leads to {}, which is gone", output.short()))
        };
        self.whole.insert(*output, lacks.clone());
        lacks
    }

    /// Notes, records, root filesystems, and what nobody of us has put there.
    fn small_things(&mut self) -> Result<(), Diagnostic> {
        let notes = self.store.list(Shelf::Notes)?;
        for note in &notes.files {
            if self.store.note(&note.digest).is_none() {
                let path = self.store.shelf_path(Shelf::Notes, &note.digest);
                self.add(path, "is no note, or not the one that was written");
            }
        }
        for path in build::unreadable_records(self.store) {
            self.add(path, "is no record of a build");
        }
        let roots: BTreeSet<Digest> = build::roots_on_disk(self.store).into_iter().collect();
        for tree in roots {
            let path = self.store.roots().join(tree.to_string());
            if self.is_listed(&tree) || !self.store.contains(&tree) {
                self.add(path, "is a root filesystem whose tree is gone");
            } else if !build::is_root_sound(self.store, &tree) {
                self.add(path, "is a root filesystem that somebody has changed");
            }
        }
        for shelf in Shelf::ALL {
            for path in self.store.list(shelf)?.strays {
                self.add(path, "is nothing that a store has");
            }
        }
        Ok(())
    }
}

/// Removes something damaged. A root filesystem that is in use stays: it is looked at again before it is used the next time.
fn remove(store: &Store, path: &std::path::Path) -> Result<(), Diagnostic> {
    let root = path.parent().filter(|parent| *parent == store.roots());
    let name = path.file_name().and_then(|name| name.to_str());
    if let Some(tree) = root.and(name).and_then(|name| name.parse().ok()) {
        return build::remove_root(store, &tree).map(|_| ());
    }
    store.remove_stray(path)
}

impl Verified {
    /// Whether everything is as it should be.
    pub fn is_sound(&self) -> bool {
        self.damaged.is_empty()
    }

    /// The problem that something is damaged, where that is so.
    pub fn summary(&self) -> Option<Diagnostic> {
        let count = self.damaged.len();
        if count == 0 {
            return None;
        }
        let things = match count {
            1 => "1 thing in the store is not as it should be".to_owned(),
            count => format!("{count} things in the store are not as they should be"),
        };
        let problem = Diagnostic::error("zosc::upkeep::damaged", things);
        Some(if self.removed {
            problem.note("removed").help("run `zosc build`: what is missing is fetched or built anew; if it happens again, have a look at the disk")
        } else {
            problem.help("`zosc store verify` without `--dry-run` removes what is damaged; a build fetches or builds it anew")
        })
    }
}
