//! Keys and signatures for the packages and indexes that the support code makes.

use sha2::{Digest as _, Sha256};
use zosc::apk::{PrivateKey, SignatureAlgorithm, Signer};

/// Over which hash a signature is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureHash {
    Sha1,
    Sha256,
    Sha512,
}

/// A private key and the name that signatures call it by.
#[derive(Clone)]
pub struct SigningKey(PrivateKey);

impl SigningKey {
    /// Makes a 2048-bit key from a seed: the same seed, the same key.
    pub fn generate(name: &str, seed: &[u8]) -> Self {
        let mut counter = 0_u64;
        // SHA-256 over the seed and a counter: enough for keys that must come out the same again.
        let mut fill = |bytes: &mut [u8]| {
            for piece in bytes.chunks_mut(32) {
                counter += 1;
                let hash = Sha256::new()
                    .chain_update(seed)
                    .chain_update(counter.to_le_bytes());
                piece.copy_from_slice(&hash.finalize()[..piece.len()]);
            }
            Ok(())
        };
        Self(PrivateKey::generate(name, 2048, &mut fill).expect("2048 bits are allowed"))
    }

    /// Reads a key in PEM.
    pub fn from_pem(name: &str, pem: &str) -> Self {
        Self(PrivateKey::parse(name, pem.as_bytes()).expect("a private RSA key in PEM"))
    }

    /// The name of the public key's file.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    pub fn private_pem(&self) -> String {
        self.0.private_pem()
    }

    pub fn public_pem(&self) -> String {
        self.0.public_pem()
    }

    /// Signs in this way.
    pub fn signer(&self, hash: SignatureHash) -> Signer<'_> {
        Signer {
            key: &self.0,
            algorithm: match hash {
                SignatureHash::Sha1 => SignatureAlgorithm::RsaSha1,
                SignatureHash::Sha256 => SignatureAlgorithm::RsaSha256,
                SignatureHash::Sha512 => SignatureAlgorithm::RsaSha512,
            },
        }
    }

    /// The gzip member that goes before `message`.
    pub fn signature_member(&self, hash: SignatureHash, message: &[u8]) -> Vec<u8> {
        self.signer(hash).member(message).expect("a sound key")
    }
}
