//! Where a cursor stands: in which nodes, in which slot of them, and what a completion there replaces.
//!
//! Comes in: any text and an offset. Goes out: a [`Cursor`]. Works from tokens alone, so a block, string or property without an end is no
//! obstacle. Never fails, and never knows what a package is; what its node is called in the language it asks the model.

use std::borrow::Cow;
use std::ops::Range;

use super::sketch::{Entry, Node, Open, Sketch, plain, unescaped};
use crate::manifest::model::{Member, Model, Shape};
use crate::syntax::fault::FaultKind;
use crate::syntax::scan::{Scan, Token, TokenKind, scan};

/// A place in a text.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'t> {
    /// The text.
    pub(super) text: &'t str,
    /// Where in it.
    pub(super) offset: usize,
    /// The whole text as a tree.
    pub(super) sketch: Sketch,
    /// The nodes whose blocks the cursor is in, the outermost first.
    pub(super) path: Vec<usize>,
    /// The node on whose line the cursor is, behind its name.
    pub(super) node: Option<usize>,
    /// What would be written there.
    pub(super) slot: Slot,
    /// How the annotation before it stands.
    pub(super) annotation: Annotation<'t>,
    /// The word at the cursor, without quotes; empty where there is none.
    pub(super) word: Range<usize>,
    /// How that word is written.
    pub(super) quotes: Quotes,
    /// Whether a word follows at once, so that what is inserted needs space behind it.
    pub(super) touches_next: bool,
}

/// What would be written at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// Nothing: a comment, or behind a block.
    Nothing,
    /// A node's name.
    Name,
    /// The argument with this index, or the key of a property.
    Argument(usize),
    /// The key of a property whose `=` is there.
    Key,
    /// The value of the property that [`Cursor::key`] names.
    Value,
}

/// A type annotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Annotation<'t> {
    /// There is none.
    None,
    /// The cursor is inside it.
    Open,
    /// It stands before the cursor.
    Given(Cow<'t, str>),
}

/// How a word is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    /// Without quotes.
    Bare,
    /// With quotes, and whether the closing one is there.
    Plain { closed: bool },
    /// With quotes and this number of `#`.
    Raw { hashes: usize, closed: bool },
}

impl<'t> Cursor<'t> {
    /// Looks at the text round an offset.
    pub(super) fn new(text: &'t str, offset: usize) -> Self {
        let offset = text.floor_char_boundary(offset);
        let scan = scan(text);
        let sketch = Sketch::new(text, &scan.tokens);
        let touched = touched(&scan, offset);
        let count = match touched {
            Touched::Word(index) => index,
            _ => scan.tokens.partition_point(|token| token.end <= offset),
        };
        let start = match touched {
            Touched::Word(_) => scan.tokens.get(count).map_or(offset, |token| token.start),
            _ => offset,
        };
        let open = sketch.open(text, &scan.tokens, count, start);
        let mut cursor = Self {
            text,
            offset,
            slot: Slot::Nothing,
            annotation: match open.annotation.clone().and_then(|range| text.get(range)) {
                _ if open.in_annotation => Annotation::Open,
                Some(given) => Annotation::Given(plain(given)),
                None => Annotation::None,
            },
            word: offset..offset,
            quotes: Quotes::Bare,
            touches_next: false,
            node: open.node,
            path: Vec::new(),
            sketch,
        };
        let next = match touched {
            Touched::Nothing => return cursor.with_path(open),
            Touched::Word(index) => {
                if !cursor.take_word(&scan, index) {
                    return cursor.with_path(open);
                }
                index + 1
            }
            Touched::Space => {
                let next = scan.tokens.get(count);
                cursor.touches_next = next.is_some_and(|next| {
                    let is_joined = next.kind.is_value()
                        || matches!(next.kind, TokenKind::OpenParenthesis | TokenKind::Slashdash);
                    next.start == offset && is_joined
                });
                count
            }
        };
        let is_key = touched != Touched::Space && is_before_equals(&scan.tokens, next);
        cursor.slot = cursor.slot_in(&open, is_key);
        cursor.with_path(open)
    }

    fn with_path(mut self, open: Open) -> Self {
        self.path = open.blocks;
        self
    }

    fn slot_in(&self, open: &Open, is_key: bool) -> Slot {
        let Some(node) = open.node else {
            return Slot::Name;
        };
        let written = self.sketch.node(node).map_or(&[][..], |node| &node.entries);
        let is_argument = |entry: &&Entry| {
            let value = entry.value.as_ref();
            let is_before = value.is_some_and(|value| value.end < self.word.start);
            entry.key.is_none() && !entry.slashed && is_before
        };
        match () {
            () if open.behind_block => Slot::Nothing,
            () if open.expects_value => Slot::Value,
            () if is_key => Slot::Key,
            () => Slot::Argument(written.iter().filter(is_argument).count()),
        }
    }

    /// Takes the word that a token is; `false` where nothing can be written in it.
    fn take_word(&mut self, scan: &Scan, index: usize) -> bool {
        let Some(token) = scan.tokens.get(index) else {
            return false;
        };
        let whole = token.start..token.end.max(self.offset);
        if token.kind != TokenKind::String {
            self.word = whole;
            return true;
        }
        let written = self.text.get(token.start..token.end).unwrap_or_default();
        let raw = written.trim_start_matches('#');
        let hashes = written.len() - raw.len();
        let closed = !is_unclosed(scan, token);
        let start = token.start + hashes + 1;
        let end = if closed {
            token.end.saturating_sub(hashes + 1)
        } else {
            whole.end
        };
        if raw.starts_with("\"\"\"") || end < start || !(start..=end).contains(&self.offset) {
            return false;
        }
        self.word = start..end;
        self.quotes = match hashes {
            0 => Quotes::Plain { closed },
            hashes => Quotes::Raw { hashes, closed },
        };
        true
    }

    /// The word up to the cursor, as it is meant.
    pub(super) fn prefix(&self) -> Cow<'t, str> {
        self.meant(self.word.start..self.offset)
    }

    /// A part of the word, as it is meant.
    pub(super) fn meant(&self, range: Range<usize>) -> Cow<'t, str> {
        let written = self.text.get(range).unwrap_or_default();
        match self.quotes {
            Quotes::Plain { .. } if written.contains('\\') => Cow::Owned(unescaped(written)),
            _ => Cow::Borrowed(written),
        }
    }

    /// The node on whose line the cursor is.
    pub(super) fn current(&self) -> Option<&Node> {
        self.sketch.node(self.node?)
    }

    /// What that node is in the language.
    pub(super) fn member<'m>(&self, model: &'m Model) -> Option<&'m Member> {
        let name = self.current()?.name(self.text);
        let member = self.enclosing(model)?.member(&name)?;
        member.role.is_child().then_some(member)
    }

    /// The shape of the block that the cursor is in.
    pub(super) fn enclosing<'m>(&self, model: &'m Model) -> Option<&'m Shape> {
        let mut shape = model.root();
        for index in &self.path {
            let name = self.sketch.node(*index)?.name(self.text);
            let member = shape.member(&name);
            let member = member.filter(|member| member.role.is_child())?;
            shape = model.shape_of(member)?;
        }
        Some(shape)
    }

    /// The node in whose block the cursor is.
    pub(super) fn parent(&self) -> Option<usize> {
        self.path.last().copied()
    }

    /// The other nodes of the block that the cursor is in.
    pub(super) fn siblings(&self) -> impl Iterator<Item = &Node> {
        let own = self.current().map(|node| node.name.start);
        let is_own = move |node: &&Node| Some(node.name.start) == own || self.is_at(&node.name);
        let children = self.sketch.children(self.parent());
        children.filter(move |node| !is_own(node) && !node.slashed)
    }

    /// Keys of the properties beside the one at the cursor.
    pub(super) fn keys(&self) -> impl Iterator<Item = Cow<'t, str>> {
        let entries = self.current().map_or(&[][..], |node| &node.entries);
        let others = entries.iter().filter(|entry| !entry.slashed);
        others.filter_map(|entry| {
            let key = entry.key.clone().filter(|key| !self.is_at(key))?;
            Some(plain(self.text.get(key)?))
        })
    }

    /// Arguments beside the one at the cursor.
    pub(super) fn arguments(&self) -> impl Iterator<Item = Cow<'t, str>> {
        let entries = self.current().map_or(&[][..], |node| &node.entries);
        let others = entries
            .iter()
            .filter(|entry| entry.key.is_none() && !entry.slashed);
        others.filter_map(|entry| {
            let value = entry.value.clone().filter(|value| !self.is_at(value))?;
            Some(plain(self.text.get(value)?))
        })
    }

    /// The key of the property in whose value the cursor is.
    pub(super) fn key(&self) -> Option<Cow<'t, str>> {
        let entries = self.current()?.entries.iter();
        let mut keys = entries.filter_map(|entry| entry.key.clone());
        let key = keys.rfind(|key| key.end <= self.offset)?;
        Some(plain(self.text.get(key)?))
    }

    /// Whether the word at the cursor is in this range, or ends it.
    fn is_at(&self, range: &Range<usize>) -> bool {
        !self.word.is_empty() && range.start <= self.word.start && self.word.end <= range.end
    }
}

/// What a cursor touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Touched {
    /// Space, or a place between two tokens.
    Space,
    /// The word, number, keyword or string with this index.
    Word(usize),
    /// Something in which nothing is completed.
    Nothing,
}

fn touched(scan: &Scan, offset: usize) -> Touched {
    let index = scan.tokens.partition_point(|token| token.end < offset);
    let Some(token) = scan.tokens.get(index).filter(|token| token.start < offset) else {
        return Touched::Space;
    };
    let is_inside = offset < token.end;
    match token.kind {
        TokenKind::String if is_inside || is_unclosed(scan, token) => Touched::Word(index),
        TokenKind::String | TokenKind::LineComment => Touched::Nothing,
        TokenKind::BlockComment if is_inside || token.bad => Touched::Nothing,
        kind if kind.is_value() => Touched::Word(index),
        TokenKind::Space => {
            // The scanner leaves space behind a string without an end outside; who writes it is still inside.
            let before = index.checked_sub(1).filter(|before| {
                let token = scan.tokens.get(*before);
                token.is_some_and(|token| {
                    token.kind == TokenKind::String && is_unclosed(scan, token)
                })
            });
            before.map_or(Touched::Space, Touched::Word)
        }
        _ => Touched::Space,
    }
}

/// Whether a string has no end.
fn is_unclosed(scan: &Scan, token: &Token) -> bool {
    let mut faults = scan.faults.iter();
    token.bad
        && faults.any(|fault| fault.kind == FaultKind::UnclosedString && fault.start == token.start)
}

/// Whether `=` comes behind the tokens before this one.
fn is_before_equals(tokens: &[Token], next: usize) -> bool {
    let behind = tokens.get(next..).unwrap_or_default();
    let mut behind = behind.iter().filter(|token| !token.kind.is_node_space());
    behind
        .next()
        .is_some_and(|token| token.kind == TokenKind::Equals)
}

#[cfg(test)]
mod tests;
