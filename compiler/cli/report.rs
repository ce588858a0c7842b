//! `zosc report`.

use std::path::{Path, PathBuf};

use crate::build;
use crate::check;
use crate::diagnostic::Diagnostic;
use crate::inspect;
use crate::io;
use crate::report::{self, Subject};
use crate::tree::Store;

use super::session::Session;
use super::{Failed, Outcome};

/// Writes one page about an image: who takes its bytes, its units in boot order, how the build went, what changed, its parts.
///
/// Of a manifest, the page is about its last build: `zosc report`, then open report.html. Of an image, it is about that file:
/// `zosc report dist/vmlinuz.efi -o vmlinuz.html`. The page holds all that it needs, and can be kept or sent as it is.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A manifest, an image, or a folder with one.
    #[arg(value_name = "SUBJECT", default_value = "zos.kdl")]
    subject: PathBuf,
    /// The file that the page is written to.
    #[arg(long, short, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let store = session.store()?;
    let is_manifest = arguments
        .subject
        .extension()
        .is_some_and(|end| end == "kdl");
    let subject = if is_manifest {
        of_manifest(session, &arguments.subject, &store)?
    } else {
        of_image(session, &arguments.subject, &store)?
    };
    let page = report::page(&subject, &store);
    session.deliver(Some(&arguments.output), page)?;
    session.tell(&format!("wrote {}", arguments.output.display()));
    Ok(())
}

/// What the last build of a manifest yielded.
fn of_manifest(session: &Session, manifest: &Path, store: &Store) -> Result<Subject, Failed> {
    let place = check::normal(&session.current_directory()?.join(manifest));
    let newest =
        build::newest_first(store).find(|record| record.tree.is_some() && record.is_of(&place));
    let found = match newest {
        Some(record) => session.settle(Subject::of_record(record, store).map_err(Into::into))?,
        None => None,
    };
    found.ok_or_else(|| {
        let fact = format!("the store knows of no build of `{}`", manifest.display());
        let problem = Diagnostic::error("zosc::cli::no-build", fact)
            .help("run `zosc build` first, or name an image: `zosc report dist/vmlinuz.efi`");
        session.report(&problem.into());
        Failed
    })
}

/// An image; of a folder, the one with the most files in it.
fn of_image(session: &Session, path: &Path, store: &Store) -> Result<Subject, Failed> {
    let opened = session.settle(inspect::open(path, &io::System, store))?;
    let fullest = opened.into_iter().max_by_key(|image| image.tree.len());
    fullest.map(Subject::of_image).ok_or(Failed)
}
