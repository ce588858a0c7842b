//! `zosc diff`.

mod human;
mod markdown;
mod past;
mod sides;
mod values;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::diagnostic::Diagnostics;
use crate::diff::{self, Difference};

use super::Failed;
use super::session::{Session, stopped_by};

/// Tells what is different between two manifests, plans or images, and what the change costs.
///
/// OLD and NEW are manifests with the zos.lock beside them, plans (`zosc plan --format json`), images (`.efi`, `.cpio`,
/// compressed or not), or folders of images such as dist/. A manifest is compared with a plan by the plan of its own.
///
/// The exit code is that of diff(1): 0 where nothing is different, 1 where something is, 2 where the two cannot be compared; 130 after Ctrl-C.
///
/// REVISION:PATH names a file of a commit, as git has it: `zosc diff main:zos.kdl zos.kdl` tells what a branch changes.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// What it was.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// What it is.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// How the differences are printed.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
    /// Print only how many differences each section has.
    #[arg(long)]
    stat: bool,
    /// Do not work out what a build of NEW would do.
    #[arg(long)]
    no_impact: bool,
    /// Print nothing: the exit code tells.
    #[arg(long, short, conflicts_with_all = ["format", "stat"])]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Human,
    /// One JSON document.
    Json,
    /// For a comment on a pull request.
    Markdown,
}

/// Nothing is different.
const SAME: u8 = 0;
/// Something is different.
const DIFFERENT: u8 = 1;
/// The two cannot be compared.
const TROUBLE: u8 = 2;

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> ExitCode {
    let compared = compared(session, arguments);
    ExitCode::from(code(
        compared.map(|difference| difference.same),
        stopped_by(),
    ))
}

/// The exit code, by whether nothing is different, and by the signal that kept it from being found out.
fn code(same: Result<bool, Failed>, stopped: Option<u8>) -> u8 {
    match same {
        Ok(true) => SAME,
        Ok(false) => DIFFERENT,
        Err(Failed) => stopped.unwrap_or(TROUBLE),
    }
}

fn compared(session: &mut Session, arguments: &Arguments) -> Result<Difference, Failed> {
    let store = session.store()?;
    let mut old = sides::side(session, &store, &arguments.old, arguments.no_impact)?;
    let mut new = sides::side(session, &store, &arguments.new, arguments.no_impact)?;
    let past = [old.past.take(), new.past.take()];
    let stored = diff::Stored {
        old: old.stored,
        new: new.stored,
    };
    let found = diff::compare(&old.side, &new.side, &stored, &session.sources, &store);
    let mut difference = session.settle(found.map_err(Diagnostics::from))?;
    if arguments.no_impact {
        difference.impact = None;
    }
    for past in past.iter().flatten() {
        past.rename(&mut difference);
    }
    if arguments.quiet {
        return Ok(difference);
    }
    let style = session.output_style();
    session.print(&match arguments.format {
        Format::Human if arguments.stat => human::stat(&difference, style),
        Format::Human => human::text(&difference, style),
        Format::Markdown => markdown::text(&difference, arguments.stat),
        Format::Json => match serde_json::to_string_pretty(&difference) {
            Ok(text) => text + "\n",
            Err(error) => unreachable!("differences are plain data: {error}"),
        },
    })?;
    Ok(difference)
}
