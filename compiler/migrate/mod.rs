//! From a bash builder's `config/` folder to a manifest.
//!
//! In comes the folder: shell assignments, lists, zinit's units and scripts. Out goes a [`Migration`]: one `zos.kdl` with the files that
//! it names, and a diagnostic for each line that could not be carried over. One file here for each format.
//!
//! It runs no shell, writes nothing and keeps no credential: their values are hidden before anything reads the texts. What
//! the old builder did is carried over, not what a line may have been meant to do; where the two differ, that is told.

mod assignments;
mod components;
mod fields;
mod firmware;
mod folder;
mod kernel;
mod library;
mod lines;
mod modules;
mod packages;
mod secrets;
mod sections;
mod settings;
mod stores;
mod unit;
mod units;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::Files;
use crate::source::{SourceId, SourceMap, Span};
use crate::syntax::write::write;

use folder::Folder;

/// What becomes of the configuration's own `/init`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Init {
    /// The one that ships with zosc takes its place.
    Library,
    /// It is copied and stays `/init`.
    Own,
}

/// A manifest and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The text of the manifest.
    pub manifest: String,
    /// The files that it names, by their paths relative to it.
    pub files: BTreeMap<String, Vec<u8>>,
    /// How many lines of the configuration say something.
    pub lines: usize,
    /// How many of them were not, or not simply, carried over.
    pub unclear: usize,
    /// What was decided on the way, one sentence each.
    pub notes: Vec<String>,
}

/// Reads a folder and makes a manifest of it; `None` where there is nothing to make one of.
///
/// Texts that were read are added to `sources`, without their credentials.
pub fn migrate(
    path: &Path,
    init: Init,
    files: &dyn Files,
    sources: &mut SourceMap,
    sink: &mut Diagnostics,
) -> Option<Migration> {
    let mut found = Diagnostics::new();
    let folder = folder::read(path, files, sources, &mut found);
    let migration = folder.map(|folder| {
        let mut ctx = Ctx {
            sources,
            sink: &mut found,
            notes: Vec::new(),
            lost: BTreeSet::new(),
        };
        let (pieces, files) = sections::carry(&folder, init, &mut ctx);
        let (lines, unclear) = ctx.count(&folder);
        Migration {
            manifest: write(&pieces),
            files,
            lines,
            unclear,
            notes: ctx.notes,
        }
    });
    found.sort();
    sink.extend(found);
    migration
}

/// What the reader of every format needs.
struct Ctx<'a> {
    sources: &'a SourceMap,
    sink: &'a mut Diagnostics,
    notes: Vec<String>,
    /// Lines that are left out together, for one reason.
    lost: BTreeSet<(SourceId, usize)>,
}

impl Ctx<'_> {
    fn push(&mut self, diagnostic: Diagnostic) {
        self.sink.push(diagnostic);
    }

    fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Counts lines as left out.
    fn lost(&mut self, spans: impl Iterator<Item = Span>) {
        self.lost.extend(spans.map(|span| line(self.sources, span)));
    }

    /// A place as people write it: `config/packages.list:12`.
    fn place(&self, span: Span) -> String {
        let name = self
            .sources
            .get(span.source)
            .map_or("", |source| &source.name);
        format!("{name}:{}", self.sources.position(span).line)
    }

    /// How many lines say something, and how many of them need a look.
    fn count(&self, folder: &Folder) -> (usize, usize) {
        let texts = folder.lists.values().chain(&folder.units);
        let lines: BTreeSet<_> = texts
            .flat_map(lines::filled)
            .map(|span| line(self.sources, span))
            .collect();
        let told = self
            .sink
            .iter()
            .filter_map(|problem| problem.labels.first());
        let told = told.map(|label| line(self.sources, label.span));
        let unclear: BTreeSet<_> = told.chain(self.lost.iter().copied()).collect();
        (lines.len(), unclear.intersection(&lines).count())
    }
}

fn line(sources: &SourceMap, span: Span) -> (SourceId, usize) {
    (span.source, sources.position(span).line)
}
