//! The `toolchain` section.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;

/// A root filesystem in which sources are built.
///
/// It is exactly one of `alpine`, `image`, `rootfs` and `host`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Toolchain {
    /// The name that `build` refers to.
    #[schemars(extend("x-kdl" = "arg"), extend("x-names" = "toolchain"), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"), extend("x-message" = "a name starts with a letter or digit and goes on with letters, digits, `.`, `_`, `+`, `-`"), example = &"rust")]
    pub name: Spanned<String>,
    /// Alpine packages, assembled and locked like those of the image.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub alpine: Option<Spanned<AlpineRoot>>,
    /// A container image, pinned by digest; podman or docker pulls it.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub image: Option<ContainerImage>,
    /// A root filesystem that exists already, as an archive or a folder.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub rootfs: Option<Rootfs>,
    /// The building machine's own compilers, read-only. Images built with it are not reproducible on other machines.
    #[schemars(extend("x-kdl" = "flag"))]
    #[serde(default)]
    pub host: Option<Spanned<bool>>,
}

/// Alpine packages that make up a toolchain.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AlpineRoot {
    /// Package names, separated by spaces. They come from the repositories of the `alpine` section, with all they depend on; `alpine-baselayout` and `busybox` are always among them.
    #[schemars(extend("x-kdl" = "prop"), extend("x-refers" = "package"), extend("x-form" = "NAME…"), regex(pattern = r"^\s*[a-zA-Z0-9_][a-zA-Z0-9._+-]*(\s+[a-zA-Z0-9_][a-zA-Z0-9._+-]*)*\s*$"), extend("x-message" = "packages are names separated by spaces, such as \"build-base rust cargo\""), example = &"build-base rust cargo")]
    pub packages: Spanned<String>,
    /// The release to take them from. Without it: that of the `alpine` section.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^(edge|[0-9]+\.[0-9]+)$"), extend("x-message" = "an Alpine release is `edge` or two numbers in quotes, such as \"3.22\""), example = &"3.22")]
    #[serde(default)]
    pub release: Option<Spanned<String>>,
}

/// A container image for linux/amd64, pinned by digest. Its `PATH` is that of the build; its other variables hold where a recipe sets none of that name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ContainerImage {
    /// Its name in a registry; a name without a host is one of Docker Hub.
    #[schemars(extend("x-kdl" = "arg"), example = &"docker.io/library/rust:1-alpine")]
    pub reference: Spanned<String>,
    /// The digest of its manifest, or of the list of its manifests for several architectures.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "nothing"), regex(pattern = r"^sha256:[0-9a-f]{64}$"), extend("x-message" = "a digest is `sha256:` and 64 lowercase hexadecimal digits"), example = &"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    #[serde(default)]
    pub digest: Option<Spanned<String>>,
}

/// A root filesystem that exists already.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rootfs {
    /// The address of an archive, or a path relative to the manifest of an archive or a folder.
    #[schemars(extend("x-kdl" = "arg"), extend("x-complete" = "path"), example = &"https://example.org/rootfs.tar.xz")]
    pub from: Spanned<String>,
    /// The digest that the archive must have; a download needs one.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "nothing"), regex(pattern = r"^[0-9a-f]{64}$"), extend("x-message" = "a SHA-256 digest is 64 lowercase hexadecimal digits"), example = &"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    #[serde(default)]
    pub sha256: Option<Spanned<String>>,
}
