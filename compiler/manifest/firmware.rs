//! The `firmware` section.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;

/// Firmware files below `/lib/firmware`.
///
/// The files come from the named packages. With `for-modules` or `keep` only what these select goes into the image; with neither, everything does.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Firmware {
    /// Take what the modules of these stages ask for.
    #[schemars(extend("x-kdl" = "words"), extend("x-refers" = "stage"), example = ["stage1", "stage2"])]
    #[serde(default)]
    pub for_modules: Vec<Spanned<Stage>>,
    /// Packages that hold firmware.
    #[schemars(extend("x-kdl" = "words"), extend("x-refers" = "package"), example = ["linux-firmware-bnx2"])]
    #[serde(default)]
    pub package: Vec<Spanned<String>>,
    /// Look for the packages of this section also in the repositories with this tag.
    #[schemars(extend("x-kdl" = "child"), extend("x-refers" = "tag"), example = &"edge")]
    #[serde(default)]
    pub tag: Option<Spanned<String>>,
    /// Take the files that match these patterns, relative to `/lib/firmware`.
    #[schemars(extend("x-kdl" = "words"), example = ["rtl_nic/*"], extend("x-complete" = "firmware"))]
    #[serde(default)]
    pub keep: Vec<Spanned<String>>,
}

/// A stage of the `modules` section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Modules loaded first.
    Stage1,
    /// Modules loaded once the network is up.
    Stage2,
}
