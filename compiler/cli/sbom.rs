//! `zosc sbom`.

use std::path::PathBuf;

use crate::plan::{self, About};
use crate::sbom;

use super::contents::{Planned, contents};
use super::running::RunningArguments;
use super::session::Session;
use super::{LockArguments, ManifestArguments, Outcome};

/// Lists what the image is made of: packages, sources with their crates and modules, kernel, firmware, files, and tools.
///
/// What the list tells of is built first, where it is not there already: `zosc sbom -o sbom.cdx.json`. With `--from-lock`
/// nothing is built, and the list is about what is locked: `zosc sbom --from-lock --format spdx`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    #[command(flatten)]
    lock: LockArguments,
    /// The form of the list. Default: what the ending of the file's name says, else CycloneDX.
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// List what is locked, and build nothing. The image's digest and its files are not in the list then.
    #[arg(long)]
    from_lock: bool,
    /// The file that the list is written to. Default: standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    running: RunningArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// CycloneDX 1.6, JSON.
    Cyclonedx,
    /// SPDX 2.3, JSON.
    Spdx,
}

impl From<Format> for sbom::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Cyclonedx => Self::Cyclonedx,
            Format::Spdx => Self::Spdx,
        }
    }
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let image = session.image(&arguments.manifest)?;
    let store = session.store()?;
    let mode = arguments.lock.mode_with(arguments.running.executor);
    let inputs = session.inputs(&image, &store, mode)?;
    let name = arguments.output.as_ref().and_then(|path| path.file_name());
    let promised = name.and_then(|name| sbom::Format::of_name(&name.to_string_lossy()));
    let format = arguments.format.map(sbom::Format::from).or(promised);
    let about = if arguments.from_lock {
        About::Locked
    } else {
        About::Built
    };
    let format = format.unwrap_or(sbom::Format::Cyclonedx);
    let lowered = plan::lower_bill(&image, &inputs, format, about);
    let (plan, list) = session.settle(lowered)?;
    let planned = Planned {
        image: &image,
        inputs: &inputs,
        plan: &plan,
    };
    let digests = contents(
        session,
        &planned,
        &[list],
        &store,
        arguments.lock,
        &arguments.running,
    )?;
    let mut text = String::new();
    for digest in digests {
        let bytes = session.settle(store.get(&digest).map_err(Into::into))?;
        text.push_str(&String::from_utf8_lossy(&bytes));
    }
    session.deliver(arguments.output.as_deref(), text)
}
