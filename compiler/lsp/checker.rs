//! The thread that checks manifests, so that nobody waits for a check who need not.
//!
//! Comes in: which manifest to check, over which texts. Goes out: what was found. Of several wishes for one manifest only
//! the latest counts, and one that comes while somebody types waits until they pause.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use super::document::Documents;
use super::project::{self, Checked};
use super::server::Event;

/// How long nobody must have typed before a check begins.
const PAUSE: Duration = Duration::from_millis(100);

/// Enough for the deepest imports that a manifest may have.
const STACK: usize = 16 << 20;

/// A wish.
pub(super) enum Wish {
    /// Check a manifest.
    Check {
        entry: PathBuf,
        job: Job,
        /// Whether somebody waits for it: then it begins at once.
        at_once: bool,
    },
    /// Find the manifest that a file belongs to, no further up than `top`.
    Find {
        path: PathBuf,
        top: Option<PathBuf>,
        documents: Documents,
    },
}

/// A check to be made.
pub(super) struct Job {
    pub(super) folder: PathBuf,
    pub(super) documents: Documents,
    pub(super) revision: u64,
}

/// Starts the thread; it ends when nobody can wish for anything any more.
pub(super) fn start(store: PathBuf, events: Sender<Event>) -> std::io::Result<Sender<Wish>> {
    let (wishes, inbox) = channel();
    let checker = Checker {
        store,
        events,
        inbox,
        jobs: BTreeMap::new(),
        is_urgent: false,
    };
    thread::Builder::new()
        .name("check".to_owned())
        .stack_size(STACK)
        .spawn(move || checker.run())?;
    Ok(wishes)
}

struct Checker {
    store: PathBuf,
    events: Sender<Event>,
    inbox: Receiver<Wish>,
    /// What is to be checked, the latest wish for each manifest.
    jobs: BTreeMap<PathBuf, Job>,
    is_urgent: bool,
}

impl Checker {
    fn run(mut self) {
        loop {
            if self.jobs.is_empty() {
                let Ok(wish) = self.inbox.recv() else { return };
                self.take(wish);
            }
            while !self.is_urgent && !self.jobs.is_empty() {
                match self.inbox.recv_timeout(PAUSE) {
                    Ok(wish) => self.take(wish),
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
            while let Ok(wish) = self.inbox.try_recv() {
                self.take(wish);
            }
            if let Some((entry, job)) = self.jobs.pop_first() {
                self.check(entry, &job);
            }
            self.is_urgent &= !self.jobs.is_empty();
        }
    }

    fn take(&mut self, wish: Wish) {
        match wish {
            Wish::Check {
                entry,
                job,
                at_once,
            } => {
                self.jobs.insert(entry, job);
                self.is_urgent |= at_once;
            }
            Wish::Find {
                path,
                top,
                documents,
            } => {
                let find = || project::root(&path, top.as_deref(), &documents);
                let entry = catch_unwind(AssertUnwindSafe(find)).unwrap_or_else(|_| path.clone());
                let _ = self.events.send(Event::Found { path, entry });
            }
        }
    }

    fn check(&self, entry: PathBuf, job: &Job) {
        let check = || {
            project::check(
                &entry,
                &job.folder,
                &job.documents,
                &self.store,
                job.revision,
            )
        };
        // A check that does not come to an end for a fault of zosc's own still says that it is over.
        let checked = catch_unwind(AssertUnwindSafe(check)).ok();
        let _ = self.events.send(Event::Checked {
            entry,
            revision: job.revision,
            checked: checked.map(Arc::<Checked>::new),
        });
    }
}
