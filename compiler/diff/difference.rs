//! What is different between two sides, as data.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::apk::version;
use crate::source::{SourceMap, Span};

use super::facts::{Facts, Field, FieldKind, Section, Thing};
use super::impact::Impact;
use super::text::{self, TextChange};

/// The document of `zosc diff --format json`.
///
/// Members are added and never change their meaning.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// The version of this form.
    pub version: u32,
    /// What was compared.
    pub of: Subject,
    /// The name of the old side.
    pub old: String,
    /// The name of the new side.
    pub new: String,
    /// Whether there is no difference.
    pub same: bool,
    /// How many differences there are.
    pub counts: Counts,
    /// The differences, by section.
    pub sections: Vec<SectionDifference>,
    /// What the change costs, where both sides have a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impact: Option<Impact>,
    /// What could not be compared, and what makes it possible; a sentence each.
    pub notes: Vec<String>,
}

/// What was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// Two manifests with their locks.
    Manifests,
    /// Two plans.
    Plans,
    /// Two images.
    Images,
    /// Two folders of images.
    Folders,
}

/// How many differences there are of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Things that are new.
    pub added: usize,
    /// Things that are gone.
    pub removed: usize,
    /// Things that are not what they were.
    pub changed: usize,
    /// Lists in another order.
    pub moved: usize,
}

/// The differences of one section.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SectionDifference {
    /// Its name.
    pub section: String,
    /// The differences, by the names of what they are about.
    pub changes: Vec<Change>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Change {
    /// What happened.
    pub change: ChangeKind,
    /// What to: `unit sshd`, `/etc/motd`.
    pub what: String,
    /// Which way a version went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Where it is written on the old side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Place>,
    /// Where it is written on the new side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Place>,
    /// What is different about it; of what is new or gone, all that is known of it.
    pub fields: Vec<FieldChange>,
    /// The lines that are different, of a small text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<TextChange>,
}

/// What happened to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is not what it was.
    Changed,
    /// The same things come in another order.
    Moved,
}

/// Which way a version went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// To a later one.
    Upgrade,
    /// To an earlier one.
    Downgrade,
    /// The version is the same, and what it names is not.
    Rebuilt,
}

/// One fact that is different.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FieldChange {
    /// Its name.
    pub field: String,
    /// What it was; none where there was nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is; none where there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Where it is written on the old side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Place>,
    /// Where it is written on the new side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Place>,
    /// What it means to those who read it.
    #[serde(skip)]
    pub kind: FieldKind,
}

/// A place in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

impl Counts {
    /// Counts the differences of all sections.
    pub(super) fn of(sections: &[SectionDifference]) -> Self {
        let mut counts = Self::default();
        for change in sections.iter().flat_map(|section| &section.changes) {
            *match change.change {
                ChangeKind::Added => &mut counts.added,
                ChangeKind::Removed => &mut counts.removed,
                ChangeKind::Changed => &mut counts.changed,
                ChangeKind::Moved => &mut counts.moved,
            } += 1;
        }
        counts
    }
}

/// The differences between the facts of two sides; places are looked up in `sources`.
pub(super) fn between(old: &Facts, new: &Facts, sources: &SourceMap) -> Vec<SectionDifference> {
    let empty = Section::default();
    let mut found = Vec::new();
    for (name, old, new) in Facts::pairs(old, new) {
        let (old, new) = (old.unwrap_or(&empty), new.unwrap_or(&empty));
        let mut changes = things(old, new, sources);
        changes.extend(orders(old, new));
        if !changes.is_empty() {
            found.push(SectionDifference {
                section: name.to_owned(),
                changes,
            });
        }
    }
    found
}

fn things(old: &Section, new: &Section, sources: &SourceMap) -> Vec<Change> {
    let names: BTreeSet<&String> = old.things.keys().chain(new.things.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| thing(name, old.things.get(name), new.things.get(name), sources))
        .collect()
}

fn thing(
    name: &str,
    old: Option<&Thing>,
    new: Option<&Thing>,
    sources: &SourceMap,
) -> Option<Change> {
    let change = match (old, new) {
        (Some(_), Some(_)) => ChangeKind::Changed,
        (None, _) => ChangeKind::Added,
        (_, None) => ChangeKind::Removed,
    };
    let nothing = BTreeMap::new();
    let before = old.map_or(&nothing, |thing| &thing.fields);
    let after = new.map_or(&nothing, |thing| &thing.fields);
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let pairs: Vec<(&String, Option<&Field>, Option<&Field>)> = names
        .into_iter()
        .map(|field| (field, before.get(field), after.get(field)))
        .collect();
    let differs = |old: Option<&Field>, new: Option<&Field>| {
        old.map(|field| &field.value) != new.map(|field| &field.value)
    };
    let kind_of = |old: Option<&Field>, new: Option<&Field>| {
        new.or(old).map_or(FieldKind::Plain, |field| field.kind)
    };
    let is_different = pairs
        .iter()
        .any(|(_, old, new)| kind_of(*old, *new) != FieldKind::Note && differs(*old, *new));
    if change == ChangeKind::Changed && !is_different {
        return None;
    }
    let place = |span: Option<Span>| span.and_then(|span| place(span, sources));
    let fields: Vec<FieldChange> = pairs
        .into_iter()
        .filter(|(_, old, new)| differs(*old, *new) || kind_of(*old, *new) == FieldKind::Note)
        .map(|(name, old, new)| FieldChange {
            field: name.clone(),
            before: old.map(|field| field.value.clone()),
            after: new.map(|field| field.value.clone()),
            old: place(old.and_then(|field| field.place)),
            new: place(new.and_then(|field| field.place)),
            kind: kind_of(old, new),
        })
        .collect();
    Some(Change {
        change,
        what: name.to_owned(),
        verdict: verdict(change, &fields),
        old: place(old.and_then(|thing| thing.place)),
        new: place(new.and_then(|thing| thing.place)),
        text: fields.iter().find_map(text::of_field),
        fields,
    })
}

/// Which way the version of a changed thing went.
fn verdict(change: ChangeKind, fields: &[FieldChange]) -> Option<Verdict> {
    if change != ChangeKind::Changed {
        return None;
    }
    let version = |field: &&FieldChange| field.kind == FieldKind::Version;
    let Some(field) = fields.iter().find(version) else {
        let rebuilt = |field: &FieldChange| field.field == "sha256";
        return fields.iter().any(rebuilt).then_some(Verdict::Rebuilt);
    };
    let (before, after) = (
        field.before.as_ref()?.as_str()?,
        field.after.as_ref()?.as_str()?,
    );
    match version::compare(before, after) {
        Ordering::Less => Some(Verdict::Upgrade),
        Ordering::Greater => Some(Verdict::Downgrade),
        Ordering::Equal => None,
    }
}

/// Lists of which the things that both sides have come in another order.
fn orders(old: &Section, new: &Section) -> Vec<Change> {
    let mut found = Vec::new();
    for (list, before) in &old.orders {
        let Some(after) = new.orders.get(list) else {
            continue;
        };
        let both = |names: &[String], others: &[String]| -> Vec<String> {
            let others: BTreeSet<&String> = others.iter().collect();
            let kept = names.iter().filter(|name| others.contains(name));
            kept.cloned().collect()
        };
        let (mut before, mut after) = (both(before, after), both(after, before));
        if before == after {
            continue;
        }
        let word = shared_words(&before).to_owned();
        for name in before.iter_mut().chain(&mut after) {
            name.drain(..word.len());
        }
        found.push(Change {
            change: ChangeKind::Moved,
            what: list.clone(),
            verdict: None,
            old: None,
            new: None,
            fields: vec![FieldChange {
                field: "order".to_owned(),
                before: Some(before.into()),
                after: Some(after.into()),
                old: None,
                new: None,
                kind: FieldKind::Plain,
            }],
            text: None,
        });
    }
    found
}

/// The words that all names begin with, with the space behind them.
fn shared_words(names: &[String]) -> &str {
    let Some((first, others)) = names.split_first() else {
        return "";
    };
    let same = |one: &str| {
        let pairs = first.char_indices().zip(one.chars());
        let mut differing = pairs.skip_while(|((_, mine), other)| mine == other);
        let end = differing.next().map(|((at, _), _)| at);
        end.unwrap_or(first.len().min(one.len()))
    };
    let end = others.iter().map(|one| same(one)).min().unwrap_or(0);
    let shared = first.get(..end).unwrap_or("");
    let end = shared.rfind(' ').map_or(0, |space| space + 1);
    &first[..end]
}

fn place(span: Span, sources: &SourceMap) -> Option<Place> {
    let source = sources.get(span.source)?;
    let position = sources.position(span);
    Some(Place {
        file: source.name.clone(),
        line: position.line,
        column: position.column,
    })
}
