//! One case: a manifest in which comments say what the compiler must say about the line below them.
//!
//! ```text
//! // error: zosc::manifest::unknown-node 5-11 has no `instal`
//! // help: did you mean
//! // note: a part of some note
//! // fix: install
//!     instal openssl
//! ```
//!
//! The first word is the severity, then come the code, the columns of the first label (in characters from 1; the second is
//! the one behind the last; `-` where there is no label in this file) and a part of the message. `help:` and `note:` give parts of
//! those, `fix:` what the first edit of the first fix inserts, or `safe fix:` where `check --fix` may do that by itself. Nothing
//! else may be said about the file.

use std::path::Path;

use zosc::diagnostic::{Applicability, Diagnostic, Diagnostics, Severity};
use zosc::source::{SourceId, SourceMap};

use super::{diagnose_case, shown, updates};

/// What a comment demands, or what was said, in the same form.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Expectation {
    /// The line that it is about, from 0; past the end for a problem without a place.
    line: usize,
    /// `error: CODE COLUMNS`.
    head: String,
    message: String,
    help: Option<String>,
    notes: Vec<String>,
    fix: Option<String>,
    /// Whether the fix is safe.
    safe: bool,
}

impl Expectation {
    /// Whether what was said fulfils this demand.
    fn is_met_by(&self, said: &Self) -> bool {
        let part = |wanted: &Option<String>, said: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| {
                said.as_ref()
                    .is_some_and(|said| said.contains(wanted.as_str()))
            })
        };
        self.line == said.line
            && self.head == said.head
            && said.message.contains(&self.message)
            && part(&self.help, &said.help)
            && (self.fix.is_none() || self.fix == said.fix && self.safe == said.safe)
            && self
                .notes
                .iter()
                .all(|wanted| said.notes.iter().any(|note| note.contains(wanted)))
    }

    fn lines(&self, indentation: &str) -> Vec<String> {
        let mut lines = vec![format!("{indentation}// {} {}", self.head, self.message)];
        if let Some(help) = &self.help {
            lines.push(format!("{indentation}// help: {help}"));
        }
        for note in &self.notes {
            lines.push(format!("{indentation}// note: {note}"));
        }
        if let Some(fix) = &self.fix {
            let safe = if self.safe { "safe " } else { "" };
            lines.push(
                format!("{indentation}// {safe}fix: {fix}")
                    .trim_end()
                    .to_owned(),
            );
        }
        lines
    }

    fn show(&self) -> String {
        format!(
            "line {}: {}",
            self.line + 1,
            self.lines("").join("\n      ")
        )
    }
}

/// Runs a case; the report says how it differs, if it does.
pub(crate) fn run(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).expect("a case is a text");
    if updates() {
        let written = update(path, &text);
        std::fs::write(path, written).expect("the case can be written");
        return None;
    }
    let mut wanted = demands(&text);
    let mut said = said(path, &text);
    wanted.retain(|demand| {
        let met = said.iter().position(|said| demand.is_met_by(said));
        met.map(|index| said.remove(index)).is_none()
    });
    if wanted.is_empty() && said.is_empty() {
        return None;
    }
    let mut report = format!("{}:\n", shown(path));
    for demand in wanted {
        report.push_str(&format!("  wanted {}\n", demand.show()));
    }
    for said in said {
        report.push_str(&format!("  said   {}\n", said.show()));
    }
    Some(report)
}

/// Whether a line is a demand, and its parts: key and rest.
fn demand_line(line: &str) -> Option<(&str, &str)> {
    let (key, rest) = line.trim().strip_prefix("// ")?.split_once(':')?;
    matches!(
        key,
        "error" | "warning" | "help" | "note" | "fix" | "safe fix"
    )
    .then_some((key, rest.trim()))
}

/// What the comments of a case demand.
fn demands(text: &str) -> Vec<Expectation> {
    let mut found: Vec<Expectation> = Vec::new();
    let mut open = 0;
    for (number, line) in text.lines().enumerate() {
        let Some((key, rest)) = demand_line(line) else {
            for demand in found.iter_mut().skip(open) {
                demand.line = number;
            }
            open = found.len();
            continue;
        };
        if matches!(key, "error" | "warning") {
            let mut words = rest.splitn(3, ' ');
            let code = words.next().unwrap_or_default();
            let columns = words.next().unwrap_or("-");
            found.push(Expectation {
                line: usize::MAX,
                head: format!("{key}: {code} {columns}"),
                message: words.next().unwrap_or_default().to_owned(),
                help: None,
                notes: Vec::new(),
                fix: None,
                safe: false,
            });
        } else if let Some(demand) = found.last_mut() {
            match key {
                "help" => demand.help = Some(rest.to_owned()),
                "note" => demand.notes.push(rest.to_owned()),
                _ => {
                    demand.fix = Some(rest.to_owned());
                    demand.safe = key == "safe fix";
                }
            }
        }
    }
    found
}

/// What the compiler says about a case.
fn said(path: &Path, text: &str) -> Vec<Expectation> {
    let (sources, sink) = diagnose_case(path, text);
    sink.iter()
        .map(|problem| as_said(problem, &sources))
        .collect()
}

fn as_said(problem: &Diagnostic, sources: &SourceMap) -> Expectation {
    let severity = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let (line, columns) = problem
        .labels
        .first()
        // A place in an imported file is none in the case.
        .filter(|label| label.span.source == SourceId(0))
        .map_or((usize::MAX, "-".to_owned()), |label| {
            let start = sources.position(label.span);
            let width = sources.slice(label.span).chars().count();
            let columns = format!("{}-{}", start.column, start.column + width);
            (start.line - 1, columns)
        });
    let first = problem.fixes.first();
    let fix = first.and_then(|fix| fix.edits.first());
    Expectation {
        line,
        head: format!("{severity}: {} {columns}", problem.code),
        message: problem.message.clone(),
        help: problem.help.clone(),
        notes: problem.notes.clone(),
        fix: fix.map(|edit| edit.text.trim().replace('\n', "\\n")),
        safe: first.is_some_and(|fix| fix.applicability == Applicability::Safe),
    }
}

/// The case with comments that demand what is said now.
fn update(path: &Path, text: &str) -> String {
    let plain: Vec<&str> = text
        .lines()
        .filter(|line| demand_line(line).is_none())
        .collect();
    let mut all = said(path, &(plain.join("\n") + "\n"));
    let mut written = String::new();
    let mut write = |line: &str| {
        written.push_str(line);
        written.push('\n');
    };
    for (number, line) in plain.iter().enumerate() {
        let indentation: String = line.chars().take_while(|c| *c == ' ').collect();
        for demand in all.iter().filter(|demand| demand.line == number) {
            demand
                .lines(&indentation)
                .iter()
                .for_each(|line| write(line));
        }
        write(line);
    }
    all.retain(|demand| demand.line >= plain.len());
    for demand in &all {
        demand.lines("").iter().for_each(|line| write(line));
    }
    written
}

/// Applies the first fix of every problem of a case, each to the case as it is; says which leave as many problems.
pub(crate) fn try_fixes(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).expect("a case is a text");
    let (_, before) = diagnose_case(path, &text);
    let mut failures = Vec::new();
    for problem in &before {
        let Some(fix) = problem.fixes.first() else {
            continue;
        };
        if fix.edits.iter().any(|edit| edit.span.source != SourceId(0)) {
            continue;
        }
        let mut edits = fix.edits.clone();
        edits.sort_by_key(|edit| std::cmp::Reverse(edit.span));
        let mut mended = text.clone();
        for edit in &edits {
            mended.replace_range(edit.span.range(), &edit.text);
        }
        let (_, after) = diagnose_case(path, &mended);
        // Another problem may come to light in the same place, but this one must be gone.
        let start = |problem: &Diagnostic| problem.labels.first().map(|label| label.span.start);
        let is_there =
            |other: &Diagnostic| other.code == problem.code && start(other) == start(problem);
        if after.len() > before.len() || after.len() == before.len() && after.iter().any(is_there) {
            failures.push(format!(
                "{}: `{}` does not mend {} ({}):\n{}",
                shown(path),
                fix.title,
                problem.code,
                problem.message,
                list(&after)
            ));
        }
    }
    failures
}

fn list(problems: &Diagnostics) -> String {
    let lines = problems.iter();
    let lines = lines.map(|problem| format!("    {}: {}", problem.code, problem.message));
    lines.collect::<Vec<_>>().join("\n")
}
