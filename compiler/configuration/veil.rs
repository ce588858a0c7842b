//! Texts without the secrets in them, of the same length, so that places stay what they are.

use crate::syntax::scan::{Token, TokenKind, scan};

/// Nodes whose values are no secrets. Any other may be a header, or be meant to be one.
const OPEN: [&str; 12] = [
    "ca",
    "cache",
    "certificate",
    "edition",
    "executor",
    "fallback",
    "instance",
    "jobs",
    "key",
    "property",
    "timeout",
    "tls",
];
/// The node whose value is an address, and all of whose properties are somebody's mistake.
const ADDRESSED: &str = "remote";
/// What makes a comment one that may hold a secret.
const SECRETIVE: [&str; 2] = ["header", "token"];

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
    let mut veil = Veil::default();
    let mut shown = String::with_capacity(text.len());
    for token in scan(text).tokens {
        let piece = text.get(token.start..token.end).unwrap_or_default();
        let rest = text.get(token.end..).unwrap_or_default();
        shown.push_str(&veil.piece(&token, piece, rest));
        if !token.kind.is_node_space() {
            veil.before = Some(token.kind);
        }
    }
    shown
}

/// What was read of a text.
#[derive(Default)]
struct Veil {
    /// Whether the node at hand has been named.
    is_named: bool,
    /// Whether the values of the node at hand are hidden.
    hides: bool,
    /// Whether its properties are, although its values are not.
    hides_properties: bool,
    /// The same of the nodes around it.
    around: Vec<bool>,
    /// Whether the last parentheses were `(env)`.
    is_variable: bool,
    before: Option<TokenKind>,
}

impl Veil {
    /// A piece of the text as it is shown, before `rest`.
    fn piece(&mut self, token: &Token, piece: &str, rest: &str) -> String {
        if self.before == Some(TokenKind::OpenParenthesis) {
            self.is_variable = piece == "env";
        }
        match token.kind {
            TokenKind::Newline | TokenKind::Semicolon => self.begin(),
            TokenKind::OpenBrace => {
                self.around.push(self.hides);
                self.begin();
            }
            TokenKind::CloseBrace => {
                self.around.pop();
                self.begin();
            }
            TokenKind::Word | TokenKind::String if !self.is_named => {
                self.name(piece.trim_matches('"'));
                // A secret with nothing in front of it.
                if self.before != Some(TokenKind::CloseParenthesis) && piece.contains([':', '@']) {
                    return hidden(token.kind, piece);
                }
            }
            TokenKind::Word | TokenKind::String | TokenKind::Number | TokenKind::Stray
                if self.hides_this(token.kind, rest) =>
            {
                return hidden(token.kind, piece);
            }
            TokenKind::Word | TokenKind::String | TokenKind::Stray if piece.contains('@') => {
                let frame = piece.find(|c| c != '"' && c != '#').unwrap_or(0);
                let (frame, text) = piece.split_at(frame);
                return format!("{frame}{}", without_user(text));
            }
            // A comment may be a node that was put aside.
            TokenKind::LineComment | TokenKind::BlockComment
                if SECRETIVE.iter().any(|name| piece.contains(name)) =>
            {
                return comment(piece);
            }
            _ => {}
        }
        piece.to_owned()
    }

    /// Begins a node.
    fn begin(&mut self) {
        (self.is_named, self.hides, self.hides_properties) = (false, false, false);
    }

    fn name(&mut self, name: &str) {
        self.is_named = true;
        let is_inside = self.around.iter().any(|hides| *hides);
        self.hides = is_inside || name != ADDRESSED && !OPEN.contains(&name);
        self.hides_properties = name == ADDRESSED;
    }

    /// Whether a value is hidden. The name of a variable, and names in front of `=`, are no secrets.
    fn hides_this(&self, kind: TokenKind, rest: &str) -> bool {
        let follows = matches!(
            self.before,
            Some(TokenKind::OpenParenthesis | TokenKind::CloseParenthesis)
        );
        let is_variable = self.is_variable && follows && kind == TokenKind::Word;
        let is_property = self.before == Some(TokenKind::Equals);
        let hides = self.hides || self.hides_properties && is_property;
        hides && !is_variable && !rest.starts_with('=')
    }
}

/// A value of which only the form is left.
fn hidden(kind: TokenKind, piece: &str) -> String {
    if kind == TokenKind::String {
        inside(piece)
    } else {
        stars(piece)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_may_be_a_secret_is_left() {
        for text in [
            "remote \"grpcs://h\" { headers authorization=\"Bearer SECRET\" }",
            "remote \"grpcs://h\" authorization=\"Bearer SECRET\"",
            "remote \"grpcs://h\" { authorization \"Bearer SECRET\" }",
            "remote \"grpcs://h\" { header { authorization \"Bearer SECRET\" } }",
            "remote \"grpcs://h\" {\n    header x-key=SECRET; jobs 4\n}",
            "remote grpcs://me:SECRET@h",
            "remote \"grpcs://me:SECRET@h\"",
            "// header x=\"SECRET\"\n",
            "/- header x=SECRET",
        ] {
            let veiled = veiled(text);
            assert!(!veiled.contains("SECRET"), "{veiled}");
            assert_eq!(veiled.len(), text.len(), "{veiled}");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        let text = "edition 1\nexecutor remote\nremote \"grpcs://h\" {\n    token (env)NAME\n    header x-key=(env)KEY\n    \
                    property OSFamily=linux\n    tls { ca \"ca.pem\" }\n    timeout \"90s\"\n}\n";
        assert_eq!(veiled(text), text);
    }
}
