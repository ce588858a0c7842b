//! `zosc clean`.

use std::path::{Path, PathBuf};

use crate::boot;
use crate::build;
use crate::diagnostic::{Diagnostics, bytes};
use crate::io;
use crate::tree::{Access, Store};
use crate::upkeep;

use super::session::{CANCELLED, Session};
use super::store::tell;
use super::{Failed, ManifestArguments, Outcome};

/// Removes the files that builds of a manifest have written, and no others.
///
/// A file that is not what a build wrote there stays, and zosc says so. `zosc clean --all --shells` also removes what only this manifest has in
/// the store; the next build starts from nothing, and what other manifests need stays.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    /// Also remove from the store what only this manifest's builds need.
    #[arg(long)]
    all: bool,
    /// Also remove the sandboxes of this manifest's sources.
    #[arg(long)]
    shells: bool,
    /// Also remove the disks that `zosc boot` keeps for this manifest, and what is on them.
    #[arg(long)]
    disks: bool,
    /// Only say what would be removed.
    #[arg(long)]
    dry_run: bool,
    /// Fail where other commands use the store, rather than wait for them.
    #[arg(long)]
    no_wait: bool,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let manifest = session
        .current_directory()?
        .join(&arguments.manifest.manifest);
    let access = if arguments.all {
        Access::Alone
    } else {
        Access::Shared
    };
    let store = session.store_as(access, !arguments.no_wait)?;
    let cleaned = upkeep::clean(&store, &manifest, arguments.dry_run);
    let cleaned = session.settle(cleaned.map_err(Diagnostics::from))?;
    let verb = if arguments.dry_run {
        "would remove"
    } else {
        "removed"
    };
    let verb = session.style().verb(verb);
    for (path, size) in &cleaned.removed {
        session.tell(&format!(
            "{verb} {} {}",
            path.display(),
            session.style().faint(&bytes(*size))
        ));
    }
    let occupied = cleaned.occupied.iter();
    for folder in occupied.filter(|_| cleaned.foreign.is_empty()) {
        session.tell(&format!(
            "{} {}: other files are in it",
            session.style().verb("kept"),
            folder.display()
        ));
    }
    if !cleaned.is_known {
        session.tell("no build of this manifest is known to the store");
    }
    session.report(&cleaned.foreign);
    disks(session, arguments)?;
    if arguments.shells {
        shells(session, &store, &manifest, arguments.dry_run)?;
    }
    if arguments.all {
        let now = i64::try_from(io::unix_milliseconds()).unwrap_or(i64::MAX);
        let forgotten =
            upkeep::forget_project(&store, &manifest, now, arguments.dry_run, &CANCELLED);
        let forgotten = session.settle(forgotten.map_err(Diagnostics::from))?;
        tell(session, &forgotten, arguments.dry_run);
    }
    if cleaned.foreign.is_empty() {
        Ok(())
    } else {
        Err(Failed)
    }
}

/// Removes the disks of machines where that is asked for; else says that they are there.
fn disks(session: &Session, arguments: &Arguments) -> Outcome {
    let folder = boot::folder_of(&arguments.manifest.manifest);
    let style = session.style();
    if arguments.disks && !arguments.dry_run {
        let removed = session.settle(boot::remove_disks(&folder).map_err(Diagnostics::from))?;
        tell_disks(session, &style.verb("removed"), &removed);
        return Ok(());
    }
    let kept = boot::kept_in(&folder);
    if arguments.disks {
        tell_disks(session, &style.verb("would remove"), &kept);
        return Ok(());
    }
    let size: u64 = kept.iter().map(|(_, size)| size).sum();
    if !kept.is_empty() {
        session.tell(&format!(
            "{} {}: disks of `zosc boot`, {}; `zosc clean --disks` removes them",
            style.verb("kept"),
            folder.display(),
            bytes(size)
        ));
    }
    Ok(())
}

fn tell_disks(session: &Session, verb: &str, disks: &[(PathBuf, u64)]) {
    for (path, size) in disks {
        let size = session.style().faint(&bytes(*size));
        session.tell(&format!("{verb} {} {size}", path.display()));
    }
}

/// Stops the sandboxes of the manifest's sources.
fn shells(session: &Session, store: &Store, manifest: &Path, dry_run: bool) -> Outcome {
    for shell in build::shells(store) {
        if !shell.is_of(manifest) {
            continue;
        }
        let id = shell.id();
        if !dry_run {
            session.settle(shell.stop(store).map_err(Diagnostics::from))?;
        }
        let verb = if dry_run { "would stop" } else { "stopped" };
        session.tell(&format!("{} {id}", session.style().verb(verb)));
    }
    Ok(())
}
