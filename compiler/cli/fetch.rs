//! `zosc fetch`.

use super::session::Session;
use super::{LockArguments, ManifestArguments, Outcome};

/// Brings everything that zos.lock names into the store, so that a build needs no network.
///
/// Afterwards `zosc build --offline` works on this machine, or on one that is given the store's folder. What is there already is not
/// fetched again; `zosc vendor` makes a mirror of the packages instead.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    #[command(flatten)]
    lock: LockArguments,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let image = session.image(&arguments.manifest)?;
    let store = session.store()?;
    let inputs = session.inputs(&image, &store, arguments.lock.mode())?;
    let fetched = session.fetch(&image, &inputs, &store, arguments.lock.offline)?;
    if !session.for_people() {
        let line = serde_json::json!({ "fetched": fetched.fetched, "stored": fetched.cached });
        return session.print(&format!("{line}\n"));
    }
    let (new, known) = (fetched.fetched, fetched.cached);
    session.tell(&format!(
        "{} {new} fetched, {known} were there; `zosc build --offline` needs no network",
        session.style().good("ok")
    ));
    Ok(())
}
