//! Faults as diagnostics.

use kdl::KdlError;

use super::fault::{Fault, FaultKind};
use super::word::{is_newline, is_space, quote};
use super::{MAXIMUM_DEPTH, MAXIMUM_SLASHDASH_DEPTH};
use crate::diagnostic::Diagnostic;
use crate::source::{SourceId, Span};

/// Says what a fault is and how to mend it.
pub(super) fn describe(source: SourceId, text: &str, fault: &Fault) -> Diagnostic {
    let before = text.get(..fault.start).unwrap_or_default();
    let before = before.trim_end_matches(is_space);
    let place = Place {
        text: text.get(fault.start..fault.end).unwrap_or_default(),
        span: clamp(source, text, fault.start, fault.end),
        is_first: before.is_empty() || before.ends_with(|c| is_newline(c) || "{;)".contains(c)),
    };
    match fault.kind {
        FaultKind::NeedsQuotes => place.needs_quotes(),
        FaultKind::BareKeyword => place.bare_keyword(),
        FaultKind::UnknownKeyword => place.unknown_keyword(),
        FaultKind::UnclosedString => place.unclosed_string(),
        FaultKind::MultiLineOpening => place.multi_line_opening(),
        FaultKind::BadEscape => place.bad_escape(),
        FaultKind::ForbiddenCharacter => place.forbidden_character(),
        FaultKind::MissingValue => place.missing_value(),
        FaultKind::MissingSpace => place.missing_space(),
        FaultKind::MissingName => place.missing_name(),
        FaultKind::UnclosedComment
        | FaultKind::UnclosedBlock
        | FaultKind::StrayBrace
        | FaultKind::TooDeep
        | FaultKind::SlashdashTooDeep => place.unbalanced(fault.kind),
        FaultKind::ListSyntax
        | FaultKind::MissingNewline
        | FaultKind::BadAnnotation
        | FaultKind::EmptySlashdash
        | FaultKind::Unexpected => place.misplaced(fault.kind),
    }
}

/// A span that ends at the end of its first line, and at a character.
fn clamp(source: SourceId, text: &str, start: usize, end: usize) -> Span {
    let part = text.get(start..end).unwrap_or_default();
    let line = part.find('\n').unwrap_or(part.len());
    Span::new(source, start, start + line)
}

/// At most forty characters of the first line of a text.
fn excerpt(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

struct Place<'a> {
    text: &'a str,
    span: Span,
    /// Whether it stands where a node's name does, or right behind an annotation.
    is_first: bool,
}

impl Place<'_> {
    fn needs_quotes(&self) -> Diagnostic {
        let first = self.text.trim_start_matches(['+', '-', '.']).chars().next();
        let why = if first.is_some_and(|first| first.is_ascii_digit()) {
            "a word that starts with a digit is taken for a number"
        } else if let Some(special) = self.text.chars().find(|c| {
            matches!(
                c,
                '/' | '\\' | '(' | ')' | '[' | ']' | '{' | '}' | '#' | '='
            )
        }) {
            return self.quote_fix(&format!("`{special}` may only stand in quotes"));
        } else {
            "it may only stand in quotes"
        };
        self.quote_fix(why)
    }

    fn quote_fix(&self, why: &str) -> Diagnostic {
        let quoted = quote(self.text);
        Diagnostic::error(
            "zosc::syntax::quote-it",
            format!("`{}` needs quotes", excerpt(self.text)),
        )
        .label(self.span, why)
        .help(format!("write `{}`", excerpt(&quoted)))
        .replace("put it in quotes", self.span, quoted)
        // `a=b=c` may be a property, too.
        .safe_if(!self.text.contains('='))
    }

    fn bare_keyword(&self) -> Diagnostic {
        Diagnostic::error(
            "zosc::syntax::keyword",
            format!("`{}` is written with `#` in KDL 2", self.text),
        )
        .at(self.span)
        .help(format!(
            "write `#{0}` for the value, or `\"{0}\"` for the word",
            self.text
        ))
        .replace(
            format!("write `#{}`", self.text),
            self.span,
            format!("#{}", self.text),
        )
        .safe_if(matches!(self.text, "true" | "false") && !self.is_first)
    }

    fn unknown_keyword(&self) -> Diagnostic {
        let problem = Diagnostic::error(
            "zosc::syntax::unknown-keyword",
            format!("`{}` is no keyword", excerpt(self.text)),
        )
        .at(self.span);
        let word = self.text.trim_start_matches('#').to_lowercase();
        let known = match word.as_str() {
            "true" | "yes" | "on" => Some("#true"),
            "false" | "no" | "off" => Some("#false"),
            "null" | "none" | "nil" => Some("#null"),
            _ => None,
        };
        match known {
            Some(keyword) => problem
                .help(format!("write `{keyword}`"))
                .replace(format!("write `{keyword}`"), self.span, keyword)
                .safe_if(keyword != "#null" && !self.is_first),
            None => problem.help(
                "keywords are `#true`, `#false` and `#null`; a comment starts with `//`, and a string with `#` needs quotes",
            ),
        }
    }

    fn unclosed_string(&self) -> Diagnostic {
        let problem = Diagnostic::error(
            "zosc::syntax::unclosed-string",
            "this string has no closing quote",
        )
        .at(self.span);
        if self.text.starts_with("\"\"\"") || self.text.ends_with("\"\"\"") {
            return problem.help("end it with `\"\"\"` on a line of its own");
        }
        let hashes: String = self.text.chars().take_while(|c| *c == '#').collect();
        let closing = format!("\"{hashes}");
        problem
            .help(format!(
                "end it with `{closing}` on the same line; a text of several lines is wrapped in `\"\"\"`, each on a line of its own"
            ))
            .replace(
                "close the string",
                Span {
                    start: self.span.end,
                    ..self.span
                },
                closing,
            )
    }

    fn multi_line_opening(&self) -> Diagnostic {
        let problem = Diagnostic::error(
            "zosc::syntax::multi-line-string",
            "the text of a `\"\"\"` string starts on the next line",
        )
        .at(self.span);
        let inner = self
            .text
            .strip_prefix("\"\"\"")
            .and_then(|text| text.strip_suffix("\"\"\""));
        match inner {
            Some(inner) if !inner.contains(['"', '\\']) => problem
                .help("on one line, one quote at each end is enough")
                .replace("use single quotes", self.span, quote(inner))
                .safe(),
            _ => problem
                .help("put the text on lines of its own, and the closing `\"\"\"` on the last"),
        }
    }

    fn bad_escape(&self) -> Diagnostic {
        Diagnostic::error(
            "zosc::syntax::bad-escape",
            format!("`{}` escapes nothing", self.text),
        )
        .at(self.span)
        .help(r##"escapes are `\n`, `\r`, `\t`, `\b`, `\f`, `\s`, `\\`, `\"` and `\u{…}`; in `#"…"#` a backslash is a backslash"##)
        .replace(
            "double the backslash",
            self.span,
            format!("\\{}", self.text),
        )
    }

    fn forbidden_character(&self) -> Diagnostic {
        let number = self.text.chars().next().map_or(0, u32::from);
        let what = match number {
            0xfeff => "a byte order mark inside the text",
            0x200e.. => "a character that reverses the direction of text",
            _ => "a control character",
        };
        Diagnostic::error(
            "zosc::syntax::character",
            format!("U+{number:04X}, {what}, may stand nowhere in a manifest"),
        )
        .at(self.span)
        .help(format!("remove it; in a string write `\\u{{{number:x}}}`"))
        .replace("remove it", self.span, "")
    }

    fn missing_value(&self) -> Diagnostic {
        let key = self.text.trim_end_matches('=').trim_end();
        Diagnostic::error(
            "zosc::syntax::missing-value",
            format!("property `{}` has no value", excerpt(key)),
        )
        .at(self.span)
        .help(format!("write a value behind `=`, such as `{key}=\"…\"`"))
    }

    fn missing_space(&self) -> Diagnostic {
        Diagnostic::error(
            "zosc::syntax::missing-space",
            "a space is missing between these two",
        )
        .label(self.span, "here")
        .help("separate values by a space, or put the whole in one pair of quotes")
        .replace("insert a space", self.span, " ")
    }

    fn missing_name(&self) -> Diagnostic {
        Diagnostic::error(
            "zosc::syntax::missing-name",
            format!(
                "`{}` stands where a node's name is expected",
                excerpt(self.text)
            ),
        )
        .at(self.span)
        .help(
            "every line starts with a name; `{` stands on the line of the node that it belongs to",
        )
    }

    fn unbalanced(&self, kind: FaultKind) -> Diagnostic {
        let (code, message, help) = match kind {
            FaultKind::UnclosedComment => (
                "zosc::syntax::unclosed-comment",
                "this comment has no end".to_owned(),
                "end it with `*/`; a pattern such as \"rtl_nic/*\" needs quotes".to_owned(),
            ),
            FaultKind::UnclosedBlock => (
                "zosc::syntax::unclosed-block",
                "this block has no closing `}`".to_owned(),
                "add `}` where its last line ends".to_owned(),
            ),
            FaultKind::StrayBrace => (
                "zosc::syntax::stray-brace",
                "this `}` closes nothing".to_owned(),
                "remove it, or look above for a block that ends too early".to_owned(),
            ),
            FaultKind::TooDeep => (
                "zosc::syntax::too-deep",
                format!("blocks nest deeper than {MAXIMUM_DEPTH}"),
                "no section of a manifest nests deeper than six".to_owned(),
            ),
            _ => (
                "zosc::syntax::slashdash-depth",
                format!("`/-` nests deeper than {MAXIMUM_SLASHDASH_DEPTH}"),
                "what `/-` leaves out needs no further `/-` inside: remove it".to_owned(),
            ),
        };
        Diagnostic::error(code, message).at(self.span).help(help)
    }

    fn misplaced(&self, kind: FaultKind) -> Diagnostic {
        let word = excerpt(self.text);
        let (code, message, help) = match kind {
            FaultKind::ListSyntax => (
                "zosc::syntax::list-syntax",
                format!("`{word}` does not separate values in KDL"),
                "write values one after another, with spaces and without brackets or commas",
            ),
            FaultKind::MissingNewline => (
                "zosc::syntax::missing-newline",
                format!("`{word}` stands behind the block that ends its node"),
                "arguments and properties stand before `{`; a new node starts on a new line or behind `;`",
            ),
            FaultKind::BadAnnotation => (
                "zosc::syntax::bad-annotation",
                format!("`{word}` is no type annotation"),
                "an annotation is one name in parentheses, right before a value: `(env)NAME`",
            ),
            FaultKind::EmptySlashdash => (
                "zosc::syntax::empty-slashdash",
                "there is nothing behind this `/-`".to_owned(),
                "`/-` leaves out the node, value or block behind it; a comment starts with `//`",
            ),
            _ if word == "=" => (
                "zosc::syntax::unexpected",
                "`=` has no meaning here".to_owned(),
                "a property is `name=value` behind the node's name; a child is `name value`, without `=`",
            ),
            _ => (
                "zosc::syntax::unexpected",
                format!("`{word}` has no meaning here"),
                "remove it, or put the word that it belongs to in quotes",
            ),
        };
        let problem = Diagnostic::error(code, message).at(self.span).help(help);
        if kind == FaultKind::MissingNewline && !self.text.ends_with('=') {
            let before = Span {
                end: self.span.start,
                ..self.span
            };
            return problem.replace("start a new line", before, "\n");
        }
        problem
    }
}

/// What `kdl` itself refuses in a node that seemed sound: its first complaint, the others follow from it.
pub(super) fn from_kdl(
    source: SourceId,
    text: &str,
    start: usize,
    end: usize,
    error: &KdlError,
) -> Diagnostic {
    let first = error.diagnostics.first();
    let span = first.map_or(Span::new(source, start, end), |problem| {
        let from = (start + problem.span.offset()).min(end);
        let to = (from + problem.span.len()).min(end);
        clamp(source, text, from, to)
    });
    let message = first
        .and_then(|problem| problem.message.clone())
        .map_or("this cannot be parsed".to_owned(), |message| {
            lower_first(&message)
        });
    let problem = Diagnostic::error("zosc::syntax::invalid", message).at(span);
    match first.and_then(|problem| problem.help.clone()) {
        Some(help) => problem.help(lower_first(&help)),
        None => problem.help("put the value in quotes if it is a text"),
    }
}

/// A foreign sentence in our form: lower case, no final period.
fn lower_first(sentence: &str) -> String {
    let mut characters = sentence.chars();
    let first = characters.next().map(|c| c.to_lowercase().to_string());
    let rest = characters.as_str().trim_end_matches('.');
    format!("{}{rest}", first.unwrap_or_default())
}
