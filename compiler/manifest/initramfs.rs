//! The `initramfs` section.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;

/// How the initramfs is written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Initramfs {
    /// The compression. Without it: `xz`.
    #[schemars(extend("x-kdl" = "prop"), extend("default" = "xz"))]
    #[serde(default)]
    pub compress: Option<Spanned<Compress>>,
    /// How hard to compress: 0 to 9 for xz, 1 to 19 for zstd; gzip and `none` have no levels. Without it: 6 for xz, 15 for zstd.
    #[schemars(extend("x-kdl" = "prop"), range(max = 19), example = 9)]
    #[serde(default)]
    pub level: Option<Spanned<u32>>,
    /// Whether packages, components, modules and units are compressed apart, so that a small change recompresses little. Without it: yes. Some tools can only list a single archive.
    #[schemars(extend("x-kdl" = "child"), extend("default" = true))]
    #[serde(default)]
    pub segments: Option<Spanned<bool>>,
}

/// A compression that Linux unpacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compress {
    /// None at all.
    None,
    /// gzip.
    Gzip,
    /// xz: smallest.
    Xz,
    /// zstd: fastest to unpack.
    Zstd,
}
