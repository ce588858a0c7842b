//! Public keys that signatures are checked against.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::diagnostic::Diagnostic;
use crate::tree::is_file_name;

/// The object identifier 1.2.840.113549.1.1.1 (rsaEncryption), in DER.
const RSA_ENCRYPTION: [u8; 11] = [
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
];

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;

/// A trusted RSA public key under the name that signatures call it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    name: String,
    /// A PKCS#1 `RSAPublicKey` in DER, the form that `ring` reads.
    public: Vec<u8>,
}

impl Key {
    /// Reads a key file: PEM around a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7).
    ///
    /// `name` is the file's name, for example `alpine-devel@lists.alpinelinux.org-6165ee59.rsa.pub`; a signature
    /// names its key so.
    ///
    /// # Errors
    /// `zosc::apk::bad-key` where the name is no plain file name, or the content is no RSA public key.
    pub fn parse(name: &str, pem: &[u8]) -> Result<Self, Diagnostic> {
        let bad = |reason: &str| {
            Diagnostic::error(
                "zosc::apk::bad-key",
                format!("`{}` is no usable public key: {reason}", name.escape_debug()),
            )
            .help("a key file holds `-----BEGIN PUBLIC KEY-----` and an RSA key, as `openssl rsa -pubout` writes it")
        };
        if !is_file_name(name) {
            return Err(bad("its name is no plain file name"));
        }
        let der = decode_pem(pem).ok_or_else(|| bad("it holds no PEM block `PUBLIC KEY`"))?;
        let public = rsa_public_key(&der).ok_or_else(|| bad("the block holds no RSA key"))?;
        Ok(Self {
            name: name.to_owned(),
            public: public.to_vec(),
        })
    }

    /// The file name that signatures call it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key as `ring` reads it.
    pub(super) fn public(&self) -> &[u8] {
        &self.public
    }
}

fn decode_pem(pem: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(pem).ok()?;
    let (_, rest) = text.split_once("-----BEGIN PUBLIC KEY-----")?;
    let (body, _) = rest.split_once("-----END PUBLIC KEY-----")?;
    let body: String = body.split_ascii_whitespace().collect();
    BASE64.decode(body).ok()
}

/// The `RSAPublicKey` inside a SubjectPublicKeyInfo.
fn rsa_public_key(der: &[u8]) -> Option<&[u8]> {
    let (outer, []) = element(der, SEQUENCE)? else {
        return None;
    };
    let (algorithm, rest) = element(outer, SEQUENCE)?;
    let (bits, []) = element(rest, BIT_STRING)? else {
        return None;
    };
    // The first byte of a bit string counts the unused bits at its end.
    let key = bits.strip_prefix(&[0])?;
    (algorithm.starts_with(&RSA_ENCRYPTION) && element(key, SEQUENCE)?.1.is_empty()).then_some(key)
}

/// The content of the DER element with this tag at the start of `der`, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = der.strip_prefix(&[tag])?.split_first()?;
    if length < 0x80 {
        return rest.split_at_checked(length as usize);
    }
    let (digits, rest) = rest.split_at_checked((length & 0x7f) as usize)?;
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    let length = digits
        .iter()
        .fold(0_usize, |sum, &digit| sum << 8 | digit as usize);
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn key_names_are_plain_file_names() {
        for name in ["", "a/b", "../key", "a\nb"] {
            let error = Key::parse(name, b"").expect_err("refused");
            assert_eq!(error.code, "zosc::apk::bad-key");
            assert!(!error.message.contains(char::is_control), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn no_key_file_panics(bytes: Vec<u8>) {
            let _ = rsa_public_key(&bytes);
            let text = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", BASE64.encode(&bytes));
            let _ = Key::parse("key", text.as_bytes());
            let _ = Key::parse("key", &bytes);
        }
    }
}
