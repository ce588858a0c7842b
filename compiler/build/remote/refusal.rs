//! What a server does not do, said to whoever asked for it.

use crate::diagnostic::Diagnostic;

/// Adds what can be done about a server that is away to what is the matter with it.
pub(super) fn with_ways_on(mut problem: Diagnostic) -> Diagnostic {
    let ways = "`zosc remote check` tries the connection alone; `--remote-fallback local` builds here meanwhile";
    problem.help = Some(match problem.help {
        Some(help) => format!("{help}; {ways}"),
        None => ways.to_owned(),
    });
    problem
}

pub(super) fn no_execution(endpoint: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::remote::no-execution",
        format!("`{endpoint}` keeps contents, and executes nothing"),
    )
    .help("name a server that executes; or share results alone, and build here: `--remote-cache` in place of `--executor remote`")
}

pub(super) fn no_updates(endpoint: &str) -> Diagnostic {
    Diagnostic::warning(
        "zosc::remote::no-updates",
        format!("`{endpoint}` takes no results from this machine"),
    )
    .help("what others have shared is used all the same; whether a client may share is the server's to decide")
}

pub(super) fn no_result(endpoint: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::remote::no-result",
        format!("`{endpoint}` answers with a result that counts for none, whatever it is asked for"),
    )
    .help("the server keeps results of commands that failed, and does not execute them anew; empty its cache of results")
}
