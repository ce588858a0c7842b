//! Dependencies: `[!]name[@tag][operator version]`, as indexes, packages and `world` write them.
//!
//! Comes in: one word, or a line of them. Goes out: [`Dependency`] values that borrow from it, and whether one is met by
//! a version. Names such as `so:libc.musl-x86_64.so.1`, `cmd:sh` and `/bin/sh` are names like any other.

use std::cmp::Ordering;
use std::fmt;

use super::version::{self, Precision};
use crate::diagnostic::Diagnostic;

/// What a dependency says of the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Constraint<'a> {
    /// Nothing.
    Any,
    /// It compares in one of the accepted ways with a version.
    Version(Comparison, &'a str),
    /// The package is the one with this identity (`><Q1…`); files named on a command line get it.
    Identity(&'a str),
}

/// Which results of a comparison are accepted, and how exactly it is made.
///
/// Operators are sets of the characters `<`, `=`, `>` and `~`, in any order, as apk reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Comparison {
    less: bool,
    equal: bool,
    greater: bool,
    prefix: bool,
}

impl Comparison {
    fn parse(operator: &str) -> Self {
        let prefix = operator.contains('~');
        Self {
            less: operator.contains('<'),
            equal: operator.contains('=') || prefix,
            greater: operator.contains('>'),
            prefix,
        }
    }

    /// Whether `version` compares with `wanted` in an accepted way.
    pub fn accepts(self, version: &str, wanted: &str) -> bool {
        let precision = if self.prefix {
            Precision::Prefix
        } else {
            Precision::Exact
        };
        match version::matches(version, wanted, precision) {
            Ordering::Less => self.less,
            Ordering::Equal => self.equal,
            Ordering::Greater => self.greater,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match (self.less, self.greater, self.prefix, self.equal) {
            (true, true, true, _) => "<~>",
            (true, true, ..) => "<=>",
            (true, _, true, _) => "<~",
            (true, _, _, true) => "<=",
            (true, ..) => "<",
            (_, true, true, _) => ">~",
            (_, true, _, true) => ">=",
            (_, true, ..) => ">",
            (.., true, _) => "~",
            _ => "=",
        })
    }
}

/// One dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dependency<'a> {
    /// The name of a package, or of something that packages provide.
    pub name: &'a str,
    /// Whether the name must *not* be there (`!name`).
    pub conflict: bool,
    /// The tag of the repositories that may serve it (`name@tag`); has a meaning only in `world`.
    pub tag: Option<&'a str>,
    /// What the version must be.
    pub constraint: Constraint<'a>,
}

impl<'a> Dependency<'a> {
    /// Reads one dependency.
    pub fn parse(text: &'a str) -> Result<Self, Diagnostic> {
        let refused = |why: &str| {
            Diagnostic::error(
                "zosc::apk::bad-dependency",
                format!("`{}` is no dependency: {why}", text.escape_debug()),
            )
            .help("the form is `[!]name[@tag][operator version]`, operators are `= < > <= >= ~`")
        };
        if text.contains([' ', '\n']) {
            return Err(refused("it holds a space"));
        }
        if text.contains(char::is_control) {
            return Err(refused("it holds a control character"));
        }
        let (conflict, rest) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let is_operator = |character| matches!(character, '<' | '=' | '>' | '~');
        let name_end = rest.find(is_operator).unwrap_or(rest.len());
        let (name, constraint) = rest.split_at(name_end);
        let version = constraint.trim_start_matches(is_operator);
        let operator = constraint.strip_suffix(version).unwrap_or(constraint);
        let (name, tag) = match name.split_once('@') {
            Some((name, tag)) => (name, Some(tag)),
            None => (name, None),
        };
        if name.is_empty() || tag.is_some_and(str::is_empty) {
            return Err(refused("a name is missing"));
        }
        let constraint = match Comparison::parse(operator) {
            _ if operator.is_empty() => Constraint::Any,
            _ if version.is_empty() => return Err(refused("the version is missing")),
            Comparison {
                less: true,
                greater: true,
                equal: false,
                ..
            } => Constraint::Identity(version),
            _ if !version::is_valid(version) => {
                return Err(refused(&format!("`{version}` is no version")));
            }
            comparison => Constraint::Version(comparison, version),
        };
        Ok(Self {
            name,
            conflict,
            tag,
            constraint,
        })
    }

    /// Reads dependencies separated by spaces.
    pub fn parse_line(line: &'a str) -> impl Iterator<Item = Result<Self, Diagnostic>> {
        line.split([' ', '\n'])
            .filter(|word| !word.is_empty())
            .map(Self::parse)
    }

    /// Whether something of this name with this version (`None` where it states none) and identity meets the dependency.
    ///
    /// A conflict is met by what the rest of it does *not* describe; without a version only an unconstrained name is.
    pub fn is_met(&self, version: Option<&str>, identity: &str) -> bool {
        match (self.constraint, version) {
            (Constraint::Identity(wanted), _) => wanted == identity,
            (Constraint::Any, _) => !self.conflict,
            (Constraint::Version(..), None) => self.conflict,
            (Constraint::Version(comparison, wanted), Some(version)) => {
                comparison.accepts(version, wanted) != self.conflict
            }
        }
    }
}

impl fmt::Display for Dependency<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.conflict { "!" } else { "" };
        write!(formatter, "{sign}{}", self.name)?;
        if let Some(tag) = self.tag {
            write!(formatter, "@{tag}")?;
        }
        match self.constraint {
            Constraint::Any => Ok(()),
            Constraint::Version(comparison, version) => write!(formatter, "{comparison}{version}"),
            Constraint::Identity(identity) => write!(formatter, "><{identity}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Dependency<'_> {
        Dependency::parse(text).expect("a dependency")
    }

    #[test]
    fn every_part_is_read() {
        let dependency = parse("!musl@edge>=1.2-r1");
        assert_eq!(
            (dependency.name, dependency.conflict, dependency.tag),
            ("musl", true, Some("edge"))
        );
        for text in [
            "a",
            "!a",
            "a@t",
            "a=1",
            "a<1",
            "a>1",
            "a<=1",
            "a>=1",
            "a~1",
            "a<~1",
            "a>~1",
            "a<=>1",
            "a<~>1",
            "a><Q1x=",
            "so:libc.so.6=6",
        ] {
            assert_eq!(parse(text).to_string(), text);
        }
    }

    #[test]
    fn operators_accept_what_they_say() {
        let met = |dependency, version| parse(dependency).is_met(Some(version), "Q1x");
        for (dependency, good, bad) in [
            ("a=1.2", "1.2", "1.2-r0"),
            ("a<1.2", "1.1", "1.2"),
            ("a>1.2", "1.2-r0", "1.2"),
            ("a<=1.2", "1.2", "1.3"),
            ("a>=1.2", "1.2", "1.2_rc1"),
            ("a~1.2", "1.2.7-r3", "1.20"),
            ("a<~1.2", "1.2.7", "1.3"),
            ("a>~1.2", "1.2_rc1", "1.1"),
            ("!a<2", "2", "1"),
        ] {
            assert!(met(dependency, good), "{dependency} takes {good}");
            assert!(!met(dependency, bad), "{dependency} refuses {bad}");
        }
    }

    #[test]
    fn a_provide_without_version_meets_only_a_bare_name() {
        assert!(parse("a").is_met(None, ""));
        assert!(!parse("a>=0").is_met(None, ""));
        assert!(!parse("!a").is_met(None, ""));
        assert!(parse("!a>=0").is_met(None, ""));
    }

    #[test]
    fn an_identity_is_compared_as_written() {
        assert!(parse("a><Q1abc=").is_met(Some("1"), "Q1abc="));
        assert!(!parse("a><Q1abc=").is_met(Some("1"), "Q1xyz="));
    }

    #[test]
    fn malformed_words_are_refused() {
        for text in ["", "!", "=1", "a=", "a@", "@t", "a=b c", "a=1..x~"] {
            let refusal = Dependency::parse(text).expect_err(text);
            assert_eq!(refusal.code, "zosc::apk::bad-dependency");
        }
    }

    #[test]
    fn control_characters_are_refused_and_do_not_reach_the_terminal() {
        for text in ["a\tb", "\u{1b}[2J", "a=\u{1b}[2J", "a><Q1\u{7f}"] {
            let refusal = Dependency::parse(text).expect_err(text);
            assert!(refusal.message.ends_with("it holds a control character"));
            assert!(!refusal.message.contains(char::is_control), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            if let Ok(dependency) = Dependency::parse(&text) {
                dependency.is_met(Some("1"), "Q1");
            }
        }

        #[test]
        fn what_is_written_reads_back(text in "!?[a-z:]{1,8}(@[a-z]{1,4})?((=|<|>|<=|>=|~)[0-9]{1,3}(\\.[0-9]{1,3})?)?") {
            prop_assert_eq!(parse(&text).to_string(), text);
        }
    }
}
