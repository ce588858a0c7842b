//! What can be wrong with single values.

use super::{first_sentence, list, shown};
use crate::diagnostic::{Diagnostic, is_slip, nearest};
use crate::manifest::model::{Member, Scalar};
use crate::source::Span;
use crate::syntax::{Entry, Node, Value, quote};

/// A flag with something else than a truth value.
pub(in super::super) fn flag_argument(node: &Node, entry: &Entry) -> Diagnostic {
    let name = &node.name.value;
    let problem = Diagnostic::error(
        "zosc::manifest::extra-argument",
        format!("`{name}` is a flag and takes no value"),
    )
    .at(entry.span);
    match truth(entry) {
        Some(keyword) => problem
            .help(format!("write `{name}` alone, or `{name} {keyword}`"))
            .replace(format!("write `{keyword}`"), entry.span, keyword)
            .safe(),
        None => problem
            .help(format!("write `{name}` alone"))
            .replace("remove it", entry.span, ""),
    }
}

/// The keyword that was meant by a word such as `yes`.
fn truth(entry: &Entry) -> Option<&'static str> {
    match shown(entry).to_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some("#true"),
        "false" | "no" | "off" | "0" => Some("#false"),
        _ => None,
    }
}

/// An argument where `NAME=value` is expected.
pub(in super::super) fn not_a_pair(node: &Node, entry: &Entry) -> Diagnostic {
    let name = &node.name.value;
    let text = shown(entry);
    let problem = Diagnostic::error(
        "zosc::manifest::extra-argument",
        format!("`{name}` takes pairs, not arguments"),
    )
    .at(entry.span);
    match text.split_once('=') {
        Some((key, value)) => {
            let pair = format!("{key}={}", quote(value));
            let is_bare = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            problem
                .help(format!("write `{name} {pair}`"))
                .replace(format!("write `{pair}`"), entry.span, pair)
                .safe_if(is_bare)
        }
        None => problem.help(format!("write `{name} {text}=\"…\"`")),
    }
}

/// A number where a text is meant.
pub(in super::super) fn quote_it(member: &Member, entry: &Entry) -> Diagnostic {
    let raw = &entry.raw;
    let problem = |what: &str| {
        Diagnostic::error(
            "zosc::manifest::quote-it",
            format!("`{}` is {what}, and `{raw}` is a number", member.name),
        )
        .label(entry.value.span, "a number")
    };
    if !member.units.is_empty() && raw.bytes().all(|byte| byte.is_ascii_digit()) {
        let choices = member.units.iter();
        let mut choices: Vec<String> = choices.map(|unit| quote(&format!("{raw}{unit}"))).collect();
        let help = format!("write {}", list(choices.iter().map(String::as_str)));
        let problem = problem("a text with a unit").help(help);
        // The first is what a terminal shows: the unit of the value that the rule has as its example.
        let example = member.message.as_deref();
        let example = example.and_then(|message| message.split('"').nth(1));
        let usual = example
            .map(|example| example.trim_start_matches(|c: char| c.is_ascii_digit()))
            .and_then(|unit| member.units.iter().position(|other| other == unit));
        if let Some(usual) = usual {
            choices[..=usual].rotate_right(1);
        }
        return choices.into_iter().fold(problem, |problem, choice| {
            problem.replace(format!("write `{choice}`"), entry.value.span, choice)
        });
    }
    let quoted = quote(raw);
    problem("a text")
        .help(format!("write `{quoted}`"))
        .replace("put it in quotes", entry.value.span, quoted)
        .safe()
}

/// A number that does not fit into 64 bits.
pub(in super::super) fn huge(member: &Member, entry: &Entry) -> Diagnostic {
    Diagnostic::error(
        "zosc::manifest::bad-value",
        format!("`{}` is too large for `{}`", entry.raw, member.name),
    )
    .at(entry.value.span)
    .help("write a smaller number")
}

/// A value of another type than the member's.
pub(in super::super) fn wrong_type(member: &Member, scalar: &Scalar, entry: &Entry) -> Diagnostic {
    let name = &member.name;
    let raw = &entry.raw;
    let span = entry.value.span;
    let wanted = match scalar {
        Scalar::Text | Scalar::Secret(_) => "a text",
        Scalar::Choice(_) => "a word",
        Scalar::Number => "a whole number",
        Scalar::Truth => "`#true` or `#false`",
    };
    let problem = Diagnostic::error(
        "zosc::manifest::wrong-type",
        format!("`{name}` is {wanted}, and `{raw}` is not"),
    )
    .at(span);
    let text = shown(entry);
    match (scalar, &entry.value.value) {
        (_, Value::Null) => problem.help(format!("leave `{name}` out to unset it")),
        (Scalar::Number, Value::String(_)) if text.parse::<u32>().is_ok() => problem
            .help(format!("write `{text}`"))
            .replace("remove the quotes", span, text)
            .safe_if(text == "0" || !text.starts_with('0')),
        (Scalar::Truth, _) => match truth(entry) {
            Some(keyword) => problem
                .help(format!("write `{keyword}`"))
                .replace(format!("write `{keyword}`"), span, keyword)
                .safe(),
            None => problem.help("write `#true` or `#false`"),
        },
        (Scalar::Text, Value::Bool(_)) => {
            let quoted = quote(text.trim_start_matches('#'));
            problem
                .help(format!("write {quoted} for the word"))
                .replace(format!("write {quoted}"), span, quoted)
                .safe()
        }
        (Scalar::Choice(choices), _) => problem.help(format!(
            "write {}",
            list(choices.iter().map(|(word, _)| word.as_str()))
        )),
        _ => problem.help(format!("write {wanted}")),
    }
}

/// A word that is not among those possible.
pub(in super::super) fn not_a_choice(
    member: &Member,
    choices: &[(String, String)],
    text: &str,
    span: Span,
) -> Diagnostic {
    let words = || choices.iter().map(|(word, _)| word.as_str());
    let problem = Diagnostic::error(
        "zosc::manifest::not-a-choice",
        format!("`{text}` is no `{}`", member.name),
    )
    .at(span);
    let lowered = text.to_lowercase();
    let Some(near) = nearest(&lowered, words()) else {
        return problem.help(format!("write {}", list(words())));
    };
    let help = if choices.len() == 1 {
        format!("write `{near}`")
    } else {
        format!("did you mean `{near}`? It is {}", list(words()))
    };
    problem
        .help(help)
        .replace(format!("write `{near}`"), span, near)
        .safe_if(lowered == near || is_slip(&lowered, words()))
}

/// A type annotation where none has a meaning.
pub(in super::super) fn annotation(span: Span) -> Diagnostic {
    Diagnostic::error(
        "zosc::manifest::annotation",
        "this type annotation has no meaning here",
    )
    .at(span)
    .help("remove the parentheses and what is in them")
    .replace(
        "remove it",
        Span {
            start: span.start.saturating_sub(1),
            end: span.end + 1,
            ..span
        },
        "",
    )
}

/// A value that breaks the rule of its member.
///
/// `rule` says what the rule is, where the schema has no words of its own for it.
pub(in super::super) fn bad_value(
    member: &Member,
    value: &serde_json::Value,
    rule: Option<String>,
    span: Span,
) -> Diagnostic {
    let name = &member.name;
    let shown = match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let problem = Diagnostic::error(
        "zosc::manifest::bad-value",
        format!("`{shown}` does not fit `{name}`"),
    )
    .at(span);
    match (&member.message, rule) {
        (Some(message), _) => problem.help(message.clone()),
        (None, Some(rule)) => problem.help(rule),
        (None, None) => problem.help(first_sentence(&member.description).to_owned()),
    }
}
