//! A list: entries a line each, comments behind `#`.

use crate::source::Span;

use super::folder::Text;

/// One line of a list.
pub(super) enum Line<'a> {
    /// Nothing.
    Blank,
    /// A comment that has something to say.
    Comment(String),
    /// A line of decoration, or a comment without words.
    Rule,
    /// An entry, and the comment behind it.
    Entry(Entry<'a>),
}

/// An entry of a list.
pub(super) struct Entry<'a> {
    /// The entry without the blanks and the comment around it.
    pub(super) text: &'a str,
    /// Where it stands.
    pub(super) span: Span,
    /// What the comment behind it says.
    pub(super) remark: Option<String>,
}

/// The lines of a text in order.
pub(super) fn lines(text: &Text) -> impl Iterator<Item = Line<'_>> {
    let mut offset = 0;
    text.content.split_inclusive('\n').map(move |line| {
        let start = offset;
        offset += line.len();
        read(text, line, start)
    })
}

fn read<'a>(text: &Text, line: &'a str, start: usize) -> Line<'a> {
    let trimmed = line.trim();
    if trimmed.is_empty() {
        return Line::Blank;
    }
    if trimmed.starts_with('#') {
        return comment(trimmed).map_or(Line::Rule, Line::Comment);
    }
    let behind = trimmed
        .match_indices('#')
        .map(|(at, _)| at)
        .find(|at| trimmed[..*at].ends_with(char::is_whitespace));
    let (entry, remark) = match behind {
        Some(at) => (trimmed[..at].trim_end(), comment(&trimmed[at..])),
        None => (trimmed, None),
    };
    let start = start + (line.len() - line.trim_start().len());
    Line::Entry(Entry {
        text: entry,
        span: Span::new(text.source, start, start + entry.len()),
        remark,
    })
}

/// What a comment says without its signs and frames; `None` where it says nothing.
pub(super) fn comment(text: &str) -> Option<String> {
    const FRAME: [char; 7] = ['#', '=', '-', '*', '~', '─', '═'];
    let is_frame = |c: char| c.is_whitespace() || FRAME.contains(&c);
    let said = text.trim_start_matches('#').trim();
    // A frame has at least three signs: `-x` and `--flag` are words.
    let framed = |said: &str| {
        let signs = said.chars().take_while(|c| FRAME.contains(c)).count();
        signs >= 3
    };
    let said = if framed(said) {
        said.trim_start_matches(is_frame)
    } else {
        said
    };
    let backwards: String = said.chars().rev().collect();
    let said = if framed(&backwards) {
        said.trim_end_matches(is_frame)
    } else {
        said
    };
    said.chars()
        .any(char::is_alphanumeric)
        .then(|| said.to_owned())
}

/// The places of all lines of a text that hold more than a comment.
pub(super) fn filled(text: &Text) -> impl Iterator<Item = Span> {
    lines(text).filter_map(|line| match line {
        Line::Entry(entry) => Some(entry.span),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_lose_their_frames_and_keep_their_words() {
        for (text, said) in [
            ("# plain words", Some("plain words")),
            ("### Network ###", Some("Network")),
            ("# ===== Network =====", Some("Network")),
            ("#--------------", None),
            ("#", None),
            ("# --flag is needed", Some("--flag is needed")),
        ] {
            assert_eq!(comment(text).as_deref(), said, "{text}");
        }
    }
}
