//! The `source` section.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;

/// A component from outside Alpine.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Source {
    /// The component's name.
    #[schemars(extend("x-kdl" = "arg"), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"), extend("x-message" = "a name starts with a letter or digit and goes on with letters, digits, `.`, `_`, `+`, `-`"))]
    pub name: Spanned<String>,
    /// A package of the Cargo registry.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    #[serde(rename = "crate")]
    pub registry: Option<Crate>,
    /// A folder, relative to the manifest.
    #[schemars(extend("x-kdl" = "child"), extend("x-complete" = "path"))]
    #[serde(default)]
    pub path: Option<Spanned<String>>,
    /// A file to download.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub release: Option<Release>,
    /// How it is built. Without it, the files are installed as they came.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub build: Option<Spanned<Build>>,
    /// Which files go where in the image.
    #[schemars(extend("x-kdl" = "list"))]
    #[serde(default)]
    pub install: Vec<InstallFile>,
    /// What must be true of every installed program.
    #[schemars(extend("x-kdl" = "words"))]
    #[serde(default)]
    pub verify: Vec<Spanned<Property>>,
}

/// A package of the Cargo registry, taken with all its dependencies.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Crate {
    /// The package's name.
    #[schemars(extend("x-kdl" = "arg"), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"), extend("x-message" = "a name starts with a letter or digit and goes on with letters, digits, `.`, `_`, `+`, `-`"))]
    pub name: Spanned<String>,
    /// An exact version, such as `"=14.1.1"`.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^=?[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*$"), extend("x-message" = "an exact version has three numbers, such as \"=14.1.1\""), example = &"=14.1.1")]
    pub version: Spanned<String>,
}

/// A file to download, pinned by digest.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Release {
    /// Its address: `https://`, `http://` or `file://`.
    #[schemars(extend("x-kdl" = "arg"), regex(pattern = r"^(https?|file)://"), extend("x-message" = "a download starts with `https://`, `http://` or `file://`"))]
    pub url: Spanned<String>,
    /// The digest that it must have.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^[0-9a-f]{64}$"), extend("x-message" = "a SHA-256 digest is 64 lowercase hexadecimal digits"))]
    #[serde(default)]
    pub sha256: Option<Spanned<String>>,
    /// Whether an archive (tar, tar.gz, tar.xz, tar.zst, zip, deb, apk) is unpacked. Without it: yes, where the name ends like one.
    #[schemars(extend("x-kdl" = "prop"))]
    #[serde(default)]
    pub unpack: Option<Spanned<bool>>,
    /// How many leading folders of the paths inside an archive are dropped.
    #[schemars(extend("x-kdl" = "prop"))]
    #[serde(default)]
    pub strip_components: Option<Spanned<u32>>,
}

/// How a component is built.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Build {
    /// The build system.
    #[schemars(extend("x-kdl" = "arg"))]
    #[serde(default)]
    pub recipe: Option<Spanned<Recipe>>,
    /// A shell command that builds it, instead of a recipe.
    #[schemars(extend("x-kdl" = "prop"), example = &"make static")]
    #[serde(default)]
    pub script: Option<Spanned<String>>,
    /// The toolchain to build in. Without it: the only one there is.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "toolchain"))]
    #[serde(default)]
    pub toolchain: Option<Spanned<String>>,
    /// The Rust target triple.
    #[schemars(extend("x-kdl" = "prop"), example = &"x86_64-unknown-linux-musl")]
    #[serde(default)]
    pub target: Option<Spanned<String>>,
    /// The folder inside the source to build in.
    #[schemars(extend("x-kdl" = "prop"))]
    #[serde(default)]
    pub subdir: Option<Spanned<String>>,
    /// The Cargo profile. Without it: `release`.
    #[schemars(extend("x-kdl" = "prop"))]
    #[serde(default)]
    pub profile: Option<Spanned<String>>,
    /// Programs to build. Without any: all.
    #[schemars(extend("x-kdl" = "words"))]
    #[serde(default)]
    pub bin: Vec<Spanned<String>>,
    /// Cargo features to turn on.
    #[schemars(extend("x-kdl" = "words"))]
    #[serde(default)]
    pub features: Vec<Spanned<String>>,
    /// Leave the default features off.
    #[schemars(extend("x-kdl" = "flag"))]
    #[serde(default)]
    pub no_default_features: bool,
    /// Link the C library in (`+crt-static`).
    #[schemars(extend("x-kdl" = "flag"))]
    #[serde(default)]
    pub r#static: bool,
    /// Environment variables of the build.
    #[schemars(extend("x-kdl" = "pairs"))]
    #[serde(default)]
    pub env: IndexMap<String, Spanned<String>>,
}

/// A build system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Recipe {
    /// `cargo build`, offline, with vendored dependencies.
    Cargo,
}

/// A file that goes into the image.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct InstallFile {
    /// A program that the recipe built, or a path inside the source or build folder.
    #[schemars(extend("x-kdl" = "arg"))]
    pub file: Spanned<String>,
    /// Where it goes.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^/"), extend("x-message" = "a path inside the image starts with `/`"), example = &"/usr/bin/tool")]
    pub to: Spanned<String>,
    /// Its permissions. Without it: 0755.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^0?[0-7]{3,4}$"), extend("x-message" = "a mode is three or four octal digits in quotes, such as \"0755\""))]
    #[serde(default)]
    pub mode: Option<Spanned<String>>,
}

/// Something that can be verified of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Property {
    /// It needs no shared library and no interpreter.
    Static,
}
