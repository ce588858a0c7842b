//! What can be wrong with the shape of a manifest, as diagnostics.

mod excess;
mod missing;
mod names;
mod secrets;
mod values;

pub(super) use excess::{
    duplicate_node, duplicate_property, extra_argument, no_children, no_properties, second_value,
};
pub(super) use missing::{missing, missing_value};
pub(super) use names::{unknown_node, unknown_property};
pub(super) use secrets::{bad_variable, literal_secret, secret_annotation};
pub(super) use values::{
    annotation, bad_value, flag_argument, huge, not_a_choice, not_a_pair, quote_it, wrong_type,
};

use crate::diagnostic::TextEdit;
use crate::source::Span;
use crate::syntax::{Entry, Node, Value};

/// How many possible names are listed in a help.
const LISTED: usize = 16;

/// The place where an inserted text goes.
fn point(span: Span, offset: u32) -> Span {
    Span {
        start: offset,
        end: offset,
        ..span
    }
}

fn edit(span: Span, text: impl Into<String>) -> TextEdit {
    TextEdit {
        span,
        text: text.into(),
    }
}

/// `` `a`, `b` or `c` ``, shortened when long.
fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [most @ .., last] if names.len() <= LISTED => format!("{} or {last}", most.join(", ")),
        _ => format!(
            "{} and others",
            names.get(..LISTED).unwrap_or(&names).join(", ")
        ),
    }
}

/// A value as it stands in the text, for a message: a string without its quotes.
fn shown(entry: &Entry) -> &str {
    match &entry.value.value {
        Value::String(text) => text,
        _ => &entry.raw,
    }
}

/// Gives a node a child.
fn with_child(node: &Node, child: &str) -> TextEdit {
    match &node.children {
        Some(block) => edit(
            point(block.span, block.span.start + 1),
            format!(" {child};"),
        ),
        None => edit(point(node.span, node.span.end), format!(" {{ {child} }}")),
    }
}

/// The first sentence of a description.
fn first_sentence(description: &str) -> &str {
    let line = description.lines().next().unwrap_or_default();
    line.split_once(". ")
        .map_or(line, |(first, _)| first)
        .trim_end_matches('.')
}
