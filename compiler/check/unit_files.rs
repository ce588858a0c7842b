//! Unit files that the manifest writes by itself, past `unit`: which units they bring, and whether zinit reads them at all.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};
use crate::tree::ImagePath;
use crate::zinit::Dialect;

use super::units::Pair;
use super::{Ctx, FileContent, FileRequest};

/// The largest unit file that is looked into.
const LARGEST: u64 = 64 << 10;

/// A unit that a file brings.
pub(super) struct OwnFile {
    /// Its file.
    path: String,
    /// Where that is said.
    span: Span,
    /// Whether zinit reads it before all others, and takes no other of that name.
    system: bool,
}

/// Units by name that files of the manifest bring, and warnings about files that zinit passes over.
pub(super) fn own_files(
    ctx: &mut Ctx<'_>,
    files: &[FileRequest],
    dialect: Dialect,
) -> BTreeMap<String, OwnFile> {
    let mut found = BTreeMap::new();
    for file in files {
        let Some(rest) = file.to.as_str().strip_prefix("/etc/zinit/") else {
            continue;
        };
        let is_link = matches!(file.content, FileContent::Link(_));
        let parts = (rest.rsplit_once('/'), rest.rsplit_once('.'));
        let (folder, extension) = (
            parts.0.map_or("", |(folder, _)| folder),
            parts.1.map_or("", |(_, extension)| extension),
        );
        let name = match (dialect, folder, extension) {
            (Dialect::Yaml, "", "yaml") if !is_link => Some(stem(rest)),
            (Dialect::Toml, "system" | "services", "toml") => Some(named(ctx, file, rest)),
            (_, "" | "system" | "services", "yaml" | "yml" | "toml") => {
                ignored(
                    ctx,
                    &file.to.as_ref().map(ImagePath::as_str),
                    is_link,
                    dialect,
                );
                None
            }
            _ => None,
        };
        if let Some(name) = name {
            let own = OwnFile {
                path: file.to.as_str().to_owned(),
                span: file.to.span,
                system: folder == "system",
            };
            found.insert(name, own);
        }
    }
    found
}

/// The name of a file without folder and extension.
fn stem(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.')
        .map_or(name, |(stem, _)| stem)
        .to_owned()
}

/// The name that a file of zinit 0.3 gives its unit.
fn named(ctx: &Ctx<'_>, file: &FileRequest, path: &str) -> String {
    let bytes = match &file.content {
        FileContent::Bytes(bytes) => bytes.to_vec(),
        FileContent::Local(path) => ctx.files.read(path, LARGEST).unwrap_or_default(),
        FileContent::Link(_) => Vec::new(),
    };
    let table: toml::Table = std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_default();
    let name = ["service", "target"]
        .iter()
        .find_map(|section| table.get(*section)?.get("name")?.as_str());
    name.map_or_else(|| stem(path), str::to_owned)
}

fn ignored(ctx: &mut Ctx<'_>, path: &Spanned<&str>, is_link: bool, dialect: Dialect) {
    let rule = match dialect {
        Dialect::Yaml if is_link => "zinit 0.2 reads no links: write the file itself",
        Dialect::Yaml => "zinit 0.2 reads `/etc/zinit/NAME.yaml` and nothing else",
        Dialect::Toml => "zinit 0.3 reads `/etc/zinit/services/NAME.toml`",
    };
    ctx.push(
        Diagnostic::warning(
            "zosc::check::ignored-unit-file",
            format!("zinit passes over `{}` without a word", path.value),
        )
        .at(path.span)
        .help(rule),
    );
}

/// Refuses units that a file of the manifest brings as well.
pub(super) fn check(
    ctx: &mut Ctx<'_>,
    pairs: &[Pair<'_>],
    own: &BTreeMap<String, OwnFile>,
    dialect: Dialect,
) {
    for pair in pairs.iter().filter(|pair| !pair.written.external) {
        let name = &pair.written.name;
        let Some(file) = own.get(&name.value) else {
            continue;
        };
        if file.system {
            ctx.push(
                Diagnostic::error(
                    "zosc::check::system-unit",
                    format!(
                        "zinit leaves the unit `{}` out: a system unit has its name",
                        name.value
                    ),
                )
                .label(name.span, "left out")
                .label(file.span, "read first")
                .help("rename or remove one of them"),
            );
        } else if file.path != dialect.path(name) {
            // Two files of one name have been told of.
            let message = format!("two units are named `{}`", name.value);
            let help =
                "rename or remove one: zinit 0.3 starts nothing at all when two have one name";
            ctx.clash(
                "zosc::check::duplicate-name",
                message,
                name.span,
                file.span,
                help,
            );
        }
    }
}
