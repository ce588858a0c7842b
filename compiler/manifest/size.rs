//! The `size` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Spanned;

/// What is made smaller or left out, and how large the result may be.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Size {
    /// What loses its symbols and debugging information.
    #[schemars(extend("x-kdl" = "words"), example = ["binaries", "modules"])]
    #[serde(default)]
    pub strip: Vec<Spanned<Strippable>>,
    /// Programs that are packed with UPX.
    #[schemars(extend("x-kdl" = "list"))]
    #[serde(default)]
    pub upx: Vec<Upx>,
    /// What to leave out: `docs`, `man`, `locales`, `static-libs`, or a pattern of paths that starts with `/`.
    #[schemars(extend("x-kdl" = "words"), inner(regex(pattern = r"^(docs|man|locales|static-libs|/.+)$")), extend("x-message" = "write `docs`, `man`, `locales`, `static-libs`, or a pattern that starts with `/`"), example = ["docs", "man", "locales", "static-libs"])]
    #[serde(default)]
    pub drop: Vec<Spanned<String>>,
    /// Limits that fail the build.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub max: Option<Max>,
}

/// What can be stripped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strippable {
    /// Programs and shared libraries.
    Binaries,
    /// Kernel modules: debugging information only, since the loader needs their symbols.
    Modules,
}

/// Programs that are packed with UPX.
///
/// A packed program is smaller in the image and larger in memory: each process unpacks a copy of its own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Upx {
    /// Patterns of paths. A pattern with wildcards must not reach kernel modules, or zinit, which is process 1; a path in full is taken at its word.
    #[schemars(extend("x-kdl" = "args"), extend("x-refers" = "file"), length(min = 1), inner(regex(pattern = r"^/")), extend("x-message" = "a path inside the image starts with `/`"), example = ["/usr/bin/*"])]
    #[serde(default)]
    pub patterns: Vec<Spanned<String>>,
    /// The toolchain whose `upx` packs them. Without it: the only one there is.
    #[schemars(extend("x-kdl" = "prop"), extend("x-refers" = "toolchain"), example = &"tools")]
    #[serde(default)]
    pub toolchain: Option<Spanned<String>>,
    /// A pattern of paths that stay as they are; `{a,b}` stands for either.
    #[schemars(extend("x-kdl" = "prop"), extend("x-refers" = "file"), regex(pattern = r"^/"), extend("x-message" = "a path inside the image starts with `/`"), example = &"/sbin/zinit")]
    #[serde(default)]
    pub except: Option<Spanned<String>>,
}

/// Limits that fail the build.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Max {
    /// The largest initramfs, compressed.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^[0-9]+(B|KiB|MiB|GiB)$"), extend("x-message" = "a size is a whole number and `KiB`, `MiB` or `GiB`, such as \"512MiB\""), example = &"48MiB")]
    #[serde(default)]
    pub initramfs: Option<Spanned<String>>,
    /// The largest EFI program, with all that it carries.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^[0-9]+(B|KiB|MiB|GiB)$"), extend("x-message" = "a size is a whole number and `KiB`, `MiB` or `GiB`, such as \"512MiB\""), example = &"64MiB")]
    #[serde(default)]
    pub efi: Option<Spanned<String>>,
}
