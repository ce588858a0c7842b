//! `zosc explain`.

use crate::diagnostic::{Diagnostic, nearest};
use crate::explanation::{codes, page};

use super::Outcome;
use super::session::Session;

/// Explains the code of an error or a warning: what it means, why, and what to do.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The code, such as `zosc::manifest::unknown-node`; without it, all codes are listed.
    code: Option<String>,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let codes = codes();
    let Some(code) = &arguments.code else {
        return session.print(&format!("{}\n", codes.join("\n")));
    };
    let full = if code.starts_with("zosc::") {
        code.clone()
    } else {
        format!("zosc::{code}")
    };
    if let Some(page) = page(&full) {
        return session.print(page);
    }
    let problem = Diagnostic::error(
        "zosc::cli::unknown-code",
        format!("there is no code `{code}`"),
    );
    let problem = match nearest(&full, codes) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("`zosc explain` without a code lists them all"),
    };
    session.fail(problem)
}
