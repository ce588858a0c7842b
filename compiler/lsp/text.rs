//! A text with its lines, and places in it as editors count them.
//!
//! Editors count lines from 0 and columns in units of an encoding; everything else in zosc counts bytes. Any place that an editor
//! may send means some place in the text: nothing here fails, and no character is ever cut.

use std::ops::Range;
use std::sync::Arc;

use super::protocol as lsp;

/// What columns are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// Units of UTF-16, which every client knows.
    Utf16,
}

impl Encoding {
    /// How wide a character is.
    fn width(self, character: char) -> usize {
        match self {
            Self::Utf8 => character.len_utf8(),
            Self::Utf16 => character.len_utf16(),
        }
    }
}

/// A text and where its lines start. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Text {
    text: Arc<str>,
    /// Offsets behind each line break, the first line's 0 before them.
    starts: Arc<[usize]>,
}

impl Text {
    /// Finds the lines of a text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for (at, byte) in bytes.iter().enumerate() {
            // `\r\n` is one break, and so is a `\r` alone.
            let ends = *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
            if ends {
                starts.push(at + 1);
            }
        }
        Self {
            starts: starts.into(),
            text,
        }
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text itself, to be shared.
    pub fn shared(&self) -> Arc<str> {
        self.text.clone()
    }

    /// How many lines there are; a text that ends with a line break has an empty one at its end.
    pub fn lines(&self) -> usize {
        self.starts.len()
    }

    /// The bytes of a line without its break; the last line's for one beyond it.
    pub fn line(&self, line: usize) -> Range<usize> {
        let line = line.min(self.starts.len() - 1);
        let start = self.starts[line];
        let end = self.starts.get(line + 1).copied();
        let whole = &self.text[start..end.unwrap_or(self.text.len())];
        let length = match end {
            Some(_) => whole
                .strip_suffix("\r\n")
                .unwrap_or(&whole[..whole.len() - 1])
                .len(),
            None => whole.len(),
        };
        start..start + length
    }

    /// The line of an offset, from 0.
    pub fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset) - 1
    }

    /// The place of an offset; one within a character is that character's start, one beyond the text its end.
    pub fn position(&self, offset: usize, encoding: Encoding) -> lsp::Position {
        let line = self.line_of(offset.min(self.text.len()));
        let range = self.line(line);
        let end = self.text.floor_char_boundary(offset.min(range.end));
        let before = self.text[range.start..end].chars();
        let column: usize = before.map(|character| encoding.width(character)).sum();
        lsp::Position {
            line: line as u32,
            character: column as u32,
        }
    }

    /// The offset of a place; a column beyond its line is the line's end, a line beyond the text the text's.
    pub fn offset(&self, position: lsp::Position, encoding: Encoding) -> usize {
        let line = position.line as usize;
        if line >= self.starts.len() {
            return self.text.len();
        }
        let range = self.line(line);
        let mut left = position.character as usize;
        let mut offset = range.start;
        for character in self.text[range].chars() {
            let width = encoding.width(character);
            if width > left {
                break;
            }
            left -= width;
            offset += character.len_utf8();
        }
        offset
    }

    /// The range between two offsets.
    pub fn range(&self, range: Range<usize>, encoding: Encoding) -> lsp::Range {
        lsp::Range {
            start: self.position(range.start, encoding),
            end: self.position(range.end.max(range.start), encoding),
        }
    }

    /// The bytes of a range; one whose end comes before its start is read the other way round.
    pub fn bytes(&self, range: lsp::Range, encoding: Encoding) -> Range<usize> {
        let (start, end) = (
            self.offset(range.start, encoding),
            self.offset(range.end, encoding),
        );
        start.min(end)..start.max(end)
    }

    /// The text with something else in a range.
    pub fn replaced(&self, range: Range<usize>, with: &str) -> Self {
        let mut text = String::with_capacity(self.text.len() + with.len());
        text.push_str(&self.text[..range.start]);
        text.push_str(with);
        text.push_str(&self.text[range.end..]);
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(line: u32, character: u32) -> lsp::Position {
        lsp::Position { line, character }
    }

    #[test]
    fn columns_count_units_of_the_encoding() {
        let text = Text::new("a\u{e9}\u{1f980}z\nb");
        assert_eq!(text.position(7, Encoding::Utf16), at(0, 4));
        assert_eq!(text.position(7, Encoding::Utf8), at(0, 7));
        assert_eq!(text.offset(at(0, 4), Encoding::Utf16), 7);
        assert_eq!(text.offset(at(0, 3), Encoding::Utf16), 3);
        assert_eq!(text.offset(at(0, 5), Encoding::Utf8), 3);
    }

    #[test]
    fn every_kind_of_line_break_ends_a_line() {
        let text = Text::new("a\r\nbc\rd\n");
        assert_eq!(text.lines(), 4);
        assert_eq!(
            [0, 1, 2, 3, 9].map(|line| text.line(line)),
            [0..1, 3..5, 6..7, 8..8, 8..8]
        );
        assert_eq!(text.position(2, Encoding::Utf8), at(0, 1));
    }

    #[test]
    fn places_outside_the_text_are_its_nearest() {
        let text = Text::new("ab\ncd");
        assert_eq!(text.offset(at(0, 99), Encoding::Utf16), 2);
        assert_eq!(text.offset(at(7, 0), Encoding::Utf16), 5);
        assert_eq!(text.position(99, Encoding::Utf16), at(1, 2));
        let backwards = lsp::Range {
            start: at(1, 1),
            end: at(0, 1),
        };
        assert_eq!(text.bytes(backwards, Encoding::Utf16), 1..4);
    }

    proptest! {
        #[test]
        fn places_and_offsets_lead_to_one_another(text in "[a\u{e9}\u{1f980}\r\n]{0,20}", units in any::<bool>()) {
            let encoding = if units { Encoding::Utf16 } else { Encoding::Utf8 };
            let text = Text::new(text);
            for offset in (0..=text.as_str().len()).filter(|at| text.as_str().is_char_boundary(*at)) {
                let within_a_break = text.as_str()[..offset].ends_with('\r') && text.as_str()[offset..].starts_with('\n');
                if !within_a_break {
                    prop_assert_eq!(text.offset(text.position(offset, encoding), encoding), offset);
                }
            }
        }

        #[test]
        fn no_place_cuts_a_character(text in "[a\u{e9}\u{1f980}\r\n]{0,20}", line in 0u32..9, character in 0u32..30) {
            let text = Text::new(text);
            for encoding in [Encoding::Utf8, Encoding::Utf16] {
                prop_assert!(text.as_str().is_char_boundary(text.offset(at(line, character), encoding)));
            }
        }
    }
}
