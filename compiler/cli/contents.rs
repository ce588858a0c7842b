//! Contents of a plan for commands that write none of its outputs: `zosc sbom`, `zosc provenance`.

use crate::build;
use crate::check::Image;
use crate::lock::Inputs;
use crate::plan::{Input, Plan};
use crate::tree::{Digest, Store};

use super::progress::Progress;
use super::running::RunningArguments;
use super::session::{CANCELLED, Session};
use super::{Failed, LockArguments};

/// A plan, and where it comes from.
pub(super) struct Planned<'a> {
    pub(super) image: &'a Image,
    pub(super) inputs: &'a Inputs,
    pub(super) plan: &'a Plan,
}

/// Builds what is wanted where it is not stored, and says what a build would; the digests are in the order of `wanted`.
pub(super) fn contents(
    session: &Session,
    planned: &Planned<'_>,
    wanted: &[Input],
    store: &Store,
    lock: LockArguments,
    running: &RunningArguments,
) -> Result<Vec<Digest>, Failed> {
    let mode = lock.mode_with(running.executor);
    let running = running.settle(session, store)?;
    let network = session.network(lock.offline)?;
    let options = build::Options {
        remote: running.fleet(),
        ..build::Options::new(&*network, lock.offline, &*running.executor, &CANCELLED)
    };
    let progress = Progress::new(session);
    let brought =
        session.with_contents(std::slice::from_ref(planned.image), store, mode, || {
            build::contents(planned.plan, wanted, store, &options, &progress)
        })?;
    let warnings = progress.finish();
    if !warnings.is_empty() {
        session.report(&warnings);
    }
    session.settle(
        brought.map_err(|problems| {
            session.with_dropped(planned.image, planned.inputs, store, problems)
        }),
    )
}
