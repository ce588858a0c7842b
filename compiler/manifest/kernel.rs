//! The `kernel` section.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Spanned;
use super::secret::Secret;

/// The kernel and how the image is packed around it.
///
/// It comes from exactly one of `package`, `prebuilt`, `tarball` and `source-package`; of the last two it is built.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Kernel {
    /// For a kernel that exists already, the release that it must have, as `uname -r` prints it; without it, whatever the package brings. For a kernel that is built, its version.
    #[schemars(extend("x-kdl" = "arg"), example = &"6.12.44")]
    #[serde(default)]
    pub version: Option<Spanned<String>>,
    /// An Alpine package with `/boot/vmlinuz-*` and `/lib/modules`.
    #[schemars(extend("x-kdl" = "child"), extend("x-refers" = "package"), example = &"linux-virt")]
    #[serde(default)]
    pub package: Option<Spanned<String>>,
    /// Kernel files that exist already.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub prebuilt: Option<Prebuilt>,
    /// The sources from kernel.org, or from other mirrors.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub tarball: Option<Spanned<Tarball>>,
    /// A distribution's package that holds the sources as an archive, such as Debian's `linux-source-6.12`.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub source_package: Option<SourcePackage>,
    /// The toolchain that builds it. Without it: the only one there is.
    #[schemars(extend("x-kdl" = "child"), extend("x-refers" = "toolchain"), example = &"kernel")]
    #[serde(default)]
    pub toolchain: Option<Spanned<String>>,
    /// How a kernel that is built is configured. Without it: by the default configuration of its sources (`make defconfig`).
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub config: Option<Spanned<Config>>,
    /// What a kernel that is built adds to its version; it takes the place of `CONFIG_LOCALVERSION`.
    #[schemars(extend("x-kdl" = "child"), extend("x-variable" = "localversion"), regex(pattern = r"^[A-Za-z0-9._+~-]{1,40}$"), extend("x-message" = "a local version has at most 40 letters, digits, `.`, `_`, `+`, `~`, `-`"), example = &"-Zero-OS")]
    #[serde(default)]
    pub localversion: Option<Spanned<String>>,
    /// Kernel command line, in order.
    #[schemars(extend("x-kdl" = "words"), example = ["console=ttyS0", "panic=10"])]
    #[serde(default)]
    pub cmdline: Vec<Spanned<String>>,
    /// How the initramfs and the kernel become one file. Without it: `uki`.
    #[schemars(extend("x-kdl" = "child"), extend("default" = "uki"))]
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
    /// Alpine packages with microcode, which x86 processors get before anything else runs.
    #[schemars(extend("x-kdl" = "words"), extend("x-refers" = "package"), inner(regex(pattern = r"^[a-zA-Z0-9_][a-zA-Z0-9._+-]*$")), extend("x-message" = "this is no package name"), example = ["intel-ucode", "amd-ucode"])]
    #[serde(default)]
    pub microcode: Vec<Spanned<String>>,
    /// Firmware that is built into a kernel that is built: patterns of paths below `/lib/firmware`, from the packages of the `firmware` section.
    #[schemars(extend("x-kdl" = "words"), extend("x-complete" = "firmware"), example = ["rtl_nic/*"])]
    #[serde(default)]
    pub builtin_firmware: Vec<Spanned<String>>,
}

/// The sources of a kernel as kernel.org publishes them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tarball {
    /// Addresses, tried in order: of the archive, or, with a `/` at the end, of the folder that holds `linux-VERSION.tar.xz`. Without any: kernel.org.
    #[schemars(extend("x-kdl" = "args"), inner(regex(pattern = r"^(https?|file)://")), extend("x-message" = "a download starts with `https://`, `http://` or `file://`"), example = ["https://mirror.example/linux/v6.x/"])]
    #[serde(default)]
    pub mirrors: Vec<Spanned<String>>,
    /// The digest that the archive must have; or `lock`: that of the first download, which nobody has checked, and which the lock keeps from then on.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "digest"), regex(pattern = r"^([0-9a-f]{64}|lock)$"), extend("x-message" = "a SHA-256 digest is 64 lowercase hexadecimal digits, or `lock` for that of the first download"), example = &"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    #[serde(default)]
    pub sha256: Option<Spanned<String>>,
    /// A signature of the unpacked archive to verify as well: an address, or a path relative to the manifest.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "path"), example = &"kernel/linux.tar.sign")]
    #[serde(default)]
    pub signature: Option<Spanned<String>>,
    /// The OpenPGP keys that may have signed it, relative to the manifest.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "path"), example = &"keys/kernel.gpg")]
    #[serde(default)]
    pub keyring: Option<Spanned<String>>,
}

/// A package that holds a kernel's sources as an archive.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SourcePackage {
    /// Its address: a `.deb` or `.apk` file.
    #[schemars(extend("x-kdl" = "arg"), regex(pattern = r"^(https?|file)://"), extend("x-message" = "a download starts with `https://`, `http://` or `file://`"), example = &"https://mirror.example/linux-source-6.12_6.12.41-1_all.deb")]
    pub url: Spanned<String>,
    /// The digest that it must have; or `lock`: that of the first download, which nobody has checked, and which the lock keeps from then on.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "digest"), regex(pattern = r"^([0-9a-f]{64}|lock)$"), extend("x-message" = "a SHA-256 digest is 64 lowercase hexadecimal digits, or `lock` for that of the first download"), example = &"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    #[serde(default)]
    pub sha256: Option<Spanned<String>>,
    /// The archive inside it. Without it: the only one below `usr/src`.
    #[schemars(extend("x-kdl" = "prop"), example = &"usr/src/linux-source-6.12.tar.xz")]
    #[serde(default)]
    pub archive: Option<Spanned<String>>,
}

/// The configuration of a kernel that is built.
///
/// Files and settings are put together in order, and of two values of a symbol the last one counts. What none of them names is as Kconfig has
/// it by default.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// Files in the form of `.config`, whole ones or parts, relative to the manifest. Without any: the default configuration of the sources.
    #[schemars(extend("x-kdl" = "args"), extend("x-complete" = "path"), example = ["kernel/base.config", "kernel/virt.config"])]
    #[serde(default)]
    pub files: Vec<Spanned<String>>,
    /// Single symbols, after the files: `y`, `m`, `n`, a number or a text.
    #[schemars(extend("x-kdl" = "pairs"), extend("x-complete" = "kconfig"), example = serde_json::json!({ "CONFIG_IKCONFIG": "y" }))]
    #[serde(default)]
    pub set: IndexMap<String, Spanned<String>>,
}

/// Kernel files that exist already.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Prebuilt {
    /// The kernel itself: a bzImage, or for aarch64 an `Image`, `Image.gz` or `vmlinuz.efi`; relative to the manifest.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "path"), example = &"kernel/bzImage")]
    pub image: Spanned<String>,
    /// The folder that holds `lib/modules/VERSION`, or that folder itself; relative to the manifest.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "path"), example = &"kernel/modules")]
    #[serde(default)]
    pub modules: Option<Spanned<String>>,
}

/// How the initramfs and the kernel become one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Embed {
    /// The initramfs is linked into the kernel. Only a kernel that is built can have it.
    Builtin,
    /// A unified kernel image: an EFI stub with the kernel, its command line and the initramfs as sections.
    Uki,
    /// They stay two files.
    None,
}

/// Where the EFI stub comes from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Stub {
    /// An Alpine package with `/usr/lib/systemd/boot/efi/linuxx64.efi.stub`, or `linuxaa64.efi.stub` for aarch64. Without it: `systemd-efistub`.
    #[schemars(extend("x-kdl" = "prop"), extend("x-refers" = "package"), extend("default" = "systemd-efistub"))]
    #[serde(default)]
    pub package: Option<Spanned<String>>,
    /// A file, relative to the manifest.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "path"), example = &"boot/linuxx64.efi.stub")]
    #[serde(default)]
    pub path: Option<Spanned<String>>,
}

/// How EFI programs are signed for Secure Boot.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sign {
    /// The private key: the environment variable that holds it, a file relative to the manifest, or a `pkcs11:` address. It is read when something is signed.
    #[schemars(extend("x-kdl" = "prop"), extend("x-secret" = "key"), extend("x-complete" = "path"), example = &"(env)SB_KEY")]
    pub key: Spanned<Secret>,
    /// The certificate that belongs to it, in PEM or DER, relative to the manifest.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "path"), example = &"keys/db.crt")]
    pub cert: Spanned<String>,
}
