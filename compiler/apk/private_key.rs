//! Private keys, and the signatures that they make.
//!
//! `ring` verifies what Alpine signs but makes neither keys nor signatures over SHA-1, which is what apk 2.14 asks for by
//! default; `rsa` does both. A signature is a pure function of key and message: randomness only blinds the arithmetic.

use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::traits::PublicKeyParts as _;
use rsa::{Pkcs1v15Sign, PrivateKey as RsaKey};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use super::gzip::gzip;
use super::signature::SignatureAlgorithm;
use super::tar_writer::TarWriter;
use super::tarball::TarHeader;
use crate::diagnostic::Diagnostic;
use crate::io;
use crate::tree::is_file_name;

/// Sizes of keys in bits that signatures can be verified with.
const SIZES: std::ops::RangeInclusive<u32> = 2048..=8192;

/// Where random bytes come from.
pub type Randomness<'a> = dyn FnMut(&mut [u8]) -> std::io::Result<()> + 'a;

/// A private RSA key under the name that signatures call its public half by.
#[derive(Clone)]
pub struct PrivateKey {
    name: String,
    key: RsaKey,
}

impl PrivateKey {
    /// Reads a key in PEM, PKCS#8 or PKCS#1; `name` is the file name of its public half, which signatures bear.
    ///
    /// # Errors
    /// `zosc::apk::bad-private-key`
    pub fn parse(name: &str, pem: &[u8]) -> Result<Self, Diagnostic> {
        let text = std::str::from_utf8(pem).unwrap_or_default();
        let key = if text.contains("-----BEGIN PRIVATE KEY-----") {
            RsaKey::from_pkcs8_pem(text).map_err(|error| bad(name, &error.to_string()))?
        } else if text.contains("-----BEGIN RSA PRIVATE KEY-----") {
            RsaKey::from_pkcs1_pem(text).map_err(|error| bad(name, &error.to_string()))?
        } else if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
            return Err(bad(name, "it is encrypted; zosc asks for no passwords"));
        } else if text.contains("-----BEGIN PUBLIC KEY-----") {
            return Err(bad(name, "it is the public half"));
        } else {
            return Err(bad(name, "it holds no PEM block of a private RSA key"));
        };
        Self::new(name, key)
    }

    /// Makes a key of so many bits.
    ///
    /// # Errors
    /// `zosc::apk::bad-private-key` for a size that apk does not verify, a name that is no file name, or where there is no
    /// randomness.
    pub fn generate(
        name: &str,
        bits: u32,
        random: &mut Randomness<'_>,
    ) -> Result<Self, Diagnostic> {
        if !SIZES.contains(&bits) {
            return Err(wrong_size(name, bits));
        }
        let key = RsaKey::new(&mut Source(random), bits as usize)
            .map_err(|error| bad(name, &error.to_string()))?;
        Self::new(name, key)
    }

    fn new(name: &str, key: RsaKey) -> Result<Self, Diagnostic> {
        if !is_file_name(name) {
            return Err(bad(
                name,
                "the name of its public half is no plain file name",
            ));
        }
        let bits = key.n().bit_width();
        if !SIZES.contains(&bits) {
            return Err(wrong_size(name, bits));
        }
        Ok(Self {
            name: name.to_owned(),
            key,
        })
    }

    /// The file name of the public half, which signatures bear.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key itself, PKCS#8 in PEM.
    pub fn private_pem(&self) -> String {
        let pem = self.key.to_pkcs8_pem(LineEnding::LF);
        pem.expect("a key that was read or made can be written")
            .as_str()
            .to_owned()
    }

    /// The public half, as `key` nodes and `/etc/apk/keys` hold it.
    pub fn public_pem(&self) -> String {
        let pem = self.key.to_public_key().to_public_key_pem(LineEnding::LF);
        pem.expect("a key that was read or made can be written")
    }

    /// The signature over a message.
    fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, Diagnostic> {
        let (padding, digest) = match algorithm {
            SignatureAlgorithm::RsaSha1 => {
                (Pkcs1v15Sign::new::<Sha1>(), Sha1::digest(message).to_vec())
            }
            SignatureAlgorithm::RsaSha256 => (
                Pkcs1v15Sign::new::<Sha256>(),
                Sha256::digest(message).to_vec(),
            ),
            SignatureAlgorithm::RsaSha512 => (
                Pkcs1v15Sign::new::<Sha512>(),
                Sha512::digest(message).to_vec(),
            ),
        };
        self.key
            .sign_with_rng(&mut Source(&mut io::random), padding, &digest)
            .map_err(|error| bad(&self.name, &error.to_string()))
    }
}

/// A key and the way in which it is to sign.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// The key.
    pub key: &'a PrivateKey,
    /// Over which hash.
    pub algorithm: SignatureAlgorithm,
}

impl Signer<'_> {
    /// The gzip member that goes before `message` and vouches for it.
    ///
    /// # Errors
    /// `zosc::apk::bad-private-key` where the key does not fit together, or there is no randomness.
    pub fn member(&self, message: &[u8]) -> Result<Vec<u8>, Diagnostic> {
        let signature = self.key.sign(self.algorithm, message)?;
        let path = format!(".SIGN.{}.{}", self.algorithm, self.key.name());
        let mut tar = TarWriter::new(Vec::new());
        let header = TarHeader::plain_file(&path, 0o644, 0, signature.len() as u64);
        let written = tar.append(&header, &mut signature.as_slice());
        written.expect("memory takes what is written");
        Ok(gzip(&tar.into_inner()))
    }
}

fn bad(name: &str, reason: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::apk::bad-private-key",
        format!(
            "the private half of `{}` cannot be used: {reason}",
            name.escape_debug()
        ),
    )
    .help("`zosc repo key NAME` makes a pair; a key of `abuild-keygen` will do, too")
}

fn wrong_size(name: &str, bits: u32) -> Diagnostic {
    bad(
        name,
        &format!(
            "a key of {bits} bits is not between {} and {}",
            SIZES.start(),
            SIZES.end()
        ),
    )
}

/// Random bytes in the shape that `rsa` asks for them.
struct Source<'a, 'b>(&'a mut Randomness<'b>);

impl TryRng for Source<'_, '_> {
    type Error = std::io::Error;

    fn try_next_u32(&mut self) -> Result<u32, std::io::Error> {
        let mut bytes = [0; 4];
        (self.0)(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, std::io::Error> {
        let mut bytes = [0; 8];
        (self.0)(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), std::io::Error> {
        (self.0)(bytes)
    }
}

impl TryCryptoRng for Source<'_, '_> {}
