//! The sound part of a text to our tree, by way of the `kdl` crate.

use kdl::{KdlDocument, KdlEntry, KdlIdentifier, KdlNode, KdlValue};

use super::document::{Block, Document, Entry, Node, Value};
use super::outline::Outline;
use super::problems;
use super::scan::Token;
use crate::diagnostic::Diagnostics;
use crate::source::{SourceId, Span, Spanned};

/// Parses what the outline found sound and puts it into our own types.
pub(super) fn lower(
    source: SourceId,
    text: &str,
    tokens: &[Token],
    outline: &Outline,
    sink: &mut Diagnostics,
) -> Document {
    let mended = mend(text, outline);
    let lowering = Lowering {
        source,
        text,
        tokens,
        outline,
    };
    let mut document = Document {
        source,
        nodes: Vec::new(),
        broken: Vec::new(),
        unreadable: false,
    };
    for &(start, end) in &outline.broken {
        lowering.leave_out(start, end, &mut document);
    }
    if let Ok(parsed) = KdlDocument::parse_v2(&mended) {
        document.nodes = lowering.nodes(&parsed, 0);
        return document;
    }
    for &(start, end) in &outline.nodes {
        let part = mended.get(start..end).unwrap_or_default();
        match KdlDocument::parse_v2(part) {
            Ok(parsed) => document.nodes.extend(lowering.nodes(&parsed, start)),
            Err(error) => {
                sink.push(problems::from_kdl(source, text, start, end, &error));
                let name_end = part
                    .find(|c: char| c.is_whitespace())
                    .unwrap_or(end - start);
                lowering.leave_out(start, start + name_end, &mut document);
            }
        }
    }
    document
}

/// The text with everything blanked or replaced that is not sound. Offsets stay what they were.
fn mend(text: &str, outline: &Outline) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let fills = [(&outline.poisoned, b'_'), (&outline.blanks, b' ')];
    for (ranges, fill) in fills {
        for &(start, end) in ranges {
            if let Some(range) = bytes.get_mut(start..end) {
                range.fill(fill);
            }
        }
    }
    // Ranges are those of tokens, which begin and end at characters.
    String::from_utf8(bytes).expect("blanking whole characters leaves UTF-8")
}

struct Lowering<'a> {
    source: SourceId,
    text: &'a str,
    tokens: &'a [Token],
    outline: &'a Outline,
}

impl Lowering<'_> {
    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.source, start, end)
    }

    /// Notes a top-level node that cannot be parsed.
    fn leave_out(&self, start: usize, end: usize, document: &mut Document) {
        let name = self.text.get(start..end).unwrap_or_default();
        let name = name.trim_matches('"');
        if name.is_empty() {
            document.unreadable = true;
        } else {
            let span = self.span(start, end);
            document.broken.push(Spanned::new(name.to_owned(), span));
        }
    }

    fn nodes(&self, document: &KdlDocument, shift: usize) -> Vec<Node> {
        let nodes = document.nodes().iter();
        nodes.map(|node| self.node(node, shift)).collect()
    }

    fn node(&self, node: &KdlNode, shift: usize) -> Node {
        let name = self.identifier(node.name(), shift);
        let annotation = node.ty().map(|name| self.identifier(name, shift));
        let entries: Vec<Entry> = node
            .entries()
            .iter()
            .map(|entry| self.entry(entry, shift))
            .collect();
        let head_end = entries
            .last()
            .map_or(name.span.end, |entry| entry.span.end)
            .max(name.span.end) as usize;
        let children = node.children().map(|children| {
            let (open, close) = self.block(head_end);
            Block {
                nodes: self.nodes(children, shift),
                span: self.span(open, close),
            }
        });
        let start = node.span().offset() + shift;
        let end = children
            .as_ref()
            .map_or(head_end, |block| block.span.end as usize);
        let damage = &self.outline.damage;
        let first = damage.partition_point(|offset| *offset < start);
        // What follows on the node's line belongs to it, too: a damaged last entry is blanked and no longer counts.
        let limit = self.line_end(end);
        let semicolon = self
            .text
            .get(limit..)
            .is_some_and(|behind| behind.starts_with(';'));
        let removal_end = if semicolon { limit + 1 } else { end };
        Node {
            name,
            annotation,
            entries,
            children,
            span: self.span(start, end),
            removal: self.span(start, removal_end),
            damaged: damage.get(first).is_some_and(|offset| *offset < limit),
        }
    }

    /// Where the tokens of the node that ends at `end` really end: at the next newline, semicolon or brace.
    fn line_end(&self, end: usize) -> usize {
        use super::scan::TokenKind;
        let first = self.tokens.partition_point(|token| token.start < end);
        self.tokens
            .get(first..)
            .unwrap_or_default()
            .iter()
            .find(|token| {
                matches!(
                    token.kind,
                    TokenKind::Newline | TokenKind::Semicolon | TokenKind::CloseBrace
                )
            })
            .map_or(self.text.len(), |token| token.start)
    }

    /// The braces of the block that follows a node's head.
    fn block(&self, head_end: usize) -> (usize, usize) {
        let blocks = &self.outline.blocks;
        let first = blocks.partition_point(|(open, _)| *open < head_end);
        blocks.get(first).copied().unwrap_or((head_end, head_end))
    }

    fn identifier(&self, identifier: &KdlIdentifier, shift: usize) -> Spanned<String> {
        let span = identifier.span();
        let start = span.offset() + shift;
        Spanned::new(
            identifier.value().to_owned(),
            self.span(start, start + span.len()),
        )
    }

    fn entry(&self, entry: &KdlEntry, shift: usize) -> Entry {
        let start = entry.span().offset() + shift;
        let end = start + entry.span().len();
        let length = entry.format().map_or(0, |format| format.value_repr.len());
        let value_start = end.saturating_sub(length);
        let is_poisoned = self
            .outline
            .poisoned
            .binary_search_by_key(&value_start, |(start, _)| *start)
            .is_ok();
        let value = if is_poisoned {
            Value::Poisoned
        } else {
            convert(entry.value())
        };
        Entry {
            key: entry.name().map(|name| self.identifier(name, shift)),
            annotation: entry.ty().map(|name| self.identifier(name, shift)),
            value: Spanned::new(value, self.span(value_start, end)),
            raw: self
                .text
                .get(value_start..end)
                .unwrap_or_default()
                .to_owned(),
            span: self.span(start, end),
        }
    }
}

fn convert(value: &KdlValue) -> Value {
    match value {
        KdlValue::String(string) => Value::String(string.clone()),
        KdlValue::Integer(number) => Value::Integer(*number),
        KdlValue::Float(number) => Value::Float(*number),
        KdlValue::Bool(truth) => Value::Bool(*truth),
        KdlValue::Null => Value::Null,
    }
}
