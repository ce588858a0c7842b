//! The reference pages of the languages, `docs/manifest.md` and `docs/recipe.md`, from their models.

use super::language::Language;
use super::model::{Kind, Member, Model, Role};
use super::wording::{sentence, synopsis};

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

fn first_line(description: &str) -> &str {
    description.lines().next().unwrap_or_default()
}
