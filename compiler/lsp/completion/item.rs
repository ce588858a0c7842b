//! Proposals as items of the protocol: quoted as their place needs, in order, and in the words that the client understands.

use crate::syntax::{bare_or_quoted, quote};

use super::super::cursor::{Cursor, Quotes};
use super::super::protocol as lsp;
use super::MOST;
use super::list::{Ctx, List};
use super::proposal::{Proposal, Rank, Text, suits};
use super::snippet::escaped;

/// Where clients say which documentation they show.
const DOCUMENTATION: &str = "/textDocument/completion/completionItem/documentationFormat";
/// Where clients say which tags they know.
const TAGS: &str = "/textDocument/completion/completionItem/tagSupport/valueSet";

/// The items of a list, those that suit what is typed, the best first.
pub(super) fn items(ctx: &Ctx<'_>, list: List) -> lsp::CompletionList {
    let List {
        proposals,
        more,
        range,
        typed,
    } = list;
    let mut suiting: Vec<_> = proposals
        .into_iter()
        .filter_map(|proposal| {
            let is_hint = proposal.text == Text::Nothing;
            let suits = suits(proposal.compared(), &typed);
            let suits = suits
                .map(|suits| suits as u8)
                .or(is_hint.then_some(u8::MAX))?;
            Some((suits, proposal))
        })
        .collect();
    suiting.sort_by_key(|(suits, proposal)| (*suits, proposal.rank));
    let is_cut = suiting.len() > MOST;
    suiting.truncate(MOST);
    let writer = Writer {
        ctx,
        range: ctx.view.range(range.clone()),
        replaced: ctx.text().get(range.clone()).unwrap_or_default(),
        ends_word: range.end == ctx.cursor.word.end,
        is_whole: range == ctx.cursor.word,
        typed: &typed,
        is_markdown: ctx.view.client.markdown(DOCUMENTATION),
        has_tags: ctx
            .view
            .client
            .lists(TAGS, u32::from(lsp::CompletionItemTag::Deprecated)),
        has_snippets: ctx.view.client.snippets(),
    };
    let items = suiting.into_iter().enumerate();
    lsp::CompletionList {
        is_incomplete: more || is_cut,
        items: items
            .map(|(index, (_, proposal))| writer.item(index, proposal))
            .collect(),
        ..lsp::CompletionList::default()
    }
}

struct Writer<'a> {
    ctx: &'a Ctx<'a>,
    range: lsp::Range,
    /// What stands in that range.
    replaced: &'a str,
    /// Whether that range ends where the word at the cursor does.
    ends_word: bool,
    /// Whether it is that word.
    is_whole: bool,
    typed: &'a str,
    is_markdown: bool,
    has_tags: bool,
    has_snippets: bool,
}

impl Writer<'_> {
    fn item(&self, index: usize, proposal: Proposal) -> lsp::CompletionItem {
        let (new_text, is_snippet) = self.text(&proposal.text);
        let compared = match proposal.text {
            Text::Nothing => self.typed,
            _ => proposal.compared(),
        };
        let filter = (compared != proposal.label).then(|| compared.to_owned());
        let tags = (proposal.deprecated && self.has_tags)
            .then(|| vec![lsp::CompletionItemTag::Deprecated]);
        let edit = lsp::TextEdit {
            range: self.range,
            new_text,
        };
        lsp::CompletionItem {
            kind: Some(proposal.kind),
            tags,
            detail: Some(proposal.detail).filter(|detail| !detail.is_empty()),
            documentation: self.documentation(proposal.documentation),
            sort_text: Some(format!("{index:04}")),
            filter_text: filter,
            insert_text_format: is_snippet.then_some(lsp::InsertTextFormat::Snippet),
            text_edit: Some(edit.into()),
            preselect: (index == 0 && proposal.rank == Rank::Required).then_some(true),
            label: proposal.label,
            ..lsp::CompletionItem::default()
        }
    }

    fn documentation(&self, text: String) -> Option<lsp::Documentation> {
        if text.is_empty() {
            return None;
        }
        if !self.is_markdown {
            return Some(text.into());
        }
        let content = lsp::MarkupContent {
            kind: lsp::MarkupKind::Markdown,
            value: text,
        };
        Some(content.into())
    }

    /// What is inserted, and whether it has places to fill in.
    fn text(&self, text: &Text) -> (String, bool) {
        let cursor = &self.ctx.cursor;
        let (mut new, is_snippet) = match text {
            Text::Value(value) => (self.value(value), false),
            Text::Beginning(value) => self.beginning(value),
            Text::Piece {
                snippet: Some(snippet),
                ..
            } if self.has_snippets && !cursor.touches_next => (snippet.clone(), true),
            Text::Piece { plain, .. } => (plain.clone(), false),
            // Some clients insert the label where they are told to insert nothing at all.
            Text::Nothing if self.replaced.is_empty() => return (" ".to_owned(), false),
            Text::Nothing => return (self.replaced.to_owned(), false),
        };
        if cursor.touches_next {
            new.push(' ');
        }
        (new, is_snippet)
    }

    /// A value as its place needs it: in an open quote only the inside, and the closing quote where that is missing.
    fn value(&self, value: &str) -> String {
        let cursor = &self.ctx.cursor;
        let closing = |closed: bool| if closed || !self.ends_word { "" } else { "\"" };
        match cursor.quotes {
            Quotes::Bare if self.is_whole => bare_or_quoted(value),
            Quotes::Bare => value.to_owned(),
            Quotes::Plain { closed } => format!("{}{}", inside(value), closing(closed)),
            Quotes::Raw { hashes, closed } => {
                let marks = if closed {
                    String::new()
                } else {
                    "#".repeat(hashes)
                };
                format!("{value}{}{marks}", closing(closed))
            }
        }
    }

    /// The beginning of a value: the quotes stay open, or the cursor stays inside them.
    fn beginning(&self, value: &str) -> (String, bool) {
        match self.ctx.cursor.quotes {
            Quotes::Raw { .. } => (value.to_owned(), false),
            Quotes::Plain { .. } => (inside(value), false),
            Quotes::Bare if self.has_snippets => {
                (format!("\"{}$0\"", escaped(&inside(value))), true)
            }
            Quotes::Bare => (format!("\"{}", inside(value)), false),
        }
    }
}

/// A text as it stands between quotes.
fn inside(text: &str) -> String {
    let quoted = quote(text);
    let inside = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inside.unwrap_or_default().to_owned()
}

impl Cursor<'_> {
    /// Whether nothing is written behind the node's name that the cursor is at.
    pub(super) fn is_last_of_node(&self) -> bool {
        let behind = self.text.get(self.word.end..).unwrap_or_default();
        let behind = behind.trim_start_matches([' ', '\t']);
        behind.is_empty() || behind.starts_with(['\n', '\r', ';', '}']) || behind.starts_with("//")
    }
}
