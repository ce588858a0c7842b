//! The `image` and `import` sections.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Spanned;

/// What the image is called, and for which machines it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Image {
    /// The image's name; part of file names and of `/etc/os-release`.
    #[schemars(extend("x-kdl" = "arg"), extend("x-variable" = "name"), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"), extend("x-message" = "a name starts with a letter or digit and goes on with letters, digits, `.`, `_`, `+`, `-`"), example = &"my-zos")]
    pub name: Spanned<String>,
    /// The version that people see.
    #[schemars(extend("x-kdl" = "prop"), extend("x-variable" = "version"), example = &"2026.11")]
    #[serde(default)]
    pub version: Option<Spanned<String>>,
    /// The processor the image is for.
    #[schemars(extend("x-kdl" = "prop"), extend("x-variable" = "arch"), extend("default" = "x86_64"))]
    #[serde(default)]
    pub arch: Option<Spanned<Arch>>,
    /// The name that people see.
    #[schemars(extend("x-kdl" = "child"), extend("x-variable" = "title"), example = &"Zero-OS")]
    #[serde(default)]
    pub title: Option<Spanned<String>>,
    /// The time stamp of everything in the image, in UTC.
    ///
    /// Without it: the environment variable `SOURCE_DATE_EPOCH`, else the newest locked input.
    #[schemars(extend("x-kdl" = "child"), example = &"2026-11-01T00:00:00Z")]
    #[serde(default)]
    pub epoch: Option<Spanned<String>>,
}

/// A processor architecture.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize, Serialize, JsonSchema,
)]
pub enum Arch {
    /// 64-bit x86, also called amd64.
    #[default]
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM, also called arm64.
    #[serde(rename = "aarch64")]
    Aarch64,
}

impl Arch {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|arch| arch.name() == name)
    }

    /// Its name, as Alpine and `uname -m` have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }
}

impl std::fmt::Display for Arch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A further file whose sections belong to the manifest.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Import {
    /// A path relative to the importing file, or `std:NAME` for a file that ships with zosc.
    #[schemars(extend("x-kdl" = "arg"), example = &"std:zero-os/base", extend("x-complete" = "import"))]
    pub path: Spanned<String>,
}
