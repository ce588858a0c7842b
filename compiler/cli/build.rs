//! `zosc build`.

mod outcome;
mod preview;
#[cfg(feature = "publish")]
mod publishing;
mod selecting;
mod verify;

pub(super) use outcome::tell as tell_outcome;
pub(super) use selecting::stage_of;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::build::{self, Artifacts, Options, Selection};
use crate::check::{self, Image};
use crate::io::Stopwatch;
use crate::lock;
use crate::plan::{self, Plan};
use crate::tree::Store;

use super::progress::Progress;
use super::session::{CANCELLED, Session};
use super::{ExecutorArgument, Failed, LockArguments, ManifestArguments, Outcome};

/// Builds the image and writes its files to `dist/` beside the manifest.
///
/// Only what has changed since the last build is done again; `--dry-run` says what that is, and why. Ctrl-C stops cleanly; what was
/// finished is kept. `--verify` proves that the image can be reproduced:
///
///     zosc build --dry-run
///     zosc build --until initramfs_create
///     zosc build --rebuild-from components_build
///     zosc build --verify
///     zosc build --publish
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    #[command(flatten)]
    job: Job,
    #[command(flatten)]
    selecting: selecting::Selecting,
    /// Say what would be performed, by stage and with the cause, and touch nothing: no action, no output, no zos.lock.
    #[arg(long)]
    dry_run: bool,
    /// Build a second time in other conditions and compare the outputs byte by byte; where they differ, name the culprit.
    ///
    /// The second build has a store of its own that shares only what was fetched, and another folder, umask, time zone, locale, number of
    /// processors and order. It takes as long as a first build does.
    #[arg(long, conflicts_with_all = ["until", "dry_run"])]
    verify: bool,
    /// This is the second build of `--verify`.
    #[arg(long, hide = true)]
    second: bool,
    #[cfg(feature = "publish")]
    #[command(flatten)]
    publishing: publishing::Publishing,
}

/// What is built, and with what; the same for every command that builds.
#[derive(Debug, clap::Args)]
pub(super) struct Job {
    #[command(flatten)]
    pub(super) manifest: ManifestArguments,
    #[command(flatten)]
    pub(super) lock: LockArguments,
    /// Where the files go. Default: `dist` beside the manifest.
    #[arg(long, short, value_name = "DIR")]
    pub(super) output: Option<PathBuf>,
    /// How many processors the build may use; commands that run side by side share them. Default: all.
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// How much memory compressors may take together, such as `512MiB`. Default: three quarters of what is available.
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    memory: Option<u64>,
    /// Do not show what commands write; a failure still shows their last lines.
    #[arg(long, short)]
    pub(super) quiet: bool,
    #[command(flatten)]
    executor: ExecutorArgument,
}

impl Job {
    /// How many processors the build may use.
    fn processors(&self) -> usize {
        let all = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.jobs.map_or(all, NonZeroUsize::get)
    }

    fn mode(&self) -> lock::Mode<'static> {
        self.lock.mode_with(self.executor)
    }

    /// Where an image's files go.
    pub(super) fn outputs(&self, image: &Image) -> PathBuf {
        let beside = || image.directory.join("dist");
        self.output.clone().unwrap_or_else(beside)
    }

    /// Builds an image that has been read and checked.
    pub(super) fn build(
        &self,
        session: &Session,
        image: &Image,
        store: &Store,
        way: Way,
    ) -> Result<(Plan, Artifacts), Failed> {
        let inputs = session.inputs(image, store, self.mode())?;
        let plan = session.settle(plan::lower(image, &inputs))?;
        let executor = session.executor(self.executor, store)?;
        let network = session.network(self.lock.offline)?;
        let options = Options {
            jobs: self.processors(),
            memory: self.memory.unwrap_or_else(build::default_memory),
            outputs: self.outputs(image),
            subject: Some(build::Subject {
                manifest: image.manifest.clone(),
                name: image.name.clone(),
                lock: lock::file_of(&image.manifest),
            }),
            selection: way.selection,
            reversed: way.reversed,
            ..Options::new(&*network, self.lock.offline, &*executor, &CANCELLED)
        };
        let progress = Progress::new(session).streaming(!self.quiet);
        let built = session.with_contents(image, store, self.mode(), || {
            build::run(&plan, store, &options, &progress)
        })?;
        let warnings = progress.finish();
        if !warnings.is_empty() {
            session.report(&warnings);
        }
        let built = built.map_err(|problems| session.with_dropped(image, &inputs, store, problems));
        let artifacts = session.settle(built)?;
        Ok((plan, artifacts))
    }
}

/// A size as manifests have it.
fn memory(text: &str) -> Result<u64, &'static str> {
    check::size_of(text).ok_or("write a number with a unit: `512MiB`, `2GiB`")
}

/// How a plan is gone through.
#[derive(Clone, Copy, Default)]
pub(super) struct Way {
    pub(super) selection: Selection,
    pub(super) reversed: bool,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let watch = Stopwatch::start();
    let job = &arguments.job;
    if arguments.second {
        verify::take_second_place();
    }
    let selection = arguments.selecting.selection(session)?;
    let image = session.image(&job.manifest)?;
    let store = session.store()?;
    if arguments.dry_run {
        let mode = lock::Mode {
            dry: true,
            ..job.mode()
        };
        let inputs = session.inputs(&image, &store, mode)?;
        let plan = session.settle(plan::lower(&image, &inputs))?;
        return preview::print(session, &plan, &store, selection);
    }
    #[cfg(feature = "publish")]
    let wanted = if arguments.second {
        None
    } else {
        arguments.publishing.wanted(session, &image, selection)?
    };
    let way = Way {
        selection,
        reversed: arguments.second,
    };
    let (plan, artifacts) = job.build(session, &image, &store, way)?;
    if arguments.verify {
        verify::verify(session, job, &plan, &store, &artifacts)?;
    }
    outcome::tell(session, &artifacts, watch)?;
    #[cfg(feature = "publish")]
    if let Some(wanted) = wanted {
        publishing::publish(session, &image, &plan, &store, wanted)?;
    }
    Ok(())
}
