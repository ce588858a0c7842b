//! Tokens to a rough tree: nodes, what stands on their lines, and their blocks.
//!
//! Comes in: the tokens of a text that is being written, well formed or not. Goes out: a [`Sketch`], in which everything is there that
//! can be told, half a property too. Never says what is wrong: that is for `syntax`. One walk with its own stack: linear time, no recursion.

use std::borrow::Cow;
use std::ops::Range;

use crate::syntax::scan::{Token, TokenKind};

/// A text as a tree of nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sketch {
    /// All nodes in the order in which they begin.
    pub(super) nodes: Vec<Node>,
    /// Those outside every block.
    pub(super) top: Vec<usize>,
    /// Whether blocks without an end were ended by indentation.
    by_indentation: bool,
}

/// A node as far as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// Its name, quotes included; empty where there is none.
    pub(super) name: Range<usize>,
    /// Whether `/-` leaves it out.
    pub(super) slashed: bool,
    /// The node in whose block it stands.
    pub(super) parent: Option<usize>,
    /// Arguments and properties.
    pub(super) entries: Vec<Entry>,
    /// The nodes of its block.
    pub(super) children: Vec<usize>,
    /// All of it: from its `/-`, annotation or name to the end of its last part.
    pub(super) range: Range<usize>,
    /// Its block with the braces, or as far as that goes.
    pub(super) block: Option<Range<usize>>,
}

/// An argument or property as far as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// What stands in the parentheses before it.
    pub(super) annotation: Option<Range<usize>>,
    /// What stands before `=`, if that is there.
    pub(super) key: Option<Range<usize>>,
    /// The value, if there is one.
    pub(super) value: Option<Range<usize>>,
    /// Whether `/-` leaves it out.
    pub(super) slashed: bool,
    /// All of it: from its `/-`, annotation, key or value to its end.
    pub(super) range: Range<usize>,
}

/// What is open behind some of the tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Open {
    /// The nodes whose blocks are open, the outermost first.
    pub(super) blocks: Vec<usize>,
    /// The node on whose line the tokens end.
    pub(super) node: Option<usize>,
    /// Whether that node's block has ended.
    pub(super) behind_block: bool,
    /// Whether the last token that counts is `=`.
    pub(super) expects_value: bool,
    /// Whether a parenthesis is open.
    pub(super) in_annotation: bool,
    /// The annotation whose value is still to come.
    pub(super) annotation: Option<Range<usize>>,
}

impl Sketch {
    /// The tree of a whole text.
    pub(super) fn new(text: &str, tokens: &[Token]) -> Self {
        let first = Walker::walk(text, tokens, false);
        if first.blocks.is_empty() {
            return first.sketch;
        }
        // Some block has no end. Look again, and let indentation end those whose content is indented.
        let mut again = Walker::walk(text, tokens, true);
        again.end_blocks(0, text.len());
        again.sketch
    }

    /// What is open behind the first `count` tokens, for something that is about to be written at `offset`.
    pub(super) fn open(&self, text: &str, tokens: &[Token], count: usize, offset: usize) -> Open {
        let before = tokens.get(..count).unwrap_or(tokens);
        let mut walker = Walker::walk(text, before, self.by_indentation);
        if walker.open.node.is_none() {
            walker.end_blocks_by_indentation(offset);
        }
        Open {
            blocks: walker.blocks.iter().map(|block| block.node).collect(),
            ..walker.open
        }
    }

    fn end_block(&mut self, block: Block, end: usize) {
        let Some(node) = self.nodes.get_mut(block.node) else {
            return;
        };
        node.range.end = end.max(node.range.end);
        if let Some(inside) = node.block.as_mut().filter(|_| !block.slashed) {
            inside.end = end.max(inside.end);
        }
    }

    /// A node by its index.
    pub(super) fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }

    /// The nodes of a block, or those outside every block.
    pub(super) fn children(&self, parent: Option<usize>) -> impl Iterator<Item = &Node> {
        let indices = match parent {
            Some(parent) => self.node(parent).map_or(&[][..], |node| &node.children),
            None => &self.top,
        };
        indices.iter().filter_map(|index| self.node(*index))
    }
}

impl Node {
    /// Its name without quotes.
    pub(super) fn name<'t>(&self, text: &'t str) -> Cow<'t, str> {
        plain(text.get(self.name.clone()).unwrap_or_default())
    }

    /// The value of one of its properties.
    pub(super) fn property<'t>(&self, text: &'t str, name: &str) -> Option<Cow<'t, str>> {
        let word = |range: &Range<usize>| Some(plain(text.get(range.clone())?));
        let is_it = |entry: &&Entry| {
            let key = entry.key.as_ref().and_then(word);
            !entry.slashed && key.is_some_and(|key| key == name)
        };
        word(self.entries.iter().find(is_it)?.value.as_ref()?)
    }

    /// Its arguments, without those that are left out.
    pub(super) fn arguments<'t>(&self, text: &'t str) -> impl Iterator<Item = Cow<'t, str>> {
        let entries = self.entries.iter();
        let arguments = entries.filter(|entry| entry.key.is_none() && !entry.slashed);
        arguments.filter_map(move |entry| Some(plain(text.get(entry.value.clone()?)?)))
    }
}

/// A value without its quotes, and without the most frequent escapes.
pub(super) fn plain(written: &str) -> Cow<'_, str> {
    let raw = written.trim_start_matches('#');
    let hashes = written.len() - raw.len();
    let Some(inside) = raw.strip_prefix('"') else {
        return Cow::Borrowed(written);
    };
    let marks = written.get(..hashes).unwrap_or_default();
    let inside = inside.strip_suffix(marks).unwrap_or(inside);
    let inside = inside.strip_suffix('"').unwrap_or(inside);
    if hashes > 0 || !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    Cow::Owned(unescaped(inside))
}

/// The inside of a quoted string with `\"`, `\\`, `\n` and `\t` as they are meant.
pub(super) fn unescaped(inside: &str) -> String {
    let mut text = String::with_capacity(inside.len());
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some(other) => other,
                None => '\\',
            },
            other => other,
        });
    }
    text
}

/// A block that is open.
#[derive(Debug, Clone, Copy)]
struct Block {
    node: usize,
    /// The indentation of the line with the brace.
    indentation: usize,
    /// Whether its content is indented.
    indents: bool,
    /// Whether `/-` leaves it out.
    slashed: bool,
}

struct Walker<'a> {
    text: &'a str,
    sketch: Sketch,
    blocks: Vec<Block>,
    open: Open,
    slashed: bool,
    /// Where a `/-` or an annotation stands whose node or entry is still to come.
    begun: Option<usize>,
    /// Where the current line starts.
    line: usize,
    /// The end of the last `=`.
    equals: usize,
}

impl<'a> Walker<'a> {
    fn walk(text: &'a str, tokens: &[Token], by_indentation: bool) -> Self {
        let mut walker = Self {
            text,
            sketch: Sketch {
                by_indentation,
                ..Sketch::default()
            },
            blocks: Vec::new(),
            open: Open::default(),
            slashed: false,
            begun: None,
            line: 0,
            equals: 0,
        };
        for token in tokens {
            walker.token(*token);
        }
        walker
    }

    fn token(&mut self, token: Token) {
        match token.kind {
            TokenKind::Continuation => self.line = token.end,
            TokenKind::Newline | TokenKind::LineComment => {
                if !self.slashed {
                    self.end_node();
                }
                if token.kind == TokenKind::Newline {
                    self.line = token.end;
                }
            }
            TokenKind::Semicolon => {
                self.slashed = false;
                self.end_node();
            }
            TokenKind::Slashdash => {
                self.slashed = true;
                self.begun = Some(token.start);
            }
            TokenKind::OpenParenthesis => {
                self.begun.get_or_insert(token.start);
                self.open.in_annotation = true;
                self.open.annotation = None;
            }
            TokenKind::CloseParenthesis => self.open.in_annotation = false,
            TokenKind::Equals => self.equals(token),
            TokenKind::OpenBrace => self.open_block(token),
            TokenKind::CloseBrace => self.close_block(token),
            kind if kind.is_value() => self.value(token),
            _ => {}
        }
    }

    fn end_node(&mut self) {
        self.open = Open::default();
        self.begun = None;
    }

    fn value(&mut self, token: Token) {
        let range = token.start..token.end;
        if self.open.in_annotation {
            self.open.annotation = Some(range);
            return;
        }
        let annotation = self.open.annotation.take();
        let begun = self.begun.take().unwrap_or(token.start);
        let index = self.open.node.filter(|_| !self.open.behind_block);
        let Some(node) = index.and_then(|index| self.sketch.nodes.get_mut(index)) else {
            self.start_node(range, begun);
            return;
        };
        node.range.end = token.end;
        match node.entries.last_mut() {
            Some(entry) if self.open.expects_value => {
                entry.value = Some(range);
                entry.annotation = annotation;
                entry.range.end = token.end;
            }
            _ => node.entries.push(Entry {
                annotation,
                key: None,
                value: Some(range),
                slashed: std::mem::take(&mut self.slashed),
                range: begun..token.end,
            }),
        }
        self.open.expects_value = false;
    }

    /// Makes a key of what stands before `=`.
    fn equals(&mut self, token: Token) {
        let node = self.open.node.filter(|_| !self.open.in_annotation);
        let Some(node) = node.and_then(|index| self.sketch.nodes.get_mut(index)) else {
            return;
        };
        let Some(last) = node.entries.last_mut() else {
            return;
        };
        let is_apart = |value: &Range<usize>| value.start > self.equals;
        node.range.end = token.end;
        if last.key.is_none() {
            last.key = last.value.take();
            last.range.end = token.end;
            self.open.expects_value = true;
        } else if last.value.as_ref().is_some_and(is_apart) {
            // `mode= to="/x"`: the value is missing, and the next key stands in its place.
            let key = last.value.take();
            last.range.end = self.equals;
            let start = key.as_ref().map_or(token.start, |key| key.start);
            node.entries.push(Entry {
                key,
                range: start..token.end,
                ..Entry::default()
            });
            self.open.expects_value = true;
        }
        self.equals = token.end;
    }

    fn start_node(&mut self, name: Range<usize>, begun: usize) {
        self.end_blocks_by_indentation(name.start);
        let index = self.sketch.nodes.len();
        let around = self.blocks.last();
        let parent = around.map(|block| block.node);
        let is_left_out = around.is_some_and(|block| block.slashed);
        let siblings = match parent.and_then(|parent| self.sketch.nodes.get_mut(parent)) {
            Some(parent) => &mut parent.children,
            None => &mut self.sketch.top,
        };
        siblings.push(index);
        self.sketch.nodes.push(Node {
            range: begun..name.end.max(begun),
            name,
            parent,
            slashed: std::mem::take(&mut self.slashed) || is_left_out,
            ..Node::default()
        });
        self.end_node();
        self.open.node = Some(index);
    }

    /// Ends blocks whose content is indented further than something at the start of its line.
    fn end_blocks_by_indentation(&mut self, offset: usize) {
        let before = self.text.get(self.line..offset).unwrap_or_default();
        if !before.trim().is_empty() {
            return;
        }
        let column = before.len();
        let goes_on = |block: &Block| !block.indents || column > block.indentation;
        if self.sketch.by_indentation {
            let kept = self.blocks.iter().rposition(goes_on);
            self.end_blocks(kept.map_or(0, |last| last + 1), self.line);
        }
        if let Some(block) = self.blocks.last_mut() {
            block.indents |= column > block.indentation;
        }
    }

    /// Ends the blocks from an index on, without the space before an offset.
    fn end_blocks(&mut self, first: usize, offset: usize) {
        let before = self.text.get(..offset).unwrap_or_default();
        let end = before.trim_end().len();
        for block in self.blocks.drain(first.min(self.blocks.len())..) {
            self.sketch.end_block(block, end);
        }
    }

    fn open_block(&mut self, token: Token) {
        let slashed = std::mem::take(&mut self.slashed);
        if self.open.node.is_none() {
            // A block without a name.
            self.start_node(0..0, token.start);
        }
        let Some(node) = self.open.node else { return };
        if let Some(node) = self.sketch.nodes.get_mut(node).filter(|_| !slashed) {
            node.block.get_or_insert(token.start..token.end);
        }
        let line = self.text.get(self.line..).unwrap_or_default();
        let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
        self.blocks.push(Block {
            node,
            indentation,
            indents: false,
            slashed,
        });
        self.end_node();
    }

    fn close_block(&mut self, token: Token) {
        self.slashed = false;
        self.end_node();
        if let Some(block) = self.blocks.pop() {
            self.sketch.end_block(block, token.end);
            self.open.node = Some(block.node);
            self.open.behind_block = true;
        }
    }
}
