//! What is given twice, or has no place.

use super::{list, shown};
use crate::diagnostic::Diagnostic;
use crate::manifest::model::{Kind, Member, Role, Scalar, Shape};
use crate::source::{Span, Spanned};
use crate::syntax::{Block, Entry, Node, Value, quote};

/// The same property twice.
pub(in super::super) fn duplicate_property(
    earlier: &Entry,
    entry: &Entry,
    key: &Spanned<String>,
) -> Diagnostic {
    Diagnostic::error(
        "zosc::manifest::duplicate",
        format!("`{}` is given twice", key.value),
    )
    .label(entry.span, "again")
    .label(earlier.span, "first given here")
    .help("keep one of them")
    .replace("remove the second", entry.span, "")
}

/// A child that may stand once, twice.
pub(in super::super) fn duplicate_node(earlier: Span, node: &Node) -> Diagnostic {
    Diagnostic::error(
        "zosc::manifest::duplicate",
        format!("`{}` is given twice", node.name.value),
    )
    .label(node.name.span, "again")
    .label(earlier, "first given here")
    .help("keep one of them, or join their content")
    .replace("remove the second", node.removal, "")
}

/// An argument that the node has no place for.
pub(in super::super) fn extra_argument(shape: &Shape, node: &Node, entry: &Entry) -> Diagnostic {
    let parent = &node.name.value;
    let text = shown(entry);
    let problem = Diagnostic::error(
        "zosc::manifest::extra-argument",
        match shape.with_role(Role::Arg) {
            Some(member) => format!("`{parent}` takes one argument, its {}", member.name),
            None => format!("`{parent}` takes no arguments"),
        },
    )
    .label(entry.span, "one too many");
    match shape.member(text) {
        Some(member) if member.role == Role::Prop => {
            problem.help(format!("`{text}` is a property: write `{text}=…`"))
        }
        Some(_) => problem.help(format!("`{text}` is a child: write it inside `{{ … }}`")),
        None if shape.with_role(Role::Arg).is_none() => nameless(shape, problem, entry),
        None => problem.help("remove it; a text with spaces needs quotes"),
    }
}

/// A value without the name of the property that it is for.
fn nameless(shape: &Shape, problem: Diagnostic, entry: &Entry) -> Diagnostic {
    let members = shape.members.iter();
    let fitting =
        members.filter(|member| member.role == Role::Prop && fits(member, &entry.value.value));
    let named: Vec<String> = fitting
        .map(|member| format!("{}={}", member.name, entry.raw))
        .collect();
    match named.as_slice() {
        [] => problem.help(format!(
            "remove it; what may stand inside `{{ … }}` is {}",
            list(shape.children())
        )),
        [only] => problem.help(format!("write `{only}`")).replace(
            "write it as a property",
            entry.span,
            only.clone(),
        ),
        several => problem.help(format!(
            "say what it is: {}",
            list(several.iter().map(String::as_str))
        )),
    }
}

/// Whether a value is of a member's type.
fn fits(member: &Member, value: &Value) -> bool {
    match (&member.kind, value) {
        (Kind::Scalar(Scalar::Text), Value::String(_))
        | (Kind::Scalar(Scalar::Number), Value::Integer(_))
        | (Kind::Scalar(Scalar::Truth), Value::Bool(_)) => true,
        (Kind::Scalar(Scalar::Choice(choices)), Value::String(text)) => {
            choices.iter().any(|(word, _)| word == text)
        }
        _ => false,
    }
}

/// A second value for a child that takes one.
pub(in super::super) fn second_value(
    node: &Node,
    member: &Member,
    first: &Entry,
    extra: &Entry,
) -> Diagnostic {
    let name = &node.name.value;
    let problem = Diagnostic::error(
        "zosc::manifest::extra-argument",
        format!("`{name}` takes one value"),
    )
    .label(extra.span, "one too many");
    let texts: Vec<&str> = node.arguments().map(shown).collect();
    let is_text = member.kind == Kind::Scalar(Scalar::Text);
    let all_words = node
        .arguments()
        .all(|entry| matches!(entry.value.value, Value::String(_)));
    if is_text && all_words {
        let whole = quote(&texts.join(" "));
        let span = Span {
            end: node
                .arguments()
                .last()
                .map_or(extra.span.end, |last| last.span.end),
            ..first.span
        };
        return problem
            .help(format!("a text with spaces needs quotes: `{name} {whole}`"))
            .replace("put it in quotes", span, whole)
            .safe_if(are_plain_words(&node.entries));
    }
    problem
        .help("remove it")
        .replace("remove it", extra.span, "")
}

/// Whether entries are words without quotes, with nothing but one space between them.
fn are_plain_words(entries: &[Entry]) -> bool {
    let bare = |entry: &Entry| entry.key.is_none() && !entry.raw.starts_with(['"', '#']);
    let side_by_side = |pair: &[Entry]| match pair {
        [left, right] => left.span.end + 1 == right.span.start,
        _ => true,
    };
    entries.iter().all(bare) && entries.windows(2).all(side_by_side)
}

/// A property on a node that takes none.
pub(in super::super) fn no_properties(
    node: &Node,
    entry: &Entry,
    key: &Spanned<String>,
    takes_arguments: bool,
) -> Diagnostic {
    let name = &node.name.value;
    let problem = Diagnostic::error(
        "zosc::manifest::unknown-property",
        format!("`{name}` has no property `{}`", key.value),
    );
    if !takes_arguments {
        return problem
            .at(entry.span)
            .help("remove it")
            .replace("remove it", entry.span, "");
    }
    let whole = quote(&format!("{}={}", key.value, shown(entry)));
    problem
        .at(entry.span)
        .help(format!("a value with `=` needs quotes: `{whole}`"))
        .replace("put it in quotes", entry.span, whole)
        .safe()
}

/// A block on a node that takes none.
pub(in super::super) fn no_children(node: &Node, block: &Block) -> Diagnostic {
    let name = &node.name.value;
    Diagnostic::error(
        "zosc::manifest::no-children",
        format!("`{name}` has no children"),
    )
    .at(point_at_brace(block))
    .help("remove the block")
    .replace("remove the block", block.span, "")
}

fn point_at_brace(block: &Block) -> Span {
    Span {
        end: block.span.start + 1,
        ..block.span
    }
}
