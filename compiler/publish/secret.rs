//! Secrets that the manifest says an environment variable holds: read at the moment of use, and in no message.

use crate::diagnostic::Diagnostic;
use crate::manifest::secret::Secret;
use crate::source::Spanned;

/// Reads a secret from the variable that the manifest names; `purpose` is what is read there.
///
/// # Errors
/// `zosc::publish::missing-variable`, at the place that names it.
pub(super) fn read(
    secret: &Spanned<Secret>,
    variable: &dyn Fn(&str) -> Option<String>,
    purpose: &str,
) -> Result<String, Diagnostic> {
    // The language takes a variable alone for these; a file or a token would be no variable that is set.
    let Secret::Environment(name) = &secret.value else {
        return Err(missing(&secret.value.to_string(), purpose).at(secret.span));
    };
    variable(name).ok_or_else(|| missing(name, purpose).at(secret.span))
}

/// A variable is not set that has to be.
pub(super) fn missing(name: &str, purpose: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::publish::missing-variable",
        format!("the environment variable `{name}` is not set, and {purpose} is read there"),
    )
    .help(format!(
        "set it for this command alone: `{name}=… zosc publish`"
    ))
}
