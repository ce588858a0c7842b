//! The `outputs` section.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;

/// The files that a build yields, in `dist/` beside the manifest.
///
/// Names may hold `{kernel}` (the kernel's release), `{localversion}` (of a kernel that is built), `{version}`, `{name}` and `{arch}` of the image, and of a source
/// `{source.NAME.rev}` (the short commit of a repository, the version of a crate, the beginning of a download's digest) and
/// `{source.NAME.version}` (of a crate).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Outputs {
    /// The EFI program with kernel and initramfs.
    #[schemars(extend("x-kdl" = "child"), extend("x-template" = ["name", "arch", "kernel", "localversion", "version", "source"]), example = &"vmlinuz.efi")]
    #[serde(default)]
    pub efi: Option<Spanned<String>>,
    /// A further name for the same file.
    #[schemars(extend("x-kdl" = "child"), extend("x-template" = ["name", "arch", "kernel", "localversion", "version", "source"]), example = &"vmlinuz-{kernel}.efi")]
    #[serde(default)]
    pub efi_versioned: Option<Spanned<String>>,
    /// The initramfs.
    #[schemars(extend("x-kdl" = "child"), extend("x-template" = ["name", "arch", "kernel", "localversion", "version", "source"]), example = &"initramfs.cpio.xz")]
    #[serde(default)]
    pub initramfs: Option<Spanned<String>>,
    /// The kernel as it came.
    #[schemars(extend("x-kdl" = "child"), extend("x-template" = ["name", "arch", "kernel", "localversion", "version", "source"]), example = &"vmlinuz")]
    #[serde(default)]
    pub kernel: Option<Spanned<String>>,
    /// The list of what the image is made of (software bill of materials): CycloneDX where the name ends in `.cdx.json`, SPDX where
    /// it ends in `.spdx.json`.
    #[schemars(extend("x-kdl" = "child"), extend("x-template" = ["name", "arch", "kernel", "localversion", "version", "source"]), example = &"sbom.cdx.json")]
    #[serde(default)]
    pub sbom: Option<Spanned<String>>,
}
