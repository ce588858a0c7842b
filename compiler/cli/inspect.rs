//! `zosc inspect`.

use std::path::PathBuf;

use crate::inspect::{self, Detail, Opened, Report};
use crate::io;

use super::Outcome;
use super::session::Session;

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
    let store = session.store()?;
    let opened = session.settle(inspect::open(&arguments.image, &io::System, &store))?;
    let text = match arguments.format {
        Format::Human => {
            let detail = if arguments.files {
                Detail::Listing
            } else {
                Detail::Summary
            };
            let texts = opened
                .iter()
                .map(|image| inspect::text(&image.report, detail));
            texts.collect::<Vec<_>>().join("\n")
        }
        Format::Json => json(&opened),
    };
    session.print(&text)
}

/// One image, or an object with all of a folder.
fn json(opened: &[Opened]) -> String {
    let reports: Vec<&Report> = opened.iter().map(|image| &image.report).collect();
    let text = match reports.as_slice() {
        [one] => serde_json::to_string_pretty(one),
        several => serde_json::to_string_pretty(&serde_json::json!({ "images": several })),
    };
    match text {
        Ok(text) => text + "\n",
        Err(error) => unreachable!("reports are plain data: {error}"),
    }
}
