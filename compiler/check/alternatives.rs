//! Things that are said in exactly one of several ways: where a toolchain, a source or a kernel comes from.

use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

use super::{Ctx, listed};

/// What must be said in one way.
pub(super) struct Choice<'a> {
    /// The code of the problem.
    pub(super) code: &'static str,
    /// The section it is in: where something of it could not be decoded, nothing is missed.
    pub(super) section: &'a str,
    /// Its place, for when nothing is said.
    pub(super) place: Span,
    /// The fact when nothing is said.
    pub(super) none: String,
    /// The fact when several things are said.
    pub(super) several: String,
    /// What to write.
    pub(super) help: String,
}

impl Ctx<'_> {
    /// Refuses none and several of the ways that are written, each with the word for it; yields whether it is one.
    pub(super) fn exactly_one(
        &mut self,
        choice: Choice<'_>,
        ways: &[(&'static str, Option<Span>)],
    ) -> bool {
        let given: Vec<(&str, Span)> = ways
            .iter()
            .filter_map(|(word, span)| Some((*word, (*span)?)))
            .collect();
        let problem = match given.as_slice() {
            [_] => return true,
            [] if !self.is_whole(choice.section) => return false,
            [] => Diagnostic::error(choice.code, choice.none)
                .at(choice.place)
                .help(choice.help),
            [first, others @ ..] => {
                let problem = Diagnostic::error(choice.code, choice.several);
                let problem = others.iter().fold(problem, |problem, (word, span)| {
                    problem.label(*span, format!("and `{word}`"))
                });
                problem
                    .label(first.1, format!("`{}`", first.0))
                    .help(format!(
                        "keep one of {}",
                        listed(given.iter().map(|way| way.0))
                    ))
            }
        };
        self.push(problem);
        false
    }
}

/// The place of a flag that is set.
pub(super) fn flag(flag: Option<&Spanned<bool>>) -> Option<Span> {
    flag.filter(|flag| flag.value).map(|flag| flag.span)
}
