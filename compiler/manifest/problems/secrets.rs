//! What can be wrong with secrets. None of these messages repeats what was written.

use crate::diagnostic::{Diagnostic, nearest};
use crate::manifest::model::{Member, Model};
use crate::manifest::secret::{SecretForm, from_environment, meant_variable};
use crate::source::{Span, Spanned};
use crate::syntax::Entry;

use super::annotation;

/// A secret that is written out.
pub(in super::super) fn literal_secret(
    model: &Model,
    member: &Member,
    form: SecretForm,
    text: &str,
    span: Span,
) -> Diagnostic {
    let (name, whole) = (&member.name, model.whole);
    let problem = Diagnostic::error(
        "zosc::manifest::literal-secret",
        format!("`{name}` is a secret, and {whole} is no place for one"),
    )
    .at(span);
    if let Some(variable) = meant_variable(text) {
        let written = from_environment(variable);
        return problem
            .help(format!("write `{written}` without quotes"))
            .replace(format!("write `{written}`"), span, written);
    }
    problem.help(match form {
        SecretForm::Environment | SecretForm::Text => {
            "write `(env)NAME`: it is read from that environment variable when it is needed"
        }
        SecretForm::Key => {
            "write `(env)NAME` for an environment variable that holds the key, or the path of a file"
        }
    })
}

/// An annotation on a secret that is not `env`.
pub(in super::super) fn secret_annotation(
    member: &Member,
    written: &Spanned<String>,
) -> Diagnostic {
    let problem = annotation(written.span);
    if nearest(&written.value.to_lowercase(), ["env", "environment"]).is_none() {
        return problem;
    }
    let mut problem = problem.help(format!(
        "write `(env)`, the one annotation of `{}`",
        member.name
    ));
    problem.fixes.clear();
    problem.replace("write `env`", written.span, "env")
}

/// `(env)` before something that no environment variable is called.
pub(in super::super) fn bad_variable(entry: &Entry) -> Diagnostic {
    Diagnostic::error(
        "zosc::manifest::bad-value",
        "this is no name of an environment variable",
    )
    .at(entry.value.span)
    .help("names have letters, digits and `_`, and do not start with a digit: `(env)S3_SECRET`")
}
