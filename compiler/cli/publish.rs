//! `zosc publish`.

mod places;
mod telling;

use std::num::NonZeroUsize;

use crate::check::{Image, Publish};
use crate::diagnostic::Diagnostics;
use crate::io::Stopwatch;
use crate::lock::{self, Inputs};
use crate::plan::{self, Plan};
use crate::publish::{How, Made, Publishing, Uploads, Wanted};
use crate::tree::Store;

use super::session::{CANCELLED, Session};
use super::{ManifestOption, Outcome};

pub(super) use places::named;
use telling::Telling;

/// Uploads what was built: EFI programs with their index to buckets and folders, flists to their stores, whole images to registries.
///
/// Where to, the manifest's `publish` sections say; or the command line: a folder, or a repository of a registry. Nothing is built: what is not
/// built as the manifest stands is an error (`zosc build --publish` builds first). What is there already is not sent again, and the name that
/// machines start changes only when everything before it is there:
///
///     zosc publish --dry-run
///     zosc publish
///     zosc publish s3 --prune 20
///     zosc publish dir /srv/http/zos
///     zosc publish oci ghcr.io/example/zos:1.0
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// Publish only to places of this kind. Default: to all that the manifest names.
    #[arg(value_name = "KIND")]
    kind: Option<Kind>,
    /// A folder (`dir`) or a repository (`oci`), in the place of those that the manifest names.
    #[arg(value_name = "TO", requires = "kind")]
    to: Option<String>,
    #[command(flatten)]
    manifest: ManifestOption,
    /// Ask every place what it has, say what would be done, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Afterwards, remove all versioned EFI programs of this image from buckets and folders but the newest KEEP.
    ///
    /// Names that stand for the newest program stay, and so does whatever this run has published.
    #[arg(long, value_name = "KEEP")]
    prune: Option<NonZeroUsize>,
    /// Publish a part of it.
    #[arg(long, value_name = "WHAT")]
    only: Option<Only>,
    /// Do not look whether machines find the contents of flists where they read them: from here, that place may be out of reach.
    #[arg(long)]
    no_proof: bool,
}

/// A kind of place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kind {
    /// Buckets of servers that speak S3.
    S3,
    /// Folders.
    Dir,
    /// Container registries.
    Oci,
}

/// A part of what there is to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    /// EFI programs and their index; whole images to registries.
    Kernels,
    /// Lists and contents of flists.
    Flists,
}

impl Arguments {
    fn wanted(&self) -> Wanted {
        Wanted {
            kernels: self.only != Some(Only::Flists),
            flists: self.only != Some(Only::Kernels),
        }
    }
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let image = session.image(&arguments.manifest.arguments())?;
    let store = session.store()?;
    let wanted = arguments.wanted();
    let to = arguments.to.as_deref();
    let places = places::choose(session, &image, arguments.kind, to, wanted)?;
    let mode = lock::Mode {
        dry: true,
        ..lock::Mode::default()
    };
    let inputs = session.inputs(&image, &store, mode)?;
    let plan = session.settle(plan::lower(&image, &inputs))?;
    let job = Job {
        image: &image,
        inputs: &inputs,
        plan: &plan,
        store: &store,
        wanted,
        prune: arguments.prune,
        proves: !arguments.no_proof,
    };
    job.publish(session, &places, arguments.dry_run)
}

/// What is published.
pub(super) struct Job<'a> {
    pub(super) image: &'a Image,
    pub(super) inputs: &'a Inputs,
    pub(super) plan: &'a Plan,
    pub(super) store: &'a Store,
    pub(super) wanted: Wanted,
    pub(super) prune: Option<NonZeroUsize>,
    /// Whether somebody looks where machines read the contents of flists.
    pub(super) proves: bool,
}

impl Job<'_> {
    /// Publishes to these places, or says what that would do.
    pub(super) fn publish(&self, session: &Session, places: &[Publish], dry: bool) -> Outcome {
        let watch = Stopwatch::start();
        let made = session.settle(Made::of(self.plan, self.image, self.inputs, self.store))?;
        let mut warnings = Diagnostics::new();
        let subject = (self.image, self.inputs);
        let uploads = Uploads::of(places, &made, subject, self.wanted, &mut warnings);
        if !warnings.is_empty() {
            session.report(&warnings);
        }
        let looked = Publishing::look(uploads, &made, self.store, &CANCELLED);
        let publishing = session.settle(looked)?;
        if dry {
            let steps = session.settle(publishing.steps(self.prune))?;
            return telling::foretell(session, &steps);
        }
        let telling = Telling::new(session);
        let network = session.network(false)?;
        let performed = publishing.perform(How {
            prune: self.prune,
            network: self.proves.then_some(&*network),
            observer: &telling,
        });
        let told = telling.finish();
        session.settle(performed)?;
        told.tell(session, watch)
    }
}
