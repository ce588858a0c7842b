//! `zosc build --dry-run`: what would be performed, and why.

use crate::build::{self, Reason, Selection, Status};
use crate::cli::Outcome;
use crate::cli::session::Session;
use crate::plan::{Plan, PlannedAction, Stage};
use crate::tree::Store;

/// Prints what a build would do; with the name of an image where there are several.
pub(super) fn print(
    session: &Session,
    name: &str,
    plan: &Plan,
    store: &Store,
    selection: Selection,
) -> Outcome {
    let all = build::preview(plan, store, selection);
    let stale = plan.actions.iter().zip(&all);
    let stale = stale.filter_map(|(planned, status)| match status {
        Some(Status::Stale(reason)) => Some((planned, reason)),
        _ => None,
    });
    let stale: Vec<(&PlannedAction, &Reason)> = stale.collect();
    let stored = all.iter().flatten().count() - stale.len();
    let left = build::left_by(plan, selection);
    if session.for_people() {
        let mut text = listing(session, &stale);
        if !name.is_empty() {
            text.insert_str(0, &format!("{}:\n", session.output_style().strong(name)));
        }
        for left in &left {
            text.push_str(&format!("left: {} ({} makes it)\n", left.name, left.stage));
        }
        let count = match stale.as_slice() {
            [] => "nothing to do".to_owned(),
            [_] => "1 action would run".to_owned(),
            more => format!("{} actions would run", more.len()),
        };
        text.push_str(&format!("{count}, {stored} stored\n"));
        return session.print(&text);
    }
    let actions = stale.iter().map(|(planned, reason)| {
        serde_json::json!({
            "stage": planned.stage.name(), "label": planned.label, "kind": planned.action.kind(),
            "cause": reason.causes(), "certain": is_certain(reason),
        })
    });
    let mut line = serde_json::json!({
        "would_run": actions.collect::<Vec<_>>(), "stored": stored,
        "left": left.iter().map(|left| &left.name).collect::<Vec<_>>(),
    });
    if !name.is_empty() {
        line["image"] = name.into();
    }
    session.print(&format!("{line}\n"))
}

/// Whether an action is sure to run: what comes before others may yield what it yielded last time, and then they need not.
fn is_certain(reason: &Reason) -> bool {
    !matches!(reason, Reason::Behind(_))
}

fn listing(session: &Session, stale: &[(&PlannedAction, &Reason)]) -> String {
    let style = session.output_style();
    let mut text = String::new();
    for stage in Stage::ALL {
        let actions = stale.iter().filter(|(planned, _)| planned.stage == stage);
        let lines = actions.map(|(planned, reason)| {
            let (mark, may) = if is_certain(reason) {
                ("•", "")
            } else {
                ("◦", "perhaps: ")
            };
            let cause = style.faint(&format!("{may}{reason}"));
            format!("  {} {} {cause}\n", style.verb(mark), planned.label)
        });
        let lines: String = lines.collect();
        if !lines.is_empty() {
            text.push_str(&format!("{}\n{lines}", style.strong(stage.name())));
        }
    }
    text
}
