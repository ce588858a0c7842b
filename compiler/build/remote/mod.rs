//! Commands on other machines, and results that machines share.
//!
//! Comes in: a command with all its inputs known. Goes out: the tree that it left, as it would have left it here. The command of
//! the protocol's action is zosc itself ([`inside_worker`]), which lays out and captures what the command may change by the code that
//! does so at home. So it does not matter what a server makes of modes, times and links. What comes back is checked before anything of it counts ([`outcome`]).
//!
//! Where a command ran counts for no key. A server that is not there ends the build, or the command runs here, whichever was asked for; one that
//! only shares results is done without.

mod course;
mod input;
mod inside;
mod job;
mod outcome;
mod own;
mod probe;
mod refusal;
mod shared;

#[cfg(test)]
mod tests;

pub use inside::inside_worker;
pub use probe::{Probed, probe};

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::perform::Context;
use super::perform::run::{Request, capture_of};
use super::sandbox::Limits;
use super::{Elsewhere, Event, Fleet, cancelled};
use crate::diagnostic::{Diagnostic, Severity};
use crate::plan::Capture;
use crate::remote::{self, ActionResult, Client, Command, Failure, Kind, Prepared, Settings};
use crate::tree::{Digest, Store};
use course::Run;
use input::{Folders, Input, Maker};
use job::{Job, OUT, Programs};
use outcome::{Bringer, Outcome};
use own::Own;
use refusal::{no_execution, no_updates, with_ways_on};

/// How a server is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It shares results; commands run here.
    Cache,
    /// It runs commands, and shares results.
    Execute {
        /// Whether commands run here while it cannot be reached.
        falls_back: bool,
        /// Whether results that are there already count, and new ones are shared.
        shares: bool,
    },
}

/// A server, connected to when it is needed first.
pub struct Remote {
    settings: Settings,
    used: Use,
    client: Mutex<Option<Result<Client, Failure>>>,
    /// Set once it is done without.
    is_gone: AtomicBool,
    /// Set once it was told that it takes no results.
    is_refusal_told: AtomicBool,
    own: OnceLock<Result<Own, Diagnostic>>,
    folders: Folders,
}

impl Remote {
    /// A server with these settings. Nothing is asked yet.
    pub fn new(settings: Settings, used: Use) -> Self {
        Self {
            settings,
            used,
            client: Mutex::default(),
            is_gone: AtomicBool::new(false),
            is_refusal_told: AtomicBool::new(false),
            own: OnceLock::new(),
            folders: Folders::default(),
        }
    }

    /// The connection; `None` where the server is done without.
    fn client(&self, context: &Context<'_>) -> Result<Option<Client>, Failure> {
        // One asks, and all others wait for what it learns.
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_gone.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if let Some(known) = &*client {
            return known.clone().map(Some);
        }
        let made = self.connect(context);
        let is_cancelled = matches!(&made, Err(failure) if failure.kind == Kind::Cancelled);
        if !is_cancelled {
            *client = Some(made.clone());
        }
        made.map(Some)
    }

    fn connect(&self, context: &Context<'_>) -> Result<Client, Failure> {
        let made = Client::connect(&self.settings, context.options.cancel)?;
        if self.executes() && !made.abilities().executes {
            return Err(no_execution(made.endpoint()).into());
        }
        Ok(made)
    }

    /// Does without a server that is not there, where that is allowed; tells of it once.
    fn do_without(&self, context: &Context<'_>, failure: Failure) -> Result<(), Diagnostic> {
        match failure.kind {
            Kind::Cancelled => return Err(cancelled()),
            Kind::Unreachable if self.falls_back() => {}
            Kind::Unreachable => return Err(with_ways_on(failure.problem)),
            _ => return Err(failure.problem),
        }
        if !self.is_gone.swap(true, Ordering::Relaxed) {
            let mut warning = as_warning(failure.problem);
            warning.help = Some(match self.used {
                Use::Cache => {
                    "results are neither looked up there nor shared in this build".to_owned()
                }
                Use::Execute { .. } => "what is left of this build runs on this machine".to_owned(),
            });
            context.warn(&warning);
        }
        Ok(())
    }

    /// Whether it can be done without.
    fn falls_back(&self) -> bool {
        match self.used {
            Use::Cache => true,
            Use::Execute { falls_back, .. } => falls_back,
        }
    }

    /// Whether results of others count, and others get those of this machine.
    fn shares(&self) -> bool {
        match self.used {
            Use::Cache => true,
            Use::Execute { shares, .. } => shares,
        }
    }

    fn own(&self, store: &Store) -> Result<&Own, Diagnostic> {
        let own = self.own.get_or_init(|| Own::read(store));
        own.as_ref().map_err(Clone::clone)
    }

    /// A command as an action of the protocol, with its input root.
    fn prepared(
        &self,
        context: &Context<'_>,
        request: &Request,
        client: &Client,
    ) -> Result<(Prepared, Input), Diagnostic> {
        let own = self.own(context.store)?;
        let maker = Maker {
            store: context.store,
            own,
            folders: &self.folders,
            absolute_links: client.abilities().absolute_links,
        };
        let input = maker.input(request, job(context, request))?;
        let command = Command {
            arguments: own.command(&request.label),
            outputs: vec![OUT.to_owned()],
            properties: self.settings.properties.clone(),
            timeout: Some(Limits::default().time),
            ..Command::default()
        };
        Ok((remote::action(&command, &input.folder.blob()), input))
    }
}

/// A command, as those who run it elsewhere have to know it; what lies where is filled in with the input root.
fn job(context: &Context<'_>, request: &Request) -> Job {
    let (capture, mark) = capture_of(context);
    let capture = match capture {
        Capture::Directory(directory) => directory.clone(),
        Capture::Root => unreachable!("a command that leaves its root stays here"),
    };
    Job {
        programs: Programs::Root(Vec::new()),
        mounts: Vec::new(),
        files: Vec::new(),
        arguments: request.arguments.clone(),
        environment: request.environment.clone(),
        directory: request.directory.clone(),
        capture,
        origin: mark.origin.as_str().to_owned(),
        epoch: mark.epoch,
    }
}

impl Fleet for Remote {
    fn executes(&self) -> bool {
        matches!(self.used, Use::Execute { .. })
    }

    fn slots(&self) -> usize {
        self.settings.slots
    }

    fn found(
        &self,
        context: &Context<'_>,
        is_there: &dyn Fn(),
    ) -> Result<Option<Digest>, Diagnostic> {
        if !self.shares() {
            return Ok(None);
        }
        let look = || -> Result<Option<Digest>, Failure> {
            let Some(client) = self.client(context)? else {
                return Ok(None);
            };
            let entry = shared::entry(&context.key);
            let kept = client.result_of(&entry.blob, context.options.cancel);
            let brought = match kept {
                Ok(Some(result)) => {
                    is_there();
                    bring(context, &client, &result)
                }
                Ok(None) => return Ok(None),
                // What is wrong with the question ends it; what is wrong with the answer does not.
                Err(failure) if failure.kind == Kind::Final => return Err(failure),
                Err(failure) => Err(failure),
            };
            match brought {
                Ok(Outcome::Left(tree)) => Ok(Some(tree)),
                Ok(_) => Ok(None),
                Err(failure) if matches!(failure.kind, Kind::Lost | Kind::Final) => {
                    // It is performed as if there were none, and what it yields takes the place of that one.
                    context.warn(&as_warning(failure.problem));
                    Ok(None)
                }
                Err(failure) => Err(failure),
            }
        };
        match look() {
            Ok(found) => Ok(found),
            Err(failure) => self.do_without(context, failure).map(|()| None),
        }
    }

    fn run(&self, context: &Context<'_>, request: &Request) -> Result<Option<Digest>, Diagnostic> {
        let course = || -> Result<Option<Digest>, Failure> {
            let Some(client) = self.client(context)? else {
                return Ok(None);
            };
            let (action, input) = self.prepared(context, request, &client)?;
            let run = Run {
                context,
                client: &client,
                action: &action,
                input: &input,
                is_anew: context.again || !self.shares(),
            };
            run.carry_out().map(Some)
        };
        match course() {
            Ok(made) => Ok(made),
            Err(failure) => self.do_without(context, failure).map(|()| None),
        }
    }

    fn share(&self, context: &Context<'_>, output: &Digest) {
        if !self.shares() {
            return;
        }
        let share = || -> Result<(), Failure> {
            let Some(client) = self.client(context)? else {
                return Ok(());
            };
            if !client.abilities().keeps_results {
                self.tell_of_refusal(context, &client);
                return Ok(());
            }
            let tree = context.store.get_tree(output)?;
            let (_, mark) = capture_of(context);
            if outcome::verify(&tree, &mark).is_err() {
                // Nobody would take it.
                return Ok(());
            }
            let entry = shared::entry(&context.key);
            let shared = shared::result(output, &tree, &entry, context.store)?;
            let cancel = context.options.cancel;
            client.upload(&shared.contents, &mut uploading(context), cancel)?;
            let result = ActionResult {
                folders: vec![(OUT.to_owned(), shared.folder)],
                ..ActionResult::default()
            };
            if !client.keep_result(&entry.blob, &result, cancel)? {
                self.tell_of_refusal(context, &client);
            }
            Ok(())
        };
        match share() {
            Err(failure) if failure.kind != Kind::Cancelled => {
                let mut warning = as_warning(failure.problem);
                warning.help = Some("the result is in this machine's store alone".to_owned());
                context.warn(&warning);
            }
            _ => {}
        }
    }
}

impl Remote {
    fn tell_of_refusal(&self, context: &Context<'_>, client: &Client) {
        if !self.is_refusal_told.swap(true, Ordering::Relaxed) {
            context.warn(&no_updates(client.endpoint()));
        }
    }
}

fn bringer<'a>(context: &Context<'a>, client: &'a Client) -> Bringer<'a> {
    Bringer {
        client,
        store: context.store,
        cancel: context.options.cancel,
    }
}

fn bring(
    context: &Context<'_>,
    client: &Client,
    result: &ActionResult,
) -> Result<Outcome, Failure> {
    let (_, mark) = capture_of(context);
    let mut downloading = |done, total| tell_of(context, Elsewhere::Downloading { done, total });
    bringer(context, client).bring(result, &mark, &mut downloading)
}

fn tell_of(context: &Context<'_>, elsewhere: Elsewhere<'_>) {
    let event = Event::Elsewhere(elsewhere);
    context.observer.event(context.planned, event);
}

fn executing(context: &Context<'_>, worker: &str) {
    let worker = (!worker.is_empty()).then_some(worker);
    tell_of(context, Elsewhere::Executing { worker });
}

fn uploading(context: &Context<'_>) -> impl FnMut(u64, u64) {
    |done, total| tell_of(context, Elsewhere::Uploading { done, total })
}

fn as_warning(problem: Diagnostic) -> Diagnostic {
    Diagnostic {
        severity: Severity::Warning,
        ..problem
    }
}
