//! The one place where synchronous code waits for what connections do by themselves.

use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::runtime::{Builder, Runtime};

use crate::diagnostic::Diagnostic;

/// How often somebody who waits looks whether they still should.
const GLANCE: Duration = Duration::from_millis(50);

/// The runtime of this process, started by the first who needs it.
///
/// # Errors
/// No threads can be started.
pub fn runtime() -> Result<&'static Runtime, Diagnostic> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let started = RUNTIME.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        builder
            .worker_threads(2)
            .thread_name("network")
            .enable_all();
        builder.build().map_err(|error| error.to_string())
    });
    started.as_ref().map_err(|error| {
        Diagnostic::error(
            "zosc::io::no-threads",
            format!("no threads can be started for the network: {error}"),
        )
        .help("`ulimit -u` says how many there may be")
    })
}

/// Waits for a result on the thread that asks; `None` where somebody has set `cancel` before it was there.
///
/// # Errors
/// As [`runtime`].
pub fn wait<T>(
    cancel: &AtomicBool,
    work: impl Future<Output = T>,
) -> Result<Option<T>, Diagnostic> {
    let stopped = async {
        while !cancel.load(Ordering::Relaxed) {
            tokio::time::sleep(GLANCE).await;
        }
    };
    Ok(runtime()?.block_on(async {
        // What has come in the meantime is no loss.
        match select(pin!(work), pin!(stopped)).await {
            Either::Left((result, _)) => Some(result),
            Either::Right(_) => None,
        }
    }))
}

/// What an error says, with what is behind it.
pub fn error_chain(error: &dyn Error) -> String {
    let mut told = error.to_string();
    let mut behind = error.source();
    while let Some(error) = behind {
        let next = error.to_string();
        if !told.contains(&next) {
            told = format!("{told}: {next}");
        }
        behind = error.source();
    }
    told
}
