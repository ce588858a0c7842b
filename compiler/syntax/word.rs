//! What may be written without quotes.
//!
//! KDL 2.0.0, sections "Identifier String", "Number" and "Newline", decides which characters and shapes these are.

/// What a run of word characters is to KDL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WordShape {
    /// A string without quotes.
    Identifier,
    /// A number.
    Number,
    /// Starts like a number, and is none.
    NumberLike,
    /// A keyword of KDL 1: `true`, `false`, `null`, `inf`, `-inf`, `nan`.
    BareKeyword,
}

/// Sorts a run of word characters.
pub(super) fn shape(word: &str) -> WordShape {
    if matches!(word, "true" | "false" | "null" | "inf" | "-inf" | "nan") {
        return WordShape::BareKeyword;
    }
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    let starts_like_number = unsigned
        .strip_prefix('.')
        .unwrap_or(unsigned)
        .starts_with(|first: char| first.is_ascii_digit());
    if !starts_like_number {
        WordShape::Identifier
    } else if is_number(unsigned) {
        WordShape::Number
    } else {
        WordShape::NumberLike
    }
}

/// Whether a word without its sign is a number: `0x`, `0o`, `0b` or decimal, with `_` between digits.
fn is_number(word: &str) -> bool {
    let digits = |text: &str, radix: u32| {
        text.starts_with(|first: char| first.is_digit(radix))
            && text.chars().all(|c| c == '_' || c.is_digit(radix))
    };
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = word.strip_prefix(prefix) {
            return digits(rest, radix);
        }
    }
    let (mantissa, exponent) = match word.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (word, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole, 10)
        && fraction.is_none_or(|fraction| digits(fraction, 10))
        && exponent
            .map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
            .is_none_or(|exponent| digits(exponent, 10))
}

/// The length of the newline at the start of `text`, if there is one.
pub(super) fn newline_length(text: &str) -> Option<usize> {
    if text.starts_with("\r\n") {
        return Some(2);
    }
    text.chars()
        .next()
        .filter(|first| is_newline(*first))
        .map(char::len_utf8)
}

/// Whether a character ends a line.
pub(super) fn is_newline(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r' | '\u{85}' | '\u{b}' | '\u{c}' | '\u{2028}' | '\u{2029}'
    )
}

/// Whether a character is space within a line.
pub(super) fn is_space(c: char) -> bool {
    matches!(
        c,
        '\t' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// Whether a character may stand nowhere: control characters and those that reverse the direction of text.
pub(super) fn is_forbidden(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{8}'
            | '\u{e}'..='\u{1f}'
            | '\u{7f}'
            | '\u{200e}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
    )
}

/// Whether a character may be part of a string without quotes.
pub(super) fn is_word_character(c: char) -> bool {
    !(matches!(
        c,
        '\\' | '/' | '(' | ')' | '{' | '}' | '[' | ']' | ';' | '"' | '#' | '='
    ) || is_newline(c)
        || is_space(c)
        || is_forbidden(c))
}

/// A text as a KDL value: bare where nobody would take it for anything else, else in quotes.
pub fn bare_or_quoted(text: &str) -> String {
    let is_name = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+'))
        && shape(text) == WordShape::Identifier;
    if is_name {
        text.to_owned()
    } else {
        quote(text)
    }
}

/// A text as a quoted KDL string.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if is_newline(c) || is_forbidden(c) => {
                quoted.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sorted_as_kdl_2_does() {
        for word in [
            "eth0", "-", "--flag", "~6.6", "v1.2", "foo@1.2", ".x", "a,b",
        ] {
            assert_eq!(shape(word), WordShape::Identifier, "{word}");
        }
        for word in [
            "1", "-1", "6.10", "1_000", "0x1F", "0o755", "0b1", "1e5", "1.5E-3",
        ] {
            assert_eq!(shape(word), WordShape::Number, "{word}");
        }
        for word in ["6.6.30", "512MiB", "0xZZ", "1.", ".5", "+.5", "1e", "10s"] {
            assert_eq!(shape(word), WordShape::NumberLike, "{word}");
        }
        for word in ["true", "-inf"] {
            assert_eq!(shape(word), WordShape::BareKeyword, "{word}");
        }
    }

    #[test]
    fn names_need_no_quotes() {
        for text in [
            "zinit",
            "8021q",
            "true",
            "a b",
            "lib/a",
            "",
            "libstdc++",
            "a.b-c_d",
        ] {
            let bare = matches!(text, "zinit" | "libstdc++" | "a.b-c_d");
            assert_eq!(bare_or_quoted(text) == text, bare, "{text}");
        }
    }

    #[test]
    fn quoting_escapes_what_must_be() {
        assert_eq!(quote("a\"b\\c\n\0"), r#""a\"b\\c\n\u{0}""#);
    }
}
