//! The reference pages of the languages, `docs/manifest.md`, `docs/recipe.md` and `docs/configuration.md`, from their models.

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

const CONFIGURATION_OPENING: &str = "# The user's configuration

<!-- Made from the types in compiler/manifest/configuration.rs; UPDATE_EXPECT=1 tests/run suite writes it anew. -->

What holds for every image that you build stands in a file of yours: who runs commands, and which server helps ([remote.md](remote.md)). Nothing of it
changes what is built. The file is `config.kdl` in the folder `zosc` below `$XDG_CONFIG_HOME`, else below `~/.config`; `ZOSC_CONFIG` names another one. There need be
none.

```kdl configuration
executor remote

remote \"grpcs://build.example:443\" {
    instance main
    token (env)BUILD_TOKEN
    fallback local
}
```

## Three sources

The command line wins over the environment, and the environment over the file, one value at a time:

| option | variable | in the file | without it |
|---|---|---|---|
| `--executor` | `ZOSC_EXECUTOR` | `executor` | `sandbox` |
| `--remote` | `ZOSC_REMOTE` | `remote \"…\"` | no server |
| `--remote-cache`, `--no-remote-cache` | `ZOSC_REMOTE_CACHE`: `1` or `0` | `cache` | only with `--executor remote` |
| `--remote-instance` | `ZOSC_REMOTE_INSTANCE` | `instance` | the one without a name |
| | `ZOSC_REMOTE_TOKEN` | `token (env)NAME` | no token |
| `--remote-header NAME=VALUE` | `ZOSC_REMOTE_HEADER`, one a line | `header NAME=\"VALUE\"` | no headers |
| `--remote-property NAME=VALUE` | `ZOSC_REMOTE_PROPERTY`, one a line | `property NAME=\"VALUE\"` | no properties |
| `--remote-ca` | `ZOSC_REMOTE_CA` | `tls { ca … }` | `SSL_CERT_FILE`, else Mozilla's |
| `--remote-cert` | `ZOSC_REMOTE_CERT` | `tls { certificate … }` | none is shown |
| `--remote-key` | `ZOSC_REMOTE_KEY` | `tls { key … }` | |
| `--remote-jobs` | `ZOSC_REMOTE_JOBS` | `jobs` | 32 |
| `--remote-timeout` | `ZOSC_REMOTE_TIMEOUT` | `timeout` | `10m` |
| `--remote-fallback` | `ZOSC_REMOTE_FALLBACK` | `fallback` | `none` |

Headers and properties are joined by their names. With several `remote` sections the first one counts, unless `--remote` or `ZOSC_REMOTE` names the server of another.

What a source says of a server is for that server: `--remote grpc://localhost:8980` leaves out all that the file and the environment say of
another one. So no token goes where it does not belong.

## Secrets

No secret stands in the file. `token (env)NAME`, and `(env)NAME` anywhere in the value of a header, on the command line too, name the environment variable that holds
it. It is read when the server is spoken to, and is in no message, log, lock or key. What is shown of the file where something is wrong with it has stars in
the place of such values.

## What the file can say

It is a [KDL 2](https://kdl.dev) text and keeps to the rules of [the manifest](manifest.md).

";

/// The reference page of manifests as Markdown.
pub fn reference() -> String {
    page(Model::get(), OPENING)
}

/// The reference page of recipes as Markdown.
pub fn recipe_reference() -> String {
    page(Language::recipe().model(), RECIPE_OPENING)
}

/// The reference page of users' configurations as Markdown.
pub fn configuration_reference() -> String {
    page(Language::configuration().model(), CONFIGURATION_OPENING)
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
