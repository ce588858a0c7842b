//! The `toolchain` section.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;

/// A root filesystem in which sources are built.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Toolchain {
    /// The name that `build` refers to.
    #[schemars(extend("x-kdl" = "arg"), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"), extend("x-message" = "a name starts with a letter or digit and goes on with letters, digits, `.`, `_`, `+`, `-`"))]
    pub name: Spanned<String>,
    /// The building machine's own compilers, read-only. Images built with it are not reproducible on other machines.
    #[schemars(extend("x-kdl" = "flag"))]
    #[serde(default)]
    pub host: bool,
}
