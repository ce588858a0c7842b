//! The resolved kernel.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::efi::Certificate;
use crate::manifest::kernel::Embed;
use crate::source::{Span, Spanned};
use crate::tree::Digest;

/// The kernel.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Kernel {
    /// The release that it must have.
    pub version: Option<Spanned<String>>,
    /// Where it comes from.
    pub from: KernelOrigin,
    /// Command line, joined by single spaces.
    pub cmdline: String,
    /// How the initramfs and the kernel become one file.
    pub embed: Embed,
    /// Where the EFI stub of a unified kernel image comes from; `None` where there is no such image.
    pub stub: Option<StubOrigin>,
    /// How EFI programs are signed.
    pub sign: Option<Signing>,
    /// Packages with microcode.
    pub microcode: Vec<Spanned<String>>,
    /// The section's place.
    pub span: Span,
}

/// Where the kernel comes from.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum KernelOrigin {
    /// An Alpine package.
    Package(Spanned<String>),
    /// Files.
    Prebuilt {
        /// The bzImage.
        image: Spanned<PathBuf>,
        /// The folder with `lib/modules/VERSION`, or that folder.
        modules: Option<Spanned<PathBuf>>,
    },
    /// Sources, from which it is built.
    Built(Box<BuiltKernel>),
}

/// A kernel that is built from sources.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BuiltKernel {
    /// The version of the sources.
    pub version: Spanned<String>,
    /// Its sources.
    pub source: KernelSource,
    /// The toolchain's name, a key of [`Image::toolchains`](super::Image::toolchains).
    pub toolchain: String,
    /// Its configuration.
    pub config: KernelConfig,
    /// What it adds to its version; may be empty.
    pub localversion: String,
    /// Symbols that must be `y` in the end, `CONFIG_` included, each with why, as the second half of a sentence.
    pub needs: BTreeMap<String, String>,
    /// Patterns of firmware that is built in, relative to `/lib/firmware`.
    pub firmware: Vec<Spanned<String>>,
    /// The place that says where the sources come from.
    pub span: Span,
}

impl BuiltKernel {
    /// What `uname -r` will print.
    pub fn release(&self) -> String {
        let version = &self.version.value;
        // The first release of a series is published as two numbers and calls itself by three.
        let (numbers, candidate) = match version.split_once('-') {
            Some((numbers, candidate)) => (numbers, format!("-{candidate}")),
            None => (version.as_str(), String::new()),
        };
        let third = if numbers.matches('.').count() == 1 {
            ".0"
        } else {
            ""
        };
        format!("{numbers}{third}{candidate}{}", self.localversion)
    }
}

/// The sources of a kernel.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum KernelSource {
    /// An archive of kernel.org.
    Tarball {
        /// Its addresses, tried in order.
        urls: Vec<String>,
        /// The digest that it must have; `None`: the one that the lock keeps, whatever it was when it was first locked.
        sha256: Option<Digest>,
        /// The signature that it must have besides.
        signature: Option<KernelSignature>,
    },
    /// An archive inside a distribution's package.
    Package {
        /// The package's address.
        url: Spanned<String>,
        /// The digest that it must have; `None`: the one that the lock keeps, whatever it was when it was first locked.
        sha256: Option<Digest>,
        /// The archive's path inside it; `None`: the only one below `usr/src`.
        archive: Option<String>,
    },
}

/// A detached signature of a kernel's unpacked archive.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct KernelSignature {
    /// Where it is.
    pub from: Spanned<SignatureOrigin>,
    /// The file with the keys that may have made it.
    pub keyring: Spanned<PathBuf>,
}

/// Where a detached signature is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureOrigin {
    /// At an address.
    Url(String),
    /// In a file.
    File(PathBuf),
}

/// The configuration of a kernel that is built.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct KernelConfig {
    /// Whether it starts from the default configuration of the sources.
    pub from_default: bool,
    /// Every symbol that is decided, `CONFIG_` included, with its value as `.config` has it; `n` for one that is not set.
    pub values: BTreeMap<String, String>,
    /// Where each of them was decided.
    pub places: BTreeMap<String, Span>,
}

/// Where the EFI stub comes from.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StubOrigin {
    /// An Alpine package.
    Package(Spanned<String>),
    /// A file.
    File(Spanned<PathBuf>),
}

/// How EFI programs are signed for Secure Boot.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Signing {
    /// Where the private key is read, when something is signed.
    pub key: Spanned<SigningKey>,
    /// The certificate that belongs to it.
    pub certificate: Spanned<Certificate>,
}

/// Where a private key is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SigningKey {
    /// In an environment variable with this name.
    Environment(String),
    /// In a file.
    File(PathBuf),
    /// On a token: a `pkcs11:` address.
    Token(String),
}
