//! Waiting for what the clients of buckets and registries do by themselves.

use std::future::Future;
use std::sync::atomic::AtomicBool;

use crate::diagnostic::Diagnostic;
use crate::io;

/// Waits for a result, or until somebody sets `cancel`.
pub(super) fn wait<T>(cancel: &AtomicBool, work: impl Future<Output = T>) -> Result<T, Diagnostic> {
    io::wait(cancel, work)?.ok_or_else(cancelled)
}

/// Someone pressed Ctrl-C.
pub(super) fn cancelled() -> Diagnostic {
    Diagnostic::error("zosc::publish::cancelled", "publishing was stopped")
        .help("run the command again: it goes on with what is not there yet")
}
