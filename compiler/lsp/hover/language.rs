//! What the language says of a node, a property or a value: from the schema, which comes from the manifest's own types.

use super::Asked;
use super::page::{Page, code};
use crate::lsp::meaning::Part;
use crate::manifest::model::{Kind, Member, Model, Role, Scalar};
use crate::manifest::wording::{value as value_of, written};

/// The documentation of the member that a node's or a property's name stands for.
pub(super) fn member(asked: &Asked<'_>, page: &mut Page) {
    let member = asked.word.member;
    if member.role == Role::Pairs && asked.word.part == Part::Key {
        page.title(&asked.word.text, format!("in `{}`", member.name));
        page.text(member.description.clone());
        return;
    }
    page.title(&member.name, place(asked));
    page.code(written(Model::get(), member));
    // A type with more than a line to say says more than the field.
    let shape = Model::get()
        .shape_of(member)
        .map(|shape| &shape.description);
    let longer = shape.filter(|description| description.contains('\n'));
    page.text(longer.unwrap_or(&member.description).clone());
    if let Kind::Scalar(Scalar::Choice(words)) = &member.kind {
        for (word, meaning) in words {
            page.fact(choice(word, meaning));
        }
    }
    rules(member, page);
}

/// What holds of the values of a member.
fn rules(member: &Member, page: &mut Page) {
    let written = |value| code(&value_of(member, value));
    let default = member.default.as_ref();
    if let Some(default) = default.filter(|_| member.role != Role::Flag) {
        page.fact(format!("default: {}", written(default)));
    }
    if let Some(message) = &member.message {
        page.fact(format!("rule: {message}"));
    }
    if let Some(example) = member.example() {
        page.fact(format!("example: {}", written(example)));
    }
}

/// The meaning of a value that is one of some words; whether it is one.
pub(super) fn value(asked: &Asked<'_>, page: &mut Page) -> bool {
    let member = asked.word.member;
    let Kind::Scalar(Scalar::Choice(words)) = &member.kind else {
        return false;
    };
    let Some((word, meaning)) = words.iter().find(|(word, _)| *word == asked.word.text) else {
        return false;
    };
    page.title(word, format!("one of the words of {}", code(owner(asked))));
    page.text(meaning.clone());
    let others: Vec<String> = words
        .iter()
        .filter(|(other, _)| other != word)
        .map(|(other, _)| code(other))
        .collect();
    if !others.is_empty() {
        page.text(format!("The others are {}.", others.join(", ")));
    }
    true
}

/// The documentation of the member that a value belongs to, for values that nothing more is known of.
pub(super) fn about_value(asked: &Asked<'_>, page: &mut Page) {
    let member = asked.word.member;
    page.title(&member.name, place(asked));
    page.text(member.description.clone());
    rules(member, page);
}

/// Where a member stands: `property of `boot``.
fn place(asked: &Asked<'_>) -> String {
    let member = asked.word.member;
    let own = asked.meanings.node(asked.word.node);
    let parent = own.and_then(|(node, _)| node.parent);
    let around = match asked.word.part {
        Part::Node => parent.and_then(|parent| asked.meanings.node(parent)),
        Part::Key | Part::Value => own,
    };
    // A value of a node without members belongs to that node itself.
    let around =
        around.filter(|(_, found)| found.name != member.name || asked.word.part == Part::Node);
    let role = match member.role {
        Role::Arg => "first argument",
        Role::Args => "arguments",
        Role::Prop => "property",
        Role::Child | Role::Flag | Role::Words | Role::List | Role::Pairs => match around {
            None => "section",
            Some(_) => "node",
        },
    };
    let around = around.map(|(_, around)| around.name.as_str());
    let of = match (member.role.is_child(), around) {
        (_, None) => String::new(),
        (true, Some(around)) => format!(" in `{around}`"),
        (false, Some(around)) => format!(" of `{around}`"),
    };
    let required = if member.required { ", required" } else { "" };
    format!("{role}{of}{required}")
}

/// What a value belongs to, as people name it.
fn owner<'a>(asked: &Asked<'a>) -> &'a str {
    let member = asked.word.member;
    match member.role {
        Role::Arg | Role::Args => {
            let node = asked.meanings.node(asked.word.node);
            node.map_or(member.name.as_str(), |(_, node)| node.name.as_str())
        }
        _ => member.name.as_str(),
    }
}

fn choice(word: &str, meaning: &str) -> String {
    let first = meaning.lines().next().unwrap_or_default();
    if first.is_empty() {
        code(word)
    } else {
        format!("{}: {first}", code(word))
    }
}
