//! Tokens to what is printed of them: all but white space, which is counted.

use std::borrow::Cow;

use super::super::scan::{Token, TokenKind};
use super::super::word::{is_newline, is_space};

/// A token that is printed, with what separates it from the one before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) kind: TokenKind,
    /// What is printed; of a continuation without its newline.
    pub(super) text: Cow<'a, str>,
    /// How many lines end before it.
    pub(super) newlines: usize,
    /// Whether a `;` stands before it.
    pub(super) semicolon: bool,
    /// Of an opening brace: whether its block stands on one line.
    pub(super) on_one_line: bool,
}

/// What is printed of the tokens of a sound text, in order.
pub(super) fn pieces<'a>(text: &'a str, tokens: &[Token]) -> Vec<Piece<'a>> {
    let mut pieces: Vec<Piece<'a>> = Vec::new();
    let mut newlines = 0;
    let mut semicolon = false;
    // Newlines so far, also those inside of tokens; and of each open block: its piece, and how many there were.
    let mut lines = 0;
    let mut blocks: Vec<(usize, usize)> = Vec::new();
    for token in tokens {
        let content = text.get(token.start..token.end).unwrap_or_default();
        match token.kind {
            TokenKind::Newline => newlines += 1,
            TokenKind::Semicolon => semicolon = true,
            TokenKind::OpenBrace => blocks.push((pieces.len(), lines)),
            TokenKind::CloseBrace => {
                if let Some((opening, before)) = blocks.pop()
                    && let Some(piece) = pieces.get_mut(opening)
                {
                    piece.on_one_line = lines == before;
                }
            }
            _ => {}
        }
        lines += content.chars().filter(|c| is_newline(*c)).count();
        if is_white(token.kind) {
            continue;
        }
        let behind = pieces.last().map(|piece| piece.kind);
        if semicolon && newlines == 0 && behind == Some(TokenKind::Continuation) {
            // The line has ended, but not the node: another newline ends it as well.
            newlines = 1;
        }
        pieces.push(Piece {
            kind: token.kind,
            text: printed(token.kind, content),
            newlines: std::mem::take(&mut newlines),
            semicolon: std::mem::take(&mut semicolon),
            on_one_line: false,
        });
    }
    pieces
}

/// Whether a token is printed anew where the layout wants it, or not at all.
pub(super) fn is_white(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::ByteOrderMark | TokenKind::Space | TokenKind::Newline | TokenKind::Semicolon
    )
}

/// A token as it is printed.
pub(super) fn printed(kind: TokenKind, content: &str) -> Cow<'_, str> {
    match kind {
        TokenKind::LineComment => content.trim_end_matches(is_space).into(),
        TokenKind::BlockComment if content.contains("\r\n") => content.replace("\r\n", "\n").into(),
        TokenKind::Continuation => {
            let comment = content
                .trim_start_matches('\\')
                .trim_matches(|c| is_space(c) || is_newline(c));
            if comment.is_empty() {
                "\\".into()
            } else {
                format!("\\ {comment}").into()
            }
        }
        _ => content.into(),
    }
}
