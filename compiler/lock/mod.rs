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
mod mode;
mod on_disk;
mod packages;
mod portable;
mod program;
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
pub use mode::{Mode, Update};
pub use on_disk::{file_name, file_of, files_of, known, other_name};
pub use packages::{network, repository_of};
pub use resolution::{Because, Question, ResolvedPackage, resolution, wishes_of};
pub use review::{Unchecked, answering, review};
pub use source::vendor;
pub use unpacked::{files_at_hand, is_whole_package, named_by_package, unpack_once};
pub use vendoring::{CRATES, Vendoring, checkout, vendored_tree};

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::check::{BuiltKernel, Image, Kernel, KernelOrigin};
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::io;
use crate::tree::Store;

use on_disk::{read, write};
use packages::Request;

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

/// Looks on where nobody does: while something is built, and in a review.
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
    lock.sources = source::sources(ctx, &image.sources, previous, &mut problems);
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
