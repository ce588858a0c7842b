//! `zosc remote`.

mod check;

use super::Outcome;
use super::session::Session;

/// Looks at servers that run commands or share results.
///
/// A server of the Remote Execution API, version 2, runs commands of a build (`--executor remote`)
/// and keeps results for everybody who may ask it (`--remote-cache`). Once you have one:
///
///     zosc remote check --remote grpcs://build.example:443
///     zosc build --remote grpcs://build.example:443 --executor remote
///
/// `zosc explain` has a page for every problem, and docs/remote.md says how to set one up.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Check(check::Arguments),
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    match &arguments.command {
        Command::Check(arguments) => check::run(session, arguments),
    }
}
