//! Keys that sign EFI programs. Nothing here reads a private key.

use crate::diagnostic::Diagnostic;
use crate::efi::Certificate;
use crate::manifest::kernel::Sign;
use crate::manifest::secret::Secret;
use crate::source::{Span, Spanned};

use super::places::Want;
use super::{Ctx, Signing, SigningKey};

/// The largest certificate that is read, in bytes.
const LARGEST_CERTIFICATE: u64 = 64 << 10;

impl Ctx<'_> {
    /// Resolves a `sign` node.
    pub(super) fn signing(&mut self, sign: &Spanned<Sign>) -> Option<Signing> {
        let key = self.signing_key(&sign.key);
        let certificate = self.certificate(&sign.cert);
        Some(Signing {
            key: Spanned::new(key?, sign.key.span),
            certificate: certificate?,
        })
    }

    fn signing_key(&mut self, key: &Spanned<Secret>) -> Option<SigningKey> {
        match &key.value {
            Secret::Environment(name) => Some(SigningKey::Environment(name.clone())),
            Secret::File(path) => {
                let path = Spanned::new(path.clone(), key.span);
                let file = self.existing(&path, Want::File)?;
                Some(SigningKey::File(file.value))
            }
            Secret::Token(address) if holds_pin(address) => {
                self.push(
                    Diagnostic::error(
                        "zosc::check::credentials-in-url",
                        "the address carries a PIN",
                    )
                    .at(key.span)
                    .help(
                        "leave `pin-value` out, or let `pin-source` name a file that holds the PIN",
                    ),
                );
                None
            }
            Secret::Token(address) => Some(SigningKey::Token(address.clone())),
        }
    }

    fn certificate(&mut self, path: &Spanned<String>) -> Option<Spanned<Certificate>> {
        self.existing(path, Want::File)?;
        let bytes = self.read(path, LARGEST_CERTIFICATE)?;
        match Certificate::parse(&bytes) {
            Ok(certificate) => Some(Spanned::new(certificate, path.span)),
            Err(fault) => {
                self.bad_certificate(path.span, &fault);
                None
            }
        }
    }

    fn bad_certificate(&mut self, span: Span, fault: &str) {
        self.push(
            Diagnostic::error(
                "zosc::check::bad-certificate",
                format!("this is no certificate to sign with: {fault}"),
            )
            .at(span)
            .help("name the file that begins with `-----BEGIN CERTIFICATE-----`, over an RSA key of 2048, 3072 or 4096 bits, and the private key as `key`"),
        );
    }
}

fn holds_pin(address: &str) -> bool {
    let attributes = address.trim_start_matches("pkcs11:").split([';', '?', '&']);
    attributes
        .into_iter()
        .any(|attribute| attribute.starts_with("pin-value="))
}
