//! Whether two texts say the same.

use std::borrow::Cow;

use super::super::document::{Entry, Node};
use super::super::scan::{Token, TokenKind};
use super::pieces::{is_white, printed};

/// Whether two lists of nodes have the same names, values and annotations in the same order, wherever they stand.
pub(super) fn same_nodes(left: &[Node], right: &[Node]) -> bool {
    let same = |(left, right): (&Node, &Node)| {
        left.name == right.name
            && left.annotation == right.annotation
            && left.entries.len() == right.entries.len()
            && left.entries.iter().zip(&right.entries).all(same_entry)
            && left.children.is_some() == right.children.is_some()
            && same_nodes(left.children(), right.children())
    };
    left.len() == right.len() && left.iter().zip(right).all(same)
}

fn same_entry((left, right): (&Entry, &Entry)) -> bool {
    // By its text, a value that is no number equals itself, too.
    left.key == right.key && left.annotation == right.annotation && left.raw == right.raw
}

/// Whether two texts have the same tokens in the same order, comments and what `/-` leaves out among them.
pub(super) fn same_tokens(
    left: &str,
    left_tokens: &[Token],
    right: &str,
    right_tokens: &[Token],
) -> bool {
    printed_tokens(left, left_tokens).eq(printed_tokens(right, right_tokens))
}

fn printed_tokens<'a>(
    text: &'a str,
    tokens: &'a [Token],
) -> impl Iterator<Item = (TokenKind, Cow<'a, str>)> {
    tokens
        .iter()
        .filter(|token| !is_white(token.kind))
        .map(move |token| {
            let content = text.get(token.start..token.end).unwrap_or_default();
            (token.kind, printed(token.kind, content))
        })
}
