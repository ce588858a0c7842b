//! The `modules` section.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;

/// Kernel modules; what they depend on comes along and is loaded before them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Modules {
    /// Modules loaded first, in this order, before anything needs a disk or a network.
    #[schemars(extend("x-kdl" = "list"), extend("x-declares" = "stage"))]
    #[serde(default)]
    pub stage1: Vec<ModuleNames>,
    /// Modules loaded once the network is up.
    #[schemars(extend("x-kdl" = "list"), extend("x-declares" = "stage"))]
    #[serde(default)]
    pub stage2: Vec<ModuleNames>,
}

/// Modules of one stage.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ModuleNames {
    /// Module names; `-` and `_` are the same.
    #[schemars(extend("x-kdl" = "args"), extend("x-refers" = "module"), length(min = 1), inner(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9_-]*$")), extend("x-message" = "a module is named without folder and `.ko`"), example = ["virtio_net", "virtio_blk"])]
    #[serde(default)]
    pub names: Vec<Spanned<String>>,
    /// Whether a kernel without the module is fine.
    #[schemars(extend("x-kdl" = "prop"), extend("default" = false))]
    #[serde(default)]
    pub optional: Option<Spanned<bool>>,
    /// The flist that holds them, for modules of `stage2`: they stay out of the image and are loaded once the flist is mounted.
    #[schemars(extend("x-kdl" = "prop"), extend("x-refers" = "flist"), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"), extend("x-message" = "this is no name of an flist"), example = &"modules")]
    #[serde(default)]
    pub flist: Option<Spanned<String>>,
}
