//! Sandboxes that stay: the surroundings of a command, to be entered any number of times.
//!
//! Comes in: an action of a plan, or the key of one that was performed. Goes out: a [`Shell`], which is a folder `NAME@KEY` below the
//! store's `shells/`: the folders that its sandbox shows, and `shell.json` with the rest. No process stays behind. Whoever enters
//! has namespaces of their own over the same files, so several terminals may, and what they change outlives the machine's next start.
//! What a failed command leaves becomes such a shell by itself; the next failure takes its place unless somebody has entered it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::crew::Nothing;
use super::engine::{self, Errand};
use super::executor::Executor;
use super::ledger::Trust;
use super::perform::Context;
use super::perform::run::{Request, request};
use super::perform::surroundings::{self, Prepared, prepare};
use super::record::is_same_manifest;
use super::roots::shared_root;
use super::sandbox::{Outcome, RootFs, Sandbox};
use super::scratch::Scratch;
use super::trees::Trees;
use super::{Observer, Options, disk, logs};
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::io;
use crate::plan::{ActionId, Plan, PlannedAction};
use crate::tree::{Digest, Store};

/// How a shell came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Somebody asked for it; everything is as the command finds it.
    Started,
    /// Its command failed; everything is as that left it.
    Failed,
}

/// What is written down of a shell.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    name: String,
    /// Empty in what an earlier version has kept.
    #[serde(default)]
    manifest: PathBuf,
    label: String,
    key: Digest,
    arguments: Vec<String>,
    state: State,
    /// Whether somebody was in it.
    entered: bool,
    /// The tree that is its root, where that is shared.
    toolchain: Option<Digest>,
    sandbox: Sandbox,
}

/// A sandbox that stays until it is stopped.
#[derive(Debug, Clone)]
pub struct Shell {
    kept: Kept,
    folder: PathBuf,
}

/// The file in a shell's folder that says what it is.
const FILE: &str = "shell.json";
/// The file that whoever is inside holds.
const LOCK: &str = "lock";

impl Shell {
    /// What it is called: the source's name.
    pub fn name(&self) -> &str {
        &self.kept.name
    }

    /// The name that no other has.
    pub fn id(&self) -> String {
        id(&self.kept.name, &self.kept.key)
    }

    /// Whether it is of a source of this manifest, whatever way leads to that.
    pub fn is_of(&self, manifest: &Path) -> bool {
        let own = &self.kept.manifest;
        !own.as_os_str().is_empty() && is_same_manifest(own, manifest)
    }

    /// What its action is called.
    pub fn label(&self) -> &str {
        &self.kept.label
    }

    /// How it came to be.
    pub fn state(&self) -> State {
        self.kept.state
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file that says what it is, with the digests of all that it needs.
    pub fn description(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// The command that its action runs.
    pub fn arguments(&self) -> &[String] {
        &self.kept.arguments
    }

    /// The script in it that runs this command; commands on a root of their own have none.
    pub fn script(&self) -> Option<&'static str> {
        let own_root = matches!(self.kept.sandbox.root, RootFs::Writable(_));
        (!own_root).then_some(surroundings::SCRIPT)
    }

    /// The log of its command's last run, where there was one.
    pub fn log(&self, store: &Store) -> Option<PathBuf> {
        Some(logs::path(store, &self.kept.key)).filter(|path| path.is_file())
    }

    /// Since when it is there.
    pub fn since(&self) -> Option<SystemTime> {
        fs::metadata(self.folder.join(LOCK)).ok()?.modified().ok()
    }

    /// Whether somebody is inside.
    pub fn is_in_use(&self) -> bool {
        self.hold(FlockOperation::NonBlockingLockExclusive)
            .is_none()
    }

    /// Runs a command in it on this terminal, a shell where none is named; returns when that ends. What it changed stays.
    pub fn enter(
        &mut self,
        store: &Store,
        executor: &dyn Executor,
        command: &[String],
    ) -> Result<Outcome, Diagnostic> {
        let mut sandbox = self.kept.sandbox.clone();
        // Mounts of one visitor would go with another's where both are made in the same root.
        let wanted = match sandbox.root {
            RootFs::Writable(_) => FlockOperation::NonBlockingLockExclusive,
            RootFs::Empty | RootFs::ReadOnly(_) => FlockOperation::NonBlockingLockShared,
        };
        let _inside = self.hold(wanted).ok_or_else(|| self.in_use())?;
        let toolchain = self.kept.toolchain.as_ref();
        let _root = toolchain
            .map(|tree| shared_root(tree, store, &AtomicBool::new(false)))
            .transpose()?;
        self.kept.entered = true;
        self.write()?;
        let terminal = io::environment("TERM").unwrap_or_else(|| "dumb".to_owned());
        sandbox.environment.insert("TERM".to_owned(), terminal);
        let prompt = format!("{} $PWD # ", self.kept.name);
        sandbox.environment.insert("PS1".to_owned(), prompt);
        sandbox.arguments = if command.is_empty() {
            vec!["/bin/sh".to_owned()]
        } else {
            command.to_vec()
        };
        // What it needs is held by locks of its own, and it may take days.
        let outcome = store.stand_aside(|| executor.interact(&sandbox))??;
        if !outcome.owners.is_empty() {
            self.kept.sandbox.owners.clone_from(&outcome.owners);
            self.write()?;
        }
        Ok(outcome)
    }

    /// Removes it and everything in it.
    pub fn stop(self, store: &Store) -> Result<(), Diagnostic> {
        let held = self.hold(FlockOperation::NonBlockingLockExclusive);
        let _alone = held.ok_or_else(|| self.in_use())?;
        // Out of the way at once; it goes with this process's unfinished work.
        let aside = Scratch::new(store)?;
        fs::rename(&self.folder, aside.path().join("stopped"))
            .map_err(|error| disk(&self.folder, &error))
    }

    /// The lock on it, unless somebody is in the way.
    ///
    /// For a moment that may be a copy of the descriptor in a process of ours that is about to become a sandbox.
    fn hold(&self, wanted: FlockOperation) -> Option<File> {
        let lock = File::open(self.folder.join(LOCK)).ok()?;
        let mut tries = 0..20;
        while flock(&lock, wanted).is_err() {
            tries.next()?;
            std::thread::sleep(Duration::from_millis(5));
        }
        // It may have been stopped meanwhile.
        self.folder.join(FILE).is_file().then_some(lock)
    }

    fn write(&self) -> Result<(), Diagnostic> {
        let path = self.folder.join(FILE);
        let refuse = |error| disk(&path, &error);
        let bytes = serde_json::to_vec_pretty(&self.kept).expect("paths and texts are always JSON");
        let file = tempfile::NamedTempFile::new_in(&self.folder).map_err(refuse)?;
        fs::write(file.path(), bytes).map_err(refuse)?;
        file.persist(&path).map_err(|error| refuse(error.error))?;
        Ok(())
    }

    fn in_use(&self) -> Diagnostic {
        Diagnostic::error(
            "zosc::build::shell-in-use",
            format!("somebody is in the sandbox `{}`", self.id()),
        )
        .help("leave it in the other terminal with `exit`, then try again")
    }
}

/// The sandbox of the command that a plan has for a source; everything that the command needs is brought first.
///
/// # Errors
/// That there is no such command, and those of [`run`](super::run).
pub fn open_shell(
    plan: &Plan,
    name: &str,
    store: &Store,
    options: &Options<'_>,
    observer: &dyn Observer,
) -> Result<Shell, Diagnostics> {
    let mut commands = plan.actions.iter();
    let Some(planned) = commands.find(|planned| planned.shell() == Some(name)) else {
        return Err(nothing_to_enter(plan, name).into());
    };
    let errand = Errand {
        plan,
        wanted: plan.with_needs(planned.action.needs()),
        observer,
    };
    let done = engine::perform_some(&[errand], store, options, Trust::Deep)?;
    let resolve = |id: ActionId| {
        let results = done
            .iter()
            .filter_map(|done| done.results.get(id.0 as usize));
        let result = results.copied().flatten().next();
        result.expect("all that it needs was brought")
    };
    let key = planned.action.key(&resolve);
    if let Some(shell) = with_key(store, &key) {
        return Ok(shell);
    }
    let context = Context {
        store,
        planned,
        key,
        resolve: &resolve,
        options,
        observer,
        trees: &Trees::of_images(1),
        again: false,
        processors: &[],
        budget: &Nothing,
        plan,
    };
    let Some(request) = request(&context)? else {
        return Err(nothing_to_enter(plan, name).into());
    };
    request.keep(store, &key)?;
    Ok(start(&request, &key, store, options.cancel)?)
}

/// The sandbox of the action whose key begins with these hexadecimal digits, as its command left or finds it.
///
/// # Errors
/// That no such action was performed with this store.
pub fn reopen(store: &Store, key: &str) -> Result<Shell, Diagnostic> {
    let key = performed(store, key)?;
    if let Some(shell) = with_key(store, &key) {
        return Ok(shell);
    }
    let path = Request::path(store, &key.to_string());
    let bytes = fs::read(&path).map_err(|error| disk(&path, &error))?;
    let request: Request = serde_json::from_slice(&bytes).map_err(|_| unknown(&key.short()))?;
    start(&request, &key, store, &AtomicBool::new(false))
}

/// All shells, by name.
pub fn shells(store: &Store) -> Vec<Shell> {
    let listing = fs::read_dir(store.shells()).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = listing.map(|entry| entry.path()).collect();
    folders.sort();
    let shell = |folder: PathBuf| {
        let bytes = fs::read(folder.join(FILE)).ok()?;
        let kept = serde_json::from_slice(&bytes).ok()?;
        Some(Shell { kept, folder })
    };
    folders.into_iter().filter_map(shell).collect()
}

/// The shell with this name, or with an id that begins so.
///
/// # Errors
/// That there is none, or more than one.
pub fn find_shell(store: &Store, name: &str) -> Result<Shell, Diagnostic> {
    let all = shells(store);
    let answers = |shell: &&Shell| {
        shell.kept.name == name || (name.contains('@') && shell.id().starts_with(name))
    };
    let found: Vec<&Shell> = all.iter().filter(answers).collect();
    match found.as_slice() {
        [only] => Ok((*only).clone()),
        [] => {
            let problem = Diagnostic::error(
                "zosc::build::no-shell",
                format!("there is no sandbox `{name}`"),
            );
            Err(match nearest(name, all.iter().map(Shell::name)) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!(
                    "`zosc shell start {name}` makes one; `zosc shell list` shows those there are"
                )),
            })
        }
        several => Err(Diagnostic::error(
            "zosc::build::no-shell",
            format!(
                "there are {} sandboxes `{name}`, of different inputs",
                several.len()
            ),
        )
        .help(format!("name one of them: {}", ids(several)))),
    }
}

/// Keeps what a failed command left; answers what the shell is called, where there is one now.
pub(super) fn keep_failed(
    prepared: Prepared,
    request: &Request,
    key: &Digest,
    store: &Store,
) -> Option<String> {
    let name = request.name.as_deref()?;
    forget_failed(store, request);
    settle(prepared, request, key, store, State::Failed).ok()?;
    Some(name.to_owned())
}

/// Drops what earlier failures of a command left, where nobody has entered it; another manifest may have one of the same name.
pub(super) fn forget_failed(store: &Store, request: &Request) {
    let Some(name) = &request.name else {
        return;
    };
    for shell in shells(store) {
        let kept = &shell.kept;
        let is_theirs = kept.manifest == request.manifest || shell.is_of(&request.manifest);
        let is_same = kept.name == *name && is_theirs;
        if is_same && kept.state == State::Failed && !kept.entered {
            // One that somebody enters just now stays.
            let _ = shell.stop(store);
        }
    }
}

fn start(
    request: &Request,
    key: &Digest,
    store: &Store,
    cancel: &AtomicBool,
) -> Result<Shell, Diagnostic> {
    let prepared = prepare(request, store, cancel)?;
    settle(prepared, request, key, store, State::Started)
}

/// Gives a sandbox a folder of its own that stays.
fn settle(
    prepared: Prepared,
    request: &Request,
    key: &Digest,
    store: &Store,
    state: State,
) -> Result<Shell, Diagnostic> {
    let name = request.name.clone().unwrap_or_else(|| "command".to_owned());
    let folder = store.shells().join(id(&name, key));
    let scratch = Scratch::new(store)?;
    let made = scratch.make("shell")?;
    let mut sandbox = prepared.settle(request, &made, &folder)?;
    // Its command's share of the processors was for that time only.
    sandbox.cores.clear();
    let mut shell = Shell {
        kept: Kept {
            name,
            manifest: request.manifest.clone(),
            label: request.label.clone(),
            key: *key,
            arguments: request.arguments.clone(),
            state,
            entered: false,
            toolchain: request.toolchain().copied(),
            sandbox,
        },
        folder: made,
    };
    let lock = shell.folder.join(LOCK);
    fs::write(&lock, b"").map_err(|error| disk(&lock, &error))?;
    shell.write()?;
    // What a command of root's has left may be a setuid program of root's: nobody else gets there.
    fs::set_permissions(&shell.folder, fs::Permissions::from_mode(0o700))
        .map_err(|error| disk(&shell.folder, &error))?;
    match fs::rename(&shell.folder, &folder) {
        Ok(()) => {
            shell.folder = folder;
            Ok(shell)
        }
        // Another process was quicker, or somebody has entered what an earlier run of the same command left.
        Err(error) => with_key(store, key).ok_or_else(|| disk(&folder, &error)),
    }
}

fn id(name: &str, key: &Digest) -> String {
    format!("{name}@{}", key.short())
}

fn ids(shells: &[&Shell]) -> String {
    let ids: Vec<String> = shells
        .iter()
        .map(|shell| format!("`{}`", shell.id()))
        .collect();
    ids.join(", ")
}

fn with_key(store: &Store, key: &Digest) -> Option<Shell> {
    shells(store)
        .into_iter()
        .find(|shell| shell.kept.key == *key)
}

/// The action that was performed and whose key begins so.
fn performed(store: &Store, key: &str) -> Result<Digest, Diagnostic> {
    let folder = store.logs();
    let listing = fs::read_dir(&folder).map_err(|error| disk(&folder, &error))?;
    let mut found: Vec<Digest> = listing
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let name = name.strip_suffix(".request.json")?;
            name.starts_with(key).then(|| name.parse().ok())?
        })
        .collect();
    found.sort();
    match found.as_slice() {
        [only] if !key.is_empty() => Ok(*only),
        _ => Err(unknown(key)),
    }
}

fn unknown(key: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::unknown-action",
        format!("`{key}` names no command that was run with this store"),
    )
    .help("the message of a failed command holds the exact line to type; `zosc plan` lists keys")
}

fn nothing_to_enter(plan: &Plan, name: &str) -> Diagnostic {
    let names = plan.actions.iter().filter_map(PlannedAction::shell);
    let names: BTreeSet<&str> = names.collect();
    let problem = Diagnostic::error(
        "zosc::build::nothing-to-enter",
        format!("the manifest builds nothing that is called `{name}`"),
    );
    match nearest(name, names.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None if names.is_empty() => problem.help(
            "sources with a `build` node are built; ready-made ones have no command to look at",
        ),
        None => problem.help(format!(
            "these are built: `{}`",
            names.into_iter().collect::<Vec<_>>().join("`, `")
        )),
    }
}
