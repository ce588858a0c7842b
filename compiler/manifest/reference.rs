//! The reference pages of the languages, `docs/manifest.md` and `docs/recipe.md`, from their models.

use serde_json::Value;

use super::language::Language;
use super::model::{Kind, Member, Model, Role, Scalar, Shape};
use crate::syntax::quote;

const OPENING: &str = "# The manifest

<!-- Made from the types in compiler/manifest; UPDATE_EXPECT=1 tests/run suite writes it anew. -->

A manifest is a [KDL 2](https://kdl.dev) text, `zos.kdl`. Sections stand at its top in any order. Names, paths and other words need
quotes only where they hold other signs than letters, digits, `-`, `_`, `.`, `+`, `~`, `@`, `:` or start like a number. Keywords are `#true` and `#false`.
`//` starts a comment, and `/-` leaves out the node, value or block behind it.

";

const RECIPE_OPENING: &str = "# Recipes

<!-- Made from the types in compiler/manifest/recipe.rs; UPDATE_EXPECT=1 tests/run suite writes it anew. -->

A recipe describes packages of your own for `zosc repo pack`; [private-packages.md](private-packages.md) shows how they get into an
image. It is a [KDL 2](https://kdl.dev) text and keeps to the rules of [the manifest](manifest.md).

";

/// The reference page of manifests as Markdown.
pub fn reference() -> String {
    page(Model::get(), OPENING)
}

/// The reference page of recipes as Markdown.
pub fn recipe_reference() -> String {
    page(Language::recipe().model(), RECIPE_OPENING)
}

fn page(model: &Model, opening: &str) -> String {
    let mut page = opening.to_owned();
    page.push_str("| section | |\n|---|---|\n");
    for member in &model.root().members {
        page.push_str(&format!(
            "| [`{0}`](#{0}) | {1} |\n",
            member.name,
            first_line(&member.description)
        ));
    }
    for member in &model.root().members {
        section(model, member, &member.name, 2, &mut page);
    }
    page
}

/// A node with its members, and then those of its children that have members of their own.
fn section(model: &Model, member: &Member, path: &str, level: usize, page: &mut String) {
    page.push_str(&format!("\n{} {path}\n\n", "#".repeat(level)));
    let Kind::Shape(index) = member.kind else {
        page.push_str(&format!("{}\n", sentence(member)));
        return;
    };
    let shape = model.shape(index);
    page.push_str(&format!("{}\n", shape.description.trim()));
    if level == 2 && member.role == Role::List {
        page.push_str("\nIt may stand several times.\n");
    }
    page.push_str(&format!(
        "\n```text\n{}\n```\n\n",
        synopsis(&member.name, shape)
    ));
    for inner in &shape.members {
        page.push_str(&format!("- {}\n", entry(inner)));
    }
    for inner in &shape.members {
        if matches!(inner.kind, Kind::Shape(_)) {
            section(
                model,
                inner,
                &format!("{path} {}", inner.name),
                level.max(2) + 1,
                page,
            );
        }
    }
}

/// The node in one line: `install NAMES… version=… tag=…`.
fn synopsis(name: &str, shape: &Shape) -> String {
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

/// A member as an item of a list.
fn entry(member: &Member) -> String {
    let form = match (member.role, &member.kind) {
        (Role::Arg, _) => "argument",
        (Role::Args, _) => "arguments",
        (Role::Prop, _) => "property",
        (Role::Flag, _) => "flag",
        (Role::Words, _) => "child with one or more values",
        (Role::Pairs, _) => "child with `NAME=value` pairs",
        (Role::List, _) => "child, may be repeated",
        (Role::Child, Kind::Scalar(_)) => "child with one value",
        (Role::Child, Kind::Shape(_)) => "child",
    };
    let required = if member.required { ", required" } else { "" };
    format!(
        "**`{}`** ({form}{required}): {}",
        member.name,
        sentence(member)
    )
}

/// The description with the possible words, the rule and the example.
fn sentence(member: &Member) -> String {
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
    match &member.example {
        Some(Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(value).collect();
            text.push_str(&format!(" Example: `{}`.", items.join(" ")));
        }
        Some(example) => text.push_str(&format!(" Example: `{}`.", value(example))),
        None => {}
    }
    text
}

fn value(example: &Value) -> String {
    example.as_str().map_or_else(|| example.to_string(), quote)
}

fn first_line(description: &str) -> &str {
    description.lines().next().unwrap_or_default()
}
