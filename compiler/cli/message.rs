//! Problems in the form that programs read: `--message-format json`.

use schemars::JsonSchema;
use serde::Serialize;

use crate::diagnostic::{Applicability, Diagnostic, Fix, Severity};
use crate::source::{SourceMap, Span};

/// One problem; each stands on a line of its own.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Problem<'a> {
    /// The stable code, `zosc::PASS::NAME`.
    code: &'a str,
    /// How bad it is.
    severity: Severity,
    /// The fact.
    message: &'a str,
    /// The places, the offending one first.
    labels: Vec<Place<'a>>,
    /// What to type or do next.
    help: Option<&'a str>,
    /// Further facts.
    notes: &'a [String],
    /// Changes that would mend it, the likeliest first.
    fixes: Vec<Change<'a>>,
    /// The page that explains the code, relative to the book.
    url: String,
}

/// A place in a file. Lines and columns count from 1, columns in characters; offsets are bytes.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Place<'a> {
    /// The file, as the user named it; a name in `std:` is a file that ships with zosc.
    file: Option<&'a str>,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    byte_start: u32,
    byte_end: u32,
    /// What is to be seen there; may be empty.
    message: &'a str,
    /// Of an edit: the new text of this place.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

/// A change that would mend the problem.
#[derive(Debug, Serialize, JsonSchema)]
struct Change<'a> {
    /// What it does, as a menu would show it.
    title: &'a str,
    /// Whether it may be applied unasked.
    applicability: Applicability,
    /// The edits, not overlapping.
    edits: Vec<Place<'a>>,
}

impl<'a> Problem<'a> {
    /// The form of a problem whose places lie in these texts.
    pub(super) fn new(problem: &'a Diagnostic, sources: &'a SourceMap) -> Self {
        let labels = problem.labels.iter();
        Self {
            code: problem.code,
            severity: problem.severity,
            message: &problem.message,
            labels: labels
                .map(|label| Place::new(label.span, &label.message, None, sources))
                .collect(),
            help: problem.help.as_deref(),
            notes: &problem.notes,
            fixes: problem
                .fixes
                .iter()
                .map(|fix| Change::new(fix, sources))
                .collect(),
            url: problem.page(),
        }
    }
}

impl<'a> Change<'a> {
    fn new(fix: &'a Fix, sources: &'a SourceMap) -> Self {
        let edits = fix.edits.iter();
        Self {
            title: &fix.title,
            applicability: fix.applicability,
            edits: edits
                .map(|edit| Place::new(edit.span, "", Some(&edit.text), sources))
                .collect(),
        }
    }
}

impl<'a> Place<'a> {
    fn new(span: Span, message: &'a str, text: Option<&'a str>, sources: &'a SourceMap) -> Self {
        let start = sources.position(span);
        let end = sources.position(Span {
            start: span.end,
            ..span
        });
        let source = sources.get(span.source);
        Self {
            file: source.map(|source| source.name.as_str()),
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            byte_start: span.start,
            byte_end: span.end,
            message,
            text,
        }
    }
}
