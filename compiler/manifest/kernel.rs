//! The `kernel` section.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;
use super::secret::Secret;

/// The kernel and how the image is packed around it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Kernel {
    /// The release that the kernel must have, as `uname -r` prints it. Without it: whatever the package brings.
    #[schemars(extend("x-kdl" = "arg"))]
    #[serde(default)]
    pub version: Option<Spanned<String>>,
    /// An Alpine package with `/boot/vmlinuz-*` and `/lib/modules`.
    #[schemars(extend("x-kdl" = "child"), extend("x-complete" = "package"), example = &"linux-virt")]
    #[serde(default)]
    pub package: Option<Spanned<String>>,
    /// Kernel files that exist already.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub prebuilt: Option<Prebuilt>,
    /// Kernel command line, in order.
    #[schemars(extend("x-kdl" = "words"), example = ["console=ttyS0", "panic=10"])]
    #[serde(default)]
    pub cmdline: Vec<Spanned<String>>,
    /// How the initramfs and the kernel become one file.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub embed: Option<Spanned<Embed>>,
    /// The EFI stub of a unified kernel image.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub stub: Option<Spanned<Stub>>,
    /// Sign EFI programs for Secure Boot.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub sign: Option<Spanned<Sign>>,
}

/// Kernel files that exist already.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Prebuilt {
    /// The kernel itself, a bzImage; relative to the manifest.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "path"))]
    pub image: Spanned<String>,
    /// The folder that holds `lib/modules/VERSION`, or that folder itself; relative to the manifest.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "path"))]
    #[serde(default)]
    pub modules: Option<Spanned<String>>,
}

/// How the initramfs and the kernel become one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Embed {
    /// A unified kernel image: an EFI stub with the kernel, its command line and the initramfs as sections.
    Uki,
}

/// Where the EFI stub comes from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Stub {
    /// An Alpine package with `/usr/lib/systemd/boot/efi/linuxx64.efi.stub`. Without it: `systemd-efistub`.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "package"))]
    #[serde(default)]
    pub package: Option<Spanned<String>>,
    /// A file, relative to the manifest.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "path"))]
    #[serde(default)]
    pub path: Option<Spanned<String>>,
}

/// How EFI programs are signed for Secure Boot.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sign {
    /// The private key: the environment variable that holds it, a file relative to the manifest, or a `pkcs11:` address. It is read when something is signed.
    #[schemars(extend("x-kdl" = "prop"), extend("x-secret" = "key"), extend("x-complete" = "path"))]
    pub key: Spanned<Secret>,
    /// The certificate that belongs to it, in PEM or DER, relative to the manifest.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "path"), example = &"keys/db.crt")]
    pub cert: Spanned<String>,
}
