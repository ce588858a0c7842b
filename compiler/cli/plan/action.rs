//! `zosc plan --explain`: one action in every respect.

use serde_json::json;

use crate::build::{self, Explained, Status};
use crate::cli::Outcome;
use crate::cli::page::{Cell, Page, Tone};
use crate::cli::session::Session;
use crate::diagnostic::{Diagnostic, bytes, nearest};
use crate::plan::{ActionId, Plan, PlannedAction, Yield};
use crate::source::Span;
use crate::tree::Store;

use super::{Format, Row, object};

/// Names of actions that a line has, and places of the manifest that are shown.
const SHOWN: usize = 8;
const SITES: usize = 3;

/// A plan, what is stored of it, and where.
pub(super) struct Subject<'a> {
    pub(super) plan: &'a Plan,
    pub(super) status: &'a [Status],
    pub(super) store: &'a Store,
}

impl<'a> Subject<'a> {
    fn planned(&self, id: ActionId) -> Option<&'a PlannedAction> {
        self.plan.actions.get(id.0 as usize)
    }

    fn label(&self, id: ActionId) -> &'a str {
        self.planned(id)
            .map_or("", |planned| planned.label.as_str())
    }
}

/// Tells everything about an action.
pub(super) fn explain(
    session: &Session,
    subject: &Subject<'_>,
    asked: &str,
    format: Format,
) -> Outcome {
    let id = match find(subject.plan, asked) {
        Ok(id) => id,
        Err(problem) => return session.fail(problem),
    };
    let known = subject.planned(id).zip(subject.status.get(id.0 as usize));
    let explained = build::explain(subject.plan, subject.status, id, subject.store);
    let Some(((planned, status), explained)) = known.zip(explained) else {
        unreachable!("the action was found in the plan");
    };
    let row = Row {
        id,
        planned,
        status,
    };
    session.print(&match format {
        Format::Human => text(session, subject, &row, &explained),
        Format::Json => format!("{:#}\n", document(session, subject, &row, &explained)),
        Format::Dot => super::drawing::dot(&[row]),
    })
}

/// The action with a label or a number.
fn find(plan: &Plan, asked: &str) -> Result<ActionId, Diagnostic> {
    let labelled = plan.actions.iter().enumerate();
    let labelled = labelled.filter(|(_, planned)| planned.label == asked);
    let found: Vec<(usize, &PlannedAction)> = labelled.collect();
    match found.as_slice() {
        [(index, _)] => return Ok(ActionId(*index as u32)),
        [] => {}
        several => {
            let problem = Diagnostic::error(
                "zosc::cli::ambiguous-action",
                format!("`{asked}` are {} actions", several.len()),
            );
            let problem = several.iter().fold(problem, |problem, (index, planned)| {
                let kind = planned.action.kind();
                problem.note(format!("{index}: {kind} of stage {}", planned.stage))
            });
            return Err(problem.help("name one by its number: `zosc plan --explain NUMBER`"));
        }
    }
    if let Ok(index) = asked.parse::<u32>()
        && (index as usize) < plan.actions.len()
    {
        return Ok(ActionId(index));
    }
    let problem = Diagnostic::error(
        "zosc::cli::unknown-action",
        format!("the plan has no action `{asked}`"),
    );
    let labels = plan.actions.iter().map(|planned| planned.label.as_str());
    Err(match nearest(asked, labels) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => {
            problem.help("`zosc plan` lists them all; a number of `--format json` will do as well")
        }
    })
}

fn text(session: &Session, subject: &Subject<'_>, row: &Row<'_>, explained: &Explained) -> String {
    let planned = row.planned;
    let mut page = Page::new(session.output_style());
    page.head(
        &planned.label,
        &format!("{}, stage {}", planned.action.kind(), planned.stage),
    );
    page.row(2, &[Cell::plain(planned.action.meaning())]);
    page.table(2, &facts(subject, row, explained));
    if !explained.inputs.is_empty() {
        page.head("needs", "");
        let inputs = explained.inputs.iter().map(|input| {
            let digest = input.digest.map(|digest| digest.short());
            let digest = digest.unwrap_or_else(|| "not there yet".to_owned());
            vec![
                Cell::faint(format!("#{}", input.from.0)),
                Cell::plain(subject.label(input.from)),
                Cell::faint(digest),
            ]
        });
        page.table(2, &inputs.collect::<Vec<_>>());
    }
    if !explained.facets.is_empty() {
        page.head("depends on", "and on nothing else");
        page.table(2, &facets(explained));
    }
    let mut text = page.finish();
    let sites = sites(subject, row, explained);
    if !sites.is_empty() {
        text.push_str("\nasked for in\n");
    }
    for site in sites {
        text.push_str(&session.snippet(site, "here"));
    }
    text
}

/// The places of the manifest that asked for an action, or for what it brings.
fn sites(subject: &Subject<'_>, row: &Row<'_>, explained: &Explained) -> Vec<Span> {
    let own = row.planned.site.into_iter();
    let known = |name: &String| subject.plan.sites.get(name).copied();
    let mut sites: Vec<Span> = own
        .chain(explained.facets.keys().filter_map(known))
        .collect();
    sites.dedup();
    sites.truncate(SITES);
    sites
}

fn facts(subject: &Subject<'_>, row: &Row<'_>, explained: &Explained) -> Vec<Vec<Cell>> {
    let fact =
        |name: &str, tone: Tone, value: &str| vec![Cell::faint(name), Cell::new(tone, value)];
    let mut facts = vec![fact("number", Tone::Plain, &row.id.0.to_string())];
    facts.push(match row.status {
        Status::Cached(_) => fact("state", Tone::Good, "stored: it would not run"),
        Status::Stale(reason) if row.is_behind() => {
            let text = format!("it runs unless what it needs comes out as before; {reason}");
            fact("state", Tone::Verb, &text)
        }
        Status::Stale(reason) => fact("state", Tone::Verb, &format!("it would run: {reason}")),
    });
    if let Some(key) = explained.key {
        facts.push(fact("key", Tone::Plain, &key.to_string()));
    }
    let kind = match row.planned.action.yields() {
        Yield::Blob => "a file",
        Yield::Tree => "a tree",
        Yield::Package => "an unpacked package",
    };
    let yielded = explained.yielded.map_or_else(String::new, |yielded| {
        let size = yielded.size.map(|size| format!(", {}", bytes(size)));
        let entries = yielded
            .entries
            .map(|entries| format!(", {entries} entries"));
        let (size, entries) = (size.unwrap_or_default(), entries.unwrap_or_default());
        format!("{size}{entries}, sha256 {}", yielded.digest)
    });
    facts.push(fact("yields", Tone::Plain, &format!("{kind}{yielded}")));
    if let Some(last) = &explained.last {
        let took = match last.elapsed {
            short @ 0..1000 => format!("{short} ms"),
            long => format!("{:.1} s", long as f64 / 1000.0),
        };
        let cause = last.cause.join(", ");
        let text = format!("{took} in build {}: {cause}", last.build);
        facts.push(fact("ran last", Tone::Plain, &text));
    }
    let needed: Vec<&str> = explained
        .needed_by
        .iter()
        .map(|id| subject.label(*id))
        .collect();
    let (shown, more) = needed.split_at(needed.len().min(SHOWN));
    let mut shown: Vec<String> = shown.iter().map(|label| format!("`{label}`")).collect();
    if !more.is_empty() {
        shown.push(format!("{} more", more.len()));
    }
    if !shown.is_empty() {
        facts.push(fact("needed by", Tone::Plain, &shown.join(", ")));
    }
    if !explained.outputs.is_empty() {
        facts.push(fact(
            "ends up in",
            Tone::Plain,
            &explained.outputs.join(", "),
        ));
    }
    facts
}

fn facets(explained: &Explained) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    for (subject, fields) in &explained.facets {
        for (field, value) in fields {
            let value = match value.strip_prefix('#') {
                Some(digest) => Cell::faint(digest.get(..12).unwrap_or(digest)),
                None => Cell::plain(value),
            };
            rows.push(vec![Cell::plain(subject), Cell::plain(field), value]);
        }
    }
    rows
}

fn document(
    session: &Session,
    subject: &Subject<'_>,
    row: &Row<'_>,
    explained: &Explained,
) -> serde_json::Value {
    let mut document = object(row);
    let inputs = explained.inputs.iter().map(|input| {
        json!({ "id": input.from, "label": subject.label(input.from), "digest": input.digest })
    });
    let yielded = explained.yielded.map(|yielded| {
        json!({ "digest": yielded.digest, "size": yielded.size, "entries": yielded.entries })
    });
    let last = explained
        .last
        .as_ref()
        .map(|last| json!({ "build": last.build, "elapsed": last.elapsed, "causes": last.cause }));
    document["meaning"] = json!(row.planned.action.meaning());
    document["key"] = json!(explained.key);
    document["inputs"] = inputs.collect();
    document["depends_on"] = json!(explained.facets);
    document["yielded"] = json!(yielded);
    document["last"] = json!(last);
    document["needed_by"] = json!(explained.needed_by);
    document["outputs"] = json!(explained.outputs);
    let sites = sites(subject, row, explained).into_iter();
    document["sites"] = sites.map(|site| session.place(site)).collect();
    document
}
