//! `zosc shell`.

use crate::build;

use super::session::Session;
use super::{ExecutorArgument, Failed, Outcome};

/// Opens a shell in the sandbox of a command that failed, with its files and environment as the command found them.
///
/// The message of the failure says which key to give.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The first digits of the action's key.
    #[arg(long, value_name = "KEY")]
    action: String,
    #[command(flatten)]
    executor: ExecutorArgument,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let store = session.store()?;
    let executor = session.executor(arguments.executor, &store)?;
    let reopened = session.settle(build::reopen(&store, &arguments.action).map_err(Into::into))?;
    session.tell(&format!(
        "{} {}",
        session.style().verb("sandbox of"),
        reopened.label
    ));
    session.tell(&format!("its command: {}", reopened.arguments.join(" ")));
    session.tell(&format!("its log: {}", reopened.log.display()));
    session.tell("leave with `exit`; what you change here is lost then");
    session
        .settle(reopened.shell(&*executor).map_err(Into::into))
        .map(|_| ())
        .map_err(|Failed| Failed)
}
