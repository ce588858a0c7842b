//! `zosc build --dry-run`: what would be performed, and why.

use std::collections::BTreeMap;

use crate::build::{self, Left, Reason, Selection, Status};
use crate::cli::Outcome;
use crate::cli::session::Session;
use crate::plan::{Plan, PlannedAction, Stage};
use crate::tree::Store;

/// Prints what a build would do, image by image; their names are empty where there is one alone.
pub(super) fn print(
    session: &Session,
    names: &[String],
    plans: &[&Plan],
    store: &Store,
    selection: Selection,
) -> Outcome {
    let previews = plans
        .iter()
        .map(|plan| build::preview(plan, store, selection));
    let previews: Vec<_> = previews.collect();
    let shared = build::shared(plans, &previews);
    let images = names.iter().zip(plans).zip(previews.iter().zip(&shared));
    for ((name, plan), (preview, shared)) in images {
        let mut image = Preview {
            name,
            stale: Vec::new(),
            shared: BTreeMap::new(),
            stored: 0,
            left: build::left_by(plan, selection),
        };
        for ((planned, status), earlier) in plan.actions.iter().zip(preview).zip(shared) {
            match (status, earlier) {
                (Some(Status::Stale(_)), Some(earlier)) => {
                    let shared = image.shared.entry(names[*earlier].as_str());
                    shared.or_default().push(&planned.label);
                }
                (Some(Status::Stale(reason)), None) => image.stale.push((planned, reason)),
                (Some(Status::Cached(_)), _) => image.stored += 1,
                (None, _) => {}
            }
        }
        session.print(&if session.for_people() {
            image.text(session)
        } else {
            format!("{}\n", image.document())
        })?;
    }
    Ok(())
}

/// What would be done for one image.
struct Preview<'a> {
    name: &'a str,
    stale: Vec<(&'a PlannedAction, &'a Reason)>,
    /// What would run for images that come before this one, by their names.
    shared: BTreeMap<&'a str, Vec<&'a str>>,
    stored: usize,
    left: Vec<Left>,
}

impl Preview<'_> {
    fn text(&self, session: &Session) -> String {
        let style = session.output_style();
        let mut text = listing(session, &self.stale);
        if !self.name.is_empty() {
            text.insert_str(0, &format!("{}:\n", style.strong(self.name)));
        }
        for (name, labels) in &self.shared {
            text.push_str(&format!("also for {name}: {}\n", labels.join(", ")));
        }
        for left in &self.left {
            text.push_str(&format!("left: {} ({} makes it)\n", left.name, left.stage));
        }
        let count = match self.stale.as_slice() {
            [] if !self.shared.is_empty() => "nothing more to do".to_owned(),
            [] => "nothing to do".to_owned(),
            [_] => "1 action would run".to_owned(),
            more => format!("{} actions would run", more.len()),
        };
        text.push_str(&format!("{count}, {} stored\n", self.stored));
        text
    }

    fn document(&self) -> serde_json::Value {
        let actions = self.stale.iter().map(|(planned, reason)| {
            serde_json::json!({
                "stage": planned.stage.name(), "label": planned.label, "kind": planned.action.kind(),
                "cause": reason.causes(), "certain": is_certain(reason),
            })
        });
        let mut line = serde_json::json!({
            "would_run": actions.collect::<Vec<_>>(), "stored": self.stored,
            "left": self.left.iter().map(|left| &left.name).collect::<Vec<_>>(),
        });
        if !self.name.is_empty() {
            line["image"] = self.name.into();
            line["shared_with"] = serde_json::json!(self.shared);
        }
        line
    }
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
