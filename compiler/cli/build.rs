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
use crate::lock::{self, Inputs};
use crate::plan::{self, Plan};
use crate::tree::Store;

use super::progress::Progress;
use super::running::RunningArguments;
use super::session::{CANCELLED, Session};
use super::{Failed, LockArguments, ManifestsArguments, Outcome};

/// Builds the image and writes its files to `dist/` beside the manifest.
///
/// Only what has changed since the last build is done again; `--dry-run` says what that is, and why. Ctrl-C stops cleanly; what was
/// finished is kept. Several images are built side by side, and what they have in common once. `--verify` proves that the image can be
/// reproduced:
///
///     zosc build --dry-run
///     zosc build --until initramfs_create
///     zosc build --rebuild-from components_build
///     zosc build --verify
///     zosc build --publish
///     zosc build edge/zos.kdl core/zos.kdl
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifests: ManifestsArguments,
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
    pub(super) lock: LockArguments,
    /// Where the files go; of several images, each into a folder of its own name below it. Default: `dist` beside the manifest.
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
    running: RunningArguments,
}

impl Job {
    /// How many processors the build may use.
    fn processors(&self) -> usize {
        let all = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.jobs.map_or(all, NonZeroUsize::get)
    }

    fn mode(&self) -> lock::Mode<'static> {
        self.lock.mode_with(self.running.executor)
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
    ) -> Result<Built, Failed> {
        let built = self.build_all(session, std::slice::from_ref(image), store, way)?;
        built.into_iter().next().ok_or(Failed)
    }

    /// Builds images that have been read and checked, in one go.
    fn build_all(
        &self,
        session: &Session,
        images: &[Image],
        store: &Store,
        way: Way,
    ) -> Result<Vec<Built>, Failed> {
        // Results that others share prove nothing about a build that is compared.
        let running = if way.reversed {
            self.running.settle_here(session, store)?
        } else {
            self.running.settle(session, store)?
        };
        let planned = planned(session, images, store, self.mode())?;
        let network = session.network(self.lock.offline)?;
        let options = Options {
            jobs: self.processors(),
            memory: self.memory.unwrap_or_else(build::default_memory),
            selection: way.selection,
            reversed: way.reversed,
            remote: running.fleet(),
            ..Options::new(&*network, self.lock.offline, &*running.executor, &CANCELLED)
        };
        let progress = Progress::new(session).streaming(!self.quiet);
        let names = outcome::names(images).into_iter();
        let observers: Vec<_> = names.map(|name| progress.of_image(name)).collect();
        let all = images.iter().zip(&planned).zip(&observers);
        let jobs = all.map(|((image, planned), observer)| build::Job {
            plan: &planned.plan,
            outputs: match &self.output {
                Some(folder) if images.len() > 1 => folder.join(&image.name),
                _ => self.outputs(image),
            },
            subject: Some(build::Subject {
                manifest: image.manifest.clone(),
                name: image.name.clone(),
                lock: lock::file_of(image),
            }),
            observer,
        });
        let jobs: Vec<_> = jobs.collect();
        let built = session.with_contents(images, store, self.mode(), || {
            build::run(&jobs, store, &options)
        })?;
        let warnings = progress.finish();
        if !warnings.is_empty() {
            session.report(&warnings);
        }
        let built = built.map_err(|problems| {
            let all = images.iter().zip(&planned);
            all.fold(problems, |problems, (image, planned)| {
                session.with_dropped(image, &planned.inputs, store, problems)
            })
        });
        let built = session.settle(built)?.into_iter().zip(planned);
        let built = built.map(|(artifacts, planned)| Built {
            inputs: planned.inputs,
            plan: planned.plan,
            artifacts,
        });
        Ok(built.collect())
    }
}

/// An image that is to be built.
struct Planned {
    inputs: Inputs,
    plan: Plan,
}

/// Locks images and plans them.
fn planned(
    session: &Session,
    images: &[Image],
    store: &Store,
    mode: lock::Mode<'_>,
) -> Result<Vec<Planned>, Failed> {
    let mut all: Vec<Planned> = Vec::new();
    for image in images {
        let inputs = session.inputs(image, store, mode)?;
        all.push(Planned {
            plan: session.settle(plan::lower(image, &inputs))?,
            inputs,
        });
    }
    Ok(all)
}

/// An image that was built.
pub(super) struct Built {
    #[cfg_attr(not(feature = "publish"), allow(dead_code))]
    inputs: Inputs,
    plan: Plan,
    pub(super) artifacts: Artifacts,
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
    let manifests = arguments.manifests.each();
    let images = session.images(&manifests)?;
    let store = session.store()?;
    if arguments.dry_run {
        let mode = lock::Mode {
            dry: true,
            ..job.mode()
        };
        let planned = planned(session, &images, &store, mode)?;
        let plans: Vec<_> = planned.iter().map(|planned| &planned.plan).collect();
        return preview::print(session, &outcome::names(&images), &plans, &store, selection);
    }
    #[cfg(feature = "publish")]
    let wanted: Vec<_> = if arguments.second {
        Vec::new()
    } else {
        let wanted = |image| arguments.publishing.wanted(session, image, selection);
        images.iter().map(wanted).collect::<Result<_, _>>()?
    };
    let way = Way {
        selection,
        reversed: arguments.second,
    };
    let built = job.build_all(session, &images, &store, way)?;
    if arguments.verify {
        for (number, (manifest, built)) in manifests.iter().zip(&built).enumerate() {
            verify::verify(session, (job, manifest, number), &store, built)?;
        }
    }
    let names = images.iter().map(|image| image.name.as_str());
    let told: Vec<_> = names
        .zip(built.iter().map(|built| &built.artifacts))
        .collect();
    outcome::tell(session, &told, watch)?;
    #[cfg(feature = "publish")]
    for ((image, built), wanted) in images.iter().zip(&built).zip(wanted) {
        if let Some(wanted) = wanted {
            publishing::publish(session, image, built, &store, wanted)?;
        }
    }
    Ok(())
}
