//! `zosc inspect`.

mod parts;
mod text;

use std::path::PathBuf;

use serde_json::Value;

use crate::diagnostic::{Diagnostic, nearest};
use crate::inspect::{self, Opened};
use crate::io;
use crate::tree::{Digest, ImagePath, Node, Store, Tree};

use parts::Parts;

use super::session::Session;
use super::{Format, Outcome};

/// Shows what is in an image: sections and signature of an EFI program, kernel, segments, who takes the space, units, modules.
///
/// Without any of the options that name a part, all parts are shown in short; an option shows its part alone and in full:
/// `zosc inspect --sizes --by kind`, `zosc inspect dist/initramfs.cpio.xz --units`. Of a folder, every image in it is shown.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// An `.efi` program, a kernel, an initramfs, or a folder with such files.
    #[arg(value_name = "IMAGE", default_value = "dist/vmlinuz.efi")]
    image: PathBuf,
    #[command(flatten)]
    parts: Parts,
    /// Write one file of the image to standard output and nothing else.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["format", "parts"])]
    cat: Option<String>,
    /// How the report is printed.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let store = session.store()?;
    let opened = session.settle(inspect::open(&arguments.image, &io::System, &store))?;
    if let Some(path) = &arguments.cat {
        return cat(session, &opened, path, &store);
    }
    let text = match arguments.format {
        Format::Human => {
            let style = session.output_style();
            let texts = opened.iter();
            let texts = texts.map(|image| text::text(&image.report, arguments.parts, style));
            texts.collect::<Vec<_>>().join("\n")
        }
        Format::Json => json(&opened, arguments.parts),
    };
    session.print(&text)
}

/// One image, or an object with all of a folder.
fn json(opened: &[Opened], parts: Parts) -> String {
    let reports = opened.iter().map(|image| {
        let report = serde_json::to_value(&image.report);
        parts.only(report.unwrap_or_else(|error| unreachable!("plain data: {error}")))
    });
    let reports: Vec<Value> = reports.collect();
    let document = match <[Value; 1]>::try_from(reports) {
        Ok([one]) => one,
        Err(several) => serde_json::json!({ "images": several }),
    };
    format!("{document:#}\n")
}

/// Writes one file of the first image that has it.
fn cat(session: &Session, opened: &[Opened], asked: &str, store: &Store) -> Outcome {
    let found = opened.iter().find_map(|image| file(&image.tree, asked));
    let Some(digest) = found else {
        return session.fail(no_such_file(opened, asked));
    };
    let mut output = std::io::stdout().lock();
    let copied = store.copy(&digest, &mut output);
    session.settle(copied.map(|_| ()).map_err(Into::into))
}

/// The content of a file; links are followed.
fn file(tree: &Tree, asked: &str) -> Option<Digest> {
    let (_, entry) = tree.resolve(&ImagePath::new(asked).ok()?)?;
    let file = match &entry.node {
        Node::Hardlink { to } => tree.get(to)?,
        _ => entry,
    };
    match file.node {
        Node::File { digest, .. } => Some(digest),
        _ => None,
    }
}

fn no_such_file(opened: &[Opened], asked: &str) -> Diagnostic {
    let problem = Diagnostic::error(
        "zosc::cli::no-such-file",
        format!("the image has no file `{asked}`"),
    );
    let is_file = |node: &Node| !matches!(node, Node::Directory);
    let entries = opened.iter().flat_map(|image| image.tree.iter());
    let files = entries.filter(|(_, entry)| is_file(&entry.node));
    match nearest(asked, files.map(|(path, _)| path.as_str())) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("`zosc inspect IMAGE --files` lists them all"),
    }
}

#[cfg(test)]
mod tests;
