//! The record of a build: what was performed, why, when and for how long, and what came out.
//!
//! Comes in: what the engine tells while it works, and the outputs. Goes out: one file below the store's `builds/` for each
//! build that performed something or wrote an output; a build with nothing to do, or with a store that cannot be written to, leaves none. Records are numbered, and
//! neither named nor ordered by a clock, which may go backwards. They tell of builds and decide nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::engine::digest_of;
use super::executor::Executor;
use super::{Artifact, Elsewhere, Event, Observer};
use crate::diagnostic::Diagnostic;
use crate::io::{self, Engine, Files as _, Stopwatch};
use crate::plan::{Action, Plan, PlannedAction, Stage};
use crate::tree::{Digest, Store};

/// The largest record that is read, and the largest lock that is kept with one.
const LARGEST: u64 = 64 << 20;

/// What is built, for the record of the build.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The manifest.
    pub manifest: PathBuf,
    /// The image's name.
    pub name: String,
    /// The lock of the manifest.
    pub lock: PathBuf,
}

/// A build that performed something or wrote an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its number in its store; later builds have larger ones.
    pub number: u32,
    /// The manifest, as an absolute path.
    pub manifest: PathBuf,
    /// The image's name.
    pub name: String,
    /// When the build began, in milliseconds since 1970, as far as the machine's clock can be trusted.
    pub started: u64,
    /// How long it took, in milliseconds.
    pub elapsed: u64,
    /// The text of `zos.lock`, a blob of the store.
    pub lock: Option<Digest>,
    /// The whole image with its origins, a tree of the store; none where the build did not get that far.
    pub tree: Option<Digest>,
    /// The image's digest.
    pub build_id: Option<Digest>,
    /// Every action that has an output, in the order of the plan.
    pub actions: Vec<ActionRecord>,
    /// The outputs in the order of the plan, also those that were there already.
    pub outputs: Vec<OutputRecord>,
}

/// An action and its output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionRecord {
    /// What people call it.
    pub label: String,
    /// The name of its stage.
    pub stage: String,
    /// What kind of action it is: `run`, `merge`.
    pub kind: String,
    /// Its key.
    pub key: Digest,
    /// What it yields.
    pub output: Digest,
    /// Whether it was performed; else its output was in the store, or in a shared cache.
    pub performed: bool,
    /// When it was begun, in milliseconds since the build began; 0 for one whose output was in the store.
    pub started: u64,
    /// How long it took, in milliseconds.
    pub elapsed: u64,
    /// Why it was performed.
    pub cause: Vec<String>,
    /// Where: `remote build-7`, `podman`, and `shared cache` for an output that was brought; empty for this machine's store and sandbox.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
}

/// The place of an output that others have made.
const SHARED: &str = "shared cache";

impl ActionRecord {
    /// Whether its output was brought from a cache that machines share.
    pub fn is_brought(&self) -> bool {
        self.place == SHARED
    }
}

impl Record {
    /// Whether it is of a build of this manifest, whatever way leads to it.
    pub fn is_of(&self, manifest: &Path) -> bool {
        is_same_manifest(&self.manifest, manifest)
    }
}

/// Whether two paths lead to one manifest.
pub(super) fn is_same_manifest(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| absolute(path));
    one == other || real(one) == real(other)
}

/// A file that the build yields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRecord {
    /// What it is: `efi`, `initramfs`, `kernel`.
    pub kind: String,
    /// Its file name.
    pub name: String,
    /// Where it is, as an absolute path.
    pub path: PathBuf,
    /// Its content.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
}

/// The records of a store in their order; what cannot be read is passed over.
pub fn records(store: &Store) -> Vec<Record> {
    let folder = store.builds();
    let numbers = numbers(&folder).into_iter();
    numbers.filter_map(|number| read(&folder, number)).collect()
}

/// The records of a store, the newest first; each is read when its turn comes, and what cannot be read is passed over.
pub fn newest_first(store: &Store) -> impl Iterator<Item = Record> + use<> {
    let folder = store.builds();
    let numbers = numbers(&folder).into_iter().rev();
    numbers.filter_map(move |number| read(&folder, number))
}

/// The newest build that yielded an output with this digest.
pub fn record_of(store: &Store, output: &Digest) -> Option<Record> {
    newest_first(store).find(|record| record.outputs.iter().any(|file| file.digest == *output))
}

/// The newest build of a manifest.
pub fn latest_of(store: &Store, manifest: &Path) -> Option<Record> {
    newest_first(store).find(|record| record.is_of(manifest))
}

/// Where the record with this number is.
pub fn record_file(store: &Store, number: u32) -> PathBuf {
    store.builds().join(file_name(number))
}

/// Removes a record. Its number is given to no other build as long as there is a later one.
///
/// # Errors
/// The file cannot be removed.
pub fn forget(store: &Store, number: u32) -> Result<(), Diagnostic> {
    let path = record_file(store, number);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(super::disk(&path, &error))
        }
        _ => Ok(()),
    }
}

/// Files among the records of a store that are none.
pub fn unreadable_records(store: &Store) -> Vec<PathBuf> {
    let folder = store.builds();
    let names = io::System.list(&folder).unwrap_or_default().into_iter();
    let is_read = |name: &String| {
        let number = name
            .strip_suffix(".json")
            .and_then(|number| number.parse().ok());
        number.is_some_and(|number| file_name(number) == *name && read(&folder, number).is_some())
    };
    let unread = names.filter(|name| !is_read(name));
    unread.map(|name| folder.join(name)).collect()
}

fn numbers(folder: &Path) -> Vec<u32> {
    let names = io::System.list(folder).unwrap_or_default().into_iter();
    let numbers = names.filter_map(|name| {
        let number = name.strip_suffix(".json")?.parse().ok()?;
        (name == file_name(number)).then_some(number)
    });
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

fn file_name(number: u32) -> String {
    format!("{number:08}.json")
}

fn read(folder: &Path, number: u32) -> Option<Record> {
    let bytes = io::System.read(&folder.join(file_name(number)), LARGEST);
    let record: Record = serde_json::from_slice(&bytes.ok()?).ok()?;
    (record.number == number).then_some(record)
}

/// Watches a build, hands on what it sees, and remembers what the record needs.
pub(super) struct Recorder<'a> {
    further: &'a dyn Observer,
    /// Whose containers run the commands that run here.
    engine: Option<Engine>,
    clock: Stopwatch,
    started: u64,
    performed: Mutex<BTreeMap<(Stage, String), Performed>>,
}

/// How an action was performed, or its output brought.
#[derive(Clone, Default)]
struct Performed {
    started: Duration,
    elapsed: Duration,
    cause: Vec<String>,
    place: String,
    /// Somebody else has performed it.
    is_shared: bool,
}

impl Observer for Recorder<'_> {
    fn event(&self, action: &PlannedAction, event: Event<'_>) {
        let mut performed = self
            .performed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { cause } => {
                let performing = Performed {
                    started: self.clock.elapsed(),
                    elapsed: Duration::ZERO,
                    cause: cause.causes(),
                    place: self.place_here(action),
                    is_shared: false,
                };
                performed.insert(place(action), performing);
            }
            Event::Finished { elapsed } => {
                if let Some(performed) = performed.get_mut(&place(action)) {
                    performed.elapsed = elapsed;
                }
            }
            Event::Elsewhere(Elsewhere::Executing { worker }) => {
                if let Some(performed) = performed.get_mut(&place(action)) {
                    let worker = worker.map_or_else(String::new, |worker| format!(" {worker}"));
                    performed.place = format!("remote{worker}");
                }
            }
            Event::Shared { elapsed } => {
                let brought = Performed {
                    started: self.clock.elapsed().saturating_sub(elapsed),
                    elapsed,
                    cause: Vec::new(),
                    place: SHARED.to_owned(),
                    is_shared: true,
                };
                performed.insert(place(action), brought);
            }
            _ => {}
        }
        drop(performed);
        self.further.event(action, event);
    }
}

fn place(action: &PlannedAction) -> (Stage, String) {
    (action.stage, action.label.clone())
}

impl<'a> Recorder<'a> {
    /// Begins now.
    pub(super) fn new(further: &'a dyn Observer, executor: &dyn Executor) -> Self {
        Self {
            further,
            engine: executor.engine(),
            clock: Stopwatch::start(),
            started: io::unix_milliseconds(),
            performed: Mutex::default(),
        }
    }

    /// Where an action is performed that does not go elsewhere.
    fn place_here(&self, action: &PlannedAction) -> String {
        match (&action.action, self.engine) {
            (Action::Run { .. }, Some(engine)) => engine.program().to_owned(),
            _ => String::new(),
        }
    }

    /// Keeps the record of what came out, where something was done or `written` says that an output is not there yet.
    pub(super) fn keep(
        &self,
        subject: &Subject,
        plan: &Plan,
        results: &[Option<Digest>],
        build_id: Option<Digest>,
        outputs: (&[Artifact], bool),
        store: &Store,
    ) -> Result<(), Diagnostic> {
        let (outputs, written) = outputs;
        let performed = self
            .performed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if performed.is_empty() && !written || store.is_read_only() {
            return Ok(());
        }
        let actions = plan.actions.iter().enumerate();
        let actions = actions.filter_map(|(index, planned)| {
            let output = results.get(index).copied().flatten()?;
            Some(action_record(
                planned,
                output,
                results,
                performed.get(&place(planned)),
            ))
        });
        let lock = io::System.read(&subject.lock, LARGEST).ok();
        let mut record = Record {
            number: 0,
            manifest: absolute(&subject.manifest),
            name: subject.name.clone(),
            started: self.started,
            elapsed: milliseconds(self.clock.elapsed()),
            lock: lock.map(|text| store.put(&text)).transpose()?,
            tree: plan.tree.and_then(|tree| digest_of(&tree, results)),
            build_id,
            actions: actions.collect(),
            outputs: outputs.iter().map(output_record).collect(),
        };
        let last = numbers(&store.builds()).last().copied().unwrap_or(0);
        for number in last.saturating_add(1)..=u32::MAX {
            record.number = number;
            let text =
                serde_json::to_vec(&record).expect("digests, names and numbers are always JSON");
            if store.write_new(&store.builds().join(file_name(number)), &text)? {
                break;
            }
        }
        Ok(())
    }
}

fn action_record(
    planned: &PlannedAction,
    output: Digest,
    results: &[Option<Digest>],
    performed: Option<&Performed>,
) -> ActionRecord {
    let resolve = |id: crate::plan::ActionId| {
        let result = results.get(id.0 as usize).copied().flatten();
        result.unwrap_or_else(|| Digest::of(b""))
    };
    let times = performed.cloned().unwrap_or_default();
    ActionRecord {
        label: planned.label.clone(),
        stage: planned.stage.name().to_owned(),
        kind: planned.action.kind(),
        key: planned.action.key(&resolve),
        output,
        performed: performed.is_some_and(|performed| !performed.is_shared),
        started: milliseconds(times.started),
        elapsed: milliseconds(times.elapsed),
        cause: times.cause,
        place: times.place,
    }
}

fn output_record(output: &Artifact) -> OutputRecord {
    let name = output.path.file_name().unwrap_or_default();
    OutputRecord {
        kind: output.kind.to_owned(),
        name: name.to_string_lossy().into_owned(),
        path: absolute(&output.path),
        digest: output.digest,
        size: output.size,
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
