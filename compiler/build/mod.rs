//! Performs a plan: the only pass that runs foreign code and writes outputs.
//!
//! Comes in: [`Plan`]s and the [`Store`]. Goes out: [`Artifacts`], files below the output folder of each. An action whose key has a
//! stored result is not performed; what it would yield is looked up. Actions that do not need each other run side by
//! side. Never reads the manifest: what an action does is in the plan, and nothing else decides what runs again.

mod artifacts;
mod built;
mod capture;
mod content;
mod cores;
mod crew;
mod elsewhere;
mod engine;
mod explained;
mod foreign;
mod graph;
mod ledger;
mod logs;
mod losses;
mod materialise;
mod memory;
mod parts;
mod perform;
mod record;
mod remains;
mod reproduction;
mod roots;
mod savings;
mod scratch;
mod selection;
mod settled;
mod shell;
mod status;
mod trees;

pub mod executor;
#[cfg(feature = "remote")]
pub mod remote;
pub mod sandbox;

pub use built::Built;
pub use content::contents;
pub use elsewhere::{Elsewhere, Fleet};
pub use explained::{Explained, ExplainedInput, LastRun, Yielded, explain};
pub use losses::is_loss;
pub use memory::default_memory;
pub use perform::sign::private_key;
pub use record::{
    ActionRecord, OutputRecord, Record, Subject, forget, latest_of, newest_first, record_file,
    record_of, records, unreadable_records,
};
pub use remains::{is_root_sound, log_files, logged, pieces, remove_root, result, roots_on_disk};
pub use reproduction::{Culprit, Verdict, compare, share_fetched};
pub use savings::Saving;
pub use selection::{Again, Selection};
pub use shell::{Shell, State, find_shell, open_shell, reopen, shells};
pub use status::{Behind, Reason, Status, preview, shared, status};

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::Network;
use crate::plan::{ActionId, Input, Plan, PlannedAction, Stage};
use crate::tree::{Digest, Store};

/// How a plan is performed; none of it changes what comes out.
#[derive(Clone)]
pub struct Options<'a> {
    /// How many actions may run at once, and how many processors commands and long work share.
    pub jobs: usize,
    /// Bytes of memory that compressors may take together; one at a time goes on whatever it needs.
    pub memory: u64,
    /// Where downloads come from.
    pub network: &'a dyn Network,
    /// Whether programs that bring their own network (cargo) must do without.
    pub offline: bool,
    /// Who runs foreign code on this machine.
    pub executor: &'a dyn executor::Executor,
    /// Machines elsewhere that run commands or share results; none of either without one.
    pub remote: Option<&'a dyn Fleet>,
    /// Which part of each plan is performed, and what is performed again.
    pub selection: Selection,
    /// Whether the least urgent of what is ready comes first: another order, for comparison.
    pub reversed: bool,
    /// Set from elsewhere to stop: running commands are killed, nothing half-written stays.
    pub cancel: &'a AtomicBool,
}

impl<'a> Options<'a> {
    /// All processors, what memory is free, whole plans in their usual order.
    pub fn new(
        network: &'a dyn Network,
        offline: bool,
        executor: &'a dyn executor::Executor,
        cancel: &'a AtomicBool,
    ) -> Self {
        Self {
            jobs: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            memory: default_memory(),
            network,
            offline,
            executor,
            remote: None,
            selection: Selection::default(),
            reversed: false,
            cancel,
        }
    }
}

/// What a build tells while it runs; called from several threads.
pub trait Observer: Sync {
    /// Something happened to an action.
    fn event(&self, action: &PlannedAction, event: Event<'_>);
}

/// What happened to an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// It is being performed.
    Started {
        /// Why: what is not as it was, or who asked for it.
        cause: &'a Reason,
    },
    /// Its result was in the store.
    Cached,
    /// Its result was elsewhere, and is in the store now.
    Shared {
        /// How long that took.
        elapsed: Duration,
    },
    /// It was performed.
    Finished {
        /// How long that took.
        elapsed: Duration,
    },
    /// It could not be performed; why is among the build's problems.
    Failed,
    /// A download has come this far.
    Progress {
        /// Bytes that are there.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// Something goes on elsewhere for it: before it is begun while its result is looked for, and after its end while that is shared.
    Elsewhere(Elsewhere<'a>),
    /// Its foreign command wrote a line.
    Line(&'a str),
    /// It has something to say that fails nothing.
    Warning(&'a Diagnostic),
}

/// What a build yielded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifacts {
    /// The outputs in the order of the plan.
    pub outputs: Vec<Artifact>,
    /// The outputs that the selection leaves out.
    pub left: Vec<Left>,
    /// The image's digest.
    pub build_id: Option<Digest>,
    /// What each step that makes the image smaller has saved, before compression.
    pub savings: Vec<Saving>,
    /// How many actions were performed, and what became of the others.
    pub counts: Counts,
    /// How many actions the selection leaves out.
    pub unwanted: usize,
}

/// How actions came to what they yield.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// How many were performed.
    pub performed: usize,
    /// How many of those were performed elsewhere.
    pub elsewhere: usize,
    /// How many results were brought from a shared cache.
    pub shared: usize,
    /// How many results were in the store.
    pub cached: usize,
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, counts| Self {
            performed: sum.performed + counts.performed,
            elsewhere: sum.elsewhere + counts.elsewhere,
            shared: sum.shared + counts.shared,
            cached: sum.cached + counts.cached,
        })
    }
}

/// An output that the selection leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its file name.
    pub name: String,
    /// The stage that makes it.
    pub stage: Stage,
}

impl Artifacts {
    /// Whether everything was there already.
    pub fn nothing_to_do(&self) -> bool {
        self.counts.performed == 0
            && self.counts.shared == 0
            && self.outputs.iter().all(|output| !output.written)
    }
}

/// One output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// What it is: `efi`, `initramfs`, `kernel`.
    pub kind: &'static str,
    /// Where it is.
    pub path: PathBuf,
    /// Its content.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// Of a unified kernel image: what its stub will leave in PCR 11 (SHA-256 bank) before any boot phase.
    pub pcr11: Option<Digest>,
    /// Whether it had to be written; an equal file is left alone.
    pub written: bool,
}

/// An image that is to be built.
#[derive(Clone)]
pub struct Job<'a> {
    /// What is performed.
    pub plan: &'a Plan,
    /// The folder that its outputs are written to.
    pub outputs: PathBuf,
    /// What is built, for the record; without it, none is kept.
    pub subject: Option<Subject>,
    /// Who is told of its actions.
    pub observer: &'a dyn Observer,
}

/// Performs what has no stored result and writes the outputs; what images have in common is performed once, for the first of them.
///
/// # Errors
/// What the failing actions say, and two images that would write the same file. After the first failure nothing new is started; what runs is
/// finished. Outputs are written only after everything succeeded, for all images.
pub fn run(
    jobs: &[Job<'_>],
    store: &Store,
    options: &Options<'_>,
) -> Result<Vec<Artifacts>, Diagnostics> {
    artifacts::check_places(jobs)?;
    let recorders = jobs
        .iter()
        .map(|job| record::Recorder::new(job.observer, options.executor));
    let recorders: Vec<_> = recorders.collect();
    let errands = jobs
        .iter()
        .zip(&recorders)
        .map(|(job, recorder)| engine::Errand {
            plan: job.plan,
            wanted: options.selection.wanted(job.plan),
            observer: recorder,
        });
    let errands: Vec<_> = errands.collect();
    losses::retrying(store, |trust, store| {
        let all = engine::perform_all(&errands, store, options, trust)?;
        let finished = jobs.iter().zip(&recorders).zip(all);
        let finished =
            finished.map(|((job, recorder), done)| Finished::new(job, recorder, done, store));
        let finished: Vec<Finished<'_>> = finished.collect::<Result<_, _>>()?;
        // Before the outputs, so that none is without a record however this ends.
        for finished in &finished {
            finished.keep_record(store)?;
        }
        let published = finished.into_iter();
        published
            .map(|finished| finished.publish(options.selection, store))
            .collect()
    })
}

/// An image all of whose actions are done.
struct Finished<'a> {
    job: &'a Job<'a>,
    recorder: &'a record::Recorder<'a>,
    done: engine::Done,
    outputs: artifacts::Prepared,
    build_id: Option<Digest>,
    savings: Vec<Saving>,
}

impl<'a> Finished<'a> {
    fn new(
        job: &'a Job<'a>,
        recorder: &'a record::Recorder<'a>,
        done: engine::Done,
        store: &Store,
    ) -> Result<Self, Diagnostics> {
        let (plan, results) = (job.plan, &done.results);
        Ok(Self {
            outputs: artifacts::prepare(plan, results, store, &job.outputs)?,
            build_id: artifacts::spelt(plan.build_id, results, store)?,
            savings: savings::savings(plan, results, store)?,
            job,
            recorder,
            done,
        })
    }

    fn keep_record(&self, store: &Store) -> Result<(), Diagnostic> {
        let Some(subject) = &self.job.subject else {
            return Ok(());
        };
        let told = (self.outputs.artifacts.as_slice(), self.outputs.differ());
        let (plan, results) = (self.job.plan, &self.done.results);
        self.recorder
            .keep(subject, plan, results, self.build_id, told, store)
    }

    fn publish(self, selection: Selection, store: &Store) -> Result<Artifacts, Diagnostics> {
        let results = self.done.results.iter();
        Ok(Artifacts {
            outputs: self.outputs.publish(store)?,
            left: left_by(self.job.plan, selection),
            build_id: self.build_id,
            savings: self.savings,
            counts: self.done.counts,
            unwanted: results.filter(|result| result.is_none()).count(),
        })
    }
}

/// The outputs whose actions are not wanted.
pub fn left_by(plan: &Plan, selection: Selection) -> Vec<Left> {
    let wanted = selection.wanted(plan);
    let left = plan.outputs.iter().filter_map(|output| {
        let Input::Output(ActionId(index)) = output.content else {
            return None;
        };
        let planned = plan.actions.get(index as usize)?;
        let is_wanted = wanted.get(index as usize).copied().unwrap_or(false);
        (!is_wanted).then(|| Left {
            name: output.name.clone(),
            stage: planned.stage,
        })
    });
    left.collect()
}

/// What was brought from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetched {
    /// How many contents were fetched.
    pub fetched: usize,
    /// How many were in the store.
    pub cached: usize,
}

/// Performs only what brings contents from elsewhere, and makes sure that all of them are there.
///
/// # Errors
/// As [`run`].
pub fn fetch(
    plan: &Plan,
    store: &Store,
    options: &Options<'_>,
    observer: &dyn Observer,
) -> Result<Fetched, Diagnostics> {
    let from_elsewhere = plan
        .actions
        .iter()
        .filter(|planned| planned.action.is_from_elsewhere());
    let part = Plan {
        manifest: plan.manifest.clone(),
        arch: plan.arch,
        actions: from_elsewhere.cloned().collect(),
        outputs: Vec::new(),
        tree: None,
        build_id: None,
        flists: Vec::new(),
        reductions: Vec::new(),
        sites: plan.sites.clone(),
    };
    let errand = engine::Errand {
        plan: &part,
        wanted: options.selection.wanted(&part),
        observer,
    };
    // It is a part of the plan, and the note about the last whole one stays as it is.
    let done = engine::perform_some(&[errand], store, options, ledger::Trust::Deep)?;
    let counts = done.iter().map(|done| done.counts);
    Ok(Fetched {
        fetched: counts.clone().map(|counts| counts.performed).sum(),
        cached: counts.map(|counts| counts.cached).sum(),
    })
}

/// A folder or file that cannot be used.
fn disk(path: &Path, error: &std::io::Error) -> Diagnostic {
    if let Some(problem) = crate::io::disk_refusal(path, error) {
        return problem;
    }
    Diagnostic::error(
        "zosc::build::disk",
        format!("cannot use `{}`: {error}", path.display()),
    )
    .help("make room or mend the permissions, then run the command again")
}

/// Someone pressed Ctrl-C.
fn cancelled() -> Diagnostic {
    Diagnostic::error("zosc::build::cancelled", "the build was cancelled")
        .help("run the command again: what was finished is kept")
}

#[cfg(test)]
mod tests;
