//! What a command sees, on disk: its root, the trees that are laid into it, and the folder that it works in.
//!
//! Comes in: trees, from the store or from where another machine has put them. Goes out: a [`Sandbox`] over folders that last as long
//! as [`Prepared`] does, and what the command has left in them. Never runs anything.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::super::capture::{self, Mark};
use super::super::disk;
use super::super::materialise::{self, Base};
use super::super::roots::{SharedRoot, shared_root};
use super::super::sandbox::{Access, Bind, Identity, Owner, RootFs, Sandbox};
use super::super::scratch::Scratch;
use super::run::{Request, RequestMount, RequestRoot};
use crate::diagnostic::Diagnostic;
use crate::lock::HostToolchain;
use crate::plan::Capture;
use crate::tree::{Digest, ImagePath, Store, Tree};

/// The folder that a command on a toolchain may write to.
pub(in super::super) const WORK: &str = "/build";
/// The script in it that runs the command again, where its surroundings stay.
pub(in super::super) const SCRIPT: &str = "/build/run";
/// Folders in it that exist from the start.
pub(in super::super) const WORK_FOLDERS: [&str; 2] = ["home", "output"];

/// A sandbox whose files are on disk, as long as this lives.
pub(in super::super) struct Prepared {
    /// The sandbox.
    pub(in super::super) sandbox: Sandbox,
    /// The tree that is its root.
    base: Base,
    /// Folders that can be captured: where the sandbox sees them, and where they are.
    places: Vec<(ImagePath, PathBuf)>,
    /// Folders that go when this does; the first one holds the root or the folder to work in.
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
    let arguments = request.arguments.clone();
    let mut prepared = match &request.root {
        RequestRoot::Tree(tree) => {
            Prepared::on_tree(&store.get_tree(tree)?, arguments, store, cancel)?
        }
        RequestRoot::Host(host) => {
            Prepared::on_toolchain(on_host(Sandbox::new(RootFs::Empty, arguments), host), store)?
        }
        RequestRoot::Toolchain(tree) => {
            let shared = shared_root(tree, store, cancel)?;
            let sandbox = Sandbox::new(RootFs::ReadOnly(shared.path.clone()), arguments);
            let mut prepared = Prepared::on_toolchain(sandbox, store)?;
            prepared.shared.push(shared);
            prepared
        }
    };
    prepared.set(&request.environment, &request.directory);
    for mount in &request.mounts {
        prepared.mount(mount, store, cancel)?;
    }
    for (path, digest) in &request.files {
        prepared.file(path, digest, store)?;
    }
    Ok(prepared)
}

/// The machine's own programs, and the toolchain's folders where those do not hold them already.
pub(in super::super) fn on_host(sandbox: Sandbox, host: &HostToolchain) -> Sandbox {
    let mut sandbox = sandbox.with_host_programs();
    for folder in &host.folders {
        let shown = |bind: &Bind| Path::new(folder).starts_with(&bind.guest);
        if !sandbox.binds.iter().any(shown) && !sandbox.links.contains_key(folder) {
            sandbox = sandbox.bind(folder, folder, Access::Read);
        }
    }
    sandbox
}

impl Prepared {
    /// A command whose root is a tree that it may change.
    fn on_tree(
        tree: &Tree,
        arguments: Vec<String>,
        store: &Store,
        cancel: &AtomicBool,
    ) -> Result<Self, Diagnostic> {
        let root = Scratch::new(store)?;
        let mut base = materialise::materialise(tree, store, root.path(), cancel)?;
        let mut sandbox = Sandbox::new(RootFs::Writable(root.path().to_owned()), arguments);
        sandbox.identity = Identity::Accounts;
        sandbox.owners = base.hand_over();
        Ok(Self {
            sandbox,
            base,
            places: vec![(ImagePath::root(), root.path().to_owned())],
            scratches: vec![root],
            shared: Vec::new(),
        })
    }

    /// A command on a read-only root, with a folder to work in.
    pub(in super::super) fn on_toolchain(
        sandbox: Sandbox,
        store: &Store,
    ) -> Result<Self, Diagnostic> {
        let work = Scratch::new(store)?;
        for folder in WORK_FOLDERS {
            work.make(folder)?;
        }
        let place = ImagePath::new(WORK).expect("a literal path is a sound one");
        Ok(Self {
            sandbox: sandbox.bind(work.path(), WORK, Access::Write),
            base: Base::default(),
            places: vec![(place, work.path().to_owned())],
            scratches: vec![work],
            shared: Vec::new(),
        })
    }

    /// Gives the command its environment, and the folder that it starts in.
    pub(in super::super) fn set(
        &mut self,
        environment: &std::collections::BTreeMap<String, String>,
        directory: &ImagePath,
    ) {
        self.sandbox.environment.clone_from(environment);
        self.sandbox.directory = directory.to_string();
    }

    fn mount(
        &mut self,
        mount: &RequestMount,
        store: &Store,
        cancel: &AtomicBool,
    ) -> Result<(), Diagnostic> {
        if !mount.writable {
            let shared = shared_root(&mount.tree, store, cancel)?;
            self.show(shared.path.clone(), &mount.at);
            self.shared.push(shared);
            return Ok(());
        }
        self.lay(
            &store.get_tree(&mount.tree)?,
            (store, store),
            &mount.at,
            cancel,
        )
    }

    /// Shows a folder to be read.
    pub(in super::super) fn show(&mut self, folder: PathBuf, at: &ImagePath) {
        self.bind(folder.clone(), at, Access::Read);
        self.places.push((at.clone(), folder));
    }

    /// Puts a tree, whose contents are in the first store, where the command may change it; what lies elsewhere than in the folder to
    /// work in gets a folder below the second one.
    pub(in super::super) fn lay(
        &mut self,
        tree: &Tree,
        (contents, ground): (&Store, &Store),
        at: &ImagePath,
        cancel: &AtomicBool,
    ) -> Result<(), Diagnostic> {
        // Below the folder that is the command's own anyway, a writable tree is simply put there.
        if let Some(own) = self.own_folder(at) {
            let folder = own?;
            materialise::materialise(tree, contents, &folder, cancel)?;
            return Ok(());
        }
        let scratch = Scratch::new(ground)?;
        materialise::materialise(tree, contents, scratch.path(), cancel)?;
        self.bind(scratch.path().to_owned(), at, Access::Write);
        self.places.push((at.clone(), scratch.path().to_owned()));
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

    /// Shows a file or folder.
    pub(in super::super) fn bind(&mut self, host: PathBuf, guest: &ImagePath, access: Access) {
        self.sandbox.binds.push(Bind {
            host,
            guest: guest.to_string(),
            access,
        });
    }

    /// Reads back what the command left.
    pub(in super::super) fn capture(
        &self,
        what: &Capture,
        owners: &[Owner],
        store: &Store,
        mark: &Mark,
    ) -> Result<Tree, Diagnostic> {
        match what {
            Capture::Root => {
                let (_, host) = self.places.first().expect("the root is the first place");
                capture::capture(host, &self.base, owners, store, mark)
            }
            Capture::Directory(directory) => {
                read_back(&self.places, directory, owners, store, mark)
            }
        }
    }
}

/// Reads a folder back that a command has left in one of these places: where it saw them, and where they are.
pub(in super::super) fn read_back(
    places: &[(ImagePath, PathBuf)],
    directory: &ImagePath,
    owners: &[Owner],
    store: &Store,
    mark: &Mark,
) -> Result<Tree, Diagnostic> {
    let place = places
        .iter()
        .filter(|(guest, _)| directory.starts_with(guest))
        .max_by_key(|(guest, _)| guest.as_str().len());
    let (guest, host) = place.ok_or_else(|| no_output(directory))?;
    let owners = owners_below(owners, directory);
    let inner = below(guest, directory);
    let opened = capture::open_below(host, inner).map_err(|_| no_output(directory))?;
    capture::capture_open(opened, host, &Base::default(), &owners, store, mark)
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

fn no_output(directory: &ImagePath) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::no-output",
        format!("the command left no directory `{directory}`"),
    )
    .help("let the build write its results there")
}
