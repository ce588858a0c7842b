//! What can be folded away: blocks, long texts, runs of comments and of imports, and what `/-` leaves out.

use std::ops::Range;

use super::nodes::Nodes;
use super::protocol::{self as lsp, FoldingRangeKind};
use super::view::View;
use crate::syntax::scan::TokenKind;

/// A part of the text that can be folded.
#[derive(Debug, PartialEq, Eq)]
struct Fold {
    bytes: Range<usize>,
    kind: Option<FoldingRangeKind>,
    /// Whether its last line stays in sight, with the brace that ends it.
    closes: bool,
}

/// Every range of the text that can be folded.
pub(super) fn folding_ranges(
    view: &View<'_>,
    _: lsp::FoldingRangeParams,
) -> Option<Vec<lsp::FoldingRange>> {
    if view.cancelled() {
        return None;
    }
    let text = view.document.text.as_str();
    let by_line = view
        .client
        .has("/textDocument/foldingRange/lineFoldingOnly");
    let folds = folds(text, &Nodes::read(text));
    let ranges = folds.into_iter().filter_map(|fold| {
        let range = view.range(fold.bytes);
        let hidden = if by_line && fold.closes {
            range.end.line.saturating_sub(1)
        } else {
            range.end.line
        };
        (hidden > range.start.line).then(|| lsp::FoldingRange {
            start_line: range.start.line,
            start_character: (!by_line).then_some(range.start.character),
            end_line: hidden,
            end_character: (!by_line).then_some(range.end.character),
            kind: fold.kind,
            collapsed_text: None,
        })
    });
    Some(ranges.collect())
}

fn folds(text: &str, nodes: &Nodes) -> Vec<Fold> {
    let mut folds: Vec<Fold> = Vec::new();
    for (index, node) in nodes.list.iter().enumerate() {
        let around = node.parent.and_then(|parent| nodes.list.get(parent));
        if node.left_out && around.is_none_or(|around| !around.left_out) {
            folds.push(Fold {
                bytes: node.range.clone(),
                kind: Some(FoldingRangeKind::Comment),
                closes: false,
            });
        } else if let Some(block) = node.block.as_ref().filter(|_| !node.left_out) {
            // The brace at the end may be that of the last node inside.
            let ends_inside = nodes
                .children(Some(index))
                .any(|(_, inner)| inner.range.end == block.end);
            let ends = text
                .get(..block.end)
                .is_some_and(|text| text.ends_with('}'));
            let is_closed = ends && !ends_inside;
            let inside = block.start + 1..block.end - usize::from(is_closed);
            folds.push(Fold {
                bytes: inside.start.min(inside.end)..inside.end,
                kind: None,
                closes: is_closed,
            });
        }
    }
    folds.extend(comments(text, nodes));
    folds.extend(imports(text, nodes));
    folds.sort_by_key(|fold| (fold.bytes.start, fold.bytes.end));
    folds
}

/// Runs of lines that are comments and nothing else, and tokens of several lines.
fn comments(text: &str, nodes: &Nodes) -> Vec<Fold> {
    let mut folds = Vec::new();
    let mut run: Option<Range<usize>> = None;
    // What stands on the line so far, and how many lines have ended since the last comment of the run.
    let mut line_is_empty = true;
    let mut lines = 0;
    let mut end_run = |run: &mut Option<Range<usize>>| {
        folds.extend(run.take().map(|bytes| Fold {
            bytes,
            kind: Some(FoldingRangeKind::Comment),
            closes: false,
        }));
    };
    for token in &nodes.tokens {
        match token.kind {
            TokenKind::Newline => {
                lines += 1;
                line_is_empty = true;
                if lines > 1 {
                    end_run(&mut run);
                }
            }
            TokenKind::LineComment if line_is_empty => {
                let start = run.take().map_or(token.start, |run| run.start);
                run = Some(start..token.end);
                lines = 0;
            }
            TokenKind::Space | TokenKind::ByteOrderMark => {}
            _ => {
                end_run(&mut run);
                line_is_empty = false;
            }
        }
    }
    end_run(&mut run);
    let long = nodes.tokens.iter().filter(|token| {
        let is_long = matches!(token.kind, TokenKind::BlockComment | TokenKind::String);
        is_long
            && text
                .get(token.start..token.end)
                .is_some_and(|text| text.contains('\n'))
    });
    folds.extend(long.map(|token| Fold {
        bytes: token.start..token.end,
        kind: (token.kind == TokenKind::BlockComment).then_some(FoldingRangeKind::Comment),
        closes: token.kind == TokenKind::String,
    }));
    folds
}

/// Runs of imports, without other nodes between them.
fn imports(text: &str, nodes: &Nodes) -> Vec<Fold> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut goes_on = false;
    for (_, node) in nodes.children(None) {
        let is_import = !node.left_out && node.name.written(text) == "import";
        match runs.last_mut().filter(|_| goes_on && is_import) {
            Some(run) => run.end = node.range.end,
            None if is_import => runs.push(node.range.clone()),
            None => {}
        }
        goes_on = is_import;
    }
    let folds = runs.into_iter().map(|bytes| Fold {
        bytes,
        kind: Some(FoldingRangeKind::Imports),
        closes: false,
    });
    folds.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<(usize, usize, String)> {
        let line = |offset: usize| text[..offset].matches('\n').count();
        folds(text, &Nodes::read(text))
            .into_iter()
            .map(|fold| {
                let kind = format!("{:?}", fold.kind);
                (line(fold.bytes.start), line(fold.bytes.end), kind)
            })
            .filter(|(first, last, _)| first < last)
            .collect()
    }

    #[test]
    fn blocks_comments_imports_and_what_is_left_out_fold() {
        let text = "// one\n// two\n\n// three\nimport a // x\nimport b\nunit a {\n    // y\n    // z\n    after b\n}\n/-unit b {\n    after c\n}\n/* l\n */\nfile x text=\"\"\"\n    a\n    \"\"\"\n";
        let none = "None".to_owned();
        let comment = "Some(Comment)".to_owned();
        assert_eq!(
            shown(text),
            [
                (0, 1, comment.clone()),
                (4, 5, "Some(Imports)".to_owned()),
                (6, 10, none.clone()),
                (7, 8, comment.clone()),
                (11, 13, comment.clone()),
                (14, 15, comment),
                (16, 18, none),
            ]
        );
    }

    #[test]
    fn a_block_without_an_end_folds_as_far_as_it_goes() {
        let text = "unit é {\n    after b\n\nunit c {\n    after d\n}\n";
        let none = || "None".to_owned();
        assert_eq!(shown(text), [(0, 1, none()), (3, 5, none())]);
    }
}
