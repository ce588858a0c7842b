//! One file for each kind of action: how it is done.
//!
//! A performer takes its inputs from the store and leaves one blob or tree there. It knows no manifest; where it can name
//! what an error is about (`module ext4`), the plan's sites tell the place.

mod accounts;
mod archives;
mod contributors;
mod exchange;
mod fetch;
mod files;
mod flists;
mod kernel_config;
mod links;
mod microcode;
mod missing;
mod modules;
mod packages;
mod programs;
mod sbom;
pub(super) mod sign;
mod stamp;
mod strip;
mod unpack;

pub(super) mod run;
pub(super) mod select;
pub(super) mod surroundings;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::crew::{self, Budget};
use super::trees::Trees;
use super::{Event, Observer, Options, cancelled};
use crate::apk;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::elf;
use crate::patch;
use crate::plan::{Action, ActionId, Input, InstalledFile, Plan, PlannedAction};
use crate::tree::{self, Digest, ImagePath, Node, Origin, Store, Tree};

/// What every performer is given.
pub struct Context<'a> {
    pub store: &'a Store,
    pub planned: &'a PlannedAction,
    pub key: Digest,
    pub(super) resolve: &'a (dyn Fn(ActionId) -> Digest + Sync),
    pub options: &'a Options<'a>,
    /// Whether it is performed although a result is known.
    pub again: bool,
    /// The processors that a command may use; all where none is named.
    pub(super) processors: &'a [usize],
    /// Where further processors come from, for work that can use them.
    pub(super) budget: &'a dyn Budget,
    pub observer: &'a dyn Observer,
    pub(super) trees: &'a Trees,
    /// The plan that it is of.
    pub(super) plan: &'a Plan,
}

impl Context<'_> {
    /// The digest of an input.
    fn digest(&self, input: &Input) -> Digest {
        match input {
            Input::Known(digest) => *digest,
            Input::Output(id) => (self.resolve)(*id),
        }
    }

    /// An input that is a tree.
    fn tree(&self, input: &Input) -> Result<Tree, Diagnostic> {
        self.store.get_tree(&self.digest(input))
    }

    /// An input that is a tree which other actions look at as well.
    fn shared_tree(&self, input: &Input) -> Result<Arc<Tree>, Diagnostic> {
        self.trees.get(self.store, &self.digest(input))
    }

    fn trees(&self, inputs: &[Input]) -> Result<Vec<Tree>, Diagnostic> {
        inputs.iter().map(|input| self.tree(input)).collect()
    }

    /// A file's content where it is an ELF program, library or module; anything else, however large, is not read.
    fn elf(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Diagnostic> {
        if !elf::is_elf(&self.store.head(digest, 4)?) {
            return Ok(None);
        }
        self.store.get(digest).map(Some)
    }

    /// Adds the place of the installed file that a problem is about.
    fn locate_files(&self, problem: Diagnostic, files: &[InstalledFile]) -> Diagnostic {
        let named = files.iter().find(|file| {
            let name = format!("`{}`", file.file.relative());
            problem.message.contains(&name)
        });
        let site = named.and_then(|file| self.plan.sites.get(&format!("file {}", file.to)));
        problem.at_maybe(site.copied())
    }

    /// Adds the place of the file of a source that a problem is about, and the word that asked for it, where one did.
    fn about(&self, problem: Diagnostic, path: &ImagePath, source: &str, word: &str) -> Diagnostic {
        let problem = problem.at_maybe(self.plan.sites.get(&format!("file {path}")).copied());
        match self.plan.sites.get(&format!("verify {source} {word}")) {
            Some(word) => problem.label(*word, "asked for here"),
            None => problem,
        }
    }

    /// Stops here where someone asked for it.
    fn check_cancelled(&self) -> Result<(), Diagnostic> {
        if self.options.cancel.load(Ordering::Relaxed) {
            return Err(cancelled());
        }
        Ok(())
    }

    /// Does many things, each by itself, as many at a time as the build can spare processors and `memory` bytes for each.
    fn each<T: Send, R: Send>(
        &self,
        memory: u64,
        items: Vec<T>,
        work: &(dyn Fn(T) -> Result<R, Diagnostic> + Sync),
    ) -> Result<Vec<R>, Diagnostic> {
        crew::each(self.budget, memory, items, &|item| {
            self.check_cancelled()?;
            work(item)
        })
    }

    /// Says something that fails nothing.
    pub(super) fn warn(&self, warning: &Diagnostic) {
        self.observer.event(self.planned, Event::Warning(warning));
    }
}

/// Performs an action and returns the digest of what it yields.
pub(super) fn perform(context: &Context<'_>) -> Result<Digest, Diagnostics> {
    context.check_cancelled()?;
    let made = match &context.planned.action {
        Action::Modules {
            kernel,
            stage1,
            stage2,
            flist,
            epoch,
            ..
        } => modules::modules(context, kernel, (stage1, stage2, flist), *epoch)?,
        Action::Firmware {
            pool,
            kernel,
            modules,
            keep,
            all,
            ..
        } => {
            let request = modules::FirmwareRequest {
                pool,
                kernel: kernel.as_ref(),
                modules,
                keep,
                all: *all,
            };
            modules::firmware(context, &request)?
        }
        Action::AllModules {
            kernel,
            image,
            epoch,
        } => flists::all_modules(context, kernel, image, *epoch)?,
        Action::Verify {
            tree,
            source,
            wanted,
        } => programs::verify(context, tree, source, wanted)?,
        Action::VerifyLinks { tree, sources } => links::verify(context, tree, sources)?,
        Action::KernelConfig {
            source,
            made,
            wanted,
            needs,
            release,
            arch,
        } => {
            let request = kernel_config::Wishes {
                source,
                made,
                wanted,
                needs,
                release,
                arch,
            };
            kernel_config::verify(context, &request)?
        }
        action => match blob(context, action)? {
            Some(blob) => blob,
            None => context.store.put_tree(&tree(context, action)?)?,
        },
    };
    Ok(made)
}

/// Performs an action that leads to a digest by itself; `None` for one that makes a tree.
fn blob(context: &Context<'_>, action: &Action) -> Result<Option<Digest>, Diagnostic> {
    if let Some(brought) = fetch::bring(context, action) {
        return brought.map(Some);
    }
    let made = match action {
        Action::Unpack {
            archive,
            name,
            strip_components,
            origin,
        } => unpack::unpack(context, archive, name, *strip_components, origin),
        Action::UnpackRoot {
            archive,
            name,
            origin,
        } => unpack::unpack_root(context, archive, name, origin),
        Action::UnpackPackage {
            package,
            name,
            version,
            identity,
        } => packages::unpack(context, package, (name, version, identity)),
        Action::PackageScript { package, script } => packages::script(context, package, script),
        Action::Run { .. } => run::run(context),
        Action::Cpio {
            tree,
            compression,
            epoch,
        } => archives::cpio(context, tree, *compression, *epoch),
        Action::Concat {
            parts,
            limit,
            content,
        } => archives::concat(context, parts, *limit, content.as_ref()),
        Action::TriggerDirectories {
            packages, package, ..
        } => packages::trigger_directories(context, packages, package),
        Action::Uki {
            stub,
            kernel,
            initramfs,
            microcode,
            cmdline,
            os_release,
            identity,
            release,
        } => {
            let inputs = programs::UkiInputs {
                stub,
                kernel,
                initramfs,
                microcode: microcode.as_ref(),
                cmdline,
                os_release,
                identity,
                release,
            };
            programs::uki(context, &inputs)
        }
        Action::Limit {
            program,
            limit,
            initramfs,
            content,
        } => programs::limit(context, program, *limit, [initramfs, content]),
        Action::Identify { .. } => stamp::identify(context),
        Action::Microcode { packages } => microcode::microcode(context, packages),
        Action::Measure { image } => programs::measure(context, image),
        Action::Sign {
            program,
            certificate,
            key,
        } => sign::sign(context, program, certificate, key),
        Action::Sbom {
            format,
            bill,
            identity,
            outputs,
            packages,
            sources,
            kernel_config,
        } => {
            let from = sbom::Further {
                identity: identity.as_ref(),
                outputs,
                packages,
                sources,
                kernel_config: kernel_config.as_ref(),
            };
            sbom::write(context, *format, bill, &from)
        }
        Action::UnpackKernel { kernel } => programs::unpack_kernel(context, kernel),
        Action::PickFile { tree, path } => pick(&context.tree(tree)?, path),
        Action::Validate {
            tree,
            programs,
            left,
        } => select::validated(context, tree, programs, left),
        _ => return Ok(None),
    };
    made.map(Some)
}

/// Performs an action that makes a tree in memory.
fn tree(context: &Context<'_>, action: &Action) -> Result<Tree, Diagnostic> {
    if let Some(made) = flists::made(context, action) {
        return made;
    }
    let store = context.store;
    match action {
        Action::PackageFiles { package } => packages::files(context, package),
        Action::InstallFiles {
            from,
            files,
            origin,
            epoch,
        } => files::install_files(&context.tree(from)?, files, origin, *epoch)
            .map_err(|problem| context.locate_files(problem, files)),
        Action::WriteFiles { files, epoch } => {
            files::write_files(files, *epoch, &|input| context.digest(input), store)
        }
        Action::Move {
            tree,
            to,
            origin,
            epoch,
        } => files::move_tree(&context.tree(tree)?, to, origin, *epoch),
        Action::Patch {
            tree,
            patch,
            name,
            origin,
        } => {
            let text = store.get(&context.digest(patch))?;
            let origin = Origin::new(origin);
            patch::apply(context.tree(tree)?, name, &text, &origin, store)
        }
        Action::Merge { trees, conflict } => tree::merge(&context.trees(trees)?, *conflict),
        Action::Drop { tree, patterns } => select::leave_out(&context.tree(tree)?, patterns),
        Action::Programs {
            tree,
            patterns,
            except,
        } => exchange::programs(context, tree, patterns, except.as_deref()),
        Action::Exchange {
            tree,
            programs,
            packed,
        } => exchange::exchange(context, tree, programs, packed),
        Action::Strip { tree, what } => strip::strip(context, tree, *what),
        Action::Segment { tree, name } => {
            let whole = context.shared_tree(tree)?;
            Ok(archives::segment(&whole, name))
        }
        Action::Stamp {
            tree,
            identity,
            build_id,
            os_release,
            texts,
            epoch,
        } => {
            let places = stamp::Places {
                build_id: build_id.as_ref(),
                os_release: os_release.as_ref(),
                texts,
            };
            stamp::stamp(context, tree, identity, &places, *epoch)
        }
        Action::Accounts {
            root,
            groups,
            accounts,
            epoch,
        } => accounts::accounts(context.tree(root)?, store, groups, accounts, *epoch),
        Action::InstallPackages {
            root,
            installed,
            packages,
        } => packages::install(context, root.as_ref(), installed, packages),
        Action::SettleDirectories { root, packages } => packages::settle(context, root, packages),
        Action::FinishPackages {
            root,
            packages,
            world,
            repositories,
            arch,
            keys,
        } => {
            let keys = keys
                .iter()
                .map(|(name, pem)| (name.clone(), pem.clone().into_bytes()));
            let settings = apk::DatabaseSettings {
                world: world.clone(),
                repositories: repositories.clone(),
                arch: arch.clone(),
                keys: keys.collect(),
                ..apk::DatabaseSettings::default()
            };
            packages::finish(context, root, packages, &settings)
        }
        _ => unreachable!("every other action leads to a digest by itself"),
    }
}

/// One file's content.
fn pick(tree: &Tree, path: &ImagePath) -> Result<Digest, Diagnostic> {
    let missing = || {
        Diagnostic::error(
            "zosc::build::no-such-file",
            format!("there is no file `{path}` to take"),
        )
        .help("`zosc inspect` lists what is there")
    };
    let (_, entry) = tree.resolve(path).ok_or_else(missing)?;
    let entry = match &entry.node {
        Node::Hardlink { to } => tree.get(to).ok_or_else(missing)?,
        _ => entry,
    };
    match entry.node {
        Node::File { digest, .. } => Ok(digest),
        _ => Err(missing()),
    }
}
