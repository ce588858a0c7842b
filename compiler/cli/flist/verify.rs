//! `zosc flist verify`.

use serde_json::json;

use crate::cli::session::Session;
use crate::cli::{Failed, Format, Outcome};
use crate::diagnostic::bytes;
use crate::publish::blocks::Blocks as _;
use crate::publish::lists::{Selection, Verified, verify};

use super::bar::Bar;
use super::stores::Reading;

/// Blocks that are looked at where nothing says how many.
const SAMPLE: usize = 64;

/// Reads blocks of an flist where machines read them, and checks that they are what they should be.
///
/// `zosc flist verify modules.fl` takes 64 blocks, spread over all and the same ones each time; `--all` takes each. Everything that is missing
/// or wrong is told in one run. Exit code 0 says that all is as it should be, 1 that something is not.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    reading: Reading,
    /// How many blocks are looked at.
    #[arg(long, value_name = "N", conflicts_with = "all")]
    sample: Option<usize>,
    /// Look at every block.
    #[arg(long)]
    all: bool,
    /// How the result is printed.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let list = arguments.reading.list(session)?;
    let network = session.network(false)?;
    let store = arguments.reading.blocks(session, &list, &*network)?;
    let selection = match (arguments.all, arguments.sample) {
        (true, _) => Selection::All,
        (false, count) => Selection::Sample(count.unwrap_or(SAMPLE)),
    };
    let bar = Bar::of_blocks(session);
    let progress = |done, total| bar.set(done, total);
    let work = arguments.reading.work(&progress);
    let verified = verify(&list, &store, selection, work);
    bar.clear();
    if arguments.format == Format::Json {
        session.print(&format!("{:#}\n", document(&verified)))?;
    }
    let problems = verified.problems();
    if !problems.is_empty() {
        session.report(&problems);
    }
    if verified.stopped || !problems.is_empty() {
        return Err(Failed);
    }
    session.tell(&format!(
        "{} {} of {} blocks, with {}, are as they should be at {}",
        session.style().good("ok"),
        verified.checked,
        verified.blocks,
        bytes(verified.bytes),
        store.address()
    ));
    Ok(())
}

fn document(verified: &Verified) -> serde_json::Value {
    let faults = verified.faults.iter().map(|fault| {
        json!({
            "block": fault.id.to_string(),
            "file": fault.file,
            "trouble": fault.trouble.name(),
            "tried": fault.tried,
        })
    });
    json!({
        "blocks": verified.blocks,
        "checked": verified.checked,
        "bytes": verified.bytes,
        "stopped": verified.stopped,
        "faults": faults.collect::<Vec<_>>(),
    })
}
