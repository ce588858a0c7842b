//! The `file` and `overlay` sections.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;

/// One file of the image. It wins over what packages and sources bring.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct File {
    /// Its path in the image.
    #[schemars(extend("x-kdl" = "arg"), extend("x-declares" = "file"), regex(pattern = r"^/"), extend("x-message" = "a path inside the image starts with `/`"), example = &"/etc/sysctl.d/50-zos.conf")]
    pub to: Spanned<String>,
    /// Its content.
    #[schemars(extend("x-kdl" = "prop"), example = &"net.ipv4.ip_forward=1\n")]
    #[serde(default)]
    pub text: Option<Spanned<String>>,
    /// A file with its content, relative to the manifest.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "path"), example = &"scripts/network.sh")]
    #[serde(default)]
    pub from: Option<Spanned<String>>,
    /// Make it a symbolic link to this path.
    #[schemars(extend("x-kdl" = "prop"), extend("x-refers" = "file"), example = &"/bin/busybox")]
    #[serde(default)]
    pub link: Option<Spanned<String>>,
    /// Its permissions. Without it: 0644.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^0?[0-7]{3,4}$"), extend("x-message" = "a mode is three or four octal digits in quotes, such as \"0755\""), example = &"0755", extend("default" = "0644"))]
    #[serde(default)]
    pub mode: Option<Spanned<String>>,
    /// Its owner. Without it: 0.
    #[schemars(extend("x-kdl" = "prop"), extend("x-refers" = "uid"), extend("default" = 0))]
    #[serde(default)]
    pub uid: Option<Spanned<u32>>,
    /// Its group. Without it: 0.
    #[schemars(extend("x-kdl" = "prop"), extend("x-refers" = "gid"), extend("default" = 0))]
    #[serde(default)]
    pub gid: Option<Spanned<u32>>,
}

/// A folder whose files are laid over the image, all owned by root.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Overlay {
    /// The folder, relative to the manifest.
    #[schemars(extend("x-kdl" = "arg"), extend("x-complete" = "path"), example = &"rootfs")]
    pub from: Spanned<String>,
    /// Where it goes. Without it: `/`.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^/"), extend("x-message" = "a path inside the image starts with `/`"), extend("default" = "/"))]
    #[serde(default)]
    pub to: Option<Spanned<String>>,
}
