//! What goes into a container and what comes out of it: two files in a folder that both sides see.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::sandbox::{Outcome, Sandbox};
use crate::diagnostic::Diagnostic;

/// The folder in a container that holds all that zosc puts there; gone from view before the command starts.
pub(super) const FOLDER: &str = "/.zosc";
/// The folder that both sides see.
pub(super) const SHARED: &str = "/.zosc/shared";
/// What is to be done.
pub(super) const JOB: &str = "job.json";
/// How it went.
pub(super) const REPORT: &str = "report.json";

/// What is to be done in a container.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    /// The command, with files where the container has them.
    pub(super) sandbox: Sandbox,
    /// Whether owners other than root are to be told and taken back.
    pub(super) gives_back: bool,
    /// Whether the command has a terminal.
    pub(super) terminal: bool,
}

/// How it went.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Report {
    /// The command ran.
    Ended(Outcome),
    /// It could not be started.
    Refused(Refusal),
}

/// A diagnostic on its way out of a container, or from another machine.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::build) struct Refusal {
    code: String,
    message: String,
    notes: Vec<String>,
    help: Option<String>,
}

/// The codes that laying out a sandbox can end in; anything else is of the last kind.
const CODES: [&str; 5] = [
    "zosc::build::no-program",
    "zosc::build::no-namespaces",
    "zosc::build::no-subordinate-ids",
    "zosc::build::sandbox-input",
    "zosc::build::sandbox-setup",
];

impl From<Diagnostic> for Refusal {
    fn from(problem: Diagnostic) -> Self {
        Self {
            code: problem.code.to_owned(),
            message: problem.message,
            notes: problem.notes,
            help: problem.help,
        }
    }
}

impl From<Refusal> for Diagnostic {
    fn from(refusal: Refusal) -> Self {
        refusal.told(&CODES, CODES[4])
    }
}

impl Refusal {
    /// The diagnostic that it was, where its code is one of these; else one with another code.
    pub(in crate::build) fn told(
        self,
        codes: &[&'static str],
        otherwise: &'static str,
    ) -> Diagnostic {
        let known = codes.iter().find(|code| **code == self.code);
        let mut problem = Diagnostic::error(known.unwrap_or(&otherwise), self.message);
        problem.notes = self.notes;
        problem.help = self.help;
        problem
    }
}

impl Report {
    /// Reads the report in a folder; `None` where nothing was said.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let bytes = std::fs::read(folder.join(REPORT)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}
