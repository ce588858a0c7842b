//! `zosc inspect`.

use std::path::PathBuf;

use crate::diagnostic::Diagnostic;
use crate::inspect::{self, Detail};
use crate::io::{self, Files as _};

use super::Outcome;
use super::session::Session;

/// The largest image that is read: 4 GiB is what FAT disks hold.
const LARGEST: u64 = 4 << 30;

/// Shows what is in an image: sections of an EFI program, segments, files and sizes of an initramfs.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// An `.efi` program or an initramfs.
    #[arg(value_name = "IMAGE", default_value = "dist/vmlinuz.efi")]
    image: PathBuf,
    /// Also list every file.
    #[arg(long)]
    files: bool,
    /// How the report is printed.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Human,
    /// One JSON document.
    Json,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let bytes = match io::System.read(&arguments.image, LARGEST) {
        Ok(bytes) => bytes,
        Err(error) => {
            let fact = format!("cannot read `{}`: {error}", arguments.image.display());
            return session.fail(
                Diagnostic::error("zosc::cli::cannot-read", fact)
                    .help("run `zosc build` first, or name the image: `zosc inspect IMAGE`"),
            );
        }
    };
    let store = session.store()?;
    let name = arguments.image.display().to_string();
    let report = session.settle(inspect::image(&name, &bytes, &store).map_err(Into::into))?;
    let text = match arguments.format {
        Format::Human if arguments.files => inspect::text(&report, Detail::Listing),
        Format::Human => inspect::text(&report, Detail::Summary),
        Format::Json => match serde_json::to_string_pretty(&report) {
            Ok(text) => text + "\n",
            Err(error) => unreachable!("reports are plain data: {error}"),
        },
    };
    session.print(&text)
}
