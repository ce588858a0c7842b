//! Certificates, and the private keys that belong to them.

use cms::cert::IssuerAndSerialNumber;
use der::{Decode as _, Encode as _};
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use x509_cert::Certificate as X509;

use crate::tree::Digest;

/// Sizes of keys in bits that zosc signs with.
const SIZES: [usize; 3] = [2048, 3072, 4096];
/// `rsaEncryption` (PKCS#1).
const RSA: der::asn1::ObjectIdentifier =
    der::asn1::ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// A certificate over an RSA key.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    pub(super) x509: X509,
    der: Vec<u8>,
}

/// Who it is of, and its digest.
impl serde::Serialize for Certificate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digest = Digest::of(&self.der);
        serializer.collect_str(&format_args!("{} sha256:{digest}", self.subject()))
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Certificate({})", self.subject())
    }
}

impl Certificate {
    /// Reads a certificate in PEM or DER; of several in one file the first. The error says what it is instead.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = String::from_utf8_lossy(bytes);
        if text.contains("PRIVATE KEY-----") {
            return Err("it holds a private key".to_owned());
        }
        let der = match text.find("-----BEGIN CERTIFICATE-----") {
            Some(start) => pem(&text[start..], "CERTIFICATE")?,
            // A sequence with a length of two bytes, as every certificate in DER begins.
            None if bytes.starts_with(&[0x30, 0x82]) => bytes.to_vec(),
            None => return Err("it is neither PEM nor DER".to_owned()),
        };
        let x509 = X509::from_der(&der).map_err(|error| format!("it is damaged ({error})"))?;
        // What is written into a signature is encoded anew.
        if x509.to_der().ok().as_deref() != Some(der.as_slice()) {
            return Err("it is not encoded as DER asks".to_owned());
        }
        let certificate = Self { x509, der };
        certificate.check_key()?;
        Ok(certificate)
    }

    fn check_key(&self) -> Result<(), String> {
        let info = self.x509.tbs_certificate().subject_public_key_info();
        if info.algorithm.oid != RSA {
            return Err("its key is no RSA key, and firmware knows no other kind".to_owned());
        }
        let key = RsaPublicKey::from_der(self.public_key())
            .map_err(|error| format!("its key is damaged ({error})"))?;
        let bits = key.modulus.as_bytes().len() * 8;
        if !SIZES.contains(&bits) {
            return Err(format!("its key has {bits} bits, not 2048, 3072 or 4096"));
        }
        Ok(())
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate in PEM.
    pub fn pem(&self) -> String {
        der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, &self.der)
            .expect("a certificate that was read can be written")
    }

    /// Whom it names, such as `CN=Zero-OS db`.
    pub fn subject(&self) -> String {
        self.x509.tbs_certificate().subject().to_string()
    }

    pub(super) fn issuer(&self) -> String {
        self.x509.tbs_certificate().issuer().to_string()
    }

    /// What a signature names it by.
    pub(super) fn name(&self) -> IssuerAndSerialNumber {
        let facts = self.x509.tbs_certificate();
        IssuerAndSerialNumber {
            issuer: facts.issuer().clone(),
            serial_number: facts.serial_number().clone(),
        }
    }

    pub(super) fn of(x509: X509) -> Option<Self> {
        let der = x509.to_der().ok()?;
        Some(Self { x509, der })
    }

    /// The public key as PKCS#1 has it.
    fn public_key(&self) -> &[u8] {
        let info = self.x509.tbs_certificate().subject_public_key_info();
        info.subject_public_key.raw_bytes()
    }

    /// Whether a signature over a message is by this certificate's key.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.public_key())
            .verify(message, signature)
            .is_ok()
    }
}

#[derive(der::Sequence)]
struct RsaPublicKey {
    modulus: der::asn1::Uint,
    #[allow(dead_code)] // It is there to be read past.
    exponent: der::asn1::Uint,
}

/// A private RSA key. It is never shown, and leaves this type only as signatures.
pub struct PrivateKey(KeyPair);

impl PrivateKey {
    /// Reads a key in PEM or DER, PKCS#8 or PKCS#1. The error says what it is instead, and nothing of the key.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = String::from_utf8_lossy(bytes);
        let rejected = |error: ring::error::KeyRejected| match error.to_string().as_str() {
            "WrongAlgorithm" => "it is no RSA key, and firmware knows no other kind".to_owned(),
            "TooSmall" | "TooLarge" => "it has not 2048, 3072 or 4096 bits".to_owned(),
            reason => format!("it is damaged ({reason})"),
        };
        if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err("it is encrypted; zosc asks for no passwords".to_owned());
        }
        for kind in ["EC", "DSA", "OPENSSH"] {
            if text.contains(&format!("-----BEGIN {kind} PRIVATE KEY-----")) {
                return Err("it is no RSA key in PEM, as `openssl` writes it".to_owned());
            }
        }
        let key = if let Some(start) = text.find("-----BEGIN PRIVATE KEY-----") {
            KeyPair::from_pkcs8(&pem(&text[start..], "PRIVATE KEY")?)
        } else if let Some(start) = text.find("-----BEGIN RSA PRIVATE KEY-----") {
            KeyPair::from_der(&pem(&text[start..], "RSA PRIVATE KEY")?)
        } else if text.contains("-----BEGIN") {
            return Err("it is no private key".to_owned());
        } else if bytes.starts_with(&[0x30, 0x82]) {
            KeyPair::from_pkcs8(bytes).or_else(|_| KeyPair::from_der(bytes))
        } else {
            return Err("it is neither PEM nor DER".to_owned());
        };
        let key = key.map(Self).map_err(rejected)?;
        // Whether the parts of a key belong together shows when it signs.
        match key.signature(b"") {
            Some(_) => Ok(key),
            None => Err("it is damaged (its parts do not belong together)".to_owned()),
        }
    }

    /// The SHA-256 of its public key, as PKCS#1 has it: names the key, and tells nothing of it.
    pub fn name(&self) -> Digest {
        Digest::of(self.0.public().as_ref())
    }

    /// The signature over a message.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature = self.signature(message);
        signature.expect("a key that has signed once can sign")
    }

    fn signature(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.0.public().modulus_len()];
        let signed = self.0.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message,
            &mut signature,
        );
        signed.ok().map(|()| signature)
    }
}

/// The content of the PEM block at a text's beginning.
fn pem(text: &str, label: &str) -> Result<Vec<u8>, String> {
    let end = format!("-----END {label}-----");
    let length = text.find(&end).ok_or("it is cut off")? + end.len();
    let block = text.get(..length).ok_or("it is cut off")?;
    let decoded = der::pem::decode_vec(block.as_bytes());
    // What is wrong with a key is said without a part of it.
    decoded
        .map(|(_, content)| content)
        .map_err(|_| "its PEM block is damaged".to_owned())
}
