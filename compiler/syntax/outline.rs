//! Tokens to structure: where nodes and blocks begin and end, what `/-` leaves out, and what is out of place.
//!
//! Comes in: the tokens of a text, well formed or not. Goes out: an [`Outline`] that says which bytes are to be blanked
//! so that what is left is KDL. One walk with its own stack: linear time, no recursion.

mod entries;

use super::fault::{Fault, FaultKind};
use super::scan::{Token, TokenKind};
use super::{MAXIMUM_DEPTH, MAXIMUM_SLASHDASH_DEPTH};

/// The structure of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// The nodes at the top that can be parsed, in order, from name to block.
    pub nodes: Vec<(usize, usize)>,
    /// Names of top-level nodes that cannot; an empty range where the name is unreadable.
    pub broken: Vec<(usize, usize)>,
    /// Every block that is closed and not left out, by its opening brace.
    pub blocks: Vec<(usize, usize)>,
    /// Ranges that are to be blanked: comments, what `/-` leaves out, what is out of place.
    pub blanks: Vec<(usize, usize)>,
    /// Values that are to be replaced by a placeholder.
    pub poisoned: Vec<(usize, usize)>,
    /// Offsets at which something is missing from the tree.
    pub damage: Vec<usize>,
    /// What is out of place.
    pub faults: Vec<Fault>,
    /// Whether a limit was exceeded; nothing else is to be used then.
    pub gave_up: bool,
}

/// Finds the structure in the tokens of `text`.
pub fn outline(text: &str, tokens: &[Token]) -> Outline {
    let walk = |by_indentation| {
        let mut walker = Walker::new(text, tokens, by_indentation);
        walker.walk();
        walker
    };
    let first = walk(false);
    if first.unclosed && !first.outline.gave_up {
        // Some block has no end. Look again, and let a node in the first column end blocks whose content is indented.
        return walk(true).outline;
    }
    first.outline
}

/// A node that has begun.
#[derive(Debug, Clone, Copy)]
struct OpenNode {
    start: usize,
    /// The name's range; empty when there is none.
    name: (usize, usize),
    /// Where the `/-` before it stands.
    slashed: Option<usize>,
    /// Whether it cannot be parsed and is left out.
    bad: bool,
    has_block: bool,
    /// The end of its last part.
    end: usize,
}

/// A block that has begun.
#[derive(Debug, Clone, Copy)]
struct Frame {
    open: usize,
    slashed: Option<usize>,
    /// The node that it belongs to.
    node: OpenNode,
    /// The indentation of the line with the brace.
    indentation: usize,
    /// Whether its first child is indented.
    indents: bool,
}

struct Walker<'a> {
    text: &'a str,
    tokens: &'a [Token],
    index: usize,
    by_indentation: bool,
    frames: Vec<Frame>,
    node: Option<OpenNode>,
    slash: Option<usize>,
    slash_depth: usize,
    /// The start of the current line.
    line: usize,
    /// An opening brace whose closing one seems to be missing, by indentation.
    suspect: Option<usize>,
    unclosed: bool,
    outline: Outline,
}

impl<'a> Walker<'a> {
    fn new(text: &'a str, tokens: &'a [Token], by_indentation: bool) -> Self {
        Self {
            text,
            tokens,
            index: 0,
            by_indentation,
            frames: Vec::new(),
            node: None,
            slash: None,
            slash_depth: 0,
            line: 0,
            suspect: None,
            unclosed: false,
            outline: Outline::default(),
        }
    }

    fn peek(&self) -> Option<Token> {
        self.tokens.get(self.index).copied()
    }

    /// Takes the next token, blanks it if it is a comment, and keeps count of lines.
    fn take(&mut self) -> Option<Token> {
        let token = self.peek()?;
        self.index += 1;
        match token.kind {
            TokenKind::Newline | TokenKind::Continuation => self.line = token.end,
            TokenKind::LineComment | TokenKind::BlockComment | TokenKind::ByteOrderMark => {
                self.blank(token.start, token.end);
            }
            _ => {}
        }
        Some(token)
    }

    fn skip_node_space(&mut self) {
        while self.peek().is_some_and(|token| token.kind.is_node_space()) {
            self.take();
        }
    }

    fn blank(&mut self, start: usize, end: usize) {
        self.outline.blanks.push((start, end));
    }

    fn damage(&mut self, start: usize, end: usize) {
        self.blank(start, end);
        self.outline.damage.push(start);
    }

    fn fault(&mut self, kind: FaultKind, start: usize, end: usize) {
        self.outline.faults.push(Fault { kind, start, end });
    }

    fn walk(&mut self) {
        while let Some(token) = self.peek() {
            if self.outline.gave_up {
                return;
            }
            if self.node.is_some() {
                self.in_node(token);
            } else {
                self.before_node(token);
            }
        }
        self.finish();
    }

    // ── Between nodes ──────────────────────────────────────────────────────────────────────────────────────────────

    fn before_node(&mut self, token: Token) {
        match token.kind {
            kind if kind.is_node_space() => {
                self.take();
            }
            TokenKind::Newline | TokenKind::LineComment => {
                self.take();
            }
            TokenKind::Slashdash => self.slashdash(token),
            TokenKind::CloseBrace => {
                self.end_slash();
                self.close_block(token);
            }
            TokenKind::Semicolon
            | TokenKind::Equals
            | TokenKind::CloseParenthesis
            | TokenKind::Stray => {
                self.take();
                if !token.bad {
                    self.fault(FaultKind::Unexpected, token.start, token.end);
                }
                self.damage(token.start, token.end);
            }
            _ => self.start_node(token),
        }
    }

    fn start_node(&mut self, token: Token) {
        let column = self.slash.unwrap_or(token.start).saturating_sub(self.line);
        if column == 0 {
            self.end_blocks_by_indentation();
        } else if let Some(frame) = self.frames.last_mut() {
            frame.indents = true;
        }
        let slashed = self.slash.take();
        let mut node = OpenNode {
            start: token.start,
            name: (token.start, token.start),
            slashed,
            bad: false,
            has_block: false,
            end: token.end,
        };
        if token.kind == TokenKind::OpenParenthesis {
            let sound = self.annotation();
            self.skip_node_space();
            node.bad = !sound;
        }
        let Some(name) = self.peek() else {
            self.fault(FaultKind::BadAnnotation, token.start, node.end);
            node.bad = true;
            self.node = Some(node);
            return;
        };
        match name.kind {
            TokenKind::Word | TokenKind::String => {
                self.take();
                node.name = (name.start, name.end);
                node.end = name.end;
                node.bad |= name.bad;
            }
            kind => {
                if !name.bad {
                    self.fault(FaultKind::MissingName, name.start, name.end);
                }
                node.bad = true;
                if kind.is_value() {
                    self.take();
                    node.end = name.end;
                }
            }
        }
        self.node = Some(node);
    }

    /// Notes a `/-`.
    fn slashdash(&mut self, token: Token) {
        self.take();
        if let Some(first) = self.slash {
            self.fault(FaultKind::Unexpected, token.start, token.end);
            self.damage(first, token.end);
        }
        self.slash = Some(token.start);
        if self.slash_depth >= MAXIMUM_SLASHDASH_DEPTH {
            self.give_up(FaultKind::SlashdashTooDeep, token);
        }
    }

    /// Complains about a `/-` that nothing follows.
    fn end_slash(&mut self) {
        if let Some(start) = self.slash.take() {
            self.fault(FaultKind::EmptySlashdash, start, start + 2);
            self.blank(start, start + 2);
        }
    }

    fn give_up(&mut self, kind: FaultKind, token: Token) {
        self.outline.faults.clear();
        self.fault(kind, token.start, token.end);
        self.outline.gave_up = true;
    }

    // ── Inside a node ──────────────────────────────────────────────────────────────────────────────────────────────

    fn in_node(&mut self, token: Token) {
        match token.kind {
            kind if kind.is_node_space() => {
                self.take();
            }
            TokenKind::Newline | TokenKind::LineComment if self.slash.is_some() => {
                self.take();
            }
            TokenKind::Newline | TokenKind::LineComment => {
                self.end_node();
                self.take();
            }
            TokenKind::Semicolon => {
                self.end_slash();
                if self.node.is_some_and(|node| node.slashed.is_some()) {
                    // `kdl` refuses a `;` that ends a node which is left out.
                    self.blank(token.start, token.end);
                }
                self.end_node();
                self.take();
            }
            TokenKind::CloseBrace => {
                self.end_slash();
                self.end_node();
            }
            TokenKind::Slashdash => {
                self.is_apart(token);
                self.slashdash(token);
            }
            TokenKind::OpenBrace => self.open_block(token),
            TokenKind::Equals | TokenKind::CloseParenthesis | TokenKind::Stray => {
                self.take();
                if !token.bad {
                    self.fault(FaultKind::Unexpected, token.start, token.end);
                }
                self.damage(token.start, token.end);
            }
            _ if self.node.is_some_and(|node| node.has_block) && self.slash.is_none() => {
                self.behind_block(token);
            }
            _ => self.entry(token),
        }
    }

    fn end_node(&mut self) {
        let Some(node) = self.node.take() else { return };
        if let Some(start) = node.slashed {
            self.blank(start, node.end);
        } else if node.bad {
            self.damage(node.start, node.end);
            if self.frames.is_empty() {
                self.outline.broken.push(node.name);
            }
        } else if self.frames.is_empty() {
            self.outline.nodes.push((node.start, node.end));
        }
    }

    // ── Blocks ─────────────────────────────────────────────────────────────────────────────────────────────────────

    fn open_block(&mut self, token: Token) {
        let Some(mut node) = self.node.take() else {
            return;
        };
        self.take();
        let slashed = self.slash.take();
        if node.has_block && slashed.is_none() {
            self.fault(FaultKind::Unexpected, token.start, token.end);
            node.bad = true;
        }
        let line = self.text.get(self.line..token.start).unwrap_or_default();
        let indentation = line.len() - line.trim_start().len();
        self.slash_depth += usize::from(slashed.is_some()) + usize::from(node.slashed.is_some());
        self.frames.push(Frame {
            open: token.start,
            slashed,
            node,
            indentation,
            indents: false,
        });
        if self.frames.len() > MAXIMUM_DEPTH {
            self.give_up(FaultKind::TooDeep, token);
        }
    }

    fn close_block(&mut self, token: Token) {
        self.take();
        let Some(frame) = self.frames.pop() else {
            self.fault(FaultKind::StrayBrace, token.start, token.end);
            self.damage(token.start, token.end);
            return;
        };
        let before = self.text.get(self.line..token.start).unwrap_or_default();
        if before.trim().is_empty() && before.len() != frame.indentation {
            self.suspect.get_or_insert(frame.open);
        }
        let mut node = frame.node;
        self.slash_depth = self
            .slash_depth
            .saturating_sub(usize::from(frame.slashed.is_some()))
            .saturating_sub(usize::from(node.slashed.is_some()));
        node.end = token.end;
        if let Some(start) = frame.slashed {
            self.blank(start, token.end);
        } else {
            node.has_block = true;
            if self.slash_depth == 0 {
                self.outline.blocks.push((frame.open, token.end));
            }
        }
        if self.frames.is_empty() {
            self.suspect = None;
        }
        self.node = Some(node);
    }

    /// A node in the first column, where the open blocks indent their content: they have no end.
    fn end_blocks_by_indentation(&mut self) {
        if self.by_indentation && self.frames.iter().any(|frame| frame.indents) {
            let end = self.line;
            self.break_open_blocks(end);
        }
    }

    /// Ends every open block without its brace and leaves out the top-level node that they belong to.
    fn break_open_blocks(&mut self, end: usize) {
        let Some(innermost) = self.frames.last().copied() else {
            return;
        };
        let open = self.suspect.take().unwrap_or(innermost.open);
        if !self.is_swallowed() {
            self.unclosed = true;
            self.fault(FaultKind::UnclosedBlock, open, open + 1);
        }
        let node = self
            .frames
            .first()
            .map_or(innermost.node, |frame| frame.node);
        self.frames.clear();
        self.slash_depth = 0;
        self.damage(node.start, end);
        self.outline.broken.push(node.name);
    }

    /// Whether the end of the text lies in a string or comment without an end, and the missing braces with it.
    fn is_swallowed(&self) -> bool {
        let last = self.tokens.last().filter(|_| self.peek().is_none());
        last.is_some_and(|token| {
            let is_long = matches!(token.kind, TokenKind::String | TokenKind::BlockComment);
            token.bad && is_long
        })
    }

    fn finish(&mut self) {
        self.end_slash();
        self.end_node();
        self.break_open_blocks(self.text.len());
        self.outline.blocks.sort_unstable();
        self.outline.damage.sort_unstable();
        self.outline.faults.sort_by_key(|fault| fault.start);
    }
}
