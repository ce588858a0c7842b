//! `zosc plan`.

mod action;
mod drawing;
mod text;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};

use crate::build::{self, Reason, Status};
use crate::plan::{self, ActionId, Plan, PlannedAction, Stage};

use super::session::Session;
use super::{LockArguments, ManifestArguments, Outcome};

/// Shows what a build would do: stages, their actions, which results are stored, and why the others are not.
///
/// A cause names what changed in the words of the manifest: `unit sshd changed: exec`. An action that comes after others
/// names where it all begins; it is spared where what it needs comes out as before. All about one action, its key and the
/// line of the manifest that asked for it: `zosc plan --explain "build zinit"`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    #[command(flatten)]
    lock: LockArguments,
    /// Only the actions of this stage.
    #[arg(long, value_name = "STAGE", value_parser = stages())]
    stage: Option<Stage>,
    /// Only actions without a stored result.
    #[arg(long)]
    stale: bool,
    /// Tell everything about one action, by its label or its number.
    #[arg(long, value_name = "ACTION", conflicts_with_all = ["stage", "stale"])]
    explain: Option<String>,
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
    /// A graph for Graphviz.
    Dot,
}

/// The names of stages.
fn stages() -> impl TypedValueParser<Value = Stage> {
    PossibleValuesParser::new(Stage::ALL.map(Stage::name)).map(|name| {
        let mut stages = Stage::ALL.into_iter();
        let found = stages.find(|stage| stage.name() == name);
        found.unwrap_or_else(|| unreachable!("`{name}` is one of the names"))
    })
}

/// An action of a plan, and whether its result is stored.
#[derive(Clone, Copy)]
struct Row<'a> {
    id: ActionId,
    planned: &'a PlannedAction,
    status: &'a Status,
}

impl Row<'_> {
    fn is_stale(&self) -> bool {
        matches!(self.status, Status::Stale(_))
    }

    /// Whether it may yet be spared.
    fn is_behind(&self) -> bool {
        matches!(self.status, Status::Stale(Reason::Behind(_)))
    }
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let image = session.image(&arguments.manifest)?;
    let store = session.store()?;
    let inputs = session.inputs(&image, &store, arguments.lock.mode())?;
    let plan = session.settle(plan::lower(&image, &inputs))?;
    let status = build::status(&plan, &store);
    if let Some(asked) = &arguments.explain {
        let subject = action::Subject {
            plan: &plan,
            status: &status,
            store: &store,
        };
        return action::explain(session, &subject, asked, arguments.format);
    }
    let of_stage = |row: &Row<'_>| {
        arguments
            .stage
            .is_none_or(|stage| row.planned.stage == stage)
    };
    let all: Vec<Row<'_>> = rows(&plan, &status).filter(of_stage).collect();
    let is_shown = |row: &&Row<'_>| !arguments.stale || row.is_stale();
    let rows: Vec<Row<'_>> = all.iter().filter(is_shown).copied().collect();
    session.print(&match arguments.format {
        Format::Human => text::text(&rows, &all, session.output_style()),
        Format::Json => format!("{:#}\n", document(&plan, &rows)),
        Format::Dot => drawing::dot(&rows),
    })
}

fn rows<'a>(plan: &'a Plan, status: &'a [Status]) -> impl Iterator<Item = Row<'a>> {
    let actions = plan.actions.iter().zip(status).enumerate();
    actions.map(|(index, (planned, status))| Row {
        id: ActionId(index as u32),
        planned,
        status,
    })
}

fn document(plan: &Plan, rows: &[Row<'_>]) -> Value {
    let actions = rows.iter().map(object);
    let outputs = plan.outputs.iter().map(
        |output| json!({ "name": output.name, "kind": output.kind, "content": output.content }),
    );
    json!({ "actions": actions.collect::<Vec<_>>(), "outputs": outputs.collect::<Vec<_>>() })
}

/// An action for programs.
fn object(row: &Row<'_>) -> Value {
    let planned = row.planned;
    let (state, detail) = match row.status {
        Status::Cached(digest) => ("stored", digest.to_string()),
        Status::Stale(reason) => ("stale", reason.to_string()),
    };
    let mut object = json!({
        "id": row.id,
        "stage": planned.stage.name(),
        "label": planned.label,
        "kind": planned.action.kind(),
        "state": state,
        "detail": detail,
        "needs": planned.action.needs(),
        "action": planned.action,
    });
    match row.status {
        Status::Stale(Reason::Behind(behind)) => object["roots"] = json!(behind.roots),
        Status::Stale(reason) => object["causes"] = json!(reason.causes()),
        Status::Cached(_) => {}
    }
    object
}
