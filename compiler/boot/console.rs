//! From the bytes of a serial console to lines of text.

/// The longest line that is kept; a console that never ends a line is cut here.
const LONGEST: usize = 4096;

/// Gathers bytes into lines, without terminal escapes and other controls.
#[derive(Debug, Default)]
pub(super) struct Lines {
    current: Vec<u8>,
    escape: Escape,
}

/// Where in a terminal escape the last byte was (ECMA-48).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    Outside,
    /// After ESC.
    Started,
    /// In a control sequence: ends with a byte from `@` to `~`.
    Sequence,
    /// In a string (title and the like): ends with BEL or ESC `\`.
    String,
    /// After ESC in a string.
    StringEnd,
}

impl Lines {
    /// Takes bytes and returns the lines that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut complete = Vec::new();
        for byte in bytes {
            self.escape = match (self.escape, *byte) {
                // ESC ( B and its like have one byte more; what it selects does not matter.
                (Escape::Outside, 0x1b) | (Escape::Started, b' '..=b'/') => Escape::Started,
                (Escape::Outside, b'\n') => {
                    complete.push(self.take());
                    Escape::Outside
                }
                (Escape::Outside, byte) => {
                    self.keep(byte);
                    if self.current.len() >= LONGEST {
                        complete.push(self.take());
                    }
                    Escape::Outside
                }
                (Escape::Started, b'[') => Escape::Sequence,
                (Escape::Started, b']' | b'P' | b'X' | b'^' | b'_') => Escape::String,
                (Escape::Started | Escape::StringEnd, _) | (Escape::String, 0x07) => {
                    Escape::Outside
                }
                (Escape::Sequence, b'@'..=b'~') => Escape::Outside,
                (Escape::Sequence, _) => Escape::Sequence,
                (Escape::String, 0x1b) => Escape::StringEnd,
                (Escape::String, _) => Escape::String,
            };
        }
        complete
    }

    /// The line that has begun and not ended, such as a prompt.
    pub(super) fn begun(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.current).into_owned();
        // Controls of two bytes, such as a control sequence's beginning (U+009B), are whole only here.
        text.retain(|character| character == '\t' || !character.is_control());
        text
    }

    fn keep(&mut self, byte: u8) {
        if byte == b'\t' || !byte.is_ascii_control() {
            self.current.push(byte);
        }
    }

    fn take(&mut self) -> String {
        let line = self.begun();
        self.current.clear();
        line
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_become_bounded_lines_without_controls(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..40),
        ) {
            let mut lines = Lines::default();
            for piece in &pieces {
                for line in lines.push(piece).iter().chain([&lines.begun()]) {
                    prop_assert!(!line.contains(|c: char| c.is_control() && c != '\t'), "{line:?}");
                    // A byte that is no text takes three.
                    prop_assert!(line.len() <= 3 * LONGEST);
                }
            }
        }
    }

    #[test]
    fn controls_of_two_bytes_go_as_well() {
        let mut lines = Lines::default();
        assert_eq!(lines.push("a\u{9b}31mb\n".as_bytes()), ["a31mb"]);
    }
}
