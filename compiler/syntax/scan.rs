//! Text to tokens: lossless and tolerant.
//!
//! Comes in: any text. Goes out: tokens that tile it, so that their texts joined are the text again, and the faults
//! that can be seen without structure. Linear in the length of the text.

mod strings;

use super::fault::{Fault, FaultKind};
use super::word::{
    self, WordShape, is_forbidden, is_newline, is_space, is_word_character, newline_length,
};

/// A piece of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
    /// Whether a fault lies in it.
    pub bad: bool,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A byte order mark at the start of the text.
    ByteOrderMark,
    /// Space within a line.
    Space,
    /// The end of a line.
    Newline,
    /// `// …`, without the newline.
    LineComment,
    /// `/* … */`.
    BlockComment,
    /// `\` and all up to the end of the line, newline included: the node goes on.
    Continuation,
    /// `/-`.
    Slashdash,
    /// A string without quotes, or a run that looks like one.
    Word,
    /// A number.
    Number,
    /// A quoted string of any form.
    String,
    /// `#true` and its like.
    Keyword,
    /// `=`.
    Equals,
    /// `{`.
    OpenBrace,
    /// `}`.
    CloseBrace,
    /// `(`.
    OpenParenthesis,
    /// `)`.
    CloseParenthesis,
    /// `;`.
    Semicolon,
    /// Anything else; always bad.
    Stray,
}

impl TokenKind {
    /// Whether it separates the parts of a node without ending it.
    pub fn is_node_space(self) -> bool {
        matches!(
            self,
            Self::Space | Self::BlockComment | Self::Continuation | Self::ByteOrderMark
        )
    }

    /// Whether it is a value, or meant as one.
    pub fn is_value(self) -> bool {
        matches!(
            self,
            Self::Word | Self::Number | Self::String | Self::Keyword
        )
    }
}

/// A scanned text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The tokens in order; they tile the text.
    pub tokens: Vec<Token>,
    /// What is wrong in single tokens.
    pub faults: Vec<Fault>,
}

/// Cuts a text into tokens.
pub fn scan(text: &str) -> Scan {
    let mut scanner = Scanner {
        text,
        offset: 0,
        line: 0,
        list_line: None,
        bad: false,
        scan: Scan {
            tokens: Vec::new(),
            faults: Vec::new(),
        },
    };
    while scanner.offset < text.len() {
        scanner.token();
    }
    scanner.scan
}

struct Scanner<'a> {
    text: &'a str,
    offset: usize,
    /// Where the current line starts.
    line: usize,
    /// The last line with a bracket or comma.
    list_line: Option<usize>,
    /// Whether the current token has a fault.
    bad: bool,
    scan: Scan,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.offset += next.len_utf8();
        Some(next)
    }

    fn skip_while(&mut self, test: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&test) {
            self.bump();
        }
    }

    fn fault(&mut self, kind: FaultKind, start: usize, end: usize) {
        self.bad = true;
        self.scan.faults.push(Fault { kind, start, end });
    }

    /// Notes the first bracket or comma of a line; the others are the same mistake.
    fn list_fault(&mut self, start: usize, end: usize) {
        self.bad = true;
        if self.list_line != Some(self.line) {
            self.list_line = Some(self.line);
            self.fault(FaultKind::ListSyntax, start, end);
        }
    }

    fn token(&mut self) {
        let start = self.offset;
        self.bad = false;
        let kind = self.advance();
        if self.offset == start {
            self.bump();
        }
        self.scan.tokens.push(Token {
            kind,
            start,
            end: self.offset,
            bad: self.bad,
        });
    }

    /// Moves behind the next token and says what it is.
    fn advance(&mut self) -> TokenKind {
        let start = self.offset;
        let Some(first) = self.peek() else {
            return TokenKind::Space;
        };
        if let Some(length) = newline_length(self.rest()) {
            self.offset += length;
            self.line = self.offset;
            return TokenKind::Newline;
        }
        if is_space(first) {
            self.skip_while(is_space);
            return TokenKind::Space;
        }
        if first == '\u{feff}' && start == 0 {
            self.bump();
            return TokenKind::ByteOrderMark;
        }
        if is_forbidden(first) {
            self.skip_while(is_forbidden);
            self.fault(FaultKind::ForbiddenCharacter, start, self.offset);
            return TokenKind::Stray;
        }
        let single = match first {
            '{' => TokenKind::OpenBrace,
            '}' => TokenKind::CloseBrace,
            '(' => TokenKind::OpenParenthesis,
            ')' => TokenKind::CloseParenthesis,
            ';' => TokenKind::Semicolon,
            '=' => TokenKind::Equals,
            '"' => return self.quoted_string(),
            '#' => return self.raw_string_or_keyword(),
            '/' => return self.slash(),
            '\\' => return self.backslash(),
            _ => return self.word(),
        };
        self.bump();
        single
    }

    fn slash(&mut self) -> TokenKind {
        let rest = self.rest();
        if rest.starts_with("//") {
            self.line_comment();
            TokenKind::LineComment
        } else if rest.starts_with("/*") {
            self.block_comment();
            TokenKind::BlockComment
        } else if rest.starts_with("/-") {
            self.offset += 2;
            TokenKind::Slashdash
        } else {
            self.word()
        }
    }

    fn line_comment(&mut self) {
        while let Some(next) = self.peek().filter(|next| !is_newline(*next)) {
            self.check_character(next);
            self.bump();
        }
    }

    /// Notes a character that may not stand even in comments.
    fn check_character(&mut self, c: char) {
        if is_forbidden(c) {
            self.fault(
                FaultKind::ForbiddenCharacter,
                self.offset,
                self.offset + c.len_utf8(),
            );
        }
    }

    fn block_comment(&mut self) {
        let start = self.offset;
        let mut depth = 0_usize;
        while let Some(next) = self.peek() {
            let rest = self.rest();
            if rest.starts_with("/*") {
                depth += 1;
                self.offset += 2;
            } else if rest.starts_with("*/") {
                depth -= 1;
                self.offset += 2;
                if depth == 0 {
                    return;
                }
            } else {
                self.check_character(next);
                self.bump();
            }
        }
        self.fault(FaultKind::UnclosedComment, start, start + 2);
    }

    /// `\` before the end of a line, or a path as other systems write it.
    fn backslash(&mut self) -> TokenKind {
        match self.continuation_length() {
            Some(length) => {
                self.offset += length;
                TokenKind::Continuation
            }
            None => self.word(),
        }
    }

    /// How many bytes a continuation takes, if one starts here.
    fn continuation_length(&self) -> Option<usize> {
        let rest = self.rest().strip_prefix('\\')?;
        let mut behind = rest.trim_start_matches(is_space);
        if behind.starts_with("//") {
            behind = behind.trim_start_matches(|c| !is_newline(c));
        }
        let newline = match newline_length(behind) {
            Some(length) => length,
            None if behind.is_empty() => 0,
            None => return None,
        };
        Some(1 + rest.len() - behind.len() + newline)
    }

    fn word(&mut self) -> TokenKind {
        let start = self.offset;
        if matches!(self.peek(), Some('[' | ']')) {
            self.bump();
            self.list_fault(start, self.offset);
            return TokenKind::Stray;
        }
        self.skip_while(is_word_character);
        if self.is_glued(start) {
            self.glued_run();
            self.fault(FaultKind::NeedsQuotes, start, self.offset);
            return TokenKind::Word;
        }
        let word = self.text.get(start..self.offset).unwrap_or_default();
        let length = word.len();
        let shape = word::shape(word);
        if word.len() > 1 && word.ends_with(',') || word == "," {
            self.list_fault(start + length - 1, start + length);
        } else if shape == WordShape::NumberLike {
            self.fault(FaultKind::NeedsQuotes, start, self.offset);
        } else if shape == WordShape::BareKeyword {
            self.fault(FaultKind::BareKeyword, start, self.offset);
        }
        match shape {
            WordShape::Number => TokenKind::Number,
            _ => TokenKind::Word,
        }
    }

    /// Whether the run of word characters from `start` goes on with something that a word may not hold.
    fn is_glued(&self, start: usize) -> bool {
        let rest = self.rest();
        let word = self.text.get(start..self.offset).unwrap_or_default();
        match rest.chars().next() {
            Some('/') if rest.starts_with("//") && !word.is_empty() => word.ends_with(':'),
            Some('/') if rest.starts_with("/*") && !word.is_empty() => !ends_soon(rest),
            Some('\\') => self.continuation_length().is_none(),
            Some('/' | '(' | '[' | '#') => true,
            Some('{') => template_length(word, rest).is_some(),
            _ => false,
        }
    }

    /// Moves to the end of a run that needs quotes, templates such as `{kernel}` included.
    fn glued_run(&mut self) {
        let start = self.offset;
        let mut open = 0_usize;
        while let Some(next) = self.peek() {
            match next {
                '(' => open += 1,
                ')' if open == 0 => break,
                ')' => open -= 1,
                '{' => {
                    let before = self.text.get(start..self.offset).unwrap_or_default();
                    match template_length(before, self.rest()) {
                        Some(length) => {
                            self.offset += length;
                            continue;
                        }
                        None => break,
                    }
                }
                '}' | ';' | '"' => break,
                _ if is_space(next) || is_newline(next) || is_forbidden(next) => break,
                _ => {}
            }
            self.bump();
        }
    }

    fn raw_string_or_keyword(&mut self) -> TokenKind {
        let start = self.offset;
        self.skip_while(|c| c == '#');
        let hashes = self.offset - start;
        if self.peek() == Some('"') {
            self.raw_string(start, hashes);
            return TokenKind::String;
        }
        let word_start = self.offset;
        self.skip_while(is_word_character);
        let word = self.text.get(word_start..self.offset).unwrap_or_default();
        let known = hashes == 1
            && matches!(word, "true" | "false" | "null" | "inf" | "-inf" | "nan")
            && !self.is_glued(start);
        if !known {
            self.glued_run();
            self.fault(FaultKind::UnknownKeyword, start, self.offset);
        }
        TokenKind::Keyword
    }
}

/// Whether the comment at the start of `rest` ends on its line, and not far away.
fn ends_soon(rest: &str) -> bool {
    let line = rest.as_bytes().get(..500).unwrap_or(rest.as_bytes());
    line.windows(2)
        .take_while(|pair| *pair.first().unwrap_or(&b'\n') != b'\n')
        .any(|pair| pair == b"*/")
}

/// The length of `{name}` at the start of `rest`, where it is part of a word such as `vmlinuz-{kernel}.efi`.
fn template_length(before: &str, rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('{')?;
    let name = inside
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')))
        .and_then(|end| inside.get(..end.min(64)))?;
    let behind = inside.strip_prefix(name)?.strip_prefix('}')?;
    let goes_on = behind.starts_with(|c: char| is_word_character(c) || c == '/');
    let leads_on = before.ends_with(['-', '_', '.', '/']);
    (!name.is_empty() && (goes_on || leads_on)).then_some(name.len() + 2)
}
