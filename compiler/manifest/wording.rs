//! A member in words: what it means, and how it is written in KDL.
//!
//! Comes in: the model. Goes out: Markdown for the reference pages, the schema and editors. Never has words of its own about one
//! member: those stand at its field.

use serde_json::Value;

use super::model::{Kind, Member, Model, Role, Scalar, Shape};
use crate::syntax::quote;

/// How a member is written: `within="…"`, `requires …`, `install NAMES… [version="…"]`.
pub fn written(model: &Model, member: &Member) -> String {
    let name = &member.name;
    match (member.role, &member.kind) {
        (Role::Arg, _) => name.to_uppercase(),
        (Role::Args, _) => format!("{}…", name.to_uppercase()),
        (Role::Prop, _) => format!("{name}={}", placeholder(member)),
        (Role::Flag, _) => name.clone(),
        (Role::Words, _) => format!("{name} {} …", placeholder(member)),
        (Role::Pairs, _) => format!("{name} NAME=\"…\" …"),
        (_, Kind::Shape(index)) => synopsis(name, model.shape(*index)),
        (_, Kind::Scalar(_)) => format!("{name} {}", placeholder(member)),
    }
}

/// The node in one line: `install NAMES… version=… tag=…`.
pub fn synopsis(name: &str, shape: &Shape) -> String {
    let mut line = name.to_owned();
    let optional = |member: &Member, text: String| {
        if member.required {
            format!(" {text}")
        } else {
            format!(" [{text}]")
        }
    };
    for member in &shape.members {
        let upper = member.name.to_uppercase();
        line.push_str(&match member.role {
            Role::Arg => optional(member, upper),
            Role::Args => optional(member, format!("{upper}…")),
            Role::Prop => optional(member, format!("{}={}", member.name, placeholder(member))),
            _ => String::new(),
        });
    }
    if shape.children().next().is_some() {
        line.push_str(" { … }");
    }
    line
}

fn placeholder(member: &Member) -> String {
    match &member.kind {
        Kind::Scalar(Scalar::Choice(choices)) => {
            let words: Vec<&str> = choices.iter().map(|(word, _)| word.as_str()).collect();
            words.join("|")
        }
        Kind::Scalar(Scalar::Number) => "N".to_owned(),
        Kind::Scalar(Scalar::Truth) => "#true|#false".to_owned(),
        Kind::Scalar(Scalar::Secret(form)) => form.example().to_owned(),
        _ => "\"…\"".to_owned(),
    }
}

/// The description with the possible words, the rule and the example.
pub fn sentence(member: &Member) -> String {
    let mut text = member
        .description
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    if let Kind::Scalar(Scalar::Choice(choices)) = &member.kind {
        let words: Vec<String> = choices
            .iter()
            .map(|(word, meaning)| format!("`{word}` ({})", meaning.trim_end_matches('.')))
            .collect();
        text.push_str(&format!(" One of {}.", words.join(", ")));
    }
    if let Some(message) = &member.message {
        text.push_str(&format!(" Rule: {message}."));
    }
    if let Some(example) = member.example() {
        text.push_str(&format!(" Example: `{}`.", value(member, example)));
    }
    text
}

/// A value as it is written in KDL.
pub fn value(member: &Member, value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(one).collect();
            items.join(" ")
        }
        Value::Object(pairs) => {
            let pairs = pairs
                .iter()
                .map(|(name, value)| format!("{name}={}", one(value)));
            pairs.collect::<Vec<_>>().join(" ")
        }
        Value::String(text) if matches!(member.kind, Kind::Scalar(Scalar::Secret(_))) => {
            text.clone()
        }
        value => one(value),
    }
}

fn one(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), quote)
}
