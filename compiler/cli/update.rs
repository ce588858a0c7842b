//! `zosc update`.

use crate::lock::{self, Change, Mode, Update};

use super::progress::Progress;
use super::session::{CANCELLED, Session};
use super::{ManifestOption, Outcome};

/// Moves what zos.lock names to the newest that the manifest allows, and says what moved and why.
///
/// Without names everything moves. With names only those packages, sources and toolchains move, and what cannot stay as it is beside them. Versions
/// that the manifest states (`version="~6.14"`, a crate's `=14.1.1`, a `sha256`) are kept: change them there.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Packages, sources and toolchains to move; without any, all of them.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    manifest: ManifestOption,
    /// Say what would move; download no package and leave zos.lock alone.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let image = session.image(&arguments.manifest.arguments())?;
    let store = session.store()?;
    let mode = Mode {
        update: match arguments.names.as_slice() {
            [] => Update::Everything,
            names => Update::Only(names),
        },
        ..Mode::default()
    };
    let progress = Progress::new(session);
    let changes = if arguments.dry_run {
        lock::preview(&image, &store, mode, &progress, &CANCELLED)
    } else {
        let resolved = lock::resolve(&image, &store, mode, &progress, &CANCELLED);
        resolved.map(|resolved| resolved.changes)
    };
    progress.finish();
    let changes = session.settle(changes)?;
    if !session.for_people() {
        let line = serde_json::json!({ "changes": changes, "written": !arguments.dry_run && !changes.is_empty() });
        return session.print(&format!("{line}\n"));
    }
    session.print(&told(session, &changes))?;
    session.tell(&conclusion(session, &changes, arguments));
    Ok(())
}

/// A line a change, with its reason.
fn told(session: &Session, changes: &[Change]) -> String {
    let style = session.output_style();
    let lines: Vec<String> = changes.iter().map(Change::to_string).collect();
    let width = lines
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (line, change) in lines.iter().zip(changes) {
        let why = if change.why.is_empty() {
            String::new()
        } else {
            format!(
                "{:gap$}  {}",
                "",
                style.faint(&change.why),
                gap = width - line.chars().count()
            )
        };
        text.push_str(&format!("{line}{why}\n"));
    }
    text
}

fn conclusion(session: &Session, changes: &[Change], arguments: &Arguments) -> String {
    let ok = session.style().good("ok");
    let count = match changes.len() {
        0 if arguments.names.is_empty() => {
            return format!("{ok} nothing moves: the lock has the newest of everything");
        }
        0 => {
            let names = arguments.names.join(", ");
            return format!("{ok} nothing moves: the lock has the newest of {names}");
        }
        1 => "1 change".to_owned(),
        more => format!("{more} changes"),
    };
    if arguments.dry_run {
        format!("{ok} {count} to make; without `--dry-run`, the lock is written")
    } else {
        format!("{ok} the lock: {count}")
    }
}
