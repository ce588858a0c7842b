//! Strings in quotes: of one line, of several, raw; and their escapes.

use super::super::fault::FaultKind;
use super::super::word::{is_newline, is_space, newline_length};
use super::{Scanner, TokenKind};

impl Scanner<'_> {
    /// `#"…"#`, or `#"""` and lines and `"""#`; the scanner stands at the first quote.
    pub(super) fn raw_string(&mut self, start: usize, hashes: usize) {
        let marks = "#".repeat(hashes);
        let lines = self
            .rest()
            .strip_prefix("\"\"\"")
            .is_some_and(|body| newline_length(body).is_some());
        let quotes = if lines { "\"\"\"" } else { "\"" };
        let closing = format!("{quotes}{marks}");
        self.offset += quotes.len();
        while let Some(next) = self.peek() {
            if self.rest().starts_with(&closing) {
                self.offset += closing.len();
                return;
            }
            if is_newline(next) && !lines {
                break;
            }
            self.check_character(next);
            self.bump();
        }
        let end = if lines {
            start + hashes + 3
        } else {
            self.offset
        };
        self.fault(FaultKind::UnclosedString, start, end);
    }

    pub(super) fn quoted_string(&mut self) -> TokenKind {
        let start = self.offset;
        if self.rest().starts_with("\"\"\"") {
            self.offset += 3;
            if newline_length(self.rest()).is_none() {
                return self.multi_line_on_one_line(start);
            }
            if !self.string_body("\"\"\"", true) {
                self.fault(FaultKind::UnclosedString, start, start + 3);
            }
        } else {
            self.offset += 1;
            let faults = self.scan.faults.len();
            if !self.string_body("\"", false) {
                self.scan.faults.truncate(faults);
                self.end_unclosed_string(start);
            }
        }
        TokenKind::String
    }

    /// Moves behind the closing quotes; `false` when there are none.
    fn string_body(&mut self, closing: &str, lines: bool) -> bool {
        while let Some(next) = self.peek() {
            if self.rest().starts_with(closing) {
                self.offset += closing.len();
                return true;
            }
            if is_newline(next) && !lines {
                return false;
            }
            if next == '\\' {
                self.escape();
            } else {
                self.check_character(next);
                self.bump();
            }
        }
        false
    }

    /// Moves behind an escape.
    fn escape(&mut self) {
        let start = self.offset;
        self.bump();
        let Some(next) = self.peek() else { return };
        if is_space(next) || is_newline(next) {
            self.skip_while(|c| is_space(c) || is_newline(c));
        } else if matches!(next, '\\' | '"' | 'b' | 'f' | 'n' | 'r' | 't' | 's') {
            self.bump();
        } else if let Some(length) = unicode_escape_length(self.rest()) {
            self.offset += length;
        } else {
            self.bump();
            self.fault(FaultKind::BadEscape, start, self.offset);
        }
    }

    /// Ends a string that its line does not close. A brace or semicolon at the end of the line is taken to be outside.
    fn end_unclosed_string(&mut self, start: usize) {
        let body = self.text.get(start..self.offset).unwrap_or_default();
        let kept = body.trim_end_matches(|c| is_space(c) || matches!(c, '{' | '}' | ';'));
        // Only what stands apart is outside: `"{kernel}` keeps its brace.
        let tail = body.get(kept.len()..).unwrap_or_default();
        let inside = tail
            .find(is_space)
            .unwrap_or(if tail.ends_with(['{', ';']) {
                0
            } else {
                tail.len()
            });
        let length = (kept.len() + inside).max(1);
        self.offset = start + length;
        self.fault(FaultKind::UnclosedString, start, self.offset);
    }

    /// `"""text`: the text should start on the next line.
    fn multi_line_on_one_line(&mut self, start: usize) -> TokenKind {
        let rest = self.rest();
        let line = rest.split(is_newline).next().unwrap_or_default();
        let length = line.find("\"\"\"").map_or(line.len(), |found| found + 3);
        self.offset += length;
        self.fault(FaultKind::MultiLineOpening, start, self.offset);
        TokenKind::String
    }
}

/// The length of `u{…}` at the start of `rest`, if it names a character.
fn unicode_escape_length(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix("u{")?;
    let length = inside
        .bytes()
        .take(7)
        .take_while(u8::is_ascii_hexdigit)
        .count();
    let (digits, behind) = inside.split_at_checked(length)?;
    if !behind.starts_with('}') || !(1..=6).contains(&length) {
        return None;
    }
    let number = u32::from_str_radix(digits, 16).ok()?;
    char::from_u32(number).map(|_| digits.len() + 3)
}
