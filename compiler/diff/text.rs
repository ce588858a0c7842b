//! Small texts line by line.

use serde::Serialize;
use serde_json::Value;
use similar::TextDiff;

use super::difference::FieldChange;
use super::facts::FieldKind;

/// The largest text that is compared line by line, in bytes.
pub(super) const LARGEST: u64 = 64 << 10;
/// The most lines of such a text: comparing takes time by the product of both.
const MOST: usize = 4_000;
/// The most lines of a comparison that are kept.
const LINES: usize = 60;
/// The most characters of a line that are kept.
const COLUMNS: usize = 200;

/// The lines that are different, as `diff -u` writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TextChange {
    /// The lines; the first character of each is `@`, a space, `-` or `+`.
    pub lines: Vec<String>,
    /// How many lines were left out at the end.
    pub left_out: usize,
}

/// Compares two texts, where both are small enough.
fn compare(before: &str, after: &str) -> Option<TextChange> {
    let is_small = |text: &str| text.len() as u64 <= LARGEST && text.lines().count() <= MOST;
    if !is_small(before) || !is_small(after) {
        return None;
    }
    let difference = TextDiff::from_lines(before, after);
    let mut unified = difference.unified_diff();
    let all = unified
        .context_radius(3)
        .missing_newline_hint(false)
        .to_string();
    let lines: Vec<String> = all.lines().map(shortened).collect();
    let left_out = lines.len().saturating_sub(LINES);
    Some(TextChange {
        lines: lines.into_iter().take(LINES).collect(),
        left_out,
    })
}

/// Compares two contents where both are texts and small enough.
pub(super) fn contents(before: &[u8], after: &[u8]) -> Option<TextChange> {
    let text = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).ok()?;
        (!text.contains('\0')).then(|| text.to_owned())
    };
    compare(&text(before)?, &text(after)?)
}

/// Compares the values of a field that are texts of several lines.
pub(super) fn of_field(field: &FieldChange) -> Option<TextChange> {
    if field.kind == FieldKind::Note {
        return None;
    }
    let (Value::String(before), Value::String(after)) =
        (field.before.as_ref()?, field.after.as_ref()?)
    else {
        return None;
    };
    let has_lines = |text: &str| text.trim_end().contains('\n');
    if !has_lines(before) && !has_lines(after) {
        return None;
    }
    compare(before, after)
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(COLUMNS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
