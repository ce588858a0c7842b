//! Commands above nodes of a manifest: build this source, build and boot this image.
//!
//! Comes in: the text as the editor has it, and the last good image. Goes out: code lenses. The server runs nothing: the editor does, in a
//! terminal where people see it. So the commands are the client's own:
//!
//! | command | what it does |
//! |---|---|
//! | `zosc.check` | checks the manifest |
//! | `zosc.build` | builds the image |
//! | `zosc.boot` | builds the image and boots it |
//! | `zosc.source` | builds one source by itself, in a sandbox that stays |
//! | `zosc.shell` | opens a shell in that sandbox |
//!
//! Each has one argument: an object with `folder`, where to run it, and `steps`, a list of lists of arguments for `zosc`, to be run one
//! after another as long as they succeed.

use std::path::Path;

use serde_json::json;

use super::meaning::Meanings;
use super::protocol as lsp;
use super::sketch::Sketch;
use super::view::View;
use crate::check::{Image, OutputKind};
use crate::lock::Lock;
use crate::plan;
use crate::syntax::scan::scan;

/// Answers `textDocument/codeLens`.
pub(super) fn lenses(view: &View<'_>) -> Vec<lsp::CodeLens> {
    let nothing = Lock::default();
    let locked = view.knowledge.locked();
    let known = Known {
        entry: &view.project.entry,
        image: view
            .project
            .good
            .as_ref()
            .and_then(|good| good.image.as_ref()),
        lock: locked.map_or(&nothing, |locked| locked.lock()),
    };
    let found = lenses_in(view.document.text.as_str(), &known);
    let lenses = found.into_iter().map(|(range, command)| lsp::CodeLens {
        range: view.range(range),
        command: Some(command.of_protocol(known.entry)),
        data: None,
    });
    lenses.collect()
}

/// What is known beside the text.
struct Known<'a> {
    /// The manifest that is built.
    entry: &'a Path,
    /// The last image in which nothing was wrong.
    image: Option<&'a Image>,
    lock: &'a Lock,
}

impl Known<'_> {
    /// The manifest as an argument.
    fn manifest(&self) -> String {
        let name = self.entry.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// The program that can be booted, where one is built.
    fn bootable(&self) -> Option<String> {
        let image = self.image?;
        let mut outputs = image.outputs.iter();
        let efi = outputs.find(|output| output.kind == OutputKind::Efi)?;
        Some(format!(
            "dist/{}",
            plan::filled(&efi.name, image, self.lock)
        ))
    }

    /// Whether a source is built, rather than installed as it comes.
    fn is_built(&self, source: &str) -> bool {
        let sources = self.image.into_iter().flat_map(|image| &image.sources);
        let mut built = sources.filter(|source| source.build.is_some());
        built.any(|built| built.name.value == source)
    }
}

/// A command of the client.
#[derive(Debug, PartialEq, Eq)]
struct Command {
    title: &'static str,
    name: &'static str,
    steps: Vec<Vec<String>>,
}

impl Command {
    fn new(title: &'static str, name: &'static str, steps: &[&[&str]]) -> Self {
        let step = |step: &&[&str]| step.iter().map(|&word| word.to_owned()).collect();
        Self {
            title,
            name,
            steps: steps.iter().map(step).collect(),
        }
    }

    fn of_protocol(self, entry: &Path) -> lsp::Command {
        let folder = entry
            .parent()
            .unwrap_or(Path::new("/"))
            .display()
            .to_string();
        lsp::Command {
            title: self.title.to_owned(),
            tooltip: None,
            command: self.name.to_owned(),
            arguments: Some(vec![json!({ "folder": folder, "steps": self.steps })]),
        }
    }
}

/// The commands of a text, by the names of the nodes that they stand above.
fn lenses_in(text: &str, known: &Known<'_>) -> Vec<(std::ops::Range<usize>, Command)> {
    let sketch = Sketch::new(text, &scan(text).tokens);
    let meanings = Meanings::new(text, &sketch);
    let mut found = Vec::new();
    for (_, node, member) in meanings
        .nodes()
        .filter(|(_, node, _)| node.parent.is_none())
    {
        let commands = match member.name.as_str() {
            "image" => of_image(known),
            "outputs" => vec![build(known)],
            "boot" => boot(known).into_iter().collect(),
            "source" => meanings
                .identity(node)
                .map_or_else(Vec::new, |name| of_source(&name, known)),
            _ => continue,
        };
        found.extend(
            commands
                .into_iter()
                .map(|command| (node.name.clone(), command)),
        );
    }
    found
}

fn of_image(known: &Known<'_>) -> Vec<Command> {
    let check = Command::new("check", "zosc.check", &[&["check", &known.manifest()]]);
    let mut commands = vec![check, build(known)];
    commands.extend(boot(known));
    commands
}

fn build(known: &Known<'_>) -> Command {
    Command::new(
        "build this image",
        "zosc.build",
        &[&["build", &known.manifest()]],
    )
}

fn boot(known: &Known<'_>) -> Option<Command> {
    let (manifest, program) = (known.manifest(), known.bootable()?);
    let steps: [&[&str]; 2] = [
        &["build", &manifest],
        &["boot", &program, "--manifest", &manifest],
    ];
    Some(Command::new("boot this image", "zosc.boot", &steps))
}

fn of_source(name: &str, known: &Known<'_>) -> Vec<Command> {
    if !known.is_built(name) {
        return Vec::new();
    }
    let manifest = known.manifest();
    let shell = ["shell", name, "--manifest", &manifest];
    let build = [&shell[..], &["--", "/build/run"]].concat();
    vec![
        Command::new("build this source", "zosc.source", &[&build]),
        Command::new("open a shell", "zosc.shell", &[&shell]),
    ]
}

#[cfg(test)]
mod tests;
