//! `zosc fmt` in the editor: only the places that change are sent, so that the cursor stays where it is.

use std::ops::Range;

use crate::source::SourceId;
use crate::syntax;

use super::difference::replacements;
use super::protocol as lsp;
use super::view::View;

/// Lays out the whole text; nothing where it cannot be read.
pub(super) fn document(
    view: &View<'_>,
    _: lsp::DocumentFormattingParams,
) -> Option<Vec<lsp::TextEdit>> {
    edits(view, 0..usize::MAX)
}

/// Lays out a part of the text: what lies in it or at its ends.
pub(super) fn range(
    view: &View<'_>,
    parameters: lsp::DocumentRangeFormattingParams,
) -> Option<Vec<lsp::TextEdit>> {
    let part = view
        .document
        .text
        .bytes(parameters.range, view.client.encoding);
    edits(view, part)
}

fn edits(view: &View<'_>, part: Range<usize>) -> Option<Vec<lsp::TextEdit>> {
    let text = view.document.text.as_str();
    let formatted = syntax::format(SourceId(0), text).ok()?;
    let found = replacements(text, &formatted).into_iter();
    let is_within = |range: &Range<usize>| part.start <= range.start && range.end <= part.end;
    let edits = found
        .filter(|(range, _)| is_within(range))
        .map(|(range, new_text)| lsp::TextEdit {
            range: view.range(range),
            new_text,
        });
    Some(edits.collect())
}
