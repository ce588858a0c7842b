//! The resolved kernel.

use std::path::PathBuf;

use crate::source::{Span, Spanned};

/// The kernel.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// The release that it must have.
    pub version: Option<Spanned<String>>,
    /// Where it comes from.
    pub from: KernelOrigin,
    /// Command line, joined by single spaces.
    pub cmdline: String,
    /// Where the EFI stub comes from.
    pub stub: StubOrigin,
    /// How EFI programs are signed.
    pub sign: Option<Signing>,
    /// The section's place.
    pub span: Span,
}

/// Where the kernel comes from.
#[derive(Debug, Clone)]
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
}

/// Where the EFI stub comes from.
#[derive(Debug, Clone)]
pub enum StubOrigin {
    /// An Alpine package.
    Package(Spanned<String>),
    /// A file.
    File(Spanned<PathBuf>),
}

/// How EFI programs are signed for Secure Boot.
#[derive(Debug, Clone)]
pub struct Signing {
    /// Where the private key is read, when something is signed.
    pub key: Spanned<SigningKey>,
    /// The certificate's file.
    pub certificate: Spanned<PathBuf>,
}

/// Where a private key is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigningKey {
    /// In an environment variable with this name.
    Environment(String),
    /// In a file.
    File(PathBuf),
    /// On a token: a `pkcs11:` address.
    Token(String),
}
