//! `zosc lock`.

use super::session::Session;
use super::{LockArguments, ManifestArguments, Outcome};

/// Writes zos.lock: exact versions and digests of everything the manifest asks for.
///
/// What the lock has already is kept; only what the manifest newly asks for is looked up. `build` does the same by itself; `update`
/// moves what is locked to newer versions.
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
    let inputs = session
        .locked(&image, &store, arguments.lock.mode())?
        .inputs;
    session.tell_skipped_scripts(&image, &inputs);
    let (packages, sources) = (inputs.lock.packages.len(), inputs.lock.sources.len());
    session.tell(&format!(
        "{} {}: {packages} packages, {sources} sources",
        session.style().good("ok"),
        crate::lock::file_name(&image)
    ));
    Ok(())
}
