//! `zosc plan`.

use crate::build::{self, Status};
use crate::plan::{self, Plan, Stage};

use super::session::Session;
use super::{LockArguments, ManifestArguments, Outcome};

/// Shows what a build would do: stages, their actions, which results are stored, and why the others are not.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    #[command(flatten)]
    lock: LockArguments,
    /// How the plan is printed.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Human,
    /// One JSON document.
    Json,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let image = session.image(&arguments.manifest)?;
    let store = session.store()?;
    let inputs = session.inputs(&image, &store, arguments.lock.mode())?;
    let plan = session.settle(plan::lower(&image, &inputs))?;
    let status = build::status(&plan, &store);
    let text = match arguments.format {
        Format::Human => human(session, &plan, &status),
        Format::Json => format!("{:#}\n", json(&plan, &status)),
    };
    session.print(&text)
}

fn human(session: &Session, plan: &Plan, status: &[Status]) -> String {
    let style = session.output_style();
    let mut text = String::new();
    for stage in Stage::ALL {
        let actions: Vec<_> = plan
            .actions
            .iter()
            .zip(status)
            .filter(|(planned, _)| planned.stage == stage)
            .collect();
        if actions.is_empty() {
            continue;
        }
        let stale = actions
            .iter()
            .filter(|(_, status)| matches!(status, Status::Stale(_)))
            .count();
        let summary = if stale == 0 {
            "stored".to_owned()
        } else {
            format!("{stale} of {} to do", actions.len())
        };
        text.push_str(&format!(
            "{} {}\n",
            style.strong(stage.name()),
            style.faint(&summary)
        ));
        for (planned, status) in actions {
            match status {
                Status::Cached(digest) => {
                    text.push_str(&format!(
                        "  {} {} {}\n",
                        style.good("✓"),
                        planned.label,
                        style.faint(&digest.short())
                    ));
                }
                Status::Stale(reason) => {
                    text.push_str(&format!(
                        "  {} {} {}\n",
                        style.verb("•"),
                        planned.label,
                        style.faint(&reason.to_string())
                    ));
                }
            }
        }
    }
    let stale = status
        .iter()
        .filter(|status| matches!(status, Status::Stale(_)))
        .count();
    text.push_str(&format!("{} actions, {stale} to do\n", plan.actions.len()));
    text
}

fn json(plan: &Plan, status: &[Status]) -> serde_json::Value {
    let actions = plan
        .actions
        .iter()
        .zip(status)
        .enumerate()
        .map(|(index, (planned, status))| {
            let (state, detail) = match status {
                Status::Cached(digest) => ("stored", digest.to_string()),
                Status::Stale(reason) => ("stale", reason.to_string()),
            };
            serde_json::json!({
                "id": index,
                "stage": planned.stage.name(),
                "label": planned.label,
                "state": state,
                "detail": detail,
                "needs": planned.action.needs().iter().map(|id| id.0).collect::<Vec<_>>(),
                "action": planned.action,
            })
        });
    let outputs = plan.outputs.iter().map(|output| serde_json::json!({ "name": output.name, "kind": output.kind, "content": output.content }));
    serde_json::json!({ "actions": actions.collect::<Vec<_>>(), "outputs": outputs.collect::<Vec<_>>() })
}
