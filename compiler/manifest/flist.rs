//! The `flist` section.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;
use super::secret::Secret;

/// Files that stay out of the image: it carries their list, `rfs` mounts it, and contents come from a store when they are first read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Flist {
    /// The flist's name. The unit that mounts it is `rfs-NAME`.
    #[schemars(extend("x-kdl" = "arg"), extend("x-names" = "flist"), extend("x-implies" = ["unit", "rfs-NAME", "mount"]), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"), extend("x-message" = "a name starts with a letter or digit and goes on with letters, digits, `.`, `_`, `-`"), example = &"modules")]
    pub name: Spanned<String>,
    /// What is in it.
    #[schemars(extend("x-kdl" = "child"))]
    pub pack: Spanned<Pack>,
    /// Where the list lies in the image. `{kernel}` stands for the kernel's release, `{tag}` for the tag.
    #[schemars(extend("x-kdl" = "child"), extend("x-declares" = "file"), extend("x-template" = ["kernel", "tag"]), regex(pattern = r"^/"), extend("x-message" = "a path inside the image starts with `/`"), example = &"/etc/rfs/modules-{kernel}.fl")]
    pub embed: Spanned<String>,
    /// Where its files appear in the running system; `{kernel}` and `{tag}` as in `embed`. Brings the unit `rfs-NAME`, which mounts it once the network is up and the store answers, and for modules and firmware `udev-rfs`, which handles the devices once more.
    #[schemars(extend("x-kdl" = "child"), extend("x-template" = ["kernel", "tag"]), regex(pattern = r"^/"), extend("x-message" = "a path inside the image starts with `/`"), example = &"/lib/modules/{kernel}")]
    #[serde(default)]
    pub mount: Option<Spanned<String>>,
    /// Which release of its content it is, for the name of the list.
    #[schemars(extend("x-kdl" = "child"), extend("x-variable" = "tag"), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"), extend("x-message" = "a tag starts with a letter or digit and goes on with letters, digits, `.`, `_`, `-`"), example = &"20250908")]
    #[serde(default)]
    pub tag: Option<Spanned<String>>,
    /// Where contents are written to, and where the running system reads them.
    #[schemars(extend("x-kdl" = "child"))]
    pub store: Spanned<Store>,
}

/// What is in an flist: all modules of the kernel, firmware, or a folder that leaves the image.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pack {
    /// A folder of the image: its files leave the image. `/lib/modules/{kernel}` stands for all modules of the kernel with indexes of them all; those that `modules` names stay in the image, too.
    #[schemars(extend("x-kdl" = "arg"), extend("x-template" = ["kernel"]), regex(pattern = r"^/"), extend("x-message" = "a path inside the image starts with `/`"), example = &"/lib/modules/{kernel}")]
    #[serde(default)]
    pub path: Option<Spanned<String>>,
    /// A package whose `/lib/firmware` is packed, with that of all packages that it depends on: `linux-firmware` stands for all of Alpine's. It is locked like any other package, and not installed.
    #[schemars(extend("x-kdl" = "prop"), extend("x-refers" = "package"), example = &"linux-firmware")]
    #[serde(default)]
    pub firmware: Option<Spanned<String>>,
}

/// Where contents are written to, and where the running system reads them.
///
/// The two are told apart because they differ: one writes with a key, and every machine that boots the image reads, without any.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Store {
    /// Where a build writes them: `s3://BUCKET/PREFIX`, `dir:///FOLDER`, or a folder relative to the manifest.
    #[schemars(extend("x-kdl" = "prop"), example = &"s3://zos-flists/blobs")]
    pub write: Spanned<String>,
    /// The address that `rfs` reads them from, without credentials: `https://HOST/PATH`, or another of rfs's own forms.
    #[schemars(extend("x-kdl" = "prop"), example = &"https://flists.example/blobs")]
    pub read: Spanned<String>,
    /// The S3 server that `write` is on. Without it: Amazon's.
    #[schemars(extend("x-kdl" = "prop"), example = &"https://s3.example")]
    #[serde(default)]
    pub endpoint: Option<Spanned<String>>,
    /// The S3 region that `write` is in. Without it: `us-east-1`.
    #[schemars(extend("x-kdl" = "prop"), example = &"garage", extend("default" = "us-east-1"))]
    #[serde(default)]
    pub region: Option<Spanned<String>>,
    /// The id of the access key that may write.
    #[schemars(extend("x-kdl" = "child"), example = &"(env)S3_KEY_ID")]
    #[serde(default)]
    pub key_id: Option<Spanned<Secret>>,
    /// The secret of that key.
    #[schemars(extend("x-kdl" = "child"), example = &"(env)S3_SECRET")]
    #[serde(default)]
    pub secret: Option<Spanned<Secret>>,
}
