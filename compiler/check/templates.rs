//! Texts with variables in braces: names of outputs, names in os-release.

use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

use super::{Ctx, listed, suggest};

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// As it stands.
    Text(&'a str),
    /// What stands between braces.
    Variable(&'a str),
}

/// Cuts a text at its variables; the error is the rest of the text from a brace that nothing closes.
pub(super) fn parts(text: &str) -> Result<Vec<Part<'_>>, &str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else {
            return Err(rest.get(before.len()..).unwrap_or(rest));
        };
        parts.push(Part::Text(before));
        parts.push(Part::Variable(name));
        rest = behind;
    }
    parts.push(Part::Text(rest));
    Ok(parts)
}

impl Ctx<'_> {
    /// The parts of a text whose variables are all known.
    pub(super) fn template<'t>(
        &mut self,
        text: &'t Spanned<String>,
        known: &[String],
    ) -> Option<Vec<Part<'t>>> {
        let parts = match parts(text) {
            Ok(parts) => parts,
            Err(rest) => {
                self.push(
                    Diagnostic::error(
                        "zosc::check::unknown-variable",
                        format!("nothing closes the brace of `{rest}`"),
                    )
                    .at(self.within(text.span, rest))
                    .help("write `}` behind the variable's name"),
                );
                return None;
            }
        };
        let mut sound = true;
        for part in &parts {
            let Part::Variable(name) = part else { continue };
            if !known.iter().any(|known| known == name) {
                sound = false;
                let span = self.within(text.span, &format!("{{{name}}}"));
                self.unknown_variable(name, span, known);
            }
        }
        sound.then_some(parts)
    }

    fn unknown_variable(&mut self, name: &str, span: Span, known: &[String]) {
        let names = || known.iter().map(String::as_str);
        let problem = Diagnostic::error(
            "zosc::check::unknown-variable",
            format!("there is no variable `{name}` here"),
        )
        .at(span);
        let all = format!("known here: {}", listed(names()));
        let mut problem = suggest(problem, name, span, names(), &all);
        for fix in &mut problem.fixes {
            for edit in &mut fix.edits {
                edit.text = format!("{{{}}}", edit.text.trim_matches('"'));
            }
        }
        self.push(problem);
    }

    /// The place of a word among others with white space between them, where they are written as they are; else all of them.
    pub(super) fn word_within(&self, span: Span, word: &str) -> Span {
        let written = self.sources.slice(span);
        let is_bound = |character: Option<char>| {
            character.is_none_or(|character| character.is_whitespace() || character == '"')
        };
        let found = written.match_indices(word).find(|(at, _)| {
            let (before, behind) = written.split_at(*at);
            let behind = behind.get(word.len()..).unwrap_or("");
            is_bound(before.chars().next_back()) && is_bound(behind.chars().next())
        });
        found.map_or(span, |(at, _)| {
            let start = span.start as usize + at;
            Span::new(span.source, start, start + word.len())
        })
    }

    /// The place of a word inside a value, where it is written there as it is; else the whole value.
    pub(super) fn within(&self, span: Span, word: &str) -> Span {
        let written = self.sources.slice(span);
        match written.find(word) {
            Some(at) if !word.is_empty() => {
                let start = span.start as usize + at;
                Span::new(span.source, start, start + word.len())
            }
            _ => span,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_their_variables() {
        assert_eq!(
            parts("a-{kernel}.efi"),
            Ok(vec![
                Part::Text("a-"),
                Part::Variable("kernel"),
                Part::Text(".efi")
            ])
        );
        assert_eq!(parts("a-{kernel"), Err("{kernel"));
    }
}
