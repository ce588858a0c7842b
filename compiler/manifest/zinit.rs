//! The `zinit` section.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;

/// The process manager.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Zinit {
    /// The form in which it reads its units.
    #[schemars(extend("x-kdl" = "prop"))]
    pub dialect: Spanned<Dialect>,
}

/// A form of unit files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// zinit 0.2: one YAML file a unit in `/etc/zinit`.
    Yaml,
    /// zinit 0.3: one TOML file a unit in `/etc/zinit/services`.
    Toml,
}
