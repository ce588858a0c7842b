//! Files in the form of `.config`, put together as Kconfig would: in order, the last value counts.
//!
//! A line that Kconfig would pass over with a warning, or take for a comment, is refused here: what somebody wrote there was
//! meant. Which symbols there are and which values they take is not known here; that is for Kconfig.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::manifest::kernel::Config;
use crate::source::{SourceId, Span, Spanned};

use super::{Ctx, KernelConfig, quoted};

/// The largest file that is read, in bytes; a whole configuration has some 300 KiB.
const LARGEST: u64 = 2 << 20;
/// How many bad lines of one file are told.
const TOLD: usize = 20;
/// The line near the beginning of a file by which Kconfig says that it wrote the whole of it.
const WHOLE: &str = "# Automatically generated file; DO NOT EDIT.";
/// How every symbol begins.
const PREFIX: &str = "CONFIG_";

/// What is known of the configuration, and where it was decided.
#[derive(Default)]
pub(super) struct Decisions {
    values: BTreeMap<String, Decision>,
    /// The last file that decides everything it does not name, too.
    whole: Option<Spanned<String>>,
    /// What was turned on after that file: what depends on these symbols has appeared since.
    later: BTreeSet<String>,
}

/// The value of a symbol.
pub(super) struct Decision {
    /// `y`, `m`, `n`, a number, or a text in quotes.
    pub(super) value: String,
    /// The value's place, or the line that says `is not set`.
    pub(super) span: Span,
    /// What stands there when the symbol is on.
    pub(super) on: String,
}

/// What is known of one symbol.
pub(super) enum Known<'a> {
    /// Its value.
    Decided(&'a Decision),
    /// A file that decides everything has no such symbol.
    Absent(&'a Spanned<String>),
    /// Kconfig will decide.
    Open,
}

impl Decisions {
    fn decide(&mut self, symbol: &str, decision: Decision) {
        if decision.value == "n" {
            self.later.remove(symbol);
        } else {
            self.later.insert(symbol.to_owned());
        }
        self.values.insert(symbol.to_owned(), decision);
    }

    /// What is known of a symbol that depends on others.
    pub(super) fn of(&self, symbol: &str, parents: &[&str]) -> Known<'_> {
        if let Some(decision) = self.values.get(symbol) {
            return Known::Decided(decision);
        }
        match &self.whole {
            Some(file) if !parents.iter().any(|parent| self.later.contains(*parent)) => {
                Known::Absent(file)
            }
            _ => Known::Open,
        }
    }

    /// The text of a symbol whose value is one.
    pub(super) fn text(&self, symbol: &str) -> Option<&str> {
        let value = &self.values.get(symbol)?.value;
        value.strip_prefix('"')?.strip_suffix('"')
    }

    /// What a build needs of it.
    pub(super) fn resolved(&self, from_default: bool) -> KernelConfig {
        let each = self.values.iter();
        let values = each.clone();
        let values = values.map(|(symbol, decision)| (symbol.clone(), decision.value.clone()));
        let places = each.map(|(symbol, decision)| (symbol.clone(), decision.span));
        KernelConfig {
            from_default,
            values: values.collect(),
            places: places.collect(),
        }
    }
}

impl Ctx<'_> {
    /// Reads the files of a `config` node and puts them together with its settings.
    pub(super) fn kernel_config(&mut self, config: &Config) -> Decisions {
        let mut decisions = Decisions::default();
        for file in &config.files {
            self.config_file(file, &mut decisions);
        }
        for (symbol, value) in &config.set {
            let Some(symbol) = self.symbol(symbol, value) else {
                continue;
            };
            let span = value.span;
            let Some(value) = setting(value) else {
                self.bad_line("this is no value of a symbol", span, None);
                continue;
            };
            let on = "y".to_owned();
            decisions.decide(symbol, Decision { value, span, on });
        }
        decisions
    }

    /// The name of a symbol that is set in the manifest.
    fn symbol<'s>(&mut self, symbol: &'s str, value: &Spanned<String>) -> Option<&'s str> {
        if is_symbol(symbol) {
            return Some(symbol);
        }
        // A pair keeps the place of its value; its name stands right before.
        let key = Span {
            start: value.span.start.saturating_sub(symbol.len() as u32 + 1),
            end: value.span.start.saturating_sub(1),
            ..value.span
        };
        let key = if self.sources.slice(key) == symbol {
            key
        } else {
            value.span
        };
        let better = format!("{PREFIX}{symbol}");
        let better = is_symbol(&better).then_some(better);
        self.bad_line(&format!("`{symbol}` is no symbol"), key, better.as_deref());
        None
    }

    fn config_file(&mut self, file: &Spanned<String>, decisions: &mut Decisions) {
        let Some(bytes) = self.read(file, LARGEST) else {
            return;
        };
        let Ok(text) = String::from_utf8(bytes) else {
            return self.no_config(file, "it is no UTF-8 text");
        };
        let mut decided = 0;
        let mut wrong: Vec<(usize, Wrong<'_>)> = Vec::new();
        let mut found: Vec<(usize, Line<'_>)> = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            match read(line) {
                Ok(Line::Nothing) => {}
                Ok(read) => {
                    decided += 1;
                    found.push((start, read));
                }
                Err(fault) => wrong.push((start, fault)),
            }
            start += line.len();
        }
        if decided == 0 && wrong.len() > 3 {
            return self.no_config(file, "no line of it sets a symbol");
        }
        let source = self.sources.add(self.shown(file), text.as_str());
        let is_whole = text.lines().take(10).any(|line| line == WHOLE);
        for (start, line) in found {
            line.decide(source, start, decisions);
        }
        if is_whole {
            decisions.whole = Some(file.clone());
            decisions.later.clear();
        }
        self.wrong_lines(source, &wrong);
    }

    fn wrong_lines(&mut self, source: SourceId, wrong: &[(usize, Wrong<'_>)]) {
        for (number, (start, fault)) in wrong.iter().take(TOLD).enumerate() {
            let more = wrong.len() - TOLD.min(wrong.len());
            let span = Span::new(source, *start, start + fault.line.len());
            let message = match (number + 1, more) {
                (TOLD, 1..) => format!("{}; {more} more lines are wrong", fault.fact),
                _ => fault.fact.to_owned(),
            };
            self.bad_line(&message, span, fault.better.as_deref());
        }
    }

    fn bad_line(&mut self, fact: &str, span: Span, better: Option<&str>) {
        let problem = Diagnostic::error("zosc::check::bad-config-line", fact).at(span);
        self.push(match better {
            Some(better) => problem.help(format!("write `{better}`")).replace(
                format!("write `{better}`"),
                span,
                better,
            ),
            None => problem.help("a line is `CONFIG_NAME=value` or `# CONFIG_NAME is not set`; a value is `y`, `m`, a number, or a text in quotes"),
        });
    }

    fn no_config(&mut self, file: &Spanned<String>, fault: &str) {
        self.push(
            Diagnostic::error(
                "zosc::check::bad-config-line",
                format!("`{}` is no configuration of a kernel: {fault}", file.value),
            )
            .at(file.span)
            .help("name a `.config`, or a part of one, such as `make savedefconfig` writes"),
        );
    }
}

/// What a line says.
enum Line<'a> {
    /// Nothing about a symbol.
    Nothing,
    /// A symbol and its value.
    Set(&'a str, &'a str),
    /// A symbol that is not set, and the whole line.
    Unset(&'a str, &'a str),
}

impl Line<'_> {
    /// Puts what a line that begins at `start` says among the decisions.
    fn decide(&self, source: SourceId, start: usize, decisions: &mut Decisions) {
        match self {
            Self::Nothing => {}
            Self::Set(symbol, value) => {
                let place = start + symbol.len() + 1;
                let decision = Decision {
                    value: (*value).to_owned(),
                    span: Span::new(source, place, place + value.len()),
                    on: "y".to_owned(),
                };
                decisions.decide(symbol, decision);
            }
            Self::Unset(symbol, line) => {
                let decision = Decision {
                    value: "n".to_owned(),
                    span: Span::new(source, start, start + line.len()),
                    on: format!("{symbol}=y"),
                };
                decisions.decide(symbol, decision);
            }
        }
    }
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq)]
struct Wrong<'a> {
    line: &'a str,
    fact: &'static str,
    /// The line that was meant, where that is plain.
    better: Option<String>,
}

/// Reads a line.
fn read(line: &str) -> Result<Line<'_>, Wrong<'_>> {
    let line = line.trim_end();
    let wrong = |fact, better| Err(Wrong { line, fact, better });
    if line.is_empty() {
        return Ok(Line::Nothing);
    }
    if let Some(comment) = line.strip_prefix('#') {
        let words: Vec<&str> = comment.split_whitespace().collect();
        return match words.as_slice() {
            [symbol, "is", "not", "set"] if is_symbol(symbol) => {
                let right = format!("# {symbol} is not set");
                if line == right {
                    Ok(Line::Unset(symbol, line))
                } else {
                    wrong("Kconfig takes this line for a comment", Some(right))
                }
            }
            _ => Ok(Line::Nothing),
        };
    }
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let (symbol, rest) = line.split_at(end.unwrap_or(line.len()));
    match rest.strip_prefix('=') {
        Some(value) if is_symbol(symbol) && is_value(value) => Ok(Line::Set(symbol, value)),
        _ => wrong("Kconfig does not understand this line", meant(line)),
    }
}

/// The line that was meant by one that is almost right.
fn meant(line: &str) -> Option<String> {
    let line = line.trim();
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    let (name, rest) = line.split_at(end);
    let symbol = match name.strip_prefix(PREFIX) {
        Some(_) => name.to_owned(),
        None => format!("{PREFIX}{name}"),
    };
    if !is_symbol(&symbol) || symbol.chars().any(char::is_lowercase) {
        return None;
    }
    let rest = rest.trim();
    if rest == "is not set" {
        return Some(format!("# {symbol} is not set"));
    }
    let value = rest.strip_prefix('=').unwrap_or(rest).trim();
    let value = value
        .split_once(" #")
        .map_or(value, |(value, _)| value.trim());
    let value = match value.to_lowercase().as_str() {
        "y" | "yes" => "y".to_owned(),
        "m" => "m".to_owned(),
        "n" | "no" => return Some(format!("# {symbol} is not set")),
        "" => return None,
        _ if is_value(value) => value.to_owned(),
        _ if rest.starts_with('=') && !value.contains(['"', '\\']) => format!("\"{value}\""),
        _ => return None,
    };
    Some(format!("{symbol}={value}"))
}

fn is_symbol(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| {
        !rest.is_empty()
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// Whether a text is a value as `.config` has it. `n` is one as well: fragments use it.
fn is_value(value: &str) -> bool {
    if matches!(value, "y" | "m" | "n") {
        return true;
    }
    if let Some(text) = value.strip_prefix('"') {
        let Some(text) = text.strip_suffix('"') else {
            return false;
        };
        let mut escaped = false;
        for character in text.chars() {
            match character {
                '"' if !escaped => return false,
                _ => escaped = character == '\\' && !escaped,
            }
        }
        return !escaped;
    }
    is_number(value)
}

fn is_number(value: &str) -> bool {
    if let Some(digits) = value
        .strip_prefix("0x")
        .or_else(|| value.strip_prefix("0X"))
    {
        return !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    let digits = value.strip_prefix('-').unwrap_or(value);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The value of a setting in the manifest as `.config` has it: texts stand without their quotes there.
fn setting(value: &str) -> Option<String> {
    if value.chars().any(char::is_control) {
        return None;
    }
    if matches!(value, "y" | "m" | "n") || is_number(value) {
        return Some(value.to_owned());
    }
    Some(quoted(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_kconfig_reads_them() {
        for (line, symbol, value) in [
            ("CONFIG_A=y", "CONFIG_A", "y"),
            ("CONFIG_60XX_WDT=m\r\n", "CONFIG_60XX_WDT", "m"),
            ("CONFIG_A=\"a \\\"b\\\"\"", "CONFIG_A", "\"a \\\"b\\\"\""),
            ("CONFIG_A=-1", "CONFIG_A", "-1"),
            ("CONFIG_A=0xffff", "CONFIG_A", "0xffff"),
        ] {
            assert!(
                matches!(read(line), Ok(Line::Set(s, v)) if (s, v) == (symbol, value)),
                "{line}"
            );
        }
        assert!(matches!(
            read("# CONFIG_A is not set\n"),
            Ok(Line::Unset("CONFIG_A", _))
        ));
        for line in [
            "",
            "\n",
            "#",
            "# CONFIG_A=y",
            "# a comment",
            "# CONFIG_A is set",
        ] {
            assert!(matches!(read(line), Ok(Line::Nothing)), "{line}");
        }
    }

    #[test]
    fn what_was_meant_is_offered() {
        for (line, better) in [
            ("CONFIG_A y", Some("CONFIG_A=y")),
            ("CONFIG_A = y", Some("CONFIG_A=y")),
            ("  CONFIG_A=y", Some("CONFIG_A=y")),
            ("CONFIG_A=yes", Some("CONFIG_A=y")),
            ("CONFIG_A=No", Some("# CONFIG_A is not set")),
            ("CONFIG_A is not set", Some("# CONFIG_A is not set")),
            ("#CONFIG_A is not set", Some("# CONFIG_A is not set")),
            ("CONFIG_A=y # why", Some("CONFIG_A=y")),
            ("CONFIG_A=-Zero-OS", Some("CONFIG_A=\"-Zero-OS\"")),
            ("A=y", Some("CONFIG_A=y")),
            ("CONFIG_A=", None),
            ("CONFIG_A=\"a", None),
            ("int main(void)", None),
            ("all: x", None),
        ] {
            let wrong = read(line).err().expect(line);
            assert_eq!(wrong.better.as_deref(), better, "{line}");
        }
    }

    #[test]
    fn settings_of_the_manifest_are_quoted_where_config_quotes() {
        assert_eq!(setting("y").as_deref(), Some("y"));
        assert_eq!(setting("250").as_deref(), Some("250"));
        assert_eq!(setting("-Zero-OS").as_deref(), Some("\"-Zero-OS\""));
        assert_eq!(setting("a\nb"), None);
    }
}
