//! The files of a new project.

use std::collections::BTreeMap;

use clap::ValueEnum;

use crate::diagnostic::Diagnostics;
use crate::io::NewFile;
use crate::source::{SourceId, Span};
use crate::syntax::{self, Document, Node, Value, quote};

use super::editors::{self, Editor};

const MINIMAL: &str = include_str!("../../../manifests/minimal/zos.kdl");
const DEMO: &str = include_str!("../../../manifests/demo/zos.kdl");
const ZERO_OS: &str = include_str!("../../../manifests/zero-os/zos.kdl");

/// What the manifest of Zero-OS names, and whether it is a program.
const BESIDE_ZERO_OS: [(&str, &str, bool); 4] = [
    (
        "kernel/zero-os.config",
        include_str!("../../../manifests/zero-os/kernel/zero-os.config"),
        false,
    ),
    (
        "kernel/verify-config",
        include_str!("../../../manifests/zero-os/kernel/verify-config"),
        true,
    ),
    (
        "rootfs/sysctl.conf",
        include_str!("../../../manifests/zero-os/rootfs/sysctl.conf"),
        false,
    ),
    (
        "rootfs/mycelium-peers",
        include_str!("../../../manifests/zero-os/rootfs/mycelium-peers"),
        false,
    ),
];

/// Sections of the demo with Alpine's packages; its own takes Debian's.
const DEMO_FROM_ALPINE: &str = include_str!("files/demo.kdl");

/// The manifest that a project starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Template {
    /// What an image needs and nothing else.
    Minimal,
    /// Several units that depend on one another: a web page, a disk, tests of both.
    Demo,
    /// The whole of Zero-OS, with its kernel's configuration. This version checks it and does not build all of it yet.
    ZeroOs,
}

/// Where the kernel and a login show themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Console {
    /// On the first serial port: what hypervisors and servers offer.
    Serial,
    /// On the screen.
    Screen,
    /// On both; the kernel's own words of the start go to the serial port.
    Both,
}

/// Whether a workflow for continuous integration is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Workflow {
    /// Yes.
    Written,
    /// No.
    LeftOut,
}

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choices {
    pub(super) name: String,
    pub(super) template: Template,
    pub(super) console: Console,
    pub(super) workflow: Workflow,
    pub(super) editors: Vec<Editor>,
}

/// Whether a text may be the name of an image.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-'))
}

/// The name of an image that a folder's name suggests.
pub(super) fn name_of(folder: &str) -> String {
    let name: String = folder
        .chars()
        .map(|c| if c.is_whitespace() { '-' } else { c })
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-'))
        .collect();
    let name = name.trim_start_matches(|first: char| !first.is_ascii_alphanumeric());
    if name.is_empty() {
        "my-zos".to_owned()
    } else {
        name.to_owned()
    }
}

/// Every file of the project by its path.
pub(super) fn files(choices: &Choices) -> BTreeMap<String, NewFile> {
    let readme = include_str!("files/README.md").replace("{name}", &choices.name);
    let mut texts = vec![
        ("zos.kdl", manifest(choices)),
        ("README.md", readme),
        (
            ".editorconfig",
            include_str!("files/editorconfig").to_owned(),
        ),
        (".gitignore", include_str!("files/gitignore").to_owned()),
        ("keys/README.md", include_str!("files/keys.md").to_owned()),
    ];
    if choices.workflow == Workflow::Written {
        texts.push((
            ".github/workflows/image.yml",
            include_str!("files/image.yml").to_owned(),
        ));
        // What others call from elsewhere is what a project has.
        texts.push((
            ".github/workflows/zosc.yml",
            include_str!("../../../.github/workflows/zosc.yml").to_owned(),
        ));
    }
    let mut texts: Vec<(&str, String, bool)> = texts
        .into_iter()
        .map(|(path, text)| (path, text, false))
        .collect();
    if choices.template == Template::ZeroOs {
        texts.extend(BESIDE_ZERO_OS.map(|(path, text, runs)| (path, text.to_owned(), runs)));
    }
    let texts = texts.into_iter().map(|(path, text, executable)| {
        let bytes = text.into_bytes();
        (path.to_owned(), NewFile { bytes, executable })
    });
    texts.chain(editors::files(&choices.editors)).collect()
}

/// The template with the chosen name and consoles.
fn manifest(choices: &Choices) -> String {
    let text = match choices.template {
        Template::Minimal => MINIMAL.to_owned(),
        Template::Demo => from_alpine(DEMO),
        Template::ZeroOs => ZERO_OS.to_owned(),
    };
    let document = parse(&text);
    let mut edits = Vec::new();
    for node in document
        .nodes
        .iter()
        .filter(|node| node.name.value == "image")
    {
        let name = node.arguments().next();
        edits.extend(name.map(|name| (name.span, quote_name(&choices.name))));
    }
    edits.extend(consoles(&document, choices.console));
    edited(&text, edits)
}

/// A name without quotes where it needs none.
fn quote_name(name: &str) -> String {
    if name.starts_with(|first: char| first.is_ascii_lowercase())
        && !matches!(name, "true" | "false" | "null" | "inf" | "nan")
    {
        name.to_owned()
    } else {
        quote(name)
    }
}

/// Puts the sections with Alpine's packages, and their comments, in the places of the demo's own.
fn from_alpine(demo: &str) -> String {
    let sections = parse(DEMO_FROM_ALPINE);
    let document = parse(demo);
    let edits = document.nodes.iter().filter_map(|node| {
        let section = sections
            .nodes
            .iter()
            .find(|section| section.name == node.name)?;
        let new = with_comment(DEMO_FROM_ALPINE, section.span);
        Some((
            with_comment(demo, node.span),
            DEMO_FROM_ALPINE[new.range()].to_owned(),
        ))
    });
    edited(demo, edits.collect())
}

/// The place of a node with the comment above it; the first node of a text takes in everything before it.
fn with_comment(text: &str, span: Span) -> Span {
    let before = &text[..span.range().start];
    let lines = before.lines().rev();
    let comment = lines
        .take_while(|line| line.starts_with("//"))
        .map(|line| line.len() + 1);
    let length = if before
        .lines()
        .all(|line| line.is_empty() || line.starts_with("//"))
    {
        before.len()
    } else {
        comment.sum()
    };
    Span::new(span.source, before.len() - length, span.range().end)
}

/// Changes to the arguments of `cmdline` that name a console.
fn consoles(document: &Document, console: Console) -> Vec<(Span, String)> {
    let wanted = match console {
        Console::Serial => "\"console=ttyS0\"",
        Console::Screen => "\"console=tty0\"",
        Console::Both => "\"console=tty0\" \"console=ttyS0\"",
    };
    let kernels = document
        .nodes
        .iter()
        .filter(|node| node.name.value == "kernel");
    let lines = kernels
        .flat_map(Node::children)
        .filter(|node| node.name.value == "cmdline");
    let named = lines.flat_map(Node::arguments).filter(
        |entry| matches!(&entry.value.value, Value::String(text) if text.starts_with("console=")),
    );
    let texts = std::iter::once(wanted).chain(std::iter::repeat(""));
    named
        .map(|entry| entry.span)
        .zip(texts.map(str::to_owned))
        .collect()
}

fn edited(text: &str, mut edits: Vec<(Span, String)>) -> String {
    let mut text = text.to_owned();
    edits.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    for (span, new) in edits {
        text.replace_range(span.range(), &new);
    }
    syntax::format(SourceId(0), &text).unwrap_or(text)
}

fn parse(text: &str) -> Document {
    syntax::parse(SourceId(0), text, &mut Diagnostics::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_suggest_names() {
        for (folder, name) in [
            ("my-image", "my-image"),
            ("My Image", "My-Image"),
            (".x", "x"),
            ("é", "my-zos"),
        ] {
            assert_eq!(name_of(folder), name);
            assert!(is_name(name));
        }
    }

    #[test]
    fn every_template_takes_the_name_and_the_consoles() {
        for template in Template::value_variants() {
            for (console, words) in [
                (Console::Serial, "cmdline \"console=ttyS0\" \"panic"),
                (
                    Console::Both,
                    "cmdline \"console=tty0\" \"console=ttyS0\" \"panic",
                ),
            ] {
                let text = manifest(&Choices {
                    name: "3rd-image".to_owned(),
                    template: *template,
                    console,
                    workflow: Workflow::LeftOut,
                    editors: Vec::new(),
                });
                assert!(text.contains("image \"3rd-image\""), "{text}");
                assert!(text.contains(words), "{text}");
                assert!(
                    !text.contains("Debian") && !text.contains("./run"),
                    "{text}"
                );
            }
        }
    }
}
