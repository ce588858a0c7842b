//! The `branding` section.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;

/// How the image names itself.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Branding {
    /// The name of the machine.
    #[schemars(extend("x-kdl" = "child"), regex(pattern = r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$"), extend("x-message" = "a host name has lowercase letters, digits and `-`"), example = &"zos")]
    #[serde(default)]
    pub hostname: Option<Spanned<String>>,
    /// `/etc/os-release`.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub os_release: Option<OsRelease>,
    /// What is shown after login: `/etc/motd`. `{build-id}` in it becomes the image's digest.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub motd: Option<Spanned<Text>>,
    /// What is shown before login: `/etc/issue`. `{build-id}` in it becomes the image's digest.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub issue: Option<Spanned<Text>>,
    /// A file that gets the image's digest: of its whole tree but this file, the kernel, the command line, and how they are packed. `os-release` has it as `BUILD_ID`.
    #[schemars(extend("x-kdl" = "child"), extend("x-declares" = "file"), extend("x-variable" = "build-id"), regex(pattern = r"^/"), extend("x-message" = "a path inside the image starts with `/`"), example = &"/etc/zero-os-build-id")]
    #[serde(default)]
    pub build_id: Option<Spanned<String>>,
}

/// `/etc/os-release`, see os-release(5).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OsRelease {
    /// `ID`: lowercase, for programs.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^[a-z0-9._-]+$"), extend("x-message" = "an os-release ID has lowercase letters, digits, `.`, `_`, `-`"), example = &"zos")]
    pub id: Spanned<String>,
    /// `NAME`. Without it: the image's title.
    #[schemars(extend("x-kdl" = "prop"), example = &"Zero-OS")]
    #[serde(default)]
    pub name: Option<Spanned<String>>,
    /// `PRETTY_NAME`. `{version}` stands for the version of the image.
    #[schemars(extend("x-kdl" = "prop"), extend("x-template" = ["version", "name", "title", "arch"]), example = &"Zero-OS {version}")]
    #[serde(default)]
    pub pretty: Option<Spanned<String>>,
}

/// A text, given here or in a file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Text {
    /// A file with the text, relative to the manifest; `from` says the same.
    #[schemars(extend("x-kdl" = "arg"), extend("x-complete" = "path"), example = &"branding/motd")]
    #[serde(default)]
    pub file: Option<Spanned<String>>,
    /// The text itself.
    #[schemars(extend("x-kdl" = "prop"), extend("x-template" = ["build-id"]), example = &"Welcome to Zero-OS\n")]
    #[serde(default)]
    pub text: Option<Spanned<String>>,
    /// A file with the text, relative to the manifest.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "path"), example = &"branding/motd")]
    #[serde(default)]
    pub from: Option<Spanned<String>>,
}
