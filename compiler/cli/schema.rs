//! `zosc schema`.

use crate::manifest;

use super::Outcome;
use super::session::Session;

/// Prints the JSON Schema of the manifest's JSON form.
///
/// It describes what `zosc check --emit json` prints; editors complete the JSON form with it.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run(session: &mut Session, _: &Arguments) -> Outcome {
    session.print(&format!("{:#}\n", manifest::schema()))
}
