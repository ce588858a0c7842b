//! Command lines read as a shell would, as far as it can be known without running one.
//!
//! Comes in: the text of a script, or of a command that no shell will see. Goes out: its simple commands, or its words with
//! everything that stands in quotes made harmless. Never expands anything.

/// The simple commands of a script, in the order of writing, without comments, operators and lines that are empty.
///
/// Quotes hold together what they hold; the bodies of compound commands are taken apart as well, so that keywords such as
/// `done` come out as commands.
pub fn commands(script: &str) -> Vec<&str> {
    parts(script).into_iter().map(|(text, _)| text).collect()
}

/// The last thing that a shell does, and whether it is sent to the background; a keyword where that is the end of a
/// compound command.
pub(super) fn last_command(script: &str) -> Option<(&str, Sent)> {
    parts(script).pop()
}

/// Where a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// The shell waits for it.
    Nowhere,
    /// It is followed by `&`.
    ToBackground,
}

fn parts(script: &str) -> Vec<(&str, Sent)> {
    let mut parts: Vec<(&str, Sent)> = Vec::new();
    let mut start = 0;
    let mut take = |from: usize, to: usize, sent: Sent| {
        let text = script.get(from..to).unwrap_or("").trim();
        if !text.is_empty() && !text.starts_with('#') {
            parts.push((text, sent));
        }
    };
    let mut quotes = Quotes::default();
    let bytes = script.as_bytes();
    let mut comment = false;
    for (at, byte) in script.bytes().enumerate() {
        let after = at + 1;
        let before = at.checked_sub(1).and_then(|at| bytes.get(at)).copied();
        comment = match byte {
            b'\n' => false,
            b'#' if quotes.are_open() => comment,
            b'#' => comment || before.is_none_or(|byte| byte.is_ascii_whitespace() || byte == b';'),
            _ => comment,
        };
        if (comment && byte != b'\n') || quotes.hold(byte) {
            continue;
        }
        let is_part_of_redirection = byte == b'&'
            && (before.is_some_and(|byte| matches!(byte, b'>' | b'<'))
                || bytes.get(after) == Some(&b'>'));
        if !matches!(byte, b'\n' | b';' | b'&' | b'|') || is_part_of_redirection {
            continue;
        }
        let is_alone = before != Some(b'&') && bytes.get(after) != Some(&b'&');
        let sent = if byte == b'&' && is_alone {
            Sent::ToBackground
        } else {
            Sent::Nowhere
        };
        take(start, at, sent);
        start = after;
    }
    take(start, script.len(), Sent::Nowhere);
    parts
}

/// What is open while a text is read byte by byte.
#[derive(Debug, Default)]
struct Quotes {
    single: bool,
    double: bool,
    escaped: bool,
}

impl Quotes {
    fn are_open(&self) -> bool {
        self.single || self.double || self.escaped
    }

    /// Takes the next byte; whether it is part of a quoted text or of its quotes.
    fn hold(&mut self, byte: u8) -> bool {
        if self.escaped {
            self.escaped = false;
            return true;
        }
        match byte {
            b'\\' if !self.single => self.escaped = true,
            b'\'' if !self.double => self.single = !self.single,
            b'"' if !self.single => self.double = !self.double,
            _ => return self.single || self.double,
        }
        true
    }
}

/// A text of a command without its quoted parts: every character that a shell would take as it stands becomes `x`, so that
/// what is left means to a shell what it means in the whole.
pub(super) fn without_quoted(text: &str) -> String {
    let mut quotes = Quotes::default();
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        let (single, double, escaped) = (quotes.single, quotes.double, quotes.escaped);
        let mut buffer = [0; 4];
        // Quotes and backslashes are of one byte, and no byte of another character is one of theirs.
        let byte = character.encode_utf8(&mut buffer).as_bytes()[0];
        quotes.hold(byte);
        let changed = (single, double) != (quotes.single, quotes.double) || quotes.escaped;
        let opens_or_closes = changed && !escaped;
        plain.push(match character {
            _ if opens_or_closes => character,
            // Between double quotes a shell still expands these.
            '$' | '`' if double && !escaped => character,
            _ if single || double || escaped => 'x',
            other => other,
        });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_taken_apart_at_its_operators() {
        for (script, wanted) in [
            ("a && b || c | d; e & f", vec!["a", "b", "c", "d", "e", "f"]),
            ("a ';' \"&& b\" \\; c", vec!["a ';' \"&& b\" \\; c"]),
            (
                "a >/dev/null 2>&1 &>x; b",
                vec!["a >/dev/null 2>&1 &>x", "b"],
            ),
            ("# c; d\na # b; c\nd", vec!["a # b; c", "d"]),
            (
                "while :; do\n  getty 0 tty1\ndone\n",
                vec!["while :", "do", "getty 0 tty1", "done"],
            ),
            ("  \n", vec![]),
        ] {
            assert_eq!(commands(script), wanted, "{script}");
        }
    }

    #[test]
    fn the_last_command_says_whether_it_is_waited_for() {
        assert_eq!(last_command("a; b &\n"), Some(("b", Sent::ToBackground)));
        assert_eq!(last_command("a & b"), Some(("b", Sent::Nowhere)));
        assert_eq!(last_command("a && b"), Some(("b", Sent::Nowhere)));
        assert_eq!(last_command("a &\nwait"), Some(("wait", Sent::Nowhere)));
        assert_eq!(last_command(""), None);
    }

    #[test]
    fn what_is_quoted_means_nothing() {
        assert_eq!(without_quoted("a '$X' $Y"), "a 'xx' $Y");
        assert_eq!(without_quoted("a \"b $X | c\""), "a \"xx$xxxxx\"");
        assert_eq!(without_quoted(r"a \$X \'"), r"a \xX \x");
    }
}
