//! `zosc schema`.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

use crate::boot;
use crate::doctor;
use crate::inspect;
use crate::manifest;

use super::Outcome;
use super::message::Problem;
use super::session::Session;

/// Prints a JSON Schema: of the manifest's JSON form, or of what zosc prints for programs.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What the schema describes.
    #[arg(long, value_name = "FORM", default_value = "manifest")]
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// What `zosc check --emit json` prints; editors complete the JSON form of manifests with it.
    Manifest,
    /// A line of `--message-format json`.
    Message,
    /// What `zosc inspect --format json` prints.
    Report,
    /// What `zosc doctor --format json` prints.
    Doctor,
    /// A line of `zosc boot --message-format json`.
    Boot,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let schema = match arguments.what {
        What::Manifest => manifest::schema(),
        What::Message => printed::<Problem<'_>>(),
        What::Report => printed::<inspect::Report>(),
        What::Doctor => printed::<doctor::Report>(),
        What::Boot => printed::<boot::Record<'_>>(),
    };
    session.print(&format!("{schema:#}\n"))
}

/// The schema of what is written and never read back: what may be left out is not required.
fn printed<T: JsonSchema>() -> serde_json::Value {
    let settings = SchemaSettings::default().for_serialize();
    let generator = settings.into_generator();
    generator.into_root_schema_for::<T>().to_value()
}
