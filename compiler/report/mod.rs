//! One page about an image: who takes its bytes, in which order its units start, how its build went, what changed, what it is
//! made of.
//!
//! Comes in: the image as a [`Tree`] with origins, and the record of its build where there is one. Goes out: one HTML text that
//! needs nothing else: styles, scripts and data are in it, and its policy lets nothing come from anywhere. Data is JSON in a
//! block that no parser takes for markup, and the scripts make text of it and never markup, so that no name of a file can
//! do anything. The same record gives the same page. Nothing is built here, and no clock is asked.

mod build;
mod changes;
mod outline;
mod page;
mod parts;

use serde::Serialize;

use crate::build::{Record, newest_first};
use crate::diagnostic::{Diagnostic, bytes};
use crate::inspect::{self, Opened, UnitReport};
use crate::tree::{Digest, Store, Tree};

pub use page::page;

/// What a page is about.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What people call it.
    pub name: String,
    /// The file, where it is about one: its bytes and its digest.
    pub file: Option<(u64, Digest)>,
    /// The image's digest.
    pub build_id: Option<String>,
    /// The image with its origins.
    pub tree: Tree,
    /// The build that wrote it.
    pub record: Option<Record>,
}

impl Subject {
    /// An image that was taken apart.
    pub fn of_image(opened: Opened) -> Self {
        Self {
            name: opened.report.name,
            file: Some((opened.report.size, opened.report.digest)),
            build_id: opened.report.build_id,
            tree: opened.tree,
            record: opened.record,
        }
    }

    /// What a build yielded; `None` where it did not get as far as an image.
    ///
    /// # Errors
    /// The image's tree is no longer in the store.
    pub fn of_record(record: Record, store: &Store) -> Result<Option<Self>, Diagnostic> {
        let Some(tree) = record.tree else {
            return Ok(None);
        };
        Ok(Some(Self {
            name: record.name.clone(),
            file: None,
            build_id: record.build_id.map(|id| id.to_string()),
            tree: store.get_tree(&tree)?,
            record: Some(record),
        }))
    }
}

/// Everything that a page shows.
#[derive(Debug, Serialize)]
struct Data {
    name: String,
    /// Facts in short: what they are called, and what they are.
    facts: Vec<(&'static str, String)>,
    files: u64,
    bytes: u64,
    outputs: Vec<Output>,
    tree: outline::Item,
    units: Vec<UnitReport>,
    build: Option<build::Build>,
    changes: Option<changes::Changes>,
    parts: parts::Parts,
}

#[derive(Debug, Serialize)]
struct Output {
    name: String,
    size: u64,
    sha256: String,
}

/// Gathers what a page shows.
fn gather(subject: &Subject, store: &Store) -> Data {
    let tree = &subject.tree;
    let record = subject.record.as_ref();
    let outline = outline::outline(tree);
    let mut facts = Vec::new();
    if let Some((_, digest)) = &subject.file {
        facts.push(("SHA-256", digest.to_string()));
    }
    if let Some(id) = &subject.build_id {
        facts.push(("build id", id.clone()));
    }
    if let Some(record) = record {
        let manifest = record.manifest.file_name().unwrap_or_default();
        facts.push(("manifest", manifest.to_string_lossy().into_owned()));
        facts.push(("build", record.number.to_string()));
    }
    // What cannot be read is told by `zosc inspect`.
    for list in inspect::flists(tree, store, &mut Vec::new()) {
        let (files, content) = (list.files, bytes(list.content));
        let text = format!(
            "{}: {files} files, {content}, which a store keeps",
            list.path
        );
        facts.push(("flist", text));
    }
    let outputs = record.map_or(&[][..], |record| &record.outputs);
    let before = record.and_then(|record| earlier(record, store));
    Data {
        name: subject.name.clone(),
        facts,
        files: outline.files,
        bytes: outline.bytes,
        outputs: outputs
            .iter()
            .map(|output| Output {
                name: output.name.clone(),
                size: output.size,
                sha256: output.digest.to_string(),
            })
            .collect(),
        tree: outline,
        // What cannot be read is told by `zosc inspect`.
        units: inspect::units(tree, store, &mut Vec::new()),
        build: record.map(build::build),
        changes: before.map(|(number, before)| changes::changes(number, &before, tree)),
        parts: parts::parts(subject, store),
    }
}

/// The build of the same manifest before this one, and the image that it made, where that is still there.
fn earlier(record: &Record, store: &Store) -> Option<(u32, Tree)> {
    let other = newest_first(store).find(|other| {
        other.number < record.number && other.tree.is_some() && other.is_of(&record.manifest)
    })?;
    Some((other.number, store.get_tree(&other.tree?).ok()?))
}

#[cfg(test)]
mod tests;
