//! The one place where synchronous code waits for what connections do by themselves.

use std::future::Future;
use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::runtime::{Builder, Runtime};

use super::{Failure, Kind};
use crate::diagnostic::Diagnostic;

/// How often somebody who waits looks whether they still should.
const GLANCE: Duration = Duration::from_millis(50);

/// The runtime of this process, started by the first who needs it.
pub(super) fn runtime() -> Result<&'static Runtime, Diagnostic> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let started = RUNTIME.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(2).thread_name("remote").enable_all();
        builder.build().map_err(|error| error.to_string())
    });
    started.as_ref().map_err(|error| {
        Diagnostic::error(
            "zosc::remote::no-threads",
            format!("no threads can be started for the network: {error}"),
        )
        .help("`ulimit -u` says how many there may be")
    })
}

/// Waits for a result, or until somebody sets `cancel`. The work is done on the thread that waits.
pub(super) fn wait<T>(
    cancel: &AtomicBool,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let stopped = async {
        while !cancel.load(Ordering::Relaxed) {
            tokio::time::sleep(GLANCE).await;
        }
    };
    runtime()?.block_on(async {
        // What has come in the meantime is no loss.
        match select(pin!(work), pin!(stopped)).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(cancelled()),
        }
    })
}

/// Someone pressed Ctrl-C.
fn cancelled() -> Failure {
    let problem = Diagnostic::error("zosc::remote::cancelled", "remote work was stopped")
        .help("run the command again: what the server has already is not sent again");
    Failure::new(Kind::Cancelled, problem)
}
