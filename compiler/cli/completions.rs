//! `zosc completions`.

use clap::CommandFactory as _;

use super::Outcome;
use super::session::Session;

/// Prints a script that makes a shell complete zosc's commands and options.
///
/// For bash: `zosc completions bash > /etc/bash_completion.d/zosc`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The shell.
    shell: clap_complete::Shell,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut super::Arguments::command(),
        "zosc",
        &mut script,
    );
    session.print(&String::from_utf8_lossy(&script))
}
