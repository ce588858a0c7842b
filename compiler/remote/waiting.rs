//! Waiting for what a connection does by itself.

use std::future::Future;
use std::sync::atomic::AtomicBool;

use super::{Failure, Kind};
use crate::diagnostic::Diagnostic;
use crate::io;

/// Waits for a result, or until somebody sets `cancel`. The work is done on the thread that waits.
pub(super) fn wait<T>(
    cancel: &AtomicBool,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    io::wait(cancel, work)?.unwrap_or_else(|| Err(cancelled()))
}

/// Someone pressed Ctrl-C.
fn cancelled() -> Failure {
    let problem = Diagnostic::error("zosc::remote::cancelled", "remote work was stopped")
        .help("run the command again: what the server has already is not sent again");
    Failure::new(Kind::Cancelled, problem)
}
