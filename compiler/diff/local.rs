//! This machine's own files as facts: they count by content.

use std::path::Path;

use crate::check::{FileContent, Image, SourceOrigin};
use crate::diagnostic::Diagnostic;
use crate::lock::Inputs;
use crate::tree::{Digest, Node, Store};

use super::difference::Change;
use super::facts::{Facts, FieldKind, Section};
use super::here::Here;
use super::manifest::section;
use super::text;

/// The section of files that belong to no other comes after those of the manifest.
const RANK: usize = 91;

/// Adds the contents of this machine's files.
pub(super) fn add(
    facts: &mut Facts,
    image: &Image,
    inputs: &Inputs,
    here: &Here,
    store: &Store,
) -> Result<(), Diagnostic> {
    let files = section(facts, "file");
    for request in &image.files {
        let FileContent::Local(path) = &request.content else {
            continue;
        };
        if let Some(file) = inputs.files.get(&path.value) {
            let thing = files.thing(format!("file {}", request.to.value));
            // What others may not read is not shown line by line either.
            let kind = if request.mode & 0o004 == 0 {
                FieldKind::Detail
            } else {
                FieldKind::Content
            };
            thing.set("content", kind, file.digest.to_string());
            thing.set("size", FieldKind::Bytes, file.size);
        }
    }
    let overlays = section(facts, "overlay");
    for overlay in &image.overlays {
        let name = format!("overlay {}", overlay.to);
        folder(overlays, &name, inputs, &overlay.from.value, store)?;
    }
    let sources = section(facts, "source");
    for source in &image.sources {
        if let SourceOrigin::Path(path) = &source.from {
            let name = format!("source {}", source.name.value);
            folder(sources, &name, inputs, &path.value, store)?;
        }
    }
    let others = facts.section(RANK, "local files");
    let is_a_file = |path: &Path| {
        let mut files = image.files.iter();
        files.any(|file| matches!(&file.content, FileContent::Local(own) if own.value == path))
    };
    for (path, file) in inputs.files.iter().filter(|(path, _)| !is_a_file(path)) {
        let thing = others.thing(here.relative(&path.display().to_string()));
        thing.set("content", FieldKind::Content, file.digest.to_string());
        thing.set("size", FieldKind::Bytes, file.size);
    }
    let single = [
        ("prebuilt kernel", inputs.kernel),
        ("EFI stub", inputs.stub.map(|stub| stub.digest)),
    ];
    for (name, digest) in single {
        if let Some(digest) = digest {
            others
                .thing(name)
                .set("content", FieldKind::Content, digest.to_string());
        }
    }
    Ok(())
}

/// Adds the files of a folder, each as a thing of its own.
fn folder(
    section: &mut Section,
    above: &str,
    inputs: &Inputs,
    path: &Path,
    store: &Store,
) -> Result<(), Diagnostic> {
    let Some(digest) = inputs.folders.get(path) else {
        return Ok(());
    };
    for (path, entry) in store.get_tree(digest)?.iter() {
        let thing = section.thing(format!("{above} has {}", path.relative()));
        thing.say("mode", format!("{:04o}", entry.mode));
        match &entry.node {
            Node::File { digest, size } => {
                thing.set("content", FieldKind::Content, digest.to_string());
                thing.set("size", FieldKind::Bytes, *size);
            }
            Node::Symlink { target } => thing.say("target", target.as_str()),
            _ => {}
        }
    }
    Ok(())
}

/// Adds the lines that are different to a change of a small text.
pub(super) fn show_text(change: &mut Change, store: &Store) {
    let content = change.fields.iter();
    let mut content = content.filter(|field| field.kind == FieldKind::Content);
    let Some(field) = content.next() else { return };
    let read = |digest: &Option<serde_json::Value>| {
        let digest: Digest = digest.as_ref()?.as_str()?.parse().ok()?;
        let size = super::size_of(store, &digest)?;
        (size <= text::LARGEST)
            .then(|| store.get(&digest).ok())
            .flatten()
    };
    if let (Some(before), Some(after)) = (read(&field.before), read(&field.after)) {
        change.text = change
            .text
            .take()
            .or_else(|| text::contents(&before, &after));
    }
}
