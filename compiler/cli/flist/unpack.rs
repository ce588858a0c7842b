//! `zosc flist unpack`.

use std::path::PathBuf;

use crate::cli::Outcome;
use crate::cli::session::Session;
use crate::diagnostic::bytes;
use crate::publish::lists::{Ownership, Unpacking, left_out, unpack};

use super::bar::Bar;
use super::stores::Reading;

/// Writes the files of an flist into a folder.
///
/// The folder is new or empty, and has all files or none. They belong to who unpacks them, and no program keeps the right to run as
/// somebody else; `--preserve-owner` gives them to the owners that the flist says, which only root can.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    reading: Reading,
    /// The folder.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Give files to the owners that the flist says.
    #[arg(long)]
    preserve_owner: bool,
    /// Remove what is in the folder, once everything is unpacked.
    #[arg(long)]
    force: bool,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let list = arguments.reading.list(session)?;
    let network = session.network(false)?;
    let store = arguments.reading.blocks(session, &list, &*network)?;
    let bar = Bar::of_blocks(session);
    let progress = |done, total| bar.set(done, total);
    let work = arguments.reading.work(&progress);
    let unpacking = Unpacking {
        list: &list,
        store: &store,
        folder: &arguments.folder,
        ownership: if arguments.preserve_owner {
            Ownership::Listed
        } else {
            Ownership::Own
        },
        replaces: arguments.force,
    };
    let unpacked = unpack(&unpacking, work);
    bar.clear();
    let unpacked = session.settle(unpacked)?;
    if let Some(warning) = left_out(&unpacked.left_out) {
        session.report(&warning.into());
    }
    if !session.for_people() {
        let line = serde_json::json!({ "unpacked": {
            "path": arguments.folder, "files": unpacked.files, "bytes": unpacked.bytes,
        }});
        return session.print(&format!("{line}\n"));
    }
    session.tell(&format!(
        "{} {}  {} files, {}",
        session.style().good("unpacked"),
        arguments.folder.display(),
        unpacked.files,
        bytes(unpacked.bytes)
    ));
    Ok(())
}
