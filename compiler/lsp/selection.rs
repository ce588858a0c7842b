//! Ever larger ranges round a place: the name, the value, the line of a node, its block, the node, all of the text.

use std::ops::Range;

use super::names::NamedFile;
use super::places::{here, names};
use super::protocol as lsp;
use super::view::View;
use crate::syntax::scan::TokenKind;

/// The ranges round each of some places.
pub(super) fn selection_ranges(
    view: &View<'_>,
    parameters: lsp::SelectionRangeParams,
) -> Option<Vec<lsp::SelectionRange>> {
    let names = names(view);
    let file = here(view, &names)?;
    let positions = parameters.positions.into_iter();
    let selections = positions.map(|position| {
        let ranges = around(file, view.offset(position)).into_iter();
        let nested = ranges.fold(None, |parent, bytes| {
            Some(lsp::SelectionRange {
                range: view.range(bytes),
                parent: parent.map(Box::new),
            })
        });
        nested.unwrap_or(lsp::SelectionRange {
            range: lsp::Range {
                start: position,
                end: position,
            },
            parent: None,
        })
    });
    Some(selections.collect())
}

/// The ranges round an offset, the largest first; each lies in the one before.
fn around(file: &NamedFile, offset: usize) -> Vec<Range<usize>> {
    let text = &*file.text;
    let mut ranges = vec![Range {
        start: 0,
        end: text.len(),
    }];
    for node in &file.nodes.list {
        ranges.push(node.range.clone());
        let head_end = node.entries.last().map(|entry| entry.range.end);
        ranges.push(node.name.start..head_end.unwrap_or(node.name.end).max(node.name.end));
        ranges.push(node.name.range());
        if let Some(block) = &node.block {
            ranges.push(block.clone());
            ranges.push(inside(text, block));
        }
        for entry in &node.entries {
            ranges.push(entry.range.clone());
            ranges.extend(entry.key.map(super::nodes::Word::range));
            ranges.extend(entry.value.map(super::nodes::Word::range));
            ranges.extend(entry.value.and_then(|value| value.plain(text)));
        }
    }
    ranges.extend(file.occurrences.iter().map(|found| found.place.clone()));
    let comments = file
        .nodes
        .tokens
        .iter()
        .filter(|token| matches!(token.kind, TokenKind::LineComment | TokenKind::BlockComment));
    ranges.extend(comments.map(|token| token.start..token.end));
    ranges.retain(|range| range.start <= offset && offset <= range.end && !range.is_empty());
    ranges.sort_by_key(|range| std::cmp::Reverse(range.len()));
    let mut nested: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        let fits = nested.last().is_none_or(|outer| {
            outer.start <= range.start && range.end <= outer.end && range != *outer
        });
        if fits {
            nested.push(range);
        }
    }
    nested
}

/// What stands between the braces, without the space at both ends.
fn inside(text: &str, block: &Range<usize>) -> Range<usize> {
    let written = text.get(block.clone()).unwrap_or_default();
    let content = written.trim_start_matches('{').trim_end_matches('}');
    let before = content.len() - content.trim_start().len();
    let start = block.start + (written.len() - written.trim_start_matches('{').len()) + before;
    start..start + content.trim().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Location;

    #[test]
    fn ranges_grow_from_the_name_to_the_text() {
        let text =
            "// é\nunit a {\n    after b\n    env X=\"v\"\n}\nboot { expect \"unit a up\" }\n";
        let file = NamedFile::of(Location::Disk("/zos.kdl".into()), text.into());
        let shown = |offset: usize| -> Vec<String> {
            let ranges = around(&file, offset).into_iter().rev();
            ranges.map(|range| text[range].to_owned()).collect()
        };
        let at = text.find("a up").unwrap();
        assert_eq!(
            shown(at)[..5],
            [
                "a",
                "unit a up",
                "\"unit a up\"",
                "expect \"unit a up\"",
                "{ expect \"unit a up\" }"
            ]
        );
        let at = text.find("v\"").unwrap();
        assert_eq!(shown(at)[..4], ["v", "\"v\"", "X=\"v\"", "env X=\"v\""]);
        assert_eq!(shown(at)[4], "after b\n    env X=\"v\"");
        assert_eq!(shown(3).first().map(String::as_str), Some("// é"));
        assert_eq!(shown(3).last().map(String::len), Some(text.len()));
    }
}
