//! What every word of a text is, for editors that colour by meaning: sections, members, names, values, what is left out.

use std::ops::Range;

use super::names::{NamedFile, Use, VARIABLE};
use super::nodes::{Entry, Node, Word};
use super::places::{here, names};
use super::protocol as lsp;
use super::text::{Encoding, Text};
use super::view::View;
use crate::manifest::model::{Kind, Member, Role, Scalar};
use crate::syntax::scan::TokenKind;

/// What a word can be; the place in this list is what goes over the wire.
const TYPES: [Type; 14] = [
    Type::Comment,
    Type::Section,
    Type::Child,
    Type::Flag,
    Type::Property,
    Type::Choice,
    Type::Text,
    Type::Number,
    Type::Annotation,
    Type::Variable,
    Type::Unit,
    Type::Source,
    Type::Name,
    Type::Path,
];

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Comment,
    Section,
    Child,
    Flag,
    Property,
    Choice,
    Text,
    Number,
    Annotation,
    Variable,
    Unit,
    Source,
    Name,
    Path,
}

impl Type {
    /// Its name among those that editors have colours for.
    fn name(self) -> lsp::SemanticTokenTypes {
        use lsp::SemanticTokenTypes as Known;
        match self {
            Self::Comment => Known::Comment,
            Self::Section => Known::Keyword,
            Self::Child => Known::Property,
            Self::Flag => Known::Modifier,
            Self::Property => Known::Parameter,
            Self::Choice => Known::EnumMember,
            Self::Text => Known::String,
            Self::Number => Known::Number,
            Self::Annotation => Known::Decorator,
            Self::Variable => Known::Variable,
            Self::Unit => Known::Function,
            Self::Source => Known::Class,
            Self::Name => Known::Type,
            Self::Path => Known::Namespace,
        }
    }

    /// That of a name of some kind; `None` where it is coloured like any other value.
    fn of_name(kind: &str) -> Option<Self> {
        Some(match kind {
            VARIABLE => Self::Variable,
            "unit" => Self::Unit,
            "source" => Self::Source,
            "file" | "package" | "module" | "uid" | "gid" | "stage" => return None,
            _ => Self::Name,
        })
    }
}

/// A coloured range.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Coloured {
    bytes: Range<usize>,
    is: Type,
    declares: bool,
}

/// Tells a client about it.
pub(super) fn offer(offers: &mut lsp::ServerCapabilities, client: &super::client::Client) {
    if !client.has("/textDocument/semanticTokens") {
        return;
    }
    let types = TYPES.iter().map(|is| is.name().as_str().to_owned());
    let options = lsp::SemanticTokensOptions {
        legend: lsp::SemanticTokensLegend {
            token_types: types.collect(),
            token_modifiers: vec!["declaration".to_owned()],
        },
        range: Some(true.into()),
        full: Some(true.into()),
        ..lsp::SemanticTokensOptions::default()
    };
    offers.semantic_tokens_provider = Some(options.into());
}

/// The whole text.
pub(super) fn full(view: &View<'_>, _: lsp::SemanticTokensParams) -> Option<lsp::SemanticTokens> {
    let all = 0..view.document.text.as_str().len();
    tokens(view, &all)
}

/// A part of the text.
pub(super) fn range(
    view: &View<'_>,
    parameters: lsp::SemanticTokensRangeParams,
) -> Option<lsp::SemanticTokens> {
    let bytes = view
        .document
        .text
        .bytes(parameters.range, view.client.encoding);
    tokens(view, &bytes)
}

fn tokens(view: &View<'_>, within: &Range<usize>) -> Option<lsp::SemanticTokens> {
    let names = names(view);
    let mut coloured = coloured(here(view, &names)?);
    coloured.retain(|token| token.bytes.start < within.end && within.start < token.bytes.end);
    let text = &view.document.text;
    Some(lsp::SemanticTokens {
        result_id: None,
        data: encoded(text, &coloured, view.client.encoding),
    })
}

/// Every coloured range, in order; none overlaps another.
fn coloured(file: &NamedFile) -> Vec<Coloured> {
    let mut painter = Painter {
        file,
        found: Vec::new(),
    };
    painter.comments();
    for (index, node) in file.nodes.list.iter().enumerate() {
        if !node.left_out {
            painter.node(index, node);
        }
    }
    let mut found = painter.found;
    found.sort_by_key(|token| token.bytes.start);
    found
}

struct Painter<'a> {
    file: &'a NamedFile,
    found: Vec<Coloured>,
}

impl Painter<'_> {
    fn paint(&mut self, bytes: Range<usize>, is: Type) {
        if !bytes.is_empty() {
            self.found.push(Coloured {
                bytes,
                is,
                declares: false,
            });
        }
    }

    /// Comments, and what is left out: with the comments inside, that is one range.
    fn comments(&mut self) {
        let nodes = self.file.nodes.list.iter();
        let nodes = nodes.filter(|node| node.left_out).map(|node| &node.range);
        let entries = self.file.nodes.list.iter().flat_map(|node| &node.entries);
        let entries = entries
            .filter(|entry| entry.left_out)
            .map(|entry| &entry.range);
        let comments =
            self.file.nodes.tokens.iter().filter(|token| {
                matches!(token.kind, TokenKind::LineComment | TokenKind::BlockComment)
            });
        let comments = comments.map(|token| token.start..token.end);
        let mut ranges: Vec<Range<usize>> = nodes.chain(entries).cloned().chain(comments).collect();
        ranges.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        let mut reached = 0;
        for range in ranges {
            if range.end > reached {
                self.paint(range.start.max(reached)..range.end, Type::Comment);
                reached = range.end;
            }
        }
    }

    fn node(&mut self, index: usize, node: &Node) {
        if let Some(member) = node.member {
            let is = match (node.parent, member.role) {
                (None, _) => Type::Section,
                (_, Role::Flag) => Type::Flag,
                _ => Type::Child,
            };
            self.paint(node.name.range(), is);
        }
        for entry in node.entries.iter().filter(|entry| !entry.left_out) {
            self.entry(index, entry);
        }
    }

    fn entry(&mut self, index: usize, entry: &Entry) {
        let first = entry.key.or(entry.value);
        if let Some(first) = first
            && entry.range.start < first.start
        {
            let before = self.file.text.get(entry.range.start..first.start);
            let length = before.map_or(0, |before| before.trim_end().len());
            self.paint(
                entry.range.start..entry.range.start + length,
                Type::Annotation,
            );
        }
        if let Some(key) = entry.key {
            let is_pair = entry
                .member
                .is_some_and(|member| member.role == Role::Pairs);
            let is_known = entry.member.is_some();
            if is_known {
                let is = if is_pair {
                    Type::Variable
                } else {
                    Type::Property
                };
                self.paint(key.range(), is);
            }
        }
        if let Some(value) = entry.value {
            self.value(index, entry.member, value);
        }
    }

    /// A value, in pieces where names stand in it.
    fn value(&mut self, index: usize, member: Option<&Member>, value: Word) {
        let whole = plain_type(member, value);
        let found = self.file.of_node(index).iter();
        let mut names: Vec<(Range<usize>, Type, bool)> = found
            .filter(|found| !matches!(found.role, Use::Implies(_)))
            .filter(|found| value.start <= found.place.start && found.place.end <= value.end)
            // What a variable stands for is a value like any other.
            .filter(|found| found.symbol.kind != VARIABLE || found.role == Use::Refers)
            .filter_map(|found| {
                let is = Type::of_name(found.symbol.kind)?;
                Some((found.place.clone(), is, found.role.is_declaration()))
            })
            .collect();
        names.sort_by_key(|(place, ..)| place.start);
        let mut reached = value.start;
        for (place, is, declares) in names {
            if place.start < reached {
                continue;
            }
            self.paint(reached..place.start, whole);
            reached = place.end;
            self.found.push(Coloured {
                bytes: place,
                is,
                declares,
            });
        }
        self.paint(reached..value.end, whole);
    }
}

/// What a value is where it holds no name.
fn plain_type(member: Option<&Member>, value: Word) -> Type {
    match (value.kind, member.map(|member| &member.kind)) {
        (TokenKind::Number, _) => Type::Number,
        (TokenKind::Keyword, _) | (_, Some(Kind::Scalar(Scalar::Choice(_)))) => Type::Choice,
        _ => Type::Text,
    }
}

/// The form in which they go over the wire: each relative to the one before, none longer than a line.
fn encoded(text: &Text, coloured: &[Coloured], encoding: Encoding) -> Vec<lsp::SemanticToken> {
    let mut tokens = Vec::new();
    let mut last = lsp::Position::default();
    for token in coloured {
        let mut start = token.bytes.start;
        let written = text.as_str().get(token.bytes.clone()).unwrap_or_default();
        for line in written.split_inclusive('\n') {
            let content = line.trim_end_matches(['\n', '\r']);
            let range = text.range(start..start + content.len(), encoding);
            start += line.len();
            if content.trim().is_empty() {
                continue;
            }
            let same_line = range.start.line == last.line;
            tokens.push(lsp::SemanticToken {
                delta_line: range.start.line - last.line,
                delta_start: range.start.character - if same_line { last.character } else { 0 },
                length: range.end.character - range.start.character,
                token_type: TYPES.iter().position(|is| *is == token.is).unwrap_or(0) as u32,
                token_modifiers_bitset: u32::from(token.declares),
            });
            last = range.start;
        }
    }
    tokens
}
