//! The `publish` section.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;
use super::secret::Secret;

/// Where finished images go when they are published: `zosc publish`, `zosc build --publish`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Publish {
    /// The kind of place.
    #[schemars(extend("x-kdl" = "arg"))]
    pub kind: Spanned<Kind>,
    /// For `dir` a folder, relative to the manifest; for `oci` a reference such as `ghcr.io/example/zos:1.0`.
    #[schemars(extend("x-kdl" = "args"), extend("x-template" = ["name", "arch", "kernel", "localversion", "version", "source"]), example = ["dist/published"])]
    #[serde(default)]
    pub to: Vec<Spanned<String>>,
    /// The S3 server. Without it: Amazon's.
    #[schemars(extend("x-kdl" = "prop"), example = &"https://s3.example")]
    #[serde(default)]
    pub endpoint: Option<Spanned<String>>,
    /// The S3 bucket.
    #[schemars(extend("x-kdl" = "prop"), example = &"zos")]
    #[serde(default)]
    pub bucket: Option<Spanned<String>>,
    /// What the names of objects start with, without slashes at its ends. Without it: nothing.
    #[schemars(extend("x-kdl" = "prop"), example = &"releases")]
    #[serde(default)]
    pub prefix: Option<Spanned<String>>,
    /// The folder of EFI programs below the prefix, or below the folder that is named. Without it: `kernel`.
    #[schemars(extend("x-kdl" = "prop"), example = &"kernel", extend("default" = "kernel"))]
    #[serde(default)]
    pub kernels: Option<Spanned<String>>,
    /// The folder of the lists of flists; their contents go to the store that each flist has. Without it: `flists`.
    #[schemars(extend("x-kdl" = "prop"), example = &"flists", extend("default" = "flists"))]
    #[serde(default)]
    pub flists: Option<Spanned<String>>,
    /// The S3 region. Without it: `us-east-1`.
    #[schemars(extend("x-kdl" = "prop"), example = &"garage", extend("default" = "us-east-1"))]
    #[serde(default)]
    pub region: Option<Spanned<String>>,
    /// The id of the access key; for a registry, the user's name.
    #[schemars(extend("x-kdl" = "child"), example = &"(env)S3_KEY_ID")]
    #[serde(default)]
    pub key_id: Option<Spanned<Secret>>,
    /// The secret of that key; for a registry, the password or token.
    #[schemars(extend("x-kdl" = "child"), example = &"(env)S3_SECRET")]
    #[serde(default)]
    pub secret: Option<Spanned<Secret>>,
    /// Lists that are kept beside the images.
    #[schemars(extend("x-kdl" = "words"), example = ["kernels"])]
    #[serde(default)]
    pub index: Vec<Spanned<Index>>,
}

/// A kind of place that images are published to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A bucket of a server that speaks S3.
    S3,
    /// A folder.
    Dir,
    /// A container registry.
    Oci,
}

/// A list that is kept beside the images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Index {
    /// `kernels.txt`, `kernels.json` and `index.html`: all EFI programs there, newest first.
    Kernels,
}
