//! Takes out of a store what nothing needs any more.
//!
//! Kept are the builds that [`Keep`] names with all that they used and made, what the locks of their projects name, sandboxes that
//! stay, and for a while what no build names. All else goes: records first, then results, what explains them, root filesystems, and
//! contents last. So whenever this ends, also by `kill -9`, every result that is left leads to something.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use super::reach::{Reach, digests_in};
use super::{Amount, Keep, Kind, Period, inside, occupied, written};
use crate::build::{self, Record};
use crate::diagnostic::Diagnostic;
use crate::tree::{Digest, Shelf, Shelved, Store};

/// What was taken out, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// How much of what.
    pub freed: BTreeMap<Kind, Amount>,
    /// Builds that are kept, by their numbers.
    pub kept: Vec<u32>,
    /// Builds whose records went.
    pub forgotten: Vec<u32>,
    /// Bytes that the store takes now, without what is temporary.
    pub left: u64,
    /// Whether somebody asked to stop before all was done.
    pub stopped: bool,
}

impl Collected {
    /// Everything that was taken out.
    pub fn total(&self) -> Amount {
        let mut total = Amount::default();
        self.freed.values().for_each(|amount| total += *amount);
        total
    }
}

/// Takes out of a store what is not to be kept; with `dry_run`, only says what that would be.
///
/// The store must have been opened for this process alone. `now` is the time in milliseconds since 1970.
///
/// # Errors
/// Something cannot be read or removed.
pub fn collect(
    store: &Store,
    keep: &Keep,
    now: i64,
    dry_run: bool,
    cancel: &AtomicBool,
) -> Result<Collected, Diagnostic> {
    let records = build::records(store);
    let chosen = chosen(&records, &keep.periods, now);
    let (kept, dropped) = records
        .into_iter()
        .partition(|record| chosen.contains(&record.number));
    let heap = Heap::new(store, keep.unnamed_since(now))?;
    let (kept, dropped) = heap.fitting(kept, dropped, keep.largest.map(|size| size.0));
    sweep(&heap, &kept, &dropped, dry_run, cancel)
}

/// Takes out of a store what only these builds need, and their records.
pub(super) fn forget(
    store: &Store,
    records: (Vec<Record>, Vec<Record>),
    now: i64,
    dry_run: bool,
    cancel: &AtomicBool,
) -> Result<Collected, Diagnostic> {
    let (kept, dropped) = records;
    let heap = Heap::new(store, Keep::default().unnamed_since(now))?;
    sweep(&heap, &kept, &dropped, dry_run, cancel)
}

/// The numbers of the builds that are kept whatever the store's size.
fn chosen(records: &[Record], periods: &[Period], now: i64) -> BTreeSet<u32> {
    let mut later: BTreeMap<&Path, u32> = BTreeMap::new();
    let mut chosen = BTreeSet::new();
    for record in records.iter().rev() {
        let later = later.entry(&record.manifest).or_default();
        let keeps = |period: &Period| match period {
            Period::Builds(count) => *later < *count && record.manifest.is_file(),
            Period::Age(age) => {
                i64::try_from(record.started).unwrap_or(0) >= now.saturating_sub(*age)
            }
        };
        if periods.is_empty() || periods.iter().any(keeps) {
            chosen.insert(record.number);
        }
        *later += 1;
    }
    chosen
}

/// A store, listed.
struct Heap<'s> {
    store: &'s Store,
    blobs: Vec<Shelved>,
    results: Vec<Shelved>,
    notes: Vec<Shelved>,
    /// From when on things stay that no build names.
    since: i64,
}

impl<'s> Heap<'s> {
    fn new(store: &'s Store, since: i64) -> Result<Self, Diagnostic> {
        Ok(Self {
            store,
            blobs: store.list(Shelf::Blobs)?.files,
            results: store.list(Shelf::Results)?.files,
            notes: store.list(Shelf::Notes)?.files,
            since,
        })
    }

    /// All that stays whichever builds are kept: what sandboxes need.
    fn base(&self) -> Reach<'s> {
        let mut reach = Reach::new(self.store);
        for shell in build::shells(self.store) {
            let described = fs::read(shell.description()).unwrap_or_default();
            reach.text(&described, Kind::Sources);
        }
        reach
    }

    /// Adds what the locks of the builds' projects name.
    fn add_locks(reach: &mut Reach<'_>, kept: &[Record]) {
        let manifests: BTreeSet<&Path> = kept
            .iter()
            .map(|record| record.manifest.as_path())
            .collect();
        for lock in manifests.into_iter().flat_map(crate::lock::files_of) {
            let lock = fs::read(lock).unwrap_or_default();
            reach.text(&lock, Kind::Packages);
        }
    }

    /// Drops the oldest builds until the rest has room.
    fn fitting(
        &self,
        kept: Vec<Record>,
        mut dropped: Vec<Record>,
        largest: Option<u64>,
    ) -> (Vec<Record>, Vec<Record>) {
        let Some(largest) = largest else {
            return (kept, dropped);
        };
        let sizes: BTreeMap<Digest, u64> = self
            .blobs
            .iter()
            .map(|blob| (blob.digest, blob.occupied))
            .collect();
        let mut reach = self.base();
        let mut counted = BTreeSet::new();
        let shells = inside(&self.store.shells()).into_iter();
        let mut total: u64 = shells.map(|shell| occupied(&shell)).sum();
        let mut fitting = Vec::new();
        let mut is_full = false;
        for record in kept.into_iter().rev() {
            if !is_full {
                reach.build(&record);
                let contents = reach.contents.keys();
                for digest in contents.filter(|digest| counted.insert(**digest)) {
                    total += sizes.get(digest).copied().unwrap_or(0);
                    let root = self.store.roots().join(digest.to_string());
                    total += occupied(&root);
                }
                is_full = total > largest;
            }
            if is_full {
                dropped.push(record);
            } else {
                fitting.push(record);
            }
        }
        fitting.reverse();
        (fitting, dropped)
    }
}

impl Heap<'_> {
    /// Adds what no build names and is new, with all that it leads to.
    fn add_unnamed(&self, needed: &mut Reach<'_>, left_behind: &Reach<'_>) {
        let stays = |result: &&Shelved| {
            result.written >= self.since && !left_behind.keys.contains(&result.digest)
        };
        for result in self.results.iter().filter(stays) {
            needed.result(result.digest, Kind::Unnamed);
        }
    }

    /// The logs that go. Of a command whose log stays, all stays that it is given, so that `zosc shell` can show it: folders of the
    /// project among that, which no action yields.
    fn doomed_logs(&self, needed: &mut Reach<'_>, left_behind: &Reach<'_>) -> Vec<PathBuf> {
        let mut doomed = Vec::new();
        for key in build::logged(self.store) {
            let files = build::log_files(self.store, &key);
            let is_new = files.iter().any(|path| written(path) >= self.since);
            let is_needed = needed.keys.contains(&key);
            if is_needed || is_new && !left_behind.keys.contains(&key) {
                let request = fs::read(&files[1]).unwrap_or_default();
                needed.text(&request, Kind::Sources);
            } else {
                doomed.extend(files.into_iter().filter(|path| path.is_file()));
            }
        }
        doomed
    }
}

/// What goes, in the order in which it does.
#[derive(Default)]
struct Doomed {
    records: Vec<u32>,
    results: Vec<Shelved>,
    notes: Vec<Shelved>,
    logs: Vec<PathBuf>,
    roots: Vec<Digest>,
    blobs: Vec<(Shelved, Kind)>,
}

/// Takes out what only the dropped builds need, and what no build names and is too old.
fn sweep(
    heap: &Heap<'_>,
    kept: &[Record],
    dropped: &[Record],
    dry_run: bool,
    cancel: &AtomicBool,
) -> Result<Collected, Diagnostic> {
    let doomed = doomed(heap, kept, dropped);
    let mut collected = Collected {
        kept: kept.iter().map(|record| record.number).collect(),
        forgotten: doomed.records.clone(),
        ..Collected::default()
    };
    collected.take(heap.store, &doomed, dry_run, cancel)?;
    let gone = if dry_run { collected.total().bytes } else { 0 };
    // Others may write to the folder of unfinished work meanwhile.
    let unfinished = occupied(&heap.store.root().join("temporary"));
    let all = occupied(heap.store.root()).saturating_sub(unfinished);
    collected.left = all.saturating_sub(gone);
    Ok(collected)
}

fn doomed(heap: &Heap<'_>, kept: &[Record], dropped: &[Record]) -> Doomed {
    let mut needed = heap.base();
    for record in kept {
        needed.build(record);
    }
    Heap::add_locks(&mut needed, kept);
    let mut left_behind = Reach::new(heap.store);
    for record in dropped {
        left_behind.build(record);
    }
    let mut doomed = Doomed {
        records: dropped.iter().map(|record| record.number).collect(),
        ..Doomed::default()
    };
    heap.add_unnamed(&mut needed, &left_behind);
    doomed.logs = heap.doomed_logs(&mut needed, &left_behind);
    for blob in &heap.blobs {
        let left = left_behind.contents.get(&blob.digest);
        let goes = left.is_some() || blob.written < heap.since;
        if goes && !needed.contents.contains_key(&blob.digest) {
            let kind = left.copied().unwrap_or(Kind::Unnamed);
            doomed.blobs.push((blob.clone(), kind));
        }
    }
    let results = heap.results.iter();
    let results = results.filter(|result| !needed.keys.contains(&result.digest));
    doomed.results = results.cloned().collect();
    let roots = build::roots_on_disk(heap.store).into_iter();
    doomed.roots = roots
        .filter(|tree| !needed.contents.contains_key(tree))
        .collect();
    doomed.notes = doomed_notes(heap, &needed, &doomed);
    doomed
}

/// Notes about what goes, and old ones about nothing that stays. Losing one costs time and nothing else.
fn doomed_notes(heap: &Heap<'_>, needed: &Reach<'_>, doomed: &Doomed) -> Vec<Shelved> {
    let going = doomed.blobs.iter().map(|(blob, _)| blob.digest);
    let going: BTreeSet<Digest> = going
        .chain(doomed.results.iter().map(|result| result.digest))
        .collect();
    let is_doomed = |note: &&Shelved| {
        let Some(text) = heap.store.note(&note.digest) else {
            return true;
        };
        let named: BTreeSet<Digest> = digests_in(&text).collect();
        let stays =
            |digest: &Digest| needed.contents.contains_key(digest) || needed.keys.contains(digest);
        let is_old = note.written < heap.since;
        named.iter().any(|digest| going.contains(digest)) || is_old && !named.iter().any(stays)
    };
    heap.notes.iter().filter(is_doomed).cloned().collect()
}

impl Collected {
    /// Takes things out, results before contents.
    fn take(
        &mut self,
        store: &Store,
        doomed: &Doomed,
        dry_run: bool,
        cancel: &AtomicBool,
    ) -> Result<(), Diagnostic> {
        let stops = || cancel.load(Ordering::Relaxed);
        for number in &doomed.records {
            let size = occupied(&build::record_file(store, *number));
            if !dry_run {
                build::forget(store, *number)?;
            }
            self.count(Kind::Builds, size);
        }
        let shelved = [
            (Shelf::Results, Kind::Results, &doomed.results),
            (Shelf::Notes, Kind::Notes, &doomed.notes),
        ];
        for (shelf, kind, files) in shelved {
            for file in files {
                self.stopped = stops();
                if self.stopped {
                    return Ok(());
                }
                if !dry_run {
                    store.take_out(shelf, &file.digest)?;
                }
                self.count(kind, file.occupied);
            }
        }
        for log in &doomed.logs {
            let size = occupied(log);
            if dry_run || fs::remove_file(log).is_ok() {
                self.count(Kind::Logs, size);
            }
        }
        for tree in &doomed.roots {
            let size = occupied(&store.roots().join(tree.to_string()));
            if dry_run || build::remove_root(store, tree)? {
                self.count(Kind::Roots, size);
            }
        }
        for (blob, kind) in &doomed.blobs {
            self.stopped = stops();
            if self.stopped {
                return Ok(());
            }
            if !dry_run {
                store.take_out(Shelf::Blobs, &blob.digest)?;
            }
            self.count(*kind, blob.occupied);
        }
        Ok(())
    }

    fn count(&mut self, kind: Kind, bytes: u64) {
        self.freed.entry(kind).or_default().add(bytes);
    }
}
