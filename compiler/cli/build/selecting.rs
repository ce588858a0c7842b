//! Which part of a plan is built, and what is built again: options, and two variables of the builder before zosc.

use crate::build::{Again, Selection};
use crate::cli::Failed;
use crate::cli::session::Session;
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::io;
use crate::plan::Stage;

/// Which stages.
#[derive(Debug, clap::Args)]
pub(super) struct Selecting {
    /// Perform only what the stages up to this one need. Outputs that are not complete by then are left as they are.
    #[arg(long, value_name = "STAGE")]
    until: Option<String>,
    /// Perform this stage again, and everything behind it, although results are stored. REBUILD_FROM_STAGE does the same.
    #[arg(long, value_name = "STAGE", conflicts_with = "force")]
    rebuild_from: Option<String>,
    /// Perform everything again, except what is fetched and known by its digest. FORCE_REBUILD=1 does the same.
    #[arg(long)]
    force: bool,
}

impl Selecting {
    /// What is asked for on the command line, or else in the environment.
    pub(super) fn selection(&self, session: &Session) -> Result<Selection, Failed> {
        let mut problems = Diagnostics::new();
        let mut stage = |option: &str, name: &str| {
            let stage = Stage::named(name);
            if stage.is_none() {
                problems.push(unknown(option, name));
            }
            stage
        };
        let until = self.until.as_deref();
        let until = until.and_then(|name| stage("--until", name));
        let from = self.rebuild_from.as_deref();
        let from = from.and_then(|name| stage("--rebuild-from", name));
        let again = match from {
            _ if self.force => Again::Everything,
            Some(from) => Again::From(from),
            None if self.rebuild_from.is_some() => Again::Nothing,
            None => {
                let forced = io::environment("FORCE_REBUILD");
                let from = io::environment("REBUILD_FROM_STAGE");
                if forced.is_some_and(|value| matches!(value.as_str(), "true" | "1")) {
                    tell(session, "everything is built again, by FORCE_REBUILD");
                    Again::Everything
                } else if let Some(from) = from.and_then(|name| stage("REBUILD_FROM_STAGE", &name))
                {
                    let fact = format!("built again from {from} on, by REBUILD_FROM_STAGE");
                    tell(session, &fact);
                    Again::From(from)
                } else {
                    Again::Nothing
                }
            }
        };
        if problems.is_empty() {
            return Ok(Selection { until, again });
        }
        session.settle(Err(problems))
    }
}

/// The stage that an option names.
pub(in crate::cli) fn stage_of(
    session: &Session,
    option: &str,
    name: &str,
) -> Result<Stage, Failed> {
    session.settle(Stage::named(name).ok_or_else(|| unknown(option, name).into()))
}

fn tell(session: &Session, fact: &str) {
    session.tell(&format!("{} {fact}", session.style().verb("set")));
}

fn unknown(option: &str, name: &str) -> Diagnostic {
    let names = Stage::ALL.map(Stage::name);
    let problem = Diagnostic::error(
        "zosc::cli::unknown-stage",
        format!("`{option}` names no stage `{name}`"),
    )
    .note(format!("the stages are {}", names.join(", ")));
    match nearest(name, names) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => {
            problem.help("`zosc plan` shows which actions of your image count under which stage")
        }
    }
}
