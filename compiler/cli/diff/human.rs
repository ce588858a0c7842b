//! Differences for people, on a terminal.

use serde_json::Value;

use crate::diagnostic::bytes;
use crate::diff::{
    Change, ChangeKind, Difference, FieldChange, FieldKind, Impact, OutputChange, OutputImpact,
    Place, StageImpact, Verdict,
};

use super::super::render::Style;
use super::values::{growth, members, notes, shown, tame, value};

/// The most actions of a stage that are named.
const ACTIONS: usize = 12;
/// The widest name of a field that others are aligned with.
const WIDEST: usize = 24;

/// Everything.
pub(super) fn text(difference: &Difference, style: Style) -> String {
    let mut text = head(difference, style);
    for section in &difference.sections {
        text.push_str(&format!("\n{}\n", style.strong(&tame(&section.section))));
        for change in &section.changes {
            one(&mut text, change, style);
        }
    }
    if let Some(impact) = &difference.impact {
        text.push('\n');
        self::impact(&mut text, impact, style);
    }
    tail(&mut text, difference, style);
    text
}

/// How many differences each section has.
pub(super) fn stat(difference: &Difference, style: Style) -> String {
    let mut text = head(difference, style);
    let names = difference
        .sections
        .iter()
        .map(|section| section.section.chars().count());
    let width = names.max().unwrap_or(0);
    for section in &difference.sections {
        let count = |kind: ChangeKind| {
            let changes = section.changes.iter();
            changes.filter(|change| change.change == kind).count()
        };
        let counts = [
            (count(ChangeKind::Added), style.good("+")),
            (count(ChangeKind::Removed), style.bad("-")),
            (count(ChangeKind::Changed), style.verb("~")),
            (count(ChangeKind::Moved), style.verb("↕")),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts
            .map(|(count, sign)| format!("{sign}{count}"))
            .collect();
        let name = tame(&section.section);
        text.push_str(&format!("  {name:width$}  {}\n", counts.join(" ")));
    }
    tail(&mut text, difference, style);
    text
}

fn head(difference: &Difference, style: Style) -> String {
    format!(
        "{} {} → {}\n",
        style.verb("diff"),
        tame(&difference.old),
        tame(&difference.new)
    )
}

fn tail(text: &mut String, difference: &Difference, style: Style) {
    text.push('\n');
    for note in &difference.notes {
        text.push_str(&format!("{} {}\n", style.strong("note:"), tame(note)));
    }
    text.push_str(&summary(difference));
    text.push('\n');
}

/// The line that sums it up.
pub(super) fn summary(difference: &Difference) -> String {
    if difference.same {
        return "no difference".to_owned();
    }
    let counts = difference.counts;
    let parts = [
        (counts.added, "added"),
        (counts.removed, "removed"),
        (counts.changed, "changed"),
        (counts.moved, "in another order"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    parts.join(", ")
}

fn one(text: &mut String, change: &Change, style: Style) {
    let sign = match change.change {
        ChangeKind::Added => style.good("+"),
        ChangeKind::Removed => style.bad("-"),
        ChangeKind::Changed => style.verb("~"),
        ChangeKind::Moved => style.verb("↕"),
    };
    let verdict = change.verdict.map_or("", verdict);
    let places = places(change.old.as_ref(), change.new.as_ref());
    let mut line = format!("  {sign} {}", tame(&change.what));
    for more in [verdict, places.as_str()] {
        if !more.is_empty() {
            line.push_str(&format!("  {}", style.faint(more)));
        }
    }
    text.push_str(&format!("{line}\n"));
    let fields = shown(change);
    if matches!(change.change, ChangeKind::Added | ChangeKind::Removed) {
        let facts = fields.iter().filter_map(|field| {
            let known = field.after.as_ref().or(field.before.as_ref())?;
            Some(format!("{} {}", field.field, value(known, field.kind)))
        });
        let facts: Vec<String> = facts.collect();
        if !facts.is_empty() {
            text.push_str(&format!(
                "      {}\n",
                style.faint(&tame(&facts.join(", ")))
            ));
        }
    } else {
        let widths = fields.iter().map(|field| field.field.chars().count());
        let width = widths.max().unwrap_or(0).min(WIDEST);
        for field in &fields {
            let name = tame(&field.field);
            let place = places_of(field, change);
            let what = tame_change(field, change.text.is_some());
            let place = if place.is_empty() {
                place
            } else {
                format!("  {}", style.faint(&place))
            };
            text.push_str(&format!("      {name:width$}  {what}{place}\n"));
        }
    }
    for note in notes(&change.fields) {
        let known = note.after.as_ref().or(note.before.as_ref());
        let known = known.map_or_else(String::new, |known| value(known, note.kind));
        let line = format!("{} {}", note.field, known);
        text.push_str(&format!("      {}\n", style.faint(&tame(&line))));
    }
    lines(text, change, style);
}

/// The lines of a small text that are different.
fn lines(text: &mut String, change: &Change, style: Style) {
    let Some(lines) = &change.text else { return };
    for line in &lines.lines {
        let shown = tame(line);
        let shown = match line.chars().next() {
            Some('+') => style.good(&shown),
            Some('-') => style.bad(&shown),
            Some('@') => style.faint(&shown),
            _ => shown,
        };
        text.push_str(&format!("        {shown}\n"));
    }
    if lines.left_out > 0 {
        text.push_str(&format!("        … and {} more lines\n", lines.left_out));
    }
}

/// What a field was and is, in one line.
fn tame_change(field: &FieldChange, has_lines: bool) -> String {
    tame(&change_of(field, has_lines))
}

/// What a field was and is.
pub(super) fn change_of(field: &FieldChange, has_lines: bool) -> String {
    let text = |known: &Value| value(known, field.kind);
    match (&field.before, &field.after) {
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            match members(before, after, field.kind) {
                Some(marked) => marked.join(" "),
                None => format!(
                    "{} → {}",
                    moved(before, after, field.kind),
                    moved(after, before, field.kind)
                ),
            }
        }
        (Some(Value::String(before)), Some(Value::String(after)))
            if has_lines && (before.contains('\n') || after.contains('\n')) =>
        {
            "these lines".to_owned()
        }
        (Some(before), Some(after)) if field.kind == FieldKind::Bytes => {
            let growth = before.as_u64().zip(after.as_u64());
            let growth = growth.map_or_else(String::new, |(before, after)| {
                format!(" ({})", self::growth(before, after))
            });
            format!("{} → {}{growth}", text(before), text(after))
        }
        (Some(before), Some(after)) => format!("{} → {}", text(before), text(after)),
        (None, Some(after)) => format!("+{}", text(after)),
        (Some(before), None) => format!("-{}", text(before)),
        (None, None) => String::new(),
    }
}

/// The members of a list from the first to the last that is elsewhere in the other.
fn moved(list: &[Value], other: &[Value], kind: FieldKind) -> String {
    let same = |pair: &(&Value, &Value)| pair.0 == pair.1;
    let before = list.iter().zip(other).take_while(same).count();
    let after = list
        .iter()
        .rev()
        .zip(other.iter().rev())
        .take_while(same)
        .count();
    let end = list.len().saturating_sub(after).max(before);
    let words = list.get(before..end).unwrap_or(list).iter();
    words
        .map(|word| value(word, kind))
        .collect::<Vec<_>>()
        .join(" ")
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Upgrade => "upgrade",
        Verdict::Downgrade => "downgrade",
        Verdict::Rebuilt => "same version, other content",
    }
}

/// Where something is written, on the sides that have it.
pub(super) fn places(old: Option<&Place>, new: Option<&Place>) -> String {
    let place = |place: &Place| tame(&format!("{}:{}", place.file, place.line));
    match (old, new) {
        (Some(old), Some(new)) => format!("{} → {}", place(old), place(new)),
        (Some(only), None) | (None, Some(only)) => place(only),
        (None, None) => String::new(),
    }
}

/// Where a field is written, where that is elsewhere than its thing.
fn places_of(field: &FieldChange, change: &Change) -> String {
    let line = |place: Option<&Place>| place.map(|place| (place.file.clone(), place.line));
    let same = line(field.old.as_ref()) == line(change.old.as_ref())
        && line(field.new.as_ref()) == line(change.new.as_ref());
    if same {
        return String::new();
    }
    places(field.old.as_ref(), field.new.as_ref())
}

fn impact(text: &mut String, impact: &Impact, style: Style) {
    text.push_str(&format!("{}\n", style.strong("impact")));
    text.push_str(&format!("  {}\n", actions(impact)));
    for stage in &impact.stages {
        let count = format!("{} of {}", stage.again.len(), stage.actions);
        text.push_str(&format!(
            "    {} {}\n",
            tame(&stage.stage),
            style.faint(&count)
        ));
        let own = stage.again.iter().filter(|action| action.own);
        for action in own.take(ACTIONS) {
            let sign = if action.stored {
                style.good("✓")
            } else {
                style.verb("•")
            };
            text.push_str(&format!(
                "      {sign} {} {}\n",
                tame(&action.label),
                style.faint(&tame(&action.because))
            ));
        }
        if let Some(others) = others(stage, ACTIONS) {
            text.push_str(&format!("      {}\n", style.faint(&others)));
        }
    }
    for output in &impact.outputs {
        text.push_str(&format!("  {}\n", tame(&self::output(output))));
    }
    text.push_str(&format!("  {}\n", fetch(impact)));
    for line in growths(impact) {
        text.push_str(&format!("  {line}\n"));
    }
}

/// How many actions of a stage are not named.
pub(super) fn others(stage: &StageImpact, most: usize) -> Option<String> {
    let own = stage.again.iter().filter(|action| action.own).count();
    let behind = match stage.again.len() - own {
        0 => None,
        1 => Some("1 comes after others".to_owned()),
        count => Some(format!("{count} come after others")),
    };
    let more = own.checked_sub(most).filter(|more| *more > 0);
    let more = more.map(|more| format!("and {more} more"));
    let parts: Vec<String> = more.into_iter().chain(behind).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// How many actions run again.
pub(super) fn actions(impact: &Impact) -> String {
    let stored = match impact.stored {
        0 => String::new(),
        stored => format!(", {stored} of them are stored already"),
    };
    match impact.again {
        0 => format!("none of {} actions runs again", impact.actions),
        again => format!(
            "at most {again} of {} actions run again{stored}",
            impact.actions
        ),
    }
}

/// What becomes of an output.
pub(super) fn output(output: &OutputImpact) -> String {
    let what = match output.change {
        OutputChange::Added => "is new",
        OutputChange::Removed => "is gone",
        OutputChange::Changed => "changes",
        OutputChange::Same => "stays the same",
    };
    let size = match (output.before, output.after) {
        (Some(before), Some(after)) if before != after => {
            format!(
                ": {} → {} ({})",
                bytes(before),
                bytes(after),
                growth(before, after)
            )
        }
        _ => String::new(),
    };
    format!("{} {} {what}{size}", output.kind, output.name)
}

/// How much of what goes into the image there is more or less of.
pub(super) fn growths(impact: &Impact) -> Vec<String> {
    let Some(known) = impact.growth else {
        return Vec::new();
    };
    let parts = [
        (
            "packages",
            known.packages_before,
            known.packages_after,
            "as they are downloaded",
        ),
        (
            "files",
            known.files_before,
            known.files_after,
            "before compression",
        ),
    ];
    let moved = parts.iter().filter(|(_, before, after, _)| before != after);
    let lines = moved.map(|(what, before, after, how)| {
        let growth = growth(*before, *after);
        format!("{what} of the image: about {growth} {how}")
    });
    lines.collect()
}

/// What is fetched.
pub(super) fn fetch(impact: &Impact) -> String {
    let fetch = impact.fetch;
    let least = if fetch.unknown > 0 { "at least " } else { "" };
    match fetch.downloads {
        0 => "nothing is fetched".to_owned(),
        1 => format!("1 download, {least}{}", bytes(fetch.bytes)),
        count => format!("{count} downloads, {least}{}", bytes(fetch.bytes)),
    }
}
