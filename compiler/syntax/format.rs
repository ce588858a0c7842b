//! Text to the same text, well laid out.
//!
//! Comes in: any text. Goes out: the text as `zosc fmt` writes it, or what is wrong with it. Never changes more than white
//! space and the `;` that separate nodes: names, values and comments stay as they are, byte by byte (but for the newlines
//! and trailing spaces of comments), and what would come out as something else is refused.
//!
//! # The layout
//! * Four spaces a level, one space between the parts of a node, none around `=`, in parentheses and behind `/-`.
//! * A block that is written on one line stays there, as `{ a; b }`; any other has one line a node, and `}` on its own.
//! * A newline stays a newline, `;` between two nodes of a line stays; `;` before the end of a line or a block is left out.
//! * One empty line stays where there are some, none at the start and end of a block or of the text.
//! * What follows a `\` at the end of a line is indented by one level more. Comments stand one space behind what precedes
//!   them on their line.
//! * Strings of several lines are never touched: their indentation means something.

mod meaning;
mod pieces;

#[cfg(test)]
mod tests;

use super::parse;
use super::scan::{TokenKind, scan};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::SourceId;

use pieces::{Piece, pieces};

/// Lays a text out; an error says why it cannot be done.
pub fn format(source: SourceId, text: &str) -> Result<String, Diagnostics> {
    let mut problems = Diagnostics::new();
    let document = parse(source, text, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let tokens = scan(text).tokens;
    let formatted = print(&pieces(text, &tokens));
    if formatted == text {
        return Ok(formatted);
    }
    let again = parse(source, &formatted, &mut problems);
    let same = problems.is_empty()
        && meaning::same_nodes(&document.nodes, &again.nodes)
        && meaning::same_tokens(text, &tokens, &formatted, &scan(&formatted).tokens);
    if same {
        Ok(formatted)
    } else {
        Err(unformattable().into())
    }
}

fn unformattable() -> Diagnostic {
    Diagnostic::error(
        "zosc::syntax::unformattable",
        "the text would mean something else once it is laid out, so it stays as it is",
    )
    .help("this is a mistake in zosc: please report it, with the text")
}

fn print(pieces: &[Piece<'_>]) -> String {
    let mut printer = Printer {
        text: String::new(),
        blocks: Vec::new(),
        in_node: false,
        slashed: false,
        starts_block: false,
        previous: None,
    };
    for piece in pieces {
        printer.piece(piece);
    }
    if !printer.is_at_line_start() {
        printer.text.push('\n');
    }
    printer.text
}

struct Printer {
    text: String,
    /// The open blocks, and whether each stands on one line.
    blocks: Vec<bool>,
    /// Whether a node has begun and not ended.
    in_node: bool,
    /// Whether a `/-` waits for what it leaves out: lines may end meanwhile, and the node goes on.
    slashed: bool,
    /// Whether nothing stands in the current block yet.
    starts_block: bool,
    previous: Option<TokenKind>,
}

impl Printer {
    fn piece(&mut self, piece: &Piece<'_>) {
        if piece.semicolon || (piece.newlines > 0 && !self.slashed) {
            self.in_node = false;
        }
        if piece.kind == TokenKind::CloseBrace {
            self.close_block(piece);
        } else {
            self.separate(piece);
            self.write(&piece.text);
            self.follow(piece);
        }
        self.previous = Some(piece.kind);
    }

    fn close_block(&mut self, piece: &Piece<'_>) {
        let on_one_line = self.blocks.pop().unwrap_or_default();
        if !on_one_line && !self.is_at_line_start() {
            self.text.push('\n');
        } else if on_one_line && self.previous != Some(TokenKind::OpenBrace) {
            self.text.push(' ');
        }
        self.in_node = false;
        self.write(&piece.text);
        self.in_node = true;
        self.slashed = false;
        self.starts_block = false;
    }

    /// Writes the white space before a piece, but for the indentation.
    fn separate(&mut self, piece: &Piece<'_>) {
        let is_comment = piece.kind == TokenKind::LineComment;
        let behind_comment = self.previous == Some(TokenKind::LineComment);
        if self.text.is_empty() {
        } else if piece.newlines > 0 && (!self.slashed || behind_comment) {
            let blank = piece.newlines > 1 && !self.starts_block;
            self.text.push_str(if blank { "\n\n" } else { "\n" });
        } else if self.is_at_line_start() {
            // A continuation has ended its line.
        } else if piece.semicolon {
            self.text.push_str(if is_comment { " " } else { "; " });
        } else if self.previous == Some(TokenKind::OpenBrace) {
            let on_one_line = self.blocks.last().copied().unwrap_or_default();
            self.text
                .push(if on_one_line || is_comment { ' ' } else { '\n' });
        } else if !self.is_tight(piece.kind) {
            self.text.push(' ');
        }
    }

    /// Whether nothing stands between the previous piece and one of this kind.
    fn is_tight(&self, kind: TokenKind) -> bool {
        use TokenKind::{
            BlockComment, CloseParenthesis, Continuation, Equals, LineComment, OpenParenthesis,
            Slashdash,
        };
        match self.previous {
            Some(OpenParenthesis) => kind != Continuation,
            Some(BlockComment) => kind == CloseParenthesis,
            Some(Slashdash | Equals | CloseParenthesis) => {
                !matches!(kind, BlockComment | LineComment | Continuation)
            }
            _ => matches!(kind, Equals | CloseParenthesis),
        }
    }

    /// Takes note of what a piece changes for those behind it.
    fn follow(&mut self, piece: &Piece<'_>) {
        let behind_brace = self.previous == Some(TokenKind::OpenBrace) && piece.newlines == 0;
        self.starts_block &= behind_brace && piece.kind == TokenKind::LineComment;
        match piece.kind {
            TokenKind::OpenBrace => {
                self.blocks.push(piece.on_one_line);
                self.in_node = false;
                self.slashed = false;
                self.starts_block = true;
            }
            TokenKind::Slashdash => {
                self.in_node = true;
                self.slashed = true;
            }
            TokenKind::Continuation => self.text.push('\n'),
            TokenKind::LineComment | TokenKind::BlockComment => {}
            _ => {
                self.in_node = true;
                self.slashed = false;
            }
        }
    }

    fn is_at_line_start(&self) -> bool {
        self.text.is_empty() || self.text.ends_with('\n')
    }

    fn write(&mut self, text: &str) {
        if self.is_at_line_start() {
            let level = self.blocks.len() + usize::from(self.in_node);
            self.text.push_str(&"    ".repeat(level));
        }
        self.text.push_str(text);
    }
}
