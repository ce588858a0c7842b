//! Headers that every request carries: their names are known, their values only once they are sent.

use std::fmt;

use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};
use crate::zinit::is_environment_name;

use super::{Variables, fault};

/// Parts of names that say that the value is a secret.
const SECRET_NAMES: &[&str] = &[
    "authorization",
    "cookie",
    "token",
    "secret",
    "password",
    "credential",
    "api-key",
    "apikey",
];

/// Names that belong to the protocol.
const RESERVED: &[&str] = &["connection", "content-type", "host", "te", "user-agent"];

/// A header.
#[derive(Debug, Clone)]
pub struct Header {
    /// Its name, in small letters.
    pub name: String,
    parts: Vec<Part>,
    span: Span,
}

/// A part of a value.
#[derive(Clone)]
enum Part {
    /// It is sent as it is.
    Text(String),
    /// What an environment variable holds.
    Variable(String),
}

/// What was written out may be a secret.
impl fmt::Debug for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => formatter.write_str("…"),
            Self::Variable(name) => write!(formatter, "(env){name}"),
        }
    }
}

impl Header {
    /// A header with a value in which `(env)NAME` stands for what an environment variable holds.
    pub(super) fn read(
        name: &Spanned<String>,
        value: &Spanned<String>,
    ) -> Result<Self, Diagnostic> {
        let lowered = name.to_ascii_lowercase();
        if let Some(why) = name_fault(&lowered) {
            // What is no name may be all of a header, its value too.
            let fact = match why {
                NO_NAME => "that can be no header: it has no name".to_owned(),
                why => format!("`{}` can be no header: {why}", name.value),
            };
            return Err(fault("zosc::configuration::bad-header", fact)
                .at(name.span)
                .help("a name has letters, digits, `-`, `_` and `.`: `x-api-key`"));
        }
        Ok(Self {
            parts: parts(value)?,
            name: lowered,
            span: value.span,
        })
    }

    /// `authorization: Bearer …` with a token that an environment variable holds.
    pub(super) fn bearer(variable: &str, span: Span) -> Self {
        Self {
            name: "authorization".to_owned(),
            parts: vec![
                Part::Text("Bearer ".to_owned()),
                Part::Variable(variable.to_owned()),
            ],
            span,
        }
    }

    /// Where it is written.
    pub(super) fn span(&self) -> Span {
        self.span
    }

    /// Whether its value is nobody else's business.
    pub(super) fn is_secret(&self) -> bool {
        SECRET_NAMES.iter().any(|part| self.name.contains(part))
    }

    /// Whether all of its value is written out.
    pub(super) fn is_literal(&self) -> bool {
        let mut parts = self.parts.iter();
        parts.all(|part| matches!(part, Part::Text(_)))
    }

    /// The value, read at the moment of its use.
    ///
    /// # Errors
    /// `zosc::configuration::missing-variable`, and `zosc::configuration::bad-header` for what no header can hold. Neither shows the value.
    pub fn value(&self, variables: Variables<'_>) -> Result<String, Diagnostic> {
        let mut value = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => value.push_str(text),
                Part::Variable(name) => {
                    let held = variables(name).ok_or_else(|| self.missing(name))?;
                    value.push_str(held.trim_end_matches(['\r', '\n']));
                }
            }
        }
        if value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Ok(value);
        }
        let fact = format!(
            "the value of the header `{}` holds more than printable ASCII",
            self.name
        );
        Err(fault("zosc::configuration::bad-header", fact)
            .at(self.span)
            .help(
                "look at it for line breaks and for characters that came along when it was copied",
            ))
    }

    fn missing(&self, variable: &str) -> Diagnostic {
        let fact = format!(
            "the environment variable `{variable}` is not set, and the header `{}` is read there",
            self.name
        );
        fault("zosc::configuration::missing-variable", fact)
            .at(self.span)
            .help(format!(
                "set it for this command alone: `{variable}=… zosc build`"
            ))
    }
}

const NO_NAME: &str = "it is no name";

/// Whether a text could be the name of a header.
pub(super) fn is_name(text: &str) -> bool {
    name_fault(&text.to_ascii_lowercase()) != Some(NO_NAME)
}

fn name_fault(name: &str) -> Option<&'static str> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    match () {
        () if name.is_empty() || !name.bytes().all(is_letter) => Some(NO_NAME),
        () if name.starts_with("grpc-") || RESERVED.contains(&name) => {
            Some("the protocol sets it itself")
        }
        () if name.ends_with("-bin") => Some("values of such names are no text"),
        () => None,
    }
}

/// A value, cut at `(env)NAME`.
fn parts(value: &Spanned<String>) -> Result<Vec<Part>, Diagnostic> {
    let mut pieces = value.split("(env)");
    let first = pieces.next().unwrap_or_default();
    let mut parts = Vec::new();
    if !first.is_empty() {
        parts.push(Part::Text(first.to_owned()));
    }
    for piece in pieces {
        let end = piece.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, rest) = piece.split_at(end.unwrap_or(piece.len()));
        if !is_environment_name(name) {
            return Err(fault(
                "zosc::configuration::bad-header",
                "`(env)` is followed by no name of an environment variable",
            )
            .at(value.span)
            .help("names have letters, digits and `_`, and do not start with a digit: `(env)BUILD_TOKEN`"));
        }
        parts.push(Part::Variable(name.to_owned()));
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
    }
    Ok(parts)
}
