//! The one shape of everything zosc has to say about a user's input.
//!
//! Passes push [`Diagnostic`]s into one [`Diagnostics`] sink, go on with what is healthy, and fail once at their end.
//! Rendering (terminal, JSON, language server) lives with those faces; nothing here prints.

use schemars::JsonSchema;
use serde::Serialize;

use crate::source::{SourceMap, Span};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The pass fails.
    Error,
    /// The pass goes on; the author probably meant something else.
    Warning,
}

/// A place and what is to be seen there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// A short note for the place; may be empty.
    pub message: String,
}

/// One replacement of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextEdit {
    /// What is replaced; an empty span inserts.
    pub span: Span,
    /// The new text.
    pub text: String,
}

/// Who may decide on a fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Applicability {
    /// It writes down what the text says already, or the only thing that can be meant: `zosc check --fix` applies it.
    Safe,
    /// It may be meant otherwise, or loses something that was written: somebody should have a look.
    NeedsLook,
}

/// A change that would mend the problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What the change does, as a menu would show it.
    pub title: String,
    /// Whether it needs a look first.
    pub applicability: Applicability,
    /// The edits, in one source or several, not overlapping.
    pub edits: Vec<TextEdit>,
}

impl Fix {
    /// The text before and after, where one word replaces another.
    pub fn replacement(&self, sources: &SourceMap) -> Option<(String, String)> {
        let [edit] = self.edits.as_slice() else {
            return None;
        };
        let before = sources.slice(edit.span);
        let is_shown = !before.is_empty() && !edit.text.is_empty() && !edit.text.contains('\n');
        is_shown.then(|| (before.to_owned(), edit.text.clone()))
    }
}

/// One problem: a fact, where it shows, and what to type next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// `zosc::<pass>::<kebab-name>`; never reused for something else.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The fact: lower case, no final period, the user's words in backticks.
    pub message: String,
    /// The places, the offending one first.
    pub labels: Vec<Label>,
    /// What to type or do next.
    pub help: Option<String>,
    /// Further facts, one line each (a dependency chain, searched repositories, the tail of a log).
    pub notes: Vec<String>,
    /// Changes that would mend it, the likeliest first.
    pub fixes: Vec<Fix>,
}

impl Diagnostic {
    /// An error with a code and a message.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: shown(message.into(), ""),
            labels: Vec::new(),
            help: None,
            notes: Vec::new(),
            fixes: Vec::new(),
        }
    }

    /// A warning with a code and a message.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    /// Adds a place without words of its own.
    pub fn at(self, span: Span) -> Self {
        self.label(span, "")
    }

    /// Adds a place with a note.
    pub fn label(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            message: shown(message.into(), ""),
        });
        self
    }

    /// Adds a place where one is known.
    pub fn at_maybe(self, span: Option<Span>) -> Self {
        match span {
            Some(span) => self.at(span),
            None => self,
        }
    }

    /// Says what to do next.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(shown(help.into(), "\n"));
        self
    }

    /// Adds a further fact.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(shown(note.into(), "\n\t"));
        self
    }

    /// Offers a change of text, which needs a look.
    pub fn fix(mut self, title: impl Into<String>, edits: Vec<TextEdit>) -> Self {
        self.fixes.push(Fix {
            title: title.into(),
            applicability: Applicability::NeedsLook,
            edits,
        });
        self
    }

    /// Says that the change offered last may be made without a look.
    pub fn safe(self) -> Self {
        self.safe_if(true)
    }

    /// Says that the change offered last may be made without a look, where that holds.
    pub fn safe_if(mut self, holds: bool) -> Self {
        if let Some(fix) = self.fixes.last_mut().filter(|_| holds) {
            fix.applicability = Applicability::Safe;
        }
        self
    }

    /// Offers to replace the text at `span`, which needs a look.
    pub fn replace(self, title: impl Into<String>, span: Span, text: impl Into<String>) -> Self {
        self.fix(
            title,
            vec![TextEdit {
                span,
                text: text.into(),
            }],
        )
    }

    /// The address of the page that explains the code, relative to the book.
    pub fn page(&self) -> String {
        format!("errors/{}.md", self.code.replace("::", "-"))
    }
}

/// A text as it may go to a terminal: names and words from elsewhere stand in it, and controls among them are written as Rust
/// writes them, except those that are `kept`.
fn shown(text: String, kept: &str) -> String {
    let is_odd = |character: char| character.is_control() && !kept.contains(character);
    if !text.contains(is_odd) {
        return text;
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_odd(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// What a pass found, in the order of finding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// An empty sink.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a problem.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if !self.list.contains(&diagnostic) {
            self.list.push(diagnostic);
        }
    }

    /// Takes all of another sink's problems.
    pub fn extend(&mut self, other: Diagnostics) {
        for diagnostic in other.list {
            self.push(diagnostic);
        }
    }

    /// Whether anything in it fails the pass.
    pub fn has_errors(&self) -> bool {
        self.list
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Fails where there is anything in it.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    /// The problems in the order of finding.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Orders by place: source, then offset; problems without a place come last.
    pub fn sort(&mut self) {
        self.list.sort_by_key(|diagnostic| {
            let place = diagnostic.labels.first().map(|label| label.span);
            (place.is_none(), place)
        });
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            list: vec![diagnostic],
        }
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(iter: I) -> Self {
        let mut sink = Self::new();
        for diagnostic in iter {
            sink.push(diagnostic);
        }
        sink
    }
}

/// The name in `candidates` that is nearest to `name`, if one is near enough to be a slip of the keyboard.
///
/// Nearness is the Damerau–Levenshtein distance, at most a third of the name's length and at least 1;
/// of equally near names the first wins.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let distance = strsim::damerau_levenshtein(name, candidate);
        if distance <= limit && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Whether one of `candidates` alone can be meant by `name`: one keystroke away, and no other as near.
///
/// A short name is near to too many, and one with another number means another thing.
pub fn is_slip<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> bool {
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
    let mut near = candidates
        .into_iter()
        .filter(|candidate| strsim::damerau_levenshtein(name, candidate) <= 1);
    match (near.next(), near.next()) {
        (Some(only), None) => name.chars().count() >= 4 && digits(only) == digits(name),
        _ => false,
    }
}

/// Names as people list them: `` `a`, `b` and `c` ``.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
        None => String::new(),
    }
}

/// A size for people, in binary units.
pub fn bytes(size: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if size < 1024 {
        return format!("{size} B");
    }
    let mut value = size as f64 / 1024.0;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    format!("{value:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        assert_eq!(bytes(17), "17 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(48 << 20), "48.0 MiB");
    }

    #[test]
    fn a_slip_is_one_keystroke_from_one_name() {
        let names = ["install", "exclude", "stage1", "stage2", "efi"];
        for slip in ["instal", "instlal", "installl", "exclade"] {
            assert!(is_slip(slip, names), "{slip}");
        }
        for other in ["insta", "stage", "stage3", "stage12", "ef", "remove"] {
            assert!(!is_slip(other, names), "{other}");
        }
    }

    #[test]
    fn a_fix_needs_a_look_unless_it_is_said_to_be_safe() {
        let span = Span::new(crate::source::SourceId(0), 0, 1);
        let problem = Diagnostic::error("zosc::check::x", "a fact")
            .replace("guess", span, "b")
            .replace("quote it", span, "\"a\"")
            .safe();
        let applicable: Vec<_> = problem.fixes.iter().map(|fix| fix.applicability).collect();
        assert_eq!(applicable, [Applicability::NeedsLook, Applicability::Safe]);
    }

    #[test]
    fn words_from_elsewhere_play_no_tricks_on_a_terminal() {
        let odd = "a\u{1b}[2Jb\u{9b}c\r\u{7}";
        let seen = r"a\u{1b}[2Jb\u{9b}c\r\u{7}";
        let span = Span::new(crate::source::SourceId(0), 0, 1);
        let problem = Diagnostic::error("zosc::check::x", odd)
            .label(span, odd)
            .help(odd)
            .note(format!("{odd}\nb"));
        assert_eq!(problem.message, seen);
        assert_eq!(problem.labels[0].message, seen);
        assert_eq!(problem.help.as_deref(), Some(seen));
        assert_eq!(problem.notes, [format!("{seen}\nb")]);
    }

    #[test]
    fn the_nearest_name_is_a_slip_away_and_no_further() {
        let names = ["install", "exclude", "scripts"];
        assert_eq!(nearest("instal", names), Some("install"));
        assert_eq!(nearest("exlcude", names), Some("exclude"));
        assert_eq!(nearest("remove", names), None);
    }

    #[test]
    fn the_same_problem_is_told_once() {
        let mut sink = Diagnostics::new();
        sink.push(Diagnostic::error("zosc::check::x", "a fact"));
        sink.push(Diagnostic::error("zosc::check::x", "a fact"));
        assert_eq!(sink.len(), 1);
    }
}
