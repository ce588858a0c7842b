//! What a build publishes when it has ended well: an option, and two variables of the builder before zosc.

use crate::build::Selection;
use crate::check::Image;
use crate::cli::publish::{Job, named};
use crate::cli::session::Session;
use crate::cli::{Failed, Outcome};
use crate::io;
use crate::publish::Wanted;
use crate::tree::Store;

use super::Built;

/// Whether something is published.
#[derive(Debug, clap::Args)]
pub(super) struct Publishing {
    /// Publish to all places that the manifest names, as `zosc publish` does, once everything is built.
    ///
    /// UPLOAD_KERNEL=1 publishes EFI programs and their index alone, UPLOAD_MANIFESTS=1 flists: their lists and their contents.
    #[arg(long, conflicts_with_all = ["until", "dry_run"])]
    publish: bool,
}

impl Publishing {
    /// What is asked for on the command line, or else in the environment.
    ///
    /// # Errors
    /// Nothing says where to.
    pub(super) fn wanted(
        &self,
        session: &Session,
        image: &Image,
        selection: Selection,
    ) -> Result<Option<Wanted>, Failed> {
        if self.publish {
            session.settle(named(image, None).map_err(Into::into))?;
            return Ok(Some(Wanted::ALL));
        }
        let is_on = |name: &str| {
            let value = io::environment(name);
            value.is_some_and(|value| matches!(value.as_str(), "true" | "1"))
        };
        // That there is nothing to publish, or no place for it, the check has told.
        let kernels = is_on("UPLOAD_KERNEL") && !image.publish.is_empty();
        let flists = is_on("UPLOAD_MANIFESTS") && !image.flists.is_empty();
        let when = match selection.until {
            Some(_) => "are not published, since `--until` leaves outputs: so much for",
            None => "are published after the build, by",
        };
        let tell = |what: &str, variable: &str| {
            let verb = session.style().verb("set");
            session.tell(&format!("{verb} {what} {when} {variable}"));
        };
        if kernels {
            tell("EFI programs and their index", "UPLOAD_KERNEL");
        }
        if flists {
            tell("lists and contents of flists", "UPLOAD_MANIFESTS");
        }
        let is_whole = selection.until.is_none();
        Ok((is_whole && (kernels || flists)).then_some(Wanted { kernels, flists }))
    }
}

/// Publishes what was built.
pub(super) fn publish(
    session: &Session,
    image: &Image,
    built: &Built,
    store: &Store,
    wanted: Wanted,
) -> Outcome {
    let job = Job {
        image,
        inputs: &built.inputs,
        plan: &built.plan,
        store,
        wanted,
        prune: None,
        proves: true,
    };
    job.publish(session, &image.publish, false)
}
