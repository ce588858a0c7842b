//! The fixes that are beyond doubt, applied: what `zosc check --fix` writes.
//!
//! In come the path of a manifest and a way to read files; out go the texts of its files as they should be. Only the manifest
//! and what it imports from disk is changed, never the library. Writes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Applicability, Diagnostics, Fix, TextEdit};
use crate::io::{Files, Overlay};
use crate::source::{SourceId, SourceMap, Span};

use super::{Settings, check};

/// How often fixes are applied and the result is checked again.
const ROUNDS: usize = 16;

/// What was fixed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fixed {
    /// The files that change, by path.
    pub changes: Vec<Change>,
    /// Every fix, in the order of applying.
    pub applied: Vec<Applied>,
}

/// A file that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its absolute path.
    pub file: PathBuf,
    /// Its name as people know it.
    pub name: String,
    /// The text as it was.
    pub before: String,
    /// The text as it should be.
    pub after: String,
}

/// A fix that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The name of the file.
    pub name: String,
    /// The line, from 1, when it was applied.
    pub line: usize,
    /// What the fix says of itself.
    pub title: String,
    /// The text before and after, where that is one word for another.
    pub replaced: Option<(String, String)>,
}

/// Applies safe fixes, and those that come to light then, until there are none left.
///
/// Of fixes that meet in one place only the first is applied; the next round tells whether the others still hold.
pub fn fix(entry: &Path, settings: &Settings, files: &dyn Files) -> Fixed {
    let mut overlay = Overlay::new(files);
    let mut fixed = Fixed::default();
    let mut changes: BTreeMap<PathBuf, Change> = BTreeMap::new();
    for _ in 0..ROUNDS {
        let (mut sources, mut problems) = (SourceMap::new(), Diagnostics::new());
        check(entry, settings, &overlay, &mut sources, &mut problems);
        let chosen = choose(&problems, &sources);
        if chosen.is_empty() {
            break;
        }
        fixed
            .applied
            .extend(chosen.iter().map(|fix| applied(fix, &sources)));
        for (source, edits) in by_source(&chosen) {
            let Some(source) = sources.get(source) else {
                continue;
            };
            let Some(file) = &source.file else { continue };
            let after = with_edits(&source.text, edits);
            overlay.put(file, after.as_bytes());
            let change = changes.entry(file.clone()).or_insert_with(|| Change {
                file: file.clone(),
                name: source.name.clone(),
                before: source.text.to_string(),
                after: String::new(),
            });
            change.after = after;
        }
    }
    fixed.changes = changes
        .into_values()
        .filter(|change| change.before != change.after)
        .collect();
    fixed
}

/// The first safe fix of each problem, without those that touch one before.
fn choose<'a>(problems: &'a Diagnostics, sources: &SourceMap) -> Vec<&'a Fix> {
    let mut taken: Vec<Span> = Vec::new();
    let mut chosen = Vec::new();
    for problem in problems {
        let safe = |fix: &&Fix| fix.applicability == Applicability::Safe;
        let Some(fix) = problem.fixes.iter().find(safe) else {
            continue;
        };
        let is_free = |edit: &TextEdit| {
            is_in_a_file(edit.span, sources) && !taken.iter().any(|span| touch(*span, edit.span))
        };
        if fix.edits.iter().all(is_free) {
            taken.extend(fix.edits.iter().map(|edit| edit.span));
            chosen.push(fix);
        }
    }
    chosen
}

/// Whether a place is one of a file that can be written.
fn is_in_a_file(span: Span, sources: &SourceMap) -> bool {
    sources
        .get(span.source)
        .is_some_and(|source| source.file.is_some() && source.text.get(span.range()).is_some())
}

/// Whether two places share a character or border on each other.
fn touch(left: Span, right: Span) -> bool {
    left.source == right.source && left.start <= right.end && right.start <= left.end
}

fn applied(fix: &Fix, sources: &SourceMap) -> Applied {
    let first = fix.edits.first().map(|edit| edit.span);
    let source = first.and_then(|span| sources.get(span.source));
    Applied {
        name: source.map_or_else(String::new, |source| source.name.clone()),
        line: first.map_or(1, |span| sources.position(span).line),
        title: fix.title.clone(),
        replaced: fix.replacement(sources),
    }
}

fn by_source<'a>(fixes: &[&'a Fix]) -> BTreeMap<SourceId, Vec<&'a TextEdit>> {
    let mut edits: BTreeMap<SourceId, Vec<&TextEdit>> = BTreeMap::new();
    for edit in fixes.iter().flat_map(|fix| &fix.edits) {
        edits.entry(edit.span.source).or_default().push(edit);
    }
    edits
}

/// A text with edits that do not overlap.
fn with_edits(text: &str, mut edits: Vec<&TextEdit>) -> String {
    // From the end, so that offsets hold; what is replaced goes before an insertion at its start.
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.span));
    let mut text = text.to_owned();
    for edit in edits {
        text.replace_range(edit.span.range(), &edit.text);
    }
    text
}
