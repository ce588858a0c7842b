//! `zosc explain`.

use include_dir::{Dir, include_dir};

use crate::diagnostic::{Diagnostic, nearest};

use super::Outcome;
use super::session::Session;

/// One page for each code, named `zosc-PASS-NAME.md`.
static PAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/docs/errors");

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
    let page = PAGES
        .get_file(format!("{}.md", full.replace("::", "-")))
        .and_then(|page| page.contents_utf8());
    if let Some(page) = page {
        return session.print(page);
    }
    let problem = Diagnostic::error(
        "zosc::cli::unknown-code",
        format!("there is no code `{code}`"),
    );
    let problem = match nearest(&full, codes.iter().map(String::as_str)) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("`zosc explain` without a code lists them all"),
    };
    session.fail(problem)
}

/// All codes, sorted, from the first line of their pages.
fn codes() -> Vec<String> {
    let mut codes: Vec<String> = PAGES
        .files()
        .filter_map(|page| page.contents_utf8()?.lines().next()?.strip_prefix("# "))
        .map(str::to_owned)
        .filter(|code| code.starts_with("zosc::"))
        .collect();
    codes.sort();
    codes
}
