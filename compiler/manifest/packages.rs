//! The `packages` section.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;

/// Which Alpine packages the image holds.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Packages {
    /// Packages to install, with all they depend on.
    #[schemars(extend("x-kdl" = "list"))]
    #[serde(default)]
    pub install: Vec<Install>,
    /// Packages that must not be installed: apk's `!name`.
    #[schemars(extend("x-kdl" = "words"), extend("x-refers" = "package"), inner(regex(pattern = r"^[a-zA-Z0-9@_][a-zA-Z0-9._+:/=-]*$")), extend("x-message" = "this is no package name"), example = ["apk-tools"])]
    #[serde(default)]
    pub exclude: Vec<Spanned<String>>,
    /// Whether the install scripts and triggers of packages run.
    #[schemars(extend("x-kdl" = "list"))]
    #[serde(default)]
    pub scripts: Vec<Scripts>,
}

/// Packages to install.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Install {
    /// Package names.
    #[schemars(extend("x-kdl" = "args"), extend("x-refers" = "package"), inner(regex(pattern = r"^[a-zA-Z0-9@_][a-zA-Z0-9._+:/=-]*$")), extend("x-message" = "this is no package name"), length(min = 1), example = ["busybox", "openssl"])]
    #[serde(default)]
    pub names: Vec<Spanned<String>>,
    /// A version constraint for all of them: an operator (`=`, `<`, `>`, `<=`, `>=`, `~`) and a version.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "version"), regex(pattern = r"^(=|<=?|>=?|~|=~|<~|>~)?[0-9]"), extend("x-message" = "a version constraint is an operator and a version, such as \"~6.14\""), example = &"~6.14")]
    #[serde(default)]
    pub version: Option<Spanned<String>>,
    /// Also look in the repositories with this tag.
    #[schemars(extend("x-kdl" = "prop"), extend("x-refers" = "tag"), example = &"edge")]
    #[serde(default)]
    pub tag: Option<Spanned<String>>,
}

/// Whether scripts run.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Scripts {
    /// Run them or skip them.
    #[schemars(extend("x-kdl" = "arg"))]
    pub policy: Spanned<ScriptPolicy>,
    /// The packages this is about; without any, all the others.
    #[schemars(extend("x-kdl" = "args"), extend("x-refers" = "package"), example = ["busybox"])]
    #[serde(default)]
    pub packages: Vec<Spanned<String>>,
}

/// What happens to install scripts and triggers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScriptPolicy {
    /// They run in the sandbox, and what they change becomes part of the image.
    Run,
    /// They do not run.
    Skip,
}
