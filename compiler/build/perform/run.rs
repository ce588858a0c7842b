//! Runs foreign code in the sandbox and captures what it leaves.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use super::super::capture::{self, Mark};
use super::super::logs::{Finished, Log};
use super::super::materialise::{self, Base};
use super::super::roots::{SharedRoot, shared_root};
use super::super::sandbox::{Access, End, Identity, Owner, RootFs, Sandbox};
use super::super::scratch::Scratch;
use super::super::shell;
use super::super::{Event, Fleet, cancelled, disk};
use super::{Context, missing};
use crate::diagnostic::{Diagnostic, bytes};
use crate::io::disk_of;
use crate::lock::HostToolchain;
use crate::plan::{Action, Capture, Root};
use crate::tree::{Digest, ImagePath, Origin, Store};

/// The folder that a command on a toolchain may write to.
const WORK: &str = "/build";
/// The script in it that runs the command again, where its surroundings stay.
pub(in super::super) const SCRIPT: &str = "/build/run";
/// Folders in it that exist from the start.
const WORK_FOLDERS: [&str; 2] = ["home", "output"];

/// A command with all its inputs known, as it is kept beside its log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// What the action is called.
    pub(in super::super) label: String,
    /// What its surroundings are called where they stay.
    #[serde(default)]
    pub(in super::super) name: Option<String>,
    root: RequestRoot,
    mounts: Vec<RequestMount>,
    files: BTreeMap<ImagePath, Digest>,
    /// The command.
    pub(in super::super) arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    directory: ImagePath,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RequestRoot {
    Host(HostToolchain),
    Toolchain(Digest),
    Tree(Digest),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct RequestMount {
    tree: Digest,
    at: ImagePath,
    writable: bool,
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
    fn script(&self) -> String {
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

/// A sandbox whose files are on disk, as long as this lives.
pub(in super::super) struct Prepared {
    /// The sandbox.
    pub(in super::super) sandbox: Sandbox,
    /// The tree that is its root.
    base: Base,
    /// Folders that can be captured: where the sandbox sees them, and where they are.
    places: Vec<(ImagePath, PathBuf)>,
    /// Folders that go when this does.
    scratches: Vec<Scratch>,
    /// Trees that are on disk for everybody: the toolchain, and what is mounted to be read.
    shared: Vec<SharedRoot>,
}

/// Puts everything on disk that a command is to see.
pub(in super::super) fn prepare(
    request: &Request,
    store: &Store,
    cancel: &AtomicBool,
) -> Result<Prepared, Diagnostic> {
    let root = Scratch::new(store)?;
    let arguments = request.arguments.clone();
    let mut prepared = match &request.root {
        RequestRoot::Tree(tree) => {
            let tree = store.get_tree(tree)?;
            let mut base = materialise::materialise(&tree, store, root.path(), cancel)?;
            let mut sandbox = Sandbox::new(RootFs::Writable(root.path().to_owned()), arguments);
            sandbox.identity = Identity::Accounts;
            sandbox.owners = base.hand_over();
            Prepared {
                sandbox,
                base,
                places: vec![(ImagePath::root(), root.path().to_owned())],
                scratches: Vec::new(),
                shared: Vec::new(),
            }
        }
        RequestRoot::Host(host) => {
            let sandbox = on_host(Sandbox::new(RootFs::Empty, arguments), host);
            on_toolchain(sandbox, &root, None)?
        }
        RequestRoot::Toolchain(tree) => {
            let shared = shared_root(tree, store, cancel)?;
            let sandbox = Sandbox::new(RootFs::ReadOnly(shared.path.clone()), arguments);
            on_toolchain(sandbox, &root, Some(shared))?
        }
    };
    prepared.scratches.push(root);
    prepared
        .sandbox
        .environment
        .clone_from(&request.environment);
    prepared.sandbox.directory = request.directory.to_string();
    for mount in &request.mounts {
        prepared.mount(mount, store, cancel)?;
    }
    for (path, digest) in &request.files {
        prepared.file(path, digest, store)?;
    }
    Ok(prepared)
}

/// A command on a read-only root, with a folder to work in.
fn on_toolchain(
    sandbox: Sandbox,
    work: &Scratch,
    toolchain: Option<SharedRoot>,
) -> Result<Prepared, Diagnostic> {
    for folder in WORK_FOLDERS {
        work.make(folder)?;
    }
    let place = ImagePath::new(WORK).expect("a literal path is a sound one");
    Ok(Prepared {
        sandbox: sandbox.bind(work.path(), WORK, Access::Write),
        base: Base::default(),
        places: vec![(place, work.path().to_owned())],
        scratches: Vec::new(),
        shared: toolchain.into_iter().collect(),
    })
}

/// The machine's own programs, and the toolchain's folders where those do not hold them already.
fn on_host(sandbox: Sandbox, host: &HostToolchain) -> Sandbox {
    let mut sandbox = sandbox.with_host_programs();
    for folder in &host.folders {
        let shown = |bind: &super::super::sandbox::Bind| Path::new(folder).starts_with(&bind.guest);
        if !sandbox.binds.iter().any(shown) && !sandbox.links.contains_key(folder) {
            sandbox = sandbox.bind(folder, folder, Access::Read);
        }
    }
    sandbox
}

impl Prepared {
    fn mount(
        &mut self,
        mount: &RequestMount,
        store: &Store,
        cancel: &AtomicBool,
    ) -> Result<(), Diagnostic> {
        if !mount.writable {
            let shared = shared_root(&mount.tree, store, cancel)?;
            self.bind(shared.path.clone(), &mount.at, Access::Read);
            self.places.push((mount.at.clone(), shared.path.clone()));
            self.shared.push(shared);
            return Ok(());
        }
        let tree = store.get_tree(&mount.tree)?;
        // Below the folder that is the command's own anyway, a writable tree is simply put there.
        if let Some(own) = self.own_folder(&mount.at) {
            let folder = own?;
            materialise::materialise(&tree, store, &folder, cancel)?;
            return Ok(());
        }
        let scratch = Scratch::new(store)?;
        materialise::materialise(&tree, store, scratch.path(), cancel)?;
        self.bind(scratch.path().to_owned(), &mount.at, Access::Write);
        self.places
            .push((mount.at.clone(), scratch.path().to_owned()));
        self.scratches.push(scratch);
        Ok(())
    }

    /// Makes a folder below [`WORK`], where the command has that.
    fn own_folder(&self, at: &ImagePath) -> Option<Result<PathBuf, Diagnostic>> {
        let (guest, _) = self.places.first()?;
        let scratch = self.scratches.first()?;
        let inside = !guest.is_root() && at.starts_with(guest) && at != guest;
        inside.then(|| scratch.make(below(guest, at)))
    }

    /// Shows a blob as a program.
    fn file(&mut self, path: &ImagePath, digest: &Digest, store: &Store) -> Result<(), Diagnostic> {
        let scratch = Scratch::new(store)?;
        let host = scratch.path().join("file");
        let refuse = |error| disk(&host, &error);
        let mut file = fs::File::create(&host).map_err(refuse)?;
        store.copy(digest, &mut file)?;
        file.flush().map_err(refuse)?;
        file.set_permissions(fs::Permissions::from_mode(0o755))
            .map_err(refuse)?;
        self.bind(host.clone(), path, Access::Read);
        self.scratches.push(scratch);
        Ok(())
    }

    /// Moves its folders below `into`, which will be known as `home`, so that they outlive this; a command on a toolchain gets a script
    /// that runs it again, and a `/tmp` that stays.
    pub(in super::super) fn settle(
        self,
        request: &Request,
        into: &Path,
        home: &Path,
    ) -> Result<Sandbox, Diagnostic> {
        let mut sandbox = self.sandbox;
        for (number, scratch) in self.scratches.into_iter().enumerate() {
            let from = scratch.path();
            let to = into.join(number.to_string());
            fs::rename(from, &to).map_err(|error| disk(&to, &error))?;
            let moved = home.join(number.to_string());
            if let RootFs::Writable(root) = &mut sandbox.root {
                relocate(root, from, &moved);
            }
            for bind in &mut sandbox.binds {
                relocate(&mut bind.host, from, &moved);
            }
        }
        let work = sandbox.binds.iter().find(|bind| bind.guest == WORK);
        if let Some(inside) = work.and_then(|work| work.host.strip_prefix(home).ok()) {
            let script = into.join(inside).join("run");
            write_program(&script, &request.script())?;
            let temporary = into.join("tmp");
            fs::create_dir(&temporary)
                .and_then(|()| fs::set_permissions(&temporary, fs::Permissions::from_mode(0o1777)))
                .map_err(|error| disk(&temporary, &error))?;
            sandbox = sandbox.bind(home.join("tmp"), "/tmp", Access::Write);
        }
        Ok(sandbox)
    }

    fn bind(&mut self, host: PathBuf, guest: &ImagePath, access: Access) {
        self.sandbox.binds.push(super::super::sandbox::Bind {
            host,
            guest: guest.to_string(),
            access,
        });
    }

    /// Reads back what the command left.
    fn capture(
        &self,
        what: &Capture,
        owners: &[Owner],
        store: &Store,
        mark: &Mark,
    ) -> Result<Digest, Diagnostic> {
        let tree = match what {
            Capture::Root => {
                let (_, host) = self.places.first().expect("the root is the first place");
                capture::capture(host, &self.base, owners, store, mark)?
            }
            Capture::Directory(directory) => {
                let place = self
                    .places
                    .iter()
                    .filter(|(guest, _)| directory.starts_with(guest))
                    .max_by_key(|(guest, _)| guest.as_str().len());
                let (guest, host) = place.ok_or_else(|| no_output(directory))?;
                let owners = owners_below(owners, directory);
                let inner = below(guest, directory);
                let opened = capture::open_below(host, inner).map_err(|_| no_output(directory))?;
                capture::capture_open(opened, host, &Base::default(), &owners, store, mark)?
            }
        };
        store.put_tree(&tree)
    }
}

/// Follows a folder that has moved.
fn relocate(path: &mut PathBuf, from: &Path, to: &Path) {
    if path == from {
        to.clone_into(path);
    } else if let Ok(rest) = path.strip_prefix(from) {
        *path = to.join(rest);
    }
}

/// Writes a script, in place of whatever a command has left there.
fn write_program(path: &Path, text: &str) -> Result<(), Diagnostic> {
    let refuse = |error| disk(path, &error);
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(refuse(error)),
        _ => {}
    }
    fs::write(path, text).map_err(refuse)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(refuse)
}

/// The path of `inner` relative to `outer`, without a leading slash.
fn below<'p>(outer: &ImagePath, inner: &'p ImagePath) -> &'p str {
    let rest = inner.as_str().strip_prefix(outer.as_str());
    rest.unwrap_or_default().trim_start_matches('/')
}

fn owners_below(owners: &[Owner], directory: &ImagePath) -> Vec<Owner> {
    let moved = owners.iter().filter_map(|owner| {
        let path = ImagePath::new(&owner.path).ok()?;
        path.starts_with(directory).then(|| Owner {
            path: format!("/{}", below(directory, &path)),
            ..owner.clone()
        })
    });
    moved.collect()
}

/// Performs a [`Action::Run`].
pub(super) fn run(context: &Context<'_>) -> Result<Digest, Diagnostic> {
    let Action::Run {
        capture,
        origin,
        epoch,
        root,
        ..
    } = &context.planned.action
    else {
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
    let mut prepared = prepare(&request, store, context.options.cancel)?;
    prepared.sandbox.cores = context.processors.to_vec();
    let label = &context.planned.label;
    let mut log = Log::new(store, &context.key, label)?;
    let options = context.options;
    let outcome = options
        .executor
        .run(&prepared.sandbox, options.cancel, &mut |line| {
            let mut shown = log.line(line);
            if let Some(hundredths) = log.hundredths() {
                shown.insert_str(0, &format!("{hundredths} % "));
            }
            context.observer.event(context.planned, Event::Line(&shown));
        })?;
    match outcome.end {
        End::Exited(0) => log.succeeded(store, label)?,
        End::Cancelled => return Err(cancelled()),
        end => {
            let kept = shell::keep_failed(prepared, &request, &context.key, store);
            return Err(failed(context, end, log, kept));
        }
    }
    if let Some(name) = &request.name {
        shell::forget_failed(store, name);
    }
    let mark = Mark {
        origin: Origin::new(origin),
        epoch: *epoch,
    };
    prepared.capture(capture, &outcome.owners, store, &mark)
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
    fleet.run(context, &request)
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

fn failed(context: &Context<'_>, end: End, log: Log, kept: Option<String>) -> Diagnostic {
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
    if let Some(disk) = disk_of(context.store.root()).filter(|disk| disk.free < SCARCE) {
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

fn no_output(directory: &ImagePath) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::no-output",
        format!("the command left no directory `{directory}`"),
    )
    .help("let the build write its results there")
}
