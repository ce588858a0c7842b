//! Runs foreign code in the sandbox and captures what it leaves.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::super::capture::Mark;
use super::super::logs::{Finished, Log};
use super::super::sandbox::End;
use super::super::shell;
use super::super::{Event, Fleet, cancelled, disk, foreign};
use super::surroundings::prepare;
use super::{Context, missing};
use crate::diagnostic::{Diagnostic, bytes};
use crate::io::{Disk, disk_of};
use crate::lock::HostToolchain;
use crate::plan::{Action, Capture, Root};
use crate::tree::{Digest, ImagePath, Origin, Store};

/// A command with all its inputs known, as it is kept beside its log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// What the action is called.
    pub(in super::super) label: String,
    /// What its surroundings are called where they stay.
    #[serde(default)]
    pub(in super::super) name: Option<String>,
    /// The manifest that it is of; empty where that is not known.
    #[serde(default)]
    pub(in super::super) manifest: PathBuf,
    /// Its root filesystem.
    pub(in super::super) root: RequestRoot,
    /// Trees that are laid into it.
    pub(in super::super) mounts: Vec<RequestMount>,
    /// Files that are laid into it.
    pub(in super::super) files: BTreeMap<ImagePath, Digest>,
    /// The command.
    pub(in super::super) arguments: Vec<String>,
    /// The whole environment.
    pub(in super::super) environment: BTreeMap<String, String>,
    /// The working directory.
    pub(in super::super) directory: ImagePath,
}

/// The root filesystem of a [`Request`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in super::super) enum RequestRoot {
    /// The machine's own programs.
    Host(HostToolchain),
    /// A tree that nobody changes.
    Toolchain(Digest),
    /// A tree that the command changes.
    Tree(Digest),
}

/// A tree that is laid into the root.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in super::super) struct RequestMount {
    /// The tree.
    pub(in super::super) tree: Digest,
    /// Where it is laid.
    pub(in super::super) at: ImagePath,
    /// Whether the command may change it.
    pub(in super::super) writable: bool,
}

impl Request {
    /// Where the request of an action is kept.
    pub(in super::super) fn path(store: &Store, key: &str) -> PathBuf {
        store.logs().join(format!("{key}.request.json"))
    }

    /// Keeps it beside its log.
    pub(in super::super) fn keep(&self, store: &Store, key: &Digest) -> Result<(), Diagnostic> {
        let path = Self::path(store, &key.to_string());
        let bytes = serde_json::to_vec_pretty(self).expect("paths and digests are always JSON");
        fs::write(&path, bytes).map_err(|error| disk(&path, &error))
    }

    /// The tree that its root shares with others.
    pub(in super::super) fn toolchain(&self) -> Option<&Digest> {
        match &self.root {
            RequestRoot::Toolchain(tree) => Some(tree),
            RequestRoot::Host(_) | RequestRoot::Tree(_) => None,
        }
    }

    /// A script that runs the command again in its surroundings.
    pub(super) fn script(&self) -> String {
        // An argument with a zero byte could not have been run.
        let quoted = |text: &str| shlex::try_quote(text).unwrap_or_default().into_owned();
        let arguments = self.arguments.iter().map(|argument| quoted(argument));
        let arguments: Vec<String> = arguments.collect();
        format!(
            "#!/bin/sh\n# {}\ncd {} && exec {}\n",
            self.label,
            quoted(self.directory.as_str()),
            arguments.join(" ")
        )
    }
}

/// Performs a [`Action::Run`].
pub(super) fn run(context: &Context<'_>) -> Result<Digest, Diagnostic> {
    let Action::Run { root, .. } = &context.planned.action else {
        unreachable!("perform sends only `Run` here");
    };
    let store = context.store;
    let Some(request) = request(context)? else {
        return Ok(match root {
            Root::Tree(input) => context.digest(input),
            Root::Host(_) | Root::Toolchain(_) => store.put_tree(&crate::tree::Tree::new())?,
        });
    };
    request.keep(store, &context.key)?;
    let made = here(context, &request)?;
    shell::forget_failed(store, &request);
    Ok(made)
}

/// Runs a command on this machine.
fn here(context: &Context<'_>, request: &Request) -> Result<Digest, Diagnostic> {
    if let Some(problem) = foreign::cannot_run(context.planned) {
        return Err(problem);
    }
    let (store, options) = (context.store, context.options);
    let mut prepared = prepare(request, store, options.cancel)?;
    prepared.sandbox.cores = context.processors.to_vec();
    let label = &context.planned.label;
    let mut log = Log::new(store, &context.key, &context.plan.manifest, label)?;
    let outcome = options
        .executor
        .run(&prepared.sandbox, options.cancel, &mut |line| {
            tell(context, &mut log, line);
        })?;
    match outcome.end {
        End::Exited(0) => log.succeeded(store)?,
        End::Cancelled => return Err(cancelled()),
        end => {
            let full = full_disk(store);
            // On a full disk nothing stays, so that there is room again.
            let kept = match full {
                None => shell::keep_failed(prepared, request, &context.key, store),
                Some(_) => None,
            };
            return Err(failed(context, end, log, kept, full.as_ref()));
        }
    }
    let (capture, mark) = capture_of(context);
    let tree = prepared.capture(capture, &outcome.owners, store, &mark)?;
    store.put_tree(&tree)
}

/// What becomes the tree of a command, and how its files are marked.
pub(in super::super) fn capture_of<'c>(context: &'c Context<'_>) -> (&'c Capture, Mark) {
    let Action::Run {
        capture,
        origin,
        epoch,
        ..
    } = &context.planned.action
    else {
        unreachable!("perform sends only `Run` here");
    };
    let mark = Mark {
        origin: Origin::new(origin),
        epoch: *epoch,
    };
    (capture, mark)
}

/// Tells of a line that a command has written.
pub(in super::super) fn tell(context: &Context<'_>, log: &mut Log, line: &[u8]) {
    let mut shown = log.line(line);
    if let Some(hundredths) = log.hundredths() {
        shown.insert_str(0, &format!("{hundredths} % "));
    }
    context.observer.event(context.planned, Event::Line(&shown));
}

/// Has a command run elsewhere; `None` where it did not get there.
pub(in super::super) fn run_elsewhere(
    context: &Context<'_>,
    fleet: &dyn Fleet,
) -> Result<Option<Digest>, Diagnostic> {
    context.check_cancelled()?;
    let Some(request) = request(context)? else {
        return run(context).map(Some);
    };
    request.keep(context.store, &context.key)?;
    let made = fleet.run(context, &request)?;
    if made.is_some() {
        shell::forget_failed(context.store, &request);
    }
    Ok(made)
}

/// The request with its inputs resolved; `None` where a list of further arguments is empty and nothing is to run.
pub(in super::super) fn request(context: &Context<'_>) -> Result<Option<Request>, Diagnostic> {
    let Action::Run {
        root,
        mounts,
        files,
        arguments,
        environment,
        directory,
        ..
    } = &context.planned.action
    else {
        unreachable!("perform sends only `Run` here");
    };
    let mut all = arguments.fixed.clone();
    if let Some(further) = &arguments.further {
        let bytes = context.store.get(&context.digest(further))?;
        let further: Vec<String> = serde_json::from_slice(&bytes)
            .expect("further arguments are made by an action of this program");
        if further.is_empty() {
            return Ok(None);
        }
        all.extend(further);
    }
    let mounts = mounts.iter().map(|mount| RequestMount {
        tree: context.digest(&mount.tree),
        at: mount.at.clone(),
        writable: mount.writable,
    });
    let files = files
        .iter()
        .map(|(path, input)| (path.clone(), context.digest(input)));
    Ok(Some(Request {
        label: context.planned.label.clone(),
        name: context.planned.shell().map(str::to_owned),
        manifest: context.plan.manifest.clone(),
        root: match root {
            Root::Host(host) => RequestRoot::Host(host.clone()),
            Root::Toolchain(input) => RequestRoot::Toolchain(context.digest(input)),
            Root::Tree(input) => RequestRoot::Tree(context.digest(input)),
        },
        mounts: mounts.collect(),
        files: files.collect(),
        arguments: all,
        environment: environment.clone(),
        directory: directory.clone(),
    }))
}

/// A disk with fewer bytes left may have been full a moment ago.
const SCARCE: u64 = 4 << 20;

/// The disk that commands work on, where it is full.
pub(in super::super) fn full_disk(store: &Store) -> Option<Disk> {
    disk_of(store.root()).filter(|disk| disk.free < SCARCE)
}

/// A command that did not do its work; `kept` is what its surroundings are called where they stay.
pub(in super::super) fn failed(
    context: &Context<'_>,
    end: End,
    log: Log,
    kept: Option<String>,
    full: Option<&Disk>,
) -> Diagnostic {
    let Finished { errors, tail, path } = log.finish();
    let label = &context.planned.label;
    let mut diagnostic = Diagnostic::error("zosc::build::run-failed", format!("`{label}` {end}"));
    if tail.is_empty() {
        diagnostic = diagnostic.note("it wrote nothing");
    }
    let between = (!errors.is_empty()).then(|| "…".to_owned());
    let lines: Vec<String> = errors.into_iter().chain(between).chain(tail).collect();
    for line in &lines {
        diagnostic = diagnostic.note(line);
    }
    // Where a command's own words end, and it may not say itself what it lacked.
    if let Some(disk) = full {
        diagnostic = diagnostic.note(format!(
            "the disk at `{}`, where it worked, is full: {} of {} are free",
            disk.at.display(),
            bytes(disk.free),
            bytes(disk.size)
        ));
    }
    let place = kept.unwrap_or_else(|| format!("--action {}", context.key.short()));
    let look = format!("to look around where it failed: zosc shell {place}");
    diagnostic = diagnostic.note(format!("whole log: {}", path.display()));
    match missing::advice(&lines) {
        Some(advice) => diagnostic.note(look).help(advice),
        None => diagnostic.help(look),
    }
}
