//! What has to stand somewhere and does not.

use super::{edit, first_sentence, with_child};
use crate::diagnostic::{Diagnostic, TextEdit};
use crate::manifest::model::{Kind, Member, Role, Scalar};
use crate::syntax::{Node, quote};

/// A required member that is not there.
pub(in super::super) fn missing(node: &Node, member: &Member) -> Diagnostic {
    let parent = &node.name.value;
    let name = &member.name;
    let example = example(member);
    let problem =
        |message| Diagnostic::error("zosc::manifest::missing", message).at(node.name.span);
    let (mut problem, addition, written) = match member.role {
        Role::Arg | Role::Args => {
            let message = match member.role {
                Role::Arg => format!("`{parent}` has no {name}"),
                _ => format!("`{parent}` names nothing"),
            };
            let problem = problem(message).help(format!("write `{parent} {example}`"));
            (problem, with_entry(node, &example), example.clone())
        }
        Role::Prop => {
            let written = format!("{name}={example}");
            let problem = problem(format!("`{parent}` has no `{name}`"));
            let problem = problem.help(format!("add `{written}` to its line"));
            (problem, with_entry(node, &written), written)
        }
        _ => {
            let written = format!("{name} {example}");
            let problem = problem(format!("`{parent}` has no `{name}`"));
            let problem = problem.help(format!("add `{written}` inside `{{ … }}`"));
            (problem, with_child(node, &written), written)
        }
    };
    if is_telling(&example) {
        problem = problem.fix(format!("add `{written}`"), vec![addition]);
    }
    if member.description.is_empty() {
        return problem;
    }
    problem.note(format!("`{name}`: {}", first_sentence(&member.description)))
}

/// A value that shows what a member may hold.
fn example(member: &Member) -> String {
    let item = match member.example() {
        Some(serde_json::Value::Array(items)) => items.first(),
        other => other,
    };
    match (item, &member.kind) {
        (Some(serde_json::Value::String(text)), Kind::Scalar(Scalar::Secret(_))) => text.clone(),
        (Some(serde_json::Value::String(text)), _) => quote(text),
        (Some(other), _) => other.to_string(),
        (None, Kind::Scalar(Scalar::Choice(choices))) => choices
            .first()
            .map_or("…".to_owned(), |(word, _)| word.clone()),
        (None, Kind::Scalar(Scalar::Secret(_))) => "(env)NAME".to_owned(),
        (None, Kind::Scalar(Scalar::Truth)) => "#true".to_owned(),
        (None, Kind::Scalar(Scalar::Number)) => "1".to_owned(),
        _ if matches!(member.role, Role::Prop | Role::Child) => "\"…\"".to_owned(),
        _ => "NAME".to_owned(),
    }
}

/// Whether an example is a value that could be meant, and no stand-in for one.
fn is_telling(example: &str) -> bool {
    !example.contains('…') && !example.contains("NAME")
}

/// A child that needs a value and has none.
pub(in super::super) fn missing_value(node: &Node, member: &Member) -> Diagnostic {
    let name = &node.name.value;
    let value = if member.role == Role::Pairs {
        "NAME=\"value\"".to_owned()
    } else {
        example(member)
    };
    let problem = Diagnostic::error("zosc::manifest::missing", format!("`{name}` has no value"))
        .at(node.name.span)
        .help(format!("write `{name} {value}`, or remove it"));
    if !is_telling(&value) {
        return problem;
    }
    let title = format!("write `{name} {value}`");
    problem.fix(title, vec![with_entry(node, &value)])
}

/// Gives a node a further value or property, behind the last on its line.
fn with_entry(node: &Node, entry: &str) -> TextEdit {
    let last = node.entries.last().map_or(node.name.span, |last| last.span);
    edit(last.behind(), format!(" {entry}"))
}
