//! Keys and signatures for the packages and indexes that the support code makes.

use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::{Pkcs1v15Sign, PrivateKey};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use super::{append_plain, gzip, without_end};

/// Over which hash a signature is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureHash {
    Sha1,
    Sha256,
    Sha512,
}

/// A private key and the name that signatures call it by.
#[derive(Clone)]
pub struct SigningKey {
    name: String,
    private: PrivateKey,
}

impl SigningKey {
    /// Makes a 2048-bit key from a seed: the same seed, the same key.
    pub fn generate(name: &str, seed: &[u8]) -> Self {
        let mut random = SeededRandom::new(seed);
        let private = PrivateKey::new(&mut random, 2048).expect("2048 bits are allowed");
        Self {
            name: name.to_owned(),
            private,
        }
    }

    /// Reads a key in PKCS#8 PEM.
    pub fn from_pem(name: &str, pem: &str) -> Self {
        let private = PrivateKey::from_pkcs8_pem(pem).expect("a private RSA key in PEM");
        Self {
            name: name.to_owned(),
            private,
        }
    }

    /// The name of the public key's file.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn private_pem(&self) -> String {
        let pem = self.private.to_pkcs8_pem(LineEnding::LF).expect("encodes");
        pem.as_str().to_owned()
    }

    pub fn public_pem(&self) -> String {
        let public = self.private.to_public_key();
        public.to_public_key_pem(LineEnding::LF).expect("encodes")
    }

    fn sign(&self, hash: SignatureHash, message: &[u8]) -> Vec<u8> {
        let (padding, digest) = match hash {
            SignatureHash::Sha1 => (Pkcs1v15Sign::new::<Sha1>(), Sha1::digest(message).to_vec()),
            SignatureHash::Sha256 => (
                Pkcs1v15Sign::new::<Sha256>(),
                Sha256::digest(message).to_vec(),
            ),
            SignatureHash::Sha512 => (
                Pkcs1v15Sign::new::<Sha512>(),
                Sha512::digest(message).to_vec(),
            ),
        };
        self.private.sign(padding, &digest).expect("signs")
    }

    /// The gzip member that goes before `message`.
    pub fn signature_member(&self, hash: SignatureHash, message: &[u8]) -> Vec<u8> {
        let algorithm = match hash {
            SignatureHash::Sha1 => "RSA",
            SignatureHash::Sha256 => "RSA256",
            SignatureHash::Sha512 => "RSA512",
        };
        let name = format!(".SIGN.{algorithm}.{}", self.name);
        let mut tar = tar::Builder::new(Vec::new());
        append_plain(&mut tar, &name, 0o644, 0, &self.sign(hash, message));
        gzip(&without_end(tar))
    }
}

/// SHA-256 over a seed and a counter: enough for keys that must come out the same again.
struct SeededRandom {
    seed: Vec<u8>,
    counter: u64,
}

impl SeededRandom {
    fn new(seed: &[u8]) -> Self {
        Self {
            seed: seed.to_vec(),
            counter: 0,
        }
    }

    fn block(&mut self) -> [u8; 32] {
        self.counter += 1;
        let mut hash = Sha256::new();
        hash.update(&self.seed);
        hash.update(self.counter.to_le_bytes());
        hash.finalize().into()
    }
}

impl TryRng for SeededRandom {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for piece in bytes.chunks_mut(32) {
            let block = self.block();
            piece.copy_from_slice(&block[..piece.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for SeededRandom {}
