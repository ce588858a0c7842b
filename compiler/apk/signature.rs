//! Checking signatures of indexes and packages.

use std::fmt;
use std::io::Read;

use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA512, RsaParameters, UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};

use super::control::{Front, read_front, read_signatures};
use super::keys::Key;
use super::members::Members;
use crate::diagnostic::Diagnostic;

/// The most an index's first member may inflate to; the whole index, where it is not signed.
const FIRST_LIMIT: u64 = 1 << 30;

/// How a signature was made: PKCS#1 v1.5 over one of three hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SignatureAlgorithm {
    /// `RSA`: over SHA-1, still what Alpine uses.
    #[serde(rename = "RSA")]
    RsaSha1,
    /// `RSA256`: over SHA-256.
    #[serde(rename = "RSA256")]
    RsaSha256,
    /// `RSA512`: over SHA-512.
    #[serde(rename = "RSA512")]
    RsaSha512,
}

impl SignatureAlgorithm {
    const ALL: [Self; 3] = [Self::RsaSha1, Self::RsaSha256, Self::RsaSha512];

    /// The name in `.SIGN.NAME.KEY`.
    pub fn name(self) -> &'static str {
        match self {
            Self::RsaSha1 => "RSA",
            Self::RsaSha256 => "RSA256",
            Self::RsaSha512 => "RSA512",
        }
    }

    /// The algorithm with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }

    fn parameters(self) -> &'static RsaParameters {
        match self {
            Self::RsaSha1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Self::RsaSha256 => &RSA_PKCS1_2048_8192_SHA256,
            Self::RsaSha512 => &RSA_PKCS1_2048_8192_SHA512,
        }
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A signature as it lies in an archive, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) algorithm: SignatureAlgorithm,
    pub(super) key: String,
    pub(super) bytes: Vec<u8>,
}

/// Which trusted key vouches for an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedBy {
    /// The key's name.
    pub key: String,
    /// How it signed.
    pub algorithm: SignatureAlgorithm,
}

/// Checks the signature of an index: it covers every byte behind the first gzip member.
///
/// `subject` names the index in errors, for example `v3.22/main`. One good signature of a trusted key suffices; those of
/// unknown keys are skipped.
///
/// # Errors
/// `zosc::apk::unsigned`, `zosc::apk::unknown-key`, `zosc::apk::bad-signature`, and those of a broken archive.
pub fn verify_index(archive: &[u8], keys: &[Key], subject: &str) -> Result<VerifiedBy, Diagnostic> {
    let subject = format!("the index `{subject}`");
    let mut members = Members::new(archive);
    let (signatures, ()) = members
        .next(FIRST_LIMIT, read_signatures)
        .map_err(|fault| fault.about(&subject))?;
    let start = usize::try_from(members.consumed()).unwrap_or(usize::MAX);
    let signed = archive.get(start..).unwrap_or_default();
    verify(&signatures, signed, keys, &subject)
}

/// Checks the signature of a package: it covers the compressed control member, whose `datahash` covers the rest.
///
/// Packages from a repository do not need this: their index is signed and holds their identity.
///
/// # Errors
/// As [`verify_index`].
pub fn verify_package(
    apk: &mut dyn Read,
    keys: &[Key],
    subject: &str,
) -> Result<VerifiedBy, Diagnostic> {
    let subject = format!("the package `{subject}`");
    let front: Front<Vec<u8>> =
        read_front(&mut Members::new(apk)).map_err(|fault| fault.about(&subject))?;
    verify(&front.signatures, &front.signed, keys, &subject)
}

fn verify(
    signatures: &[Signature],
    signed: &[u8],
    keys: &[Key],
    subject: &str,
) -> Result<VerifiedBy, Diagnostic> {
    if signatures.is_empty() {
        return Err(Diagnostic::error(
            "zosc::apk::unsigned",
            format!("{subject} carries no signature"),
        )
        .help("sign it with `abuild-sign`, and name the public key in a `key` node"));
    }
    let mut known = Vec::new();
    for signature in signatures {
        let Some(key) = keys.iter().find(|key| key.name() == signature.key) else {
            continue;
        };
        let public = UnparsedPublicKey::new(signature.algorithm.parameters(), key.public());
        if public.verify(signed, &signature.bytes).is_ok() {
            return Ok(VerifiedBy {
                key: signature.key.clone(),
                algorithm: signature.algorithm,
            });
        }
        known.push(signature.key.as_str());
    }
    Err(if known.is_empty() {
        unknown_key(signatures, keys, subject)
    } else {
        Diagnostic::error(
            "zosc::apk::bad-signature",
            format!("{subject} is not what the key `{}` signed", known.join("`, `")),
        )
        .help("fetch it again; if it stays so, do not use it: it was changed after signing, or the key file is another's")
    })
}

fn unknown_key(signatures: &[Signature], keys: &[Key], subject: &str) -> Diagnostic {
    let signers: Vec<_> = signatures
        .iter()
        .map(|signature| signature.key.as_str())
        .collect();
    let trusted: Vec<_> = keys.iter().map(Key::name).collect();
    let note = if trusted.is_empty() {
        "no key is trusted".to_owned()
    } else {
        format!("trusted keys: `{}`", trusted.join("`, `"))
    };
    Diagnostic::error(
        "zosc::apk::unknown-key",
        format!("{subject} is signed by `{}`, which is not trusted", signers.join("`, `")),
    )
    .note(note)
    .help("if you trust that key, name its file in a `key` node, or with `--key`; the file must bear exactly that name")
}
