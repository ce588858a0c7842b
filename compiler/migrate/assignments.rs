//! Shell assignments, read without a shell: quotes, `export`, `$NAME`, `${NAME}` and `${NAME:-DEFAULT}`.
//!
//! Anything else (commands, substitutions, tests) is reported with its line and left out.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::str::CharIndices;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Span;

use super::folder::Text;
use super::secrets::is_secret_name;

/// How deep defaults may nest, and how long a value may become.
const DEEPEST: usize = 16;
const LONGEST: usize = 1 << 16;

/// One variable.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    /// Its value.
    pub(super) value: String,
    /// Where it is assigned.
    pub(super) span: Span,
}

/// Variables by name, and which of them somebody had a use for.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables {
    list: BTreeMap<String, Variable>,
    used: BTreeSet<String>,
}

impl Variables {
    /// The value of a variable that is set and not empty, which counts as used from then on.
    pub(super) fn take(&mut self, name: &str) -> Option<Variable> {
        let variable = self.list.get(name)?;
        self.used.insert(name.to_owned());
        (!variable.value.is_empty()).then(|| variable.clone())
    }

    /// The value of the first of these variables that is set and not empty.
    pub(super) fn take_any(&mut self, names: &[&str]) -> Option<Variable> {
        let found: Vec<Option<Variable>> = names.iter().map(|name| self.take(name)).collect();
        found.into_iter().flatten().next()
    }

    /// Whether a variable is set to something that the builder took for yes.
    pub(super) fn is_on(&mut self, name: &str) -> bool {
        self.take(name)
            .is_some_and(|variable| matches!(variable.value.as_str(), "1" | "true" | "yes" | "on"))
    }

    /// Every variable, sorted by name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Variable)> {
        self.list
            .iter()
            .map(|(name, variable)| (name.as_str(), variable))
    }

    /// Variables that nobody had a use for, in the order of writing.
    pub(super) fn unused(&self) -> Vec<(&str, &Variable)> {
        let mut unused: Vec<_> = self
            .all()
            .filter(|(name, _)| !self.used.contains(*name))
            .collect();
        unused.sort_by_key(|(_, variable)| variable.span);
        unused
    }
}

/// Reads the assignments of a text; `earlier` are those of texts that the builder read before it.
pub(super) fn read(text: &Text, earlier: &Variables, sink: &mut Diagnostics) -> Variables {
    let mut reader = Reader {
        text,
        earlier,
        variables: Variables::default(),
        depth: 0,
        blocks: 0,
    };
    let mut at = 0;
    while at < text.content.len() {
        at = match reader.statement(at) {
            Ok(next) => next,
            Err(fault) => {
                sink.push(needs_a_shell(text, at, &fault));
                at + line_length(&text.content[at..])
            }
        };
    }
    reader.variables
}

/// Why a line is no assignment.
enum Fault {
    /// It is something else.
    NoAssignment,
    /// It uses something that only a shell can evaluate.
    Needs(&'static str),
    /// It refers to a variable that nothing sets.
    Unset(String),
}

fn needs_a_shell(text: &Text, at: usize, fault: &Fault) -> Diagnostic {
    let line = text.content[at..].lines().next().unwrap_or("");
    let lead = line.len() - line.trim_start().len();
    let span = Span::new(text.source, at + lead, at + line.trim_end().len());
    let diagnostic = match fault {
        Fault::NoAssignment => {
            Diagnostic::warning("zosc::migrate::needs-a-shell", "the line is no assignment")
        }
        Fault::Needs(what) => Diagnostic::warning(
            "zosc::migrate::needs-a-shell",
            format!("{what} needs a shell, and none is run"),
        ),
        Fault::Unset(name) => Diagnostic::warning(
            "zosc::migrate::unset-variable",
            format!("nothing sets the variable `{name}`"),
        ),
    };
    diagnostic
        .at(span)
        .help("write the value that it has when the builder runs, and migrate again")
}

fn line_length(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |at| at + 1)
}

struct Reader<'a> {
    text: &'a Text,
    earlier: &'a Variables,
    variables: Variables,
    /// How deep a default is nested.
    depth: usize,
    /// How many `if`, `for` or `case` are open.
    blocks: usize,
}

type Characters<'a> = Peekable<CharIndices<'a>>;

impl Reader<'_> {
    /// Reads the statement that starts at this offset, and returns where the next one does.
    fn statement(&mut self, at: usize) -> Result<usize, Fault> {
        let rest = &self.text.content[at..];
        let line = rest.lines().next().unwrap_or("");
        let statement = line.trim();
        if statement.is_empty() || statement.starts_with('#') {
            return Ok(at + line_length(rest));
        }
        match statement.split(char::is_whitespace).next() {
            Some("if" | "for" | "while" | "until" | "case") => self.blocks += 1,
            Some("fi" | "done" | "esac") => self.blocks = self.blocks.saturating_sub(1),
            _ if self.blocks > 0 => return Err(Fault::Needs("a condition")),
            _ => {}
        }
        let statement = ["export ", "readonly "]
            .iter()
            .fold(line.trim_start(), |rest, word| {
                rest.strip_prefix(word).unwrap_or(rest).trim_start()
            });
        let (name, _) = statement.split_once('=').ok_or(Fault::NoAssignment)?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty()
            || name.starts_with(|c: char| c.is_ascii_digit())
            || !name.chars().all(is_name)
        {
            return Err(Fault::NoAssignment);
        }
        let start = at + line.len() - statement.len();
        let value_start = start + name.len() + 1;
        let (value, length) = self.value(name, &self.text.content[value_start..])?;
        let end = value_start + length;
        let behind = &self.text.content[end..];
        let rest_of_line = behind.lines().next().unwrap_or("").trim();
        if !(rest_of_line.is_empty() || rest_of_line.starts_with('#')) {
            return Err(Fault::Needs("more than one word"));
        }
        let span = Span::new(self.text.source, start, end);
        let variable = Variable { value, span };
        self.variables.list.insert(name.to_owned(), variable);
        Ok(end + line_length(behind))
    }

    /// The value at the start of a text, and how long it is written.
    fn value(&mut self, name: &str, text: &str) -> Result<(String, usize), Fault> {
        // A credential is hidden, so that there is nothing to evaluate.
        if is_secret_name(name) && !text.starts_with('(') {
            return self.hidden(text);
        }
        if let Some(list) = text.strip_prefix('(') {
            return self.list(list).map(|(value, length)| (value, length + 1));
        }
        let mut characters = text.char_indices().peekable();
        let value = self.word(&mut characters)?;
        let length = characters.peek().map_or(text.len(), |(at, _)| *at);
        Ok((value, length))
    }

    #[allow(clippy::unused_self)] // One of the forms of `value`.
    fn hidden(&self, text: &str) -> Result<(String, usize), Fault> {
        let length = match text.chars().next() {
            Some(quote @ ('"' | '\'')) => text[1..].find(quote).map(|at| at + 2),
            _ => Some(text.find(char::is_whitespace).unwrap_or(text.len())),
        };
        let length = length.ok_or(Fault::Needs("a quote that is not closed"))?;
        Ok((text[..length].trim_matches(['"', '\'']).to_owned(), length))
    }

    /// The words of an array, `(a b c)`, joined by blanks.
    fn list(&mut self, text: &str) -> Result<(String, usize), Fault> {
        let mut words = Vec::new();
        let mut characters = text.char_indices().peekable();
        loop {
            match characters.peek() {
                None => return Err(Fault::Needs("an array that is not closed")),
                Some((at, ')')) => return Ok((words.join(" "), at + 1)),
                Some((_, c)) if c.is_whitespace() => drop(characters.next()),
                Some((_, '#')) => while characters.next().is_some_and(|(_, c)| c != '\n') {},
                Some(_) => words.push(self.word(&mut characters)?),
            }
        }
    }

    /// One word: bare text, quotes and references side by side.
    fn word(&mut self, characters: &mut Characters<'_>) -> Result<String, Fault> {
        let mut word = String::new();
        while let Some((_, c)) = characters.peek().copied() {
            match c {
                c if c.is_whitespace() || c == ')' => break,
                ';' | '|' | '&' | '<' | '>' | '(' => return Err(Fault::Needs("a command")),
                '`' => return Err(Fault::Needs("a command in backticks")),
                '\'' => {
                    characters.next();
                    until_quote(characters, &mut word)?;
                }
                '"' => {
                    characters.next();
                    self.quoted(characters, &mut word)?;
                }
                '$' => {
                    characters.next();
                    self.reference(characters, &mut word)?;
                }
                '\\' => {
                    characters.next();
                    word.extend(characters.next().map(|(_, c)| c).filter(|c| *c != '\n'));
                }
                c => {
                    characters.next();
                    word.push(c);
                }
            }
        }
        Ok(word)
    }

    /// The rest of a text in double quotes.
    fn quoted(&mut self, characters: &mut Characters<'_>, word: &mut String) -> Result<(), Fault> {
        while let Some((_, c)) = characters.next() {
            match c {
                '"' => return Ok(()),
                '`' => return Err(Fault::Needs("a command in backticks")),
                '$' => self.reference(characters, word)?,
                '\\' => match characters.next() {
                    Some((_, '\n')) => {}
                    Some((_, c @ ('"' | '\\' | '$' | '`'))) => word.push(c),
                    Some((_, c)) => word.extend(['\\', c]),
                    None => break,
                },
                c => word.push(c),
            }
        }
        Err(Fault::Needs("a quote that is not closed"))
    }

    /// What stands behind a `$`.
    fn reference(
        &mut self,
        characters: &mut Characters<'_>,
        word: &mut String,
    ) -> Result<(), Fault> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let braced = characters.next_if(|(_, c)| *c == '{').is_some();
        let mut name = String::new();
        while let Some((_, c)) = characters.next_if(|(_, c)| is_name(*c)) {
            name.push(c);
        }
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(Fault::Needs("a substitution"));
        }
        let mut default = None;
        if braced {
            self.depth += 1;
            let found = match self.depth {
                0..=DEEPEST => self.default(characters),
                _ => Err(Fault::Needs("a default this deep")),
            };
            self.depth -= 1;
            default = found?;
        }
        let variable = self
            .variables
            .list
            .get(&name)
            .or_else(|| self.earlier.list.get(&name));
        let set = variable.map(|variable| variable.value.clone());
        self.variables.used.insert(name.clone());
        match set.filter(|value| !value.is_empty()).or(default) {
            Some(value) if word.len() + value.len() > LONGEST => {
                return Err(Fault::Needs("a value this long"));
            }
            Some(value) => word.push_str(&value),
            None if variable.is_some() => {}
            None => return Err(Fault::Unset(name)),
        }
        Ok(())
    }

    /// The rest of `${NAME:-DEFAULT}` behind the name.
    fn default(&mut self, characters: &mut Characters<'_>) -> Result<Option<String>, Fault> {
        if characters.next_if(|(_, c)| *c == '}').is_some() {
            return Ok(None);
        }
        characters.next_if(|(_, c)| *c == ':');
        if characters
            .next_if(|(_, c)| matches!(c, '-' | '='))
            .is_none()
        {
            return Err(Fault::Needs("a substitution"));
        }
        let mut value = String::new();
        while let Some((_, c)) = characters.next() {
            match c {
                '}' => return Ok(Some(value)),
                '"' | '\'' => {}
                '`' => return Err(Fault::Needs("a command in backticks")),
                '$' => self.reference(characters, &mut value)?,
                c => value.push(c),
            }
        }
        Err(Fault::Needs("a brace that is not closed"))
    }
}

/// The rest of a text in single quotes.
fn until_quote(characters: &mut Characters<'_>, word: &mut String) -> Result<(), Fault> {
    for (_, c) in characters {
        if c == '\'' {
            return Ok(());
        }
        word.push(c);
    }
    Err(Fault::Needs("a quote that is not closed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceId;

    fn variables(text: &str) -> (Variables, Vec<String>) {
        let text = Text {
            source: SourceId(0),
            name: "build.conf".to_owned(),
            content: text.into(),
            is_link: false,
        };
        let mut sink = Diagnostics::new();
        let variables = read(&text, &Variables::default(), &mut sink);
        let faults = sink.iter().map(|fault| {
            format!(
                "{}: {}",
                &text.content[fault.labels[0].span.range()],
                fault.message
            )
        });
        (variables, faults.collect())
    }

    #[test]
    fn values_are_what_a_shell_makes_of_them() {
        let text = r#"
# a comment
ALPINE=3.22
export VERSION="${VERSION:-6.12.44}"   # the kernel
NAME='a $b "c"'
FULL="$VERSION-${ALPINE}"'x'\ y
  LINES="one
two"
LIST=( a "b c"  # why
  d )
EMPTY=
NESTED="${MISSING:-"${ALPINE}"/main}"
"#;
        let (variables, faults) = variables(text);
        assert_eq!(faults, Vec::<String>::new());
        let values: Vec<(&str, &str)> = variables
            .all()
            .map(|(name, variable)| (name, variable.value.as_str()))
            .collect();
        let expected = [
            ("ALPINE", "3.22"),
            ("EMPTY", ""),
            ("FULL", "6.12.44-3.22x y"),
            ("LINES", "one\ntwo"),
            ("LIST", "a b c d"),
            ("NAME", "a $b \"c\""),
            ("NESTED", "3.22/main"),
            ("VERSION", "6.12.44"),
        ];
        assert_eq!(values, expected);
    }

    #[test]
    fn what_needs_a_shell_is_told_and_the_rest_is_read() {
        let text = "A=$(date)\nif true; then\nX=1\nfi\nB=`x`\nC=$UNKNOWN/x\nD=1; E=2\nF=${X//a/b}\nG=\"open\nH=2\nmake all\n";
        let (variables, faults) = variables(text);
        assert_eq!(faults.len(), 10, "{faults:#?}");
        assert_eq!(
            faults[5],
            "C=$UNKNOWN/x: nothing sets the variable `UNKNOWN`"
        );
        let names: Vec<&str> = variables.all().map(|(name, _)| name).collect();
        assert_eq!(names, ["H"]);
    }
}
