//! The `alpine` section.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;

/// Where Alpine packages come from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Alpine {
    /// The release, such as `"3.22"`, or `edge`.
    #[schemars(extend("x-kdl" = "arg"), regex(pattern = r"^(edge|[0-9]+\.[0-9]+)$"), extend("x-message" = "an Alpine release is `edge` or two numbers in quotes, such as \"3.22\""), example = &"3.22", example = &"edge")]
    pub release: Spanned<String>,
    /// Mirrors, tried in order: base addresses with `https://`, `http://` or `file://`, or folders with a `/` in them, such as `./vendor`, relative to the manifest.
    #[schemars(extend("x-kdl" = "words"), inner(regex(pattern = r"^((https?|file)://|[^:]*/)")), extend("x-message" = "a mirror is an address that starts with `https://`, `http://` or `file://`, or a folder with a `/` in it"), example = ["https://mirror.example/alpine"])]
    #[serde(default)]
    pub mirror: Vec<Spanned<String>>,
    /// Repositories, in order of preference.
    #[schemars(extend("x-kdl" = "list"))]
    #[serde(default)]
    pub repository: Vec<Repository>,
    /// Public keys that may sign indexes and packages.
    #[schemars(extend("x-kdl" = "list"))]
    #[serde(default)]
    pub key: Vec<Key>,
}

/// One repository of signed packages.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Repository {
    /// A repository of the release (`main`, `community`, `testing`), a whole address, or a folder with a `/` in it, such as `./packages`, relative to the manifest.
    #[schemars(extend("x-kdl" = "arg"), example = &"main", example = &"community", example = &"testing")]
    pub name: Spanned<String>,
    /// Another release to take it from, such as `edge`.
    #[schemars(extend("x-kdl" = "prop"), example = &"edge")]
    #[serde(default)]
    pub branch: Option<Spanned<String>>,
    /// Use it only for packages that ask for this tag.
    #[schemars(extend("x-kdl" = "prop"), extend("x-names" = "tag"), regex(pattern = r"^[A-Za-z0-9_-]+$"), example = &"edge")]
    #[serde(default)]
    pub tag: Option<Spanned<String>>,
}

/// A public key that may sign.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Key {
    /// A PEM file, whose name must be the one that signatures give; or `std:alpine/6165ee59`, the key of Alpine's own repositories, which
    /// ships with zosc.
    #[schemars(extend("x-kdl" = "arg"), extend("x-complete" = "key"), example = &"std:alpine/6165ee59", example = &"keys/site.rsa.pub")]
    pub path: Spanned<String>,
    /// The digest that the file must have.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "nothing"), regex(pattern = r"^[0-9a-f]{64}$"), extend("x-message" = "a SHA-256 digest is 64 lowercase hexadecimal digits"), example = &"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    #[serde(default)]
    pub sha256: Option<Spanned<String>>,
}
