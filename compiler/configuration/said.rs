//! What one source says about a server, typed, each value with its place.
//!
//! Options and variables become a source text of their own, as `--set` does, so that what is wrong with one is shown where it was typed. That text
//! holds the names of headers and no value of one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::check::duration_of;
use crate::diagnostic::Diagnostics;
use crate::source::{SourceMap, Span, Spanned};

use super::header::{Header, is_name};
use super::veil::without_user;
use super::{fault, veil};

/// What an option or a variable is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The server.
    Address,
    /// Whether its results are used, and added to.
    Cache,
    /// The instance.
    Instance,
    /// A token; its value stays in the variable.
    Token,
    /// A header.
    Header,
    /// A platform property.
    Property,
    /// The authorities that the server's certificate is checked against.
    Authority,
    /// The certificate that is shown to the server.
    Certificate,
    /// That certificate's key.
    Key,
    /// How many commands are on their way at once.
    Jobs,
    /// How long a command may wait for a worker.
    Timeout,
    /// Who runs a command where the server cannot be reached.
    Fallback,
}

/// The environment variables that are read, and what each is about.
pub const VARIABLES: [(&str, Field); 12] = [
    ("ZOSC_REMOTE", Field::Address),
    ("ZOSC_REMOTE_CACHE", Field::Cache),
    ("ZOSC_REMOTE_INSTANCE", Field::Instance),
    ("ZOSC_REMOTE_TOKEN", Field::Token),
    ("ZOSC_REMOTE_HEADER", Field::Header),
    ("ZOSC_REMOTE_PROPERTY", Field::Property),
    ("ZOSC_REMOTE_CA", Field::Authority),
    ("ZOSC_REMOTE_CERT", Field::Certificate),
    ("ZOSC_REMOTE_KEY", Field::Key),
    ("ZOSC_REMOTE_JOBS", Field::Jobs),
    ("ZOSC_REMOTE_TIMEOUT", Field::Timeout),
    ("ZOSC_REMOTE_FALLBACK", Field::Fallback),
];

/// How many commands may be on their way at once, at most.
const MOST_JOBS: usize = 4096;

/// An option or a variable, and its value.
#[derive(Clone)]
pub struct Word {
    /// `--remote`, `ZOSC_REMOTE`.
    pub name: &'static str,
    /// What it is about.
    pub field: Field,
    /// Its value; of an option without one, `true` or `false`.
    pub value: String,
}

/// The value may be a secret.
impl std::fmt::Debug for Word {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.shown().0)
    }
}

impl Word {
    fn is_option(&self) -> bool {
        self.name.starts_with('-')
    }

    /// As it is shown, and the range of the value in it.
    fn shown(&self) -> (String, std::ops::Range<usize>) {
        if self.is_option() && self.field == Field::Cache {
            return (self.name.to_owned(), 0..self.name.len());
        }
        let value = match self.field {
            Field::Token => "…".to_owned(),
            Field::Header => {
                let lines = self.value.split('\n').map(shown_header);
                lines.collect::<Vec<_>>().join("\n")
            }
            Field::Address => without_user(&self.value),
            _ => self.value.clone(),
        };
        let between = if self.is_option() { ' ' } else { '=' };
        let start = self.name.len() + 1;
        let range = start..start + value.len();
        (format!("{}{between}{value}", self.name), range)
    }
}

/// A header of which only the name is shown, as long as it was.
fn shown_header(line: &str) -> String {
    match line.split_once('=') {
        Some((name, value)) if is_name(name) => format!("{name}={}", veil::stars(value)),
        _ => veil::stars(line),
    }
}

/// What one source says.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub(super) address: Option<Spanned<String>>,
    pub(super) cache: Option<Spanned<bool>>,
    pub(super) instance: Option<Spanned<String>>,
    pub(super) headers: Vec<Header>,
    pub(super) properties: Vec<(Spanned<String>, String)>,
    pub(super) authority: Option<Spanned<PathBuf>>,
    pub(super) certificate: Option<Spanned<PathBuf>>,
    pub(super) key: Option<Spanned<PathBuf>>,
    pub(super) jobs: Option<Spanned<usize>>,
    pub(super) timeout: Option<Spanned<Duration>>,
    pub(super) falls_back: Option<Spanned<bool>>,
    /// Where the first of it stands.
    pub(super) first: Option<Span>,
}

impl Said {
    /// What options or variables say.
    pub(super) fn of_words(
        (words, name): (&[Word], &str),
        directory: &Path,
        sources: &mut SourceMap,
        sink: &mut Diagnostics,
    ) -> Self {
        let mut said = Self::default();
        if words.is_empty() {
            return said;
        }
        let shown: Vec<_> = words.iter().map(Word::shown).collect();
        let lines: Vec<&str> = shown.iter().map(|(line, _)| line.as_str()).collect();
        let source = sources.add(name, lines.join("\n"));
        let mut start = 0;
        for (word, (line, value)) in words.iter().zip(&shown) {
            let span = Span::new(source, start + value.start, start + value.end);
            // To do without something, no server has to be named.
            if !matches!(word.value.as_str(), "false" | "0" | "none") {
                let name = Span::new(source, start, start + word.name.len());
                said.first = said.first.or(Some(name));
            }
            said.take(word, span, directory, sink);
            start += line.len() + 1;
        }
        said
    }

    fn take(&mut self, word: &Word, span: Span, directory: &Path, sink: &mut Diagnostics) {
        let text = || Spanned::new(word.value.clone(), span);
        let path = || Spanned::new(directory.join(&word.value), span);
        let mut wrong = |help: &str| {
            let fact = format!("`{}` is no value of `{}`", word.value, word.name);
            sink.push(
                fault("zosc::configuration::bad-value", fact)
                    .at(span)
                    .help(help),
            );
        };
        match word.field {
            Field::Address => self.address = Some(text()),
            Field::Instance => self.instance = Some(text()),
            Field::Authority => self.authority = Some(path()),
            Field::Certificate => self.certificate = Some(path()),
            Field::Key => self.key = Some(path()),
            Field::Token => self.headers.push(Header::bearer(word.name, span)),
            Field::Header => self.header(word, span, sink),
            Field::Property => self.property(word, span, sink),
            Field::Cache => match word.value.as_str() {
                "true" | "1" => self.cache = Some(Spanned::new(true, span)),
                "false" | "0" => self.cache = Some(Spanned::new(false, span)),
                _ => wrong("write `1` or `0`"),
            },
            Field::Jobs => match word.value.parse() {
                Ok(jobs @ 1..=MOST_JOBS) => self.jobs = Some(Spanned::new(jobs, span)),
                _ => wrong(&format!("write a number from 1 to {MOST_JOBS}")),
            },
            Field::Timeout => match duration_of(&word.value) {
                Some(time) => self.timeout = Some(Spanned::new(time, span)),
                None => wrong("write a whole number and `s` or `m`, at most a day: `90s`, `10m`"),
            },
            Field::Fallback => match word.value.as_str() {
                "local" => self.falls_back = Some(Spanned::new(true, span)),
                "none" => self.falls_back = Some(Spanned::new(false, span)),
                _ => wrong("write `local` or `none`"),
            },
        }
    }

    /// One header of an option; of the variable, one a line.
    fn header(&mut self, word: &Word, span: Span, sink: &mut Diagnostics) {
        for (pair, span) in pairs(word, span) {
            let Some((name, value)) = pair.split_once('=') else {
                let fact = format!("a header of `{}` has no value", word.name);
                sink.push(
                    fault("zosc::configuration::bad-value", fact)
                        .at(span)
                        .help("write `NAME=VALUE`: `x-api-key=(env)BUILD_KEY`"),
                );
                continue;
            };
            let name = Spanned::new(name.to_owned(), narrowed(span, 0, name.len()));
            let value = Spanned::new(value.to_owned(), span);
            match Header::read(&name, &value) {
                Ok(header) => self.headers.push(header),
                Err(problem) => sink.push(problem),
            }
        }
    }

    /// One property of an option; of the variable, one a line.
    fn property(&mut self, word: &Word, span: Span, sink: &mut Diagnostics) {
        for (pair, span) in pairs(word, span) {
            match pair.split_once('=') {
                Some((name, value)) if !name.is_empty() => {
                    let name = Spanned::new(name.to_owned(), narrowed(span, 0, name.len()));
                    self.properties.push((name, value.to_owned()));
                }
                _ => {
                    let fact = format!("`{pair}` is no value of `{}`", word.name);
                    sink.push(
                        fault("zosc::configuration::bad-value", fact)
                            .at(span)
                            .help("write `NAME=VALUE`: `OSFamily=linux`"),
                    );
                }
            }
        }
    }
}

/// The parts of a value that may hold several, a line each, with their places. What is shown of a line is as long as the line.
fn pairs(word: &Word, span: Span) -> Vec<(&str, Span)> {
    let mut start = 0;
    let mut found = Vec::new();
    for line in word.value.split('\n') {
        let place = narrowed(span, start, start + line.len());
        start += line.len() + 1;
        let line = line.trim_end_matches('\r');
        if !line.is_empty() {
            found.push((line, place));
        }
    }
    found
}

fn narrowed(span: Span, start: usize, end: usize) -> Span {
    let at = |offset: usize| (span.start as usize + offset).min(span.end as usize);
    Span::new(span.source, at(start), at(end))
}
