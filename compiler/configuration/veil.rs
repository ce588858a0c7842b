//! Texts without the secrets in them, of the same length, so that places stay what they are.

use crate::syntax::scan::{Token, TokenKind, scan};

/// Nodes of a configuration whose values may be secrets.
const VEILED: [&str; 2] = ["header", "token"];

/// Stars in the place of a text, line breaks kept.
pub(super) fn stars(text: &str) -> String {
    let star = |byte| if byte == b'\n' { '\n' } else { '*' };
    text.bytes().map(star).collect()
}

/// An address without the letters of a user name and password.
pub(super) fn without_user(address: &str) -> String {
    let behind = address.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = address.split_at(behind);
    match rest.rfind('@') {
        Some(at) => {
            let (user, host) = rest.split_at(at);
            format!("{scheme}{}{host}", stars(user))
        }
        None => address.to_owned(),
    }
}

/// The text of a configuration as it may be shown: nothing that a header, a token or an address holds of a secret. It is as long, and
/// has the same nodes.
pub(super) fn veiled(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut hides = false;
    let mut before = TokenKind::Newline;
    for token in scan(text).tokens {
        let Token {
            kind, start, end, ..
        } = token;
        let piece = text.get(start..end).unwrap_or_default();
        match kind {
            TokenKind::Newline
            | TokenKind::Semicolon
            | TokenKind::OpenBrace
            | TokenKind::CloseBrace => {
                hides = false;
                shown.push_str(piece);
            }
            TokenKind::Word | TokenKind::String
                if !hides && VEILED.contains(&piece.trim_matches('"')) =>
            {
                hides = true;
                shown.push_str(piece);
            }
            // The name of a variable, and names in front of `=`, are no secrets.
            TokenKind::Word if piece == "env" || before == TokenKind::CloseParenthesis => {
                shown.push_str(piece);
            }
            TokenKind::Word | TokenKind::String
                if hides && text.get(end..).is_some_and(|rest| rest.starts_with('=')) =>
            {
                shown.push_str(piece);
            }
            TokenKind::Word | TokenKind::Number | TokenKind::Stray if hides => {
                shown.push_str(&stars(piece));
            }
            TokenKind::String if hides => shown.push_str(&inside(piece)),
            TokenKind::String if piece.contains('@') => {
                let frame = piece.find(|c| c != '"' && c != '#').unwrap_or(0);
                let (frame, text) = piece.split_at(frame);
                shown.push_str(frame);
                shown.push_str(&without_user(text));
            }
            // A comment may be a node that was put aside.
            TokenKind::LineComment | TokenKind::BlockComment
                if VEILED.iter().any(|name| piece.contains(name)) =>
            {
                shown.push_str(&comment(piece));
            }
            _ => shown.push_str(piece),
        }
        if !kind.is_node_space() {
            before = kind;
        }
    }
    shown
}

/// A comment of which only the signs are left that make it one.
fn comment(text: &str) -> String {
    let is_line = text.starts_with("//");
    let end = if is_line || text.len() < 4 {
        text.len()
    } else {
        text.len() - 2
    };
    let part = |range| text.get(range).unwrap_or_default();
    format!(
        "{}{}{}",
        part(0..2),
        stars(part(2..end)),
        part(end..text.len())
    )
}

/// A quoted string whose letters are stars: the quotes and line breaks stay, so it is the same form of string.
fn inside(quoted: &str) -> String {
    let is_frame = |c: char| matches!(c, '"' | '#');
    let start = quoted.find(|c| !is_frame(c)).unwrap_or(quoted.len());
    let end = quoted.trim_end_matches(is_frame).len().max(start);
    let part = |range| quoted.get(range).unwrap_or_default();
    let letters = |text: &str| -> String {
        // The indentation of a text of several lines belongs to its form.
        let keeps = |c: char| c.is_whitespace();
        text.chars()
            .flat_map(|c| {
                let count = if keeps(c) { 1 } else { c.len_utf8() };
                std::iter::repeat_n(if keeps(c) { c } else { '*' }, count)
            })
            .collect()
    };
    format!(
        "{}{}{}",
        part(0..start),
        letters(part(start..end)),
        part(end..quoted.len())
    )
}
