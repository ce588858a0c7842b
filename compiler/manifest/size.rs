//! The `size` section.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;

/// What is left out, and how large the result may be.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Size {
    /// What to leave out: `docs`, `man`, `locales`, `static-libs`, or a pattern of paths that starts with `/`.
    #[schemars(extend("x-kdl" = "words"), inner(regex(pattern = r"^(docs|man|locales|static-libs|/.+)$")), extend("x-message" = "write `docs`, `man`, `locales`, `static-libs`, or a pattern that starts with `/`"))]
    #[serde(default)]
    pub drop: Vec<Spanned<String>>,
    /// Limits that fail the build.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub max: Option<Max>,
}

/// Limits that fail the build.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Max {
    /// The largest initramfs, compressed.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^[0-9]+(B|KiB|MiB|GiB)$"), extend("x-message" = "a size is a whole number and `KiB`, `MiB` or `GiB`, such as \"512MiB\""))]
    #[serde(default)]
    pub initramfs: Option<Spanned<String>>,
}
