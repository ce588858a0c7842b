//! Licences as components declare them, and what documents may say of them.

use spdx::{Expression, ParseMode};

/// What a component says of its licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Licence {
    /// Nothing.
    Unknown,
    /// An expression over SPDX's list of licences.
    Expression(String),
    /// Something else, in its own words.
    Other(String),
}

/// Names that SPDX has replaced by others are still names.
const LENIENT: ParseMode = ParseMode {
    allow_deprecated: true,
    ..ParseMode::STRICT
};

impl Licence {
    /// Reads what a package or crate declares.
    pub(super) fn of(declared: &str) -> Self {
        let declared = declared.trim();
        if declared.is_empty() {
            return Self::Unknown;
        }
        // `MIT/Apache-2.0` is how crates wrote a choice in their first years.
        let choice = declared.replace('/', " OR ");
        let is_expression = |text: &&str| Expression::parse_mode(text, LENIENT).is_ok();
        match [declared, &choice].into_iter().find(is_expression) {
            Some(expression) => Self::Expression(expression.to_owned()),
            None => Self::Other(declared.to_owned()),
        }
    }
}

/// The version of SPDX's list of licences that is known here.
pub(super) fn list_version() -> &'static str {
    spdx::license_version()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_spdx_knows_is_told_from_other_words() {
        let expression = |text: &str| Licence::Expression(text.to_owned());
        assert_eq!(Licence::of(" "), Licence::Unknown);
        assert_eq!(Licence::of("MIT"), expression("MIT"));
        assert_eq!(
            Licence::of("GPL-2.0-only WITH Linux-syscall-note AND (MIT OR ISC)"),
            expression("GPL-2.0-only WITH Linux-syscall-note AND (MIT OR ISC)")
        );
        assert_eq!(Licence::of("GPL-2.0"), expression("GPL-2.0"));
        assert_eq!(
            Licence::of("MIT/Apache-2.0"),
            expression("MIT OR Apache-2.0")
        );
        for other in [
            "custom",
            "MIT BSD-2-Clause",
            "Public-Domain",
            "(MIT",
            "\u{7}",
        ] {
            assert_eq!(Licence::of(other), Licence::Other(other.trim().to_owned()));
        }
    }
}
