//! Authenticode: the signatures that firmware checks under Secure Boot.
//!
//! A signature is over a digest of the file without what signing changes ([`digest`](authenticode::digest)), and travels in a
//! table at the file's end. Nothing in it depends on when or where it was made: the same file, certificate and key give
//! the same bytes. The types of `cms`, `x509-cert`, `der` and `ring` stay in `certificate` and `message`.

mod authenticode;
mod certificate;
mod message;

pub use certificate::{Certificate, PrivateKey};
pub use message::SignatureFacts;

use std::io::Write;

use super::blob::Blob;
use super::pe::Pe;
use crate::diagnostic::Diagnostic;

/// Makes the RSA signature (PKCS#1 v1.5 over SHA-256) of a message, wherever the private key is.
pub type Signer<'a> = dyn FnMut(&[u8]) -> Result<Vec<u8>, Diagnostic> + 'a;

/// Signs an EFI program, and writes it with one more signature in its table.
///
/// # Errors
/// What `signer` says; `zosc::efi::cannot-sign` for a file that cannot bear a signature; `zosc::efi::key-mismatch` where the
/// key is not that of the certificate.
pub fn sign_program<'a>(
    program: impl Into<Blob<'a>>,
    certificate: &Certificate,
    signer: &mut Signer<'_>,
    output: &mut dyn Write,
) -> Result<(), Diagnostic> {
    let program = program.into();
    let pe = authenticode::headers(program)?;
    let content = message::content(&authenticode::digest(&pe, program, true)?);
    let attributes = message::attributes(&content).map_err(cannot_sign)?;
    let signature = signer(&attributes)?;
    if !certificate.verifies(&attributes, &signature) {
        return Err(Diagnostic::error(
            "zosc::efi::key-mismatch",
            format!(
                "the private key is not that of the certificate of `{}`",
                certificate.subject()
            ),
        )
        .help("name the key and the certificate that were made together as `key` and `cert`"));
    }
    let message = message::signed(certificate, &content, signature).map_err(cannot_sign)?;
    authenticode::attach(&pe, program, &message, output)
}

/// Every signature of an EFI program, in the order of its table.
pub fn signatures(program: &[u8]) -> Vec<SignatureFacts> {
    let Ok(pe) = Pe::read(program) else {
        return Vec::new();
    };
    let Ok(digest) = authenticode::digest(&pe, program.into(), false) else {
        return Vec::new();
    };
    authenticode::table(&pe, program)
        .into_iter()
        .map(|entry| message::facts(entry, &digest))
        .collect()
}

fn cannot_sign(why: impl std::fmt::Display) -> Diagnostic {
    Diagnostic::error(
        "zosc::efi::cannot-sign",
        format!("the file cannot be signed: {why}"),
    )
    .help("sign a 64-bit EFI program as its own build made it: a kernel with CONFIG_EFI_STUB=y, or a unified kernel image")
}

#[cfg(test)]
pub(super) mod tests;
