//! Every input as an exact version and digest.
//!
//! Comes in: an [`Image`], and the `zos.lock` beside its manifest where there is one. Goes out: [`Inputs`], with every content
//! that the lock names either in the store or fetchable by digest, and every local file in the store. What the lock
//! has already is kept; only what the manifest newly asks for is looked up, and `zos.lock` is written where that changed it.
//! Never builds anything and runs no code of a package.

mod archives;
mod change;
mod choose;
mod container;
mod facts;
mod fetch;
mod file;
mod folders;
mod foresight;
mod git;
mod gone;
mod held;
mod host;
mod indexes;
mod inputs;
mod kernel;
mod kernel_source;
mod keyring;
mod local;
mod packages;
mod portable;
mod refusal;
mod remembered;
mod resolution;
mod review;
mod sets;
mod source;
mod toolchains;
mod unpacked;
mod unsupported;
mod vendoring;

pub use change::{Change, Subject};
pub use container::{CONTAINER, ContainerImage, image_tree};
pub use fetch::{Wanted, fetch};
pub use folders::{Walk, folder_tree};
pub use foresight::{beside, foresee, machine_files};
pub use git::{Checkout, git_past, git_tree};
pub use gone::gone;
pub use host::{Rust, host_facts};
pub use indexes::{index_marks, index_texts};
pub use inputs::*;
pub use packages::{network, repository_of};
pub use resolution::{Because, Question, ResolvedPackage, resolution, wishes_of};
pub use review::{Unchecked, answering, review};
pub use source::vendor;
pub use unpacked::{files_at_hand, is_whole_package, named_by_package, unpack_once};
pub use vendoring::{CRATES, Vendoring, checkout, vendored_tree};

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::check::{Arch, BuiltKernel, Image, Kernel, KernelOrigin, Source, SourceOrigin};
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::io::{self, Engine, Files as _};
use crate::tree::Store;

use packages::Request;

/// The lock of an image: beside its manifest and of its name, `zos.lock` of `zos.kdl`; `zos.aarch64.lock` for another processor than
/// x86_64, so that one manifest can be locked for both.
pub fn file_of(image: &Image) -> PathBuf {
    file_for(&image.manifest, image.arch)
}

/// The locks that a manifest may have, one for each processor.
pub fn files_of(manifest: &Path) -> impl Iterator<Item = PathBuf> {
    Arch::ALL.map(|arch| file_for(manifest, arch)).into_iter()
}

fn file_for(manifest: &Path, arch: Arch) -> PathBuf {
    match arch {
        Arch::X86_64 => manifest.with_extension("lock"),
        Arch::Aarch64 => manifest.with_extension(format!("{arch}.lock")),
    }
}

/// The name of an image's lock, for messages.
pub fn file_name(image: &Image) -> String {
    let path = file_of(image);
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// What the pass may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mode<'a> {
    /// Fail where `zos.lock` would change.
    pub locked: bool,
    /// Leave `zos.lock` as it is, also where it would change.
    pub dry: bool,
    /// Do not use the network.
    pub offline: bool,
    /// What may move although `zos.lock` names it.
    pub update: Update<'a>,
    /// Who pulls container images. `None`: the engine that `$ZOSC_EXECUTOR` names, else podman, else docker.
    pub engine: Option<Engine>,
}

/// What is looked up anew although `zos.lock` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Update<'a> {
    /// Nothing: only what the manifest newly asks for.
    #[default]
    Nothing,
    /// Packages, sources and toolchains of these names, and what cannot stay beside them.
    Only(&'a [String]),
    /// Everything.
    Everything,
}

impl Update<'_> {
    /// Whether something of this name is looked up anew.
    fn moves(self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Only(names) => names.iter().any(|moving| moving == name),
            Self::Everything => true,
        }
    }
}

/// What the pass tells while it works; called from several threads.
pub trait Observer: Sync {
    /// Something happened to the step with this label.
    fn event(&self, label: &str, event: Event<'_>);
}

/// What happened to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// It began.
    Started,
    /// How far it is.
    Progress(&'a str),
    /// It ended, well or not.
    Finished,
}

/// What the pass found.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Everything that a plan needs.
    pub inputs: Inputs,
    /// What changed in `zos.lock`.
    pub changes: Vec<Change>,
}

/// What the parts of the pass share.
struct Ctx<'a> {
    store: &'a Store,
    mode: Mode<'a>,
    observer: &'a dyn Observer,
    cancel: &'a AtomicBool,
}

/// What the work of a build is told of an observer.
struct Silent;

impl Observer for Silent {
    fn event(&self, _: &str, _: Event<'_>) {}
}

impl<'a> Ctx<'a> {
    /// For bringing again what the lock names.
    fn again(store: &'a Store, offline: bool, cancel: &'a AtomicBool) -> Self {
        Self {
            store,
            mode: Mode {
                locked: true,
                dry: false,
                offline,
                update: Update::Nothing,
                engine: None,
            },
            observer: &Silent,
            cancel,
        }
    }

    /// Runs a step under a label that people see.
    fn step<T>(&self, label: &str, work: impl FnOnce() -> T) -> T {
        self.observer.event(label, Event::Started);
        let result = work();
        self.observer.event(label, Event::Finished);
        result
    }
}

/// Locks an image's inputs.
///
/// # Errors
/// What this version cannot build; everything that could not be found, fetched, read or verified, all in one run; with [`Mode::locked`], that the lock would
/// have to change.
pub fn resolve(
    image: &Image,
    store: &Store,
    mode: Mode<'_>,
    observer: &dyn Observer,
    cancel: &AtomicBool,
) -> Result<Resolved, Diagnostics> {
    unsupported::refuse(image)?;
    let ctx = Ctx {
        store,
        mode,
        observer,
        cancel,
    };
    let path = file_of(image);
    let previous = read(&path, Some(store))?;
    let resolved = settle(&ctx, image, &previous)?;
    let lock = &resolved.inputs.lock;
    write(&ctx, &path, &previous, lock, &resolved.changes)?;
    Ok(resolved)
}

/// Everything that a plan needs, and how the lock differs from the one before.
fn settle(ctx: &Ctx<'_>, image: &Image, previous: &Lock) -> Result<Resolved, Diagnostics> {
    let mut problems = Diagnostics::new();
    check_names(image, previous, ctx.mode.update)?;
    let mut lock = Lock::default();
    let mut moved = BTreeMap::new();
    let request = Request::of(image);
    let update = toolchains::update_of(ctx.mode.update, "", previous);
    match packages::packages(&ctx.moving(update), &request, previous) {
        Ok(found) => {
            moved = found.moved;
            lock.wishes = found.wishes;
            lock.indexes = found.indexes;
            lock.packages = found.packages;
            lock.kernel = found.kernel;
        }
        Err(found) => problems.extend(found),
    }
    lock.toolchains = toolchains::toolchains(ctx, image, previous, &mut problems);
    lock.sources = sources(ctx, &image.sources, previous, &mut problems);
    let local = local::local(ctx, image, &mut problems);
    if local.prebuilt.is_some() {
        lock.kernel.clone_from(&local.prebuilt);
    }
    if let Some(built) = image.kernel.as_ref().and_then(built) {
        lock.kernel = Some(kernel_source::kernel(built));
        let previous = previous.kernel_source.as_ref();
        match kernel_source::locked(ctx, previous, built) {
            Ok(source) => lock.kernel_source = Some(source),
            Err(problem) => problems.push(problem.at(built.span)),
        }
    }
    lock.vendored = vendoring::vendored(ctx, image, &lock, &local, previous, &mut problems);
    let hosts = host::toolchains(ctx, image, &mut problems);
    if problems.has_errors() {
        problems.sort();
        return Err(problems);
    }
    let changes = change::between(previous, &lock, &moved);
    let newest = lock
        .packages
        .iter()
        .map(|package| package.built)
        .chain(lock.kernel_source.as_ref().map(|source| source.made))
        .max()
        .unwrap_or(0);
    let inputs = Inputs {
        epoch: image.epoch.unwrap_or(newest),
        lock,
        files: local.files,
        folders: local.folders,
        kernel: local.kernel,
        stub: local.stub,
        host: hosts.own,
        rusts: hosts.rusts,
    };
    Ok(Resolved { inputs, changes })
}

/// What an update would change, as far as can be said without a download of packages and sources.
///
/// # Errors
/// As [`resolve`], of what it looks at: names, indexes, wishes.
pub fn preview(
    image: &Image,
    store: &Store,
    mode: Mode<'_>,
    observer: &dyn Observer,
    cancel: &AtomicBool,
) -> Result<Vec<Change>, Diagnostics> {
    unsupported::refuse(image)?;
    let ctx = Ctx {
        store,
        mode,
        observer,
        cancel,
    };
    let previous = read(&file_of(image), Some(store))?;
    check_names(image, &previous, mode.update)?;
    let update = toolchains::update_of(mode.update, "", &previous);
    let mut changes = packages::preview(&ctx.moving(update), &Request::of(image), &previous)?;
    changes.extend(toolchains::preview(&ctx, image, &previous)?);
    Ok(changes)
}

/// Each name that is to be updated names something.
fn check_names(image: &Image, previous: &Lock, update: Update<'_>) -> Result<(), Diagnostics> {
    let Update::Only(names) = update else {
        return Ok(());
    };
    let toolchains = previous.toolchains.iter();
    let toolchains = toolchains.flat_map(|(name, toolchain)| {
        let packages = toolchain.packages().iter();
        packages.map(|package| &package.name).chain([name])
    });
    let kernel = image.kernel.as_ref().and_then(built);
    let known: BTreeSet<&str> = previous
        .packages
        .iter()
        .map(|package| &package.name)
        .chain(toolchains)
        .map(String::as_str)
        .chain(image.sources.iter().map(|source| source.name.as_str()))
        .chain(kernel.map(|_| kernel_source::NAME))
        .collect();
    let file = file_name(image);
    let mut problems = Diagnostics::new();
    for name in names.iter().filter(|name| !known.contains(name.as_str())) {
        let problem = Diagnostic::error(
            "zosc::lock::not-locked",
            format!("{file} names no package, source or toolchain `{name}`"),
        );
        problems.push(match nearest(name, known.iter().copied()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help("what the manifest newly asks for is locked by `zosc lock`; `zosc resolve` lists packages"),
        });
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// Says where the lock of an image is not there, and one beside it is of no manifest.
pub fn other_name(image: &Image) -> Option<Diagnostic> {
    if !has_lock_of_no_manifest(&file_of(image)) {
        return None;
    }
    let name = file_name(image);
    let warning = Diagnostic::warning(
        "zosc::lock::other-name",
        format!("there is no {name}, and a zos.lock that is of no manifest"),
    );
    Some(warning.help(format!(
        "the lock of a manifest has its name: if zos.lock is of this one, rename it to {name}; else remove it"
    )))
}

/// Whether a lock that is not there may be the one beside it, of the usual name, which belongs to no manifest.
fn has_lock_of_no_manifest(path: &Path) -> bool {
    let usual = folder(path).join("zos.lock");
    !path.exists() && usual.exists() && !usual.with_extension("kdl").exists()
}

/// The folder of the manifest, which the lock lies in.
fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

fn read(path: &Path, store: Option<&Store>) -> Result<Lock, Diagnostics> {
    match io::System.read(path, file::LARGEST) {
        Ok(bytes) => {
            let lock = match store.and_then(|store| remembered::recall(store, &bytes)) {
                Some(lock) => lock,
                None => remembered::parse(path, bytes, store)?,
            };
            Ok(portable::placed(&lock, folder(path)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Lock::default()),
        Err(error) => Err(unreadable(path, &error).into()),
    }
}

/// What the lock beside an image's manifest says, whether or not it still answers to it; an empty one where there is none.
pub fn known(image: &Image, store: Option<&Store>) -> Lock {
    read(&file_of(image), store).unwrap_or_default()
}

/// Writes a changed lock under a temporary name and renames it.
fn write(
    ctx: &Ctx<'_>,
    path: &Path,
    previous: &Lock,
    lock: &Lock,
    changes: &[Change],
) -> Result<(), Diagnostics> {
    let lock = portable::portable(lock, folder(path));
    let text = file::emit(&lock);
    remembered::remember(ctx.store, &text, &lock);
    // Mirrors are in the manifest and not in the file, so the texts decide.
    let same = || file::emit(&portable::portable(previous, folder(path))) == text;
    if path.exists() && same() {
        return Ok(());
    }
    if ctx.mode.locked {
        let name = path.file_name().unwrap_or_default().display();
        let problem = if path.exists() {
            Diagnostic::error(
                "zosc::lock::out-of-date",
                format!("{name} does not fit the manifest, and `--locked` keeps it"),
            )
            .help("run `zosc lock` without `--locked`, look at the change, and commit it")
        } else {
            let problem = Diagnostic::error(
                "zosc::lock::out-of-date",
                format!("there is no {name}, and `--locked` makes none"),
            );
            problem.help(if has_lock_of_no_manifest(path) {
                format!("the lock of a manifest has its name: if zos.lock is of this one, rename it to {name}")
            } else {
                format!("run `zosc lock` without `--locked`, and commit {name}")
            })
        };
        let problem = changes.iter().take(20).fold(problem, |problem, change| {
            problem.note(format!("would change: {change}"))
        });
        return Err(problem.into());
    }
    if ctx.mode.dry {
        return Ok(());
    }
    io::sweep_pending(folder(path));
    io::Pending::new(folder(path))
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            // A temporary file is private; the lock is to be read by all, as the manifest is.
            file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
            // Unlike all that can be made again, the choices in a lock are somebody's own.
            file.file().sync_all()?;
            file.persist(path)
        })
        .map_err(|error| {
            if let Some(problem) = io::disk_refusal(path, &error) {
                return problem.into();
            }
            Diagnostic::error(
                "zosc::lock::cannot-write",
                format!("cannot write `{}`: {error}", path.display()),
            )
            .help("the lock is kept beside the manifest; make that folder writable")
            .into()
        })
}

fn sources(
    ctx: &Ctx<'_>,
    sources: &[Source],
    previous: &Lock,
    problems: &mut Diagnostics,
) -> BTreeMap<String, LockedSource> {
    let mut locked = BTreeMap::new();
    for source in sources {
        let name = &source.name.value;
        let moves = ctx.mode.update.moves(name);
        let locked_before = previous.sources.get(name);
        let previous = locked_before.filter(|_| !moves);
        let result = match &source.from {
            // A folder counts by its content.
            SourceOrigin::Path(_) => continue,
            SourceOrigin::Git {
                url,
                revision,
                submodules,
                keep_git,
            } => {
                let asked = git::Asked {
                    name,
                    url,
                    revision,
                    submodules: *submodules,
                    keep_git: *keep_git,
                };
                git::locked_git(ctx, locked_before, &asked, moves)
            }
            SourceOrigin::Crate {
                name: package,
                version,
            } => source::locked_crate(ctx, previous, package, version),
            SourceOrigin::Release { url, sha256, .. } => {
                source::locked_release(ctx, previous, url, *sha256)
            }
        };
        match result {
            Ok(found) => {
                locked.insert(name.clone(), found);
            }
            Err(problem) => problems.push(problem),
        }
    }
    locked
}

/// Someone pressed Ctrl-C.
fn stopped() -> Diagnostic {
    Diagnostic::error("zosc::lock::cancelled", "stopped").help("run the command again to go on")
}

/// A kernel that is built.
fn built(kernel: &Kernel) -> Option<&BuiltKernel> {
    match &kernel.from {
        KernelOrigin::Built(built) => Some(built),
        KernelOrigin::Package(_) | KernelOrigin::Prebuilt { .. } => None,
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    if let Some(problem) = io::disk_refusal(path, error) {
        return problem;
    }
    Diagnostic::error(
        "zosc::lock::unreadable",
        format!("cannot read `{}`: {error}", path.display()),
    )
    .help("see that the file exists and that you may read it")
}

#[cfg(test)]
mod tests;
