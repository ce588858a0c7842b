//! Problems as text: for people through miette, for programs as one JSON object a line.

use std::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, ReportHandler, SourceSpan,
};

use crate::diagnostic::{Diagnostic, Diagnostics, Label, Severity};
use crate::source::{SourceId, SourceMap, Span};

use super::message::Problem;

/// Problems beyond this many are counted, not shown.
const SHOWN: usize = 50;

/// Colours for the terminal, or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    colours: bool,
}

impl Style {
    /// With colours or without.
    pub(super) fn new(colours: bool) -> Self {
        Self { colours }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colours {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// What went well.
    pub(super) fn good(self, text: &str) -> String {
        self.paint("1;32", text)
    }

    /// What went wrong.
    pub(super) fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// What is being done.
    pub(super) fn verb(self, text: &str) -> String {
        self.paint("1;36", text)
    }

    /// Headings.
    pub(super) fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What may be overlooked.
    pub(super) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }
}

/// Problems for people, with the places they are about and a line of counts.
pub(super) fn human(problems: &Diagnostics, sources: &SourceMap, style: Style) -> String {
    let theme = if style.colours {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(100);
    let secrets = secrets(problems);
    let covered = (!secrets.is_empty()).then(|| sources.without(&secrets));
    let sources = covered.as_ref().unwrap_or(sources);
    let mut text = String::new();
    for problem in problems.iter().take(SHOWN) {
        let shown = Shown::new(problem, sources);
        let report = fmt::from_fn(|formatter| handler.debug(&shown, formatter));
        text.push_str(&format!("{report}\n"));
    }
    text.push_str(&counts(problems, style));
    text
}

/// Where secrets are written out: what is said of them goes into logs that others read.
fn secrets(problems: &Diagnostics) -> Vec<Span> {
    let is_secret = |problem: &&Diagnostic| match problem.code {
        // Where it has a fix, a variable was named, and none is there.
        "zosc::manifest::literal-secret" => problem.fixes.is_empty(),
        "zosc::check::credentials-in-url" => true,
        _ => false,
    };
    let places = problems.iter().filter(is_secret);
    places
        .filter_map(|problem| problem.labels.first())
        .map(|label| label.span)
        .collect()
}

/// A place in a text as problems are shown, with a note.
pub(super) fn snippet(span: Span, note: &str, sources: &SourceMap, style: Style) -> String {
    let theme = if style.colours {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100);
    let Some(source) = sources.get(span.source) else {
        return String::new();
    };
    let label = Label {
        span,
        message: note.to_owned(),
    };
    let place = Elsewhere {
        source: NamedSource::new(&source.name, source.text.to_string()),
        labels: vec![labeled(&label, sources)],
    };
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = handler.render_report(&mut text, &place);
    // The line above the snippet names the file, which stands in the snippet itself.
    let from = text.find('╭').and_then(|at| text.get(..at)?.rfind('\n'));
    text.get(from.map_or(0, |at| at + 1)..)
        .unwrap_or(&text)
        .to_owned()
}

fn counts(problems: &Diagnostics, style: Style) -> String {
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .count();
    let warnings = problems.len() - errors;
    let count =
        |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let mut parts = Vec::new();
    if errors > 0 {
        parts.push(style.bad(&count(errors, "error")));
    }
    if warnings > 0 {
        parts.push(style.strong(&count(warnings, "warning")));
    }
    let mut line = parts.join(", ");
    if problems.len() > SHOWN {
        line.push_str(&format!(" (the first {SHOWN} are shown)"));
    }
    if let Some(first) = problems.iter().next() {
        line.push_str(&style.faint(&format!("; `zosc explain {}` tells more", first.code)));
    }
    line + "\n"
}

/// A problem in the shape that miette draws.
struct Shown<'a> {
    problem: &'a Diagnostic,
    source: Option<NamedSource<String>>,
    labels: Vec<LabeledSpan>,
    help: Option<String>,
    elsewhere: Vec<Elsewhere>,
}

/// Labels of a problem that lie in another file than its first.
#[derive(Debug)]
struct Elsewhere {
    source: NamedSource<String>,
    labels: Vec<LabeledSpan>,
}

impl<'a> Shown<'a> {
    fn new(problem: &'a Diagnostic, sources: &SourceMap) -> Self {
        let mut groups: Vec<(SourceId, Vec<LabeledSpan>)> = Vec::new();
        for label in &problem.labels {
            let shown = labeled(label, sources);
            match groups
                .iter_mut()
                .find(|(source, _)| *source == label.span.source)
            {
                Some((_, labels)) => labels.push(shown),
                None => groups.push((label.span.source, vec![shown])),
            }
        }
        let mut groups = groups.into_iter().filter_map(|(id, labels)| {
            let source = sources.get(id)?;
            Some(Elsewhere {
                source: NamedSource::new(&source.name, source.text.to_string()),
                labels,
            })
        });
        let first = groups.next();
        let elsewhere = groups.collect();
        let (source, labels) = first.map_or((None, Vec::new()), |first| {
            (Some(first.source), first.labels)
        });
        Self {
            problem,
            source,
            labels,
            help: help(problem, sources),
            elsewhere,
        }
    }
}

/// Help, notes and the likeliest fix as the lines below a snippet.
fn help(problem: &Diagnostic, sources: &SourceMap) -> Option<String> {
    let mut lines: Vec<String> = problem.help.iter().cloned().collect();
    lines.extend(problem.notes.iter().cloned());
    if let Some(fix) = problem.fixes.first() {
        let change = fix
            .replacement(sources)
            .map_or_else(String::new, |(before, after)| {
                format!(": `{before}` → `{after}`")
            });
        lines.push(format!("fix: {}{change}", fix.title));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn labeled(label: &Label, sources: &SourceMap) -> LabeledSpan {
    let length = sources
        .get(label.span.source)
        .map_or(0, |source| source.text.len());
    let start = label.span.range().start.min(length);
    let end = label.span.range().end.min(length);
    let message = (!label.message.is_empty()).then(|| label.message.clone());
    // Without words, a label still points at its place.
    LabeledSpan::new_with_span(
        message.or_else(|| Some("here".to_owned())),
        SourceSpan::new(start.into(), end - start),
    )
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(formatter)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.problem.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.problem.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.problem.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.source
            .as_ref()
            .map(|source| source as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty()).then(|| Box::new(self.labels.iter().cloned()) as Box<_>)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        let related = self
            .elsewhere
            .iter()
            .map(|elsewhere| elsewhere as &dyn miette::Diagnostic);
        (!self.elsewhere.is_empty()).then(|| Box::new(related) as Box<_>)
    }
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "in {}", self.source.name())
    }
}

impl std::error::Error for Elsewhere {}

impl miette::Diagnostic for Elsewhere {
    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Advice)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

/// Problems for programs: one [`Problem`] a line.
pub(super) fn json(problems: &Diagnostics, sources: &SourceMap) -> String {
    problems
        .iter()
        .map(|problem| {
            let message = Problem::new(problem, sources);
            match serde_json::to_string(&message) {
                Ok(line) => line + "\n",
                Err(error) => unreachable!("messages are plain data: {error}"),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn example() -> (Diagnostics, SourceMap) {
        let mut sources = SourceMap::new();
        let first = sources.add("zos.kdl", "unit sshd { }\nunit shd { requires sshd }\n");
        let second = sources.add("site.kdl", "unit sshd { }\n");
        let mut problems = Diagnostics::new();
        problems.push(
            Diagnostic::error(
                "zosc::check::duplicate-unit",
                "the unit `sshd` is declared twice",
            )
            .label(Span::new(first, 5, 9), "again here")
            .label(Span::new(second, 5, 9), "first here")
            .help("rename one of them")
            .replace("rename it", Span::new(first, 5, 9), "sshd2"),
        );
        (problems, sources)
    }

    #[test]
    fn people_see_both_places_the_help_and_the_fix() {
        let (problems, sources) = example();
        let text = human(&problems, &sources, Style::new(false));
        for wanted in [
            "zosc::check::duplicate-unit",
            "zos.kdl:1:6",
            "site.kdl:1:6",
            "rename one of them",
            "`sshd` → `sshd2`",
            "1 error;",
        ] {
            assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
        }
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn programs_get_one_object_a_line() {
        let (problems, sources) = example();
        let text = json(&problems, &sources);
        let value: Value = serde_json::from_str(text.trim_end()).expect("JSON");
        assert_eq!(value["labels"][1]["file"], "site.kdl");
        assert_eq!(value["labels"][0]["column"], 6);
        assert_eq!(value["fixes"][0]["applicability"], "needs-look");
        assert_eq!(value["fixes"][0]["edits"][0]["text"], "sshd2");
    }

    #[test]
    fn secrets_are_covered_wherever_their_line_is_shown() {
        let mut sources = SourceMap::new();
        let text = "s3 key-id=x secret=\"hunter2 ☃\"\nurl \"https://me:pw@host\"\n";
        let file = sources.add("zos.kdl", text);
        let place = |part: &str| {
            let start = text.find(part).expect("it is there");
            Span::new(file, start, start + part.len())
        };
        let mut problems = Diagnostics::new();
        problems.push(Diagnostic::error("zosc::check::half-a-key", "no key").at(place("key-id")));
        problems.push(
            Diagnostic::error("zosc::manifest::literal-secret", "a secret")
                .at(place("\"hunter2 ☃\"")),
        );
        let address = place("\"https://me:pw@host\"");
        problems.push(
            Diagnostic::error("zosc::check::credentials-in-url", "a password")
                .at(address)
                .replace("remove it", address, "\"https://host\""),
        );
        let shown = human(&problems, &sources, Style::new(false));
        for secret in ["hunter2", "me:pw", "☃"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("secret=****"), "{shown}");
        assert!(shown.contains("https://host"), "{shown}");
    }

    #[test]
    fn a_place_outside_its_text_is_harmless() {
        let (_, sources) = example();
        let beyond =
            Diagnostic::error("zosc::check::x", "far").at(Span::new(SourceId(0), 900, 950));
        assert!(human(&beyond.into(), &sources, Style::new(false)).contains("far"));
    }
}
