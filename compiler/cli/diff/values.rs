//! Values as people read them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::diagnostic::bytes;
use crate::diff::{Change, ChangeKind, FieldChange, FieldKind};

/// The most characters of a value that are shown.
const LONGEST: usize = 160;
/// The most members of a list that are shown.
const MEMBERS: usize = 24;

/// The facts of a change that people are shown: details only where nothing else tells of them.
pub(super) fn shown(change: &Change) -> Vec<&FieldChange> {
    let is = |field: &FieldChange, kinds: &[FieldKind]| kinds.contains(&field.kind);
    let details = [FieldKind::Detail, FieldKind::Content];
    let named = |field: &&FieldChange| field.kind != FieldKind::Note;
    let has_main = change
        .fields
        .iter()
        .any(|field| named(&field) && !is(field, &details));
    // Another size or version says that the content is another; nothing else does.
    let telling = [FieldKind::Bytes, FieldKind::Version];
    let told = change.change != ChangeKind::Changed
        || change.text.is_some()
        || change.fields.iter().any(|field| is(field, &telling));
    let shows = |field: &&FieldChange| {
        let content = ["content", "sha256"].contains(&field.field.as_str());
        !is(field, &details) || !has_main || content && !told
    };
    let fields = change.fields.iter().filter(named);
    fields.filter(shows).collect()
}

/// What explains a change.
pub(super) fn notes(fields: &[FieldChange]) -> impl Iterator<Item = &FieldChange> {
    fields.iter().filter(|field| field.kind == FieldKind::Note)
}

/// A value in a line.
pub(super) fn value(value: &Value, kind: FieldKind) -> String {
    match value {
        Value::Number(number) if kind == FieldKind::Bytes => {
            number.as_u64().map_or_else(|| number.to_string(), bytes)
        }
        Value::String(text) if matches!(kind, FieldKind::Detail | FieldKind::Content) => {
            short(text)
        }
        Value::String(text) => text.clone(),
        Value::Array(list) => {
            let words = list.iter().map(|item| self::value(item, kind));
            words.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

/// A digest in few characters.
fn short(text: &str) -> String {
    let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_digest {
        text[..12].to_owned()
    } else {
        text.to_owned()
    }
}

/// A text that fits, without what could steer a terminal.
pub(super) fn tame(text: &str) -> String {
    let mut tame = String::new();
    for character in text.chars().take(LONGEST) {
        // Marks that turn the direction of writing hide what is written.
        let turns = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || turns {
            tame.extend(character.escape_default());
        } else {
            tame.push(character);
        }
    }
    if text.chars().nth(LONGEST).is_some() {
        tame.push('…');
    }
    tame
}

/// Members of two lists that only one of them has, `-` before those of the first; `None` where the two are the same but for
/// their order.
pub(super) fn members(before: &[Value], after: &[Value], kind: FieldKind) -> Option<Vec<String>> {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for item in before {
        *counts.entry(value(item, kind)).or_default() -= 1;
    }
    for item in after {
        *counts.entry(value(item, kind)).or_default() += 1;
    }
    let marked = counts.iter().flat_map(|(text, count)| {
        let sign = if *count < 0 { '-' } else { '+' };
        let times = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        std::iter::repeat_n(format!("{sign}{text}"), times.min(MEMBERS))
    });
    let marked: Vec<String> = marked.collect();
    if marked.is_empty() {
        return None;
    }
    let more = marked.len().saturating_sub(MEMBERS);
    let mut marked: Vec<String> = marked.into_iter().take(MEMBERS).collect();
    if more > 0 {
        marked.push(format!("and {more} more"));
    }
    Some(marked)
}

/// A difference of two numbers of bytes, with its sign.
pub(super) fn growth(before: u64, after: u64) -> String {
    let sign = if after < before { "−" } else { "+" };
    format!("{sign}{}", bytes(after.abs_diff(before)))
}
