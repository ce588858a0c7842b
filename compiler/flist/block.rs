//! One block: a piece of content, compressed, encrypted and named.
//!
//! The key is the hash of the content, so the same content is the same block wherever it comes from, and who does not know the content
//! cannot read it. The name is the hash of what is stored, so a store can be checked without keys.

use std::fmt;
use std::str::FromStr;

use aes_gcm::aead::AeadInOut as _;
use aes_gcm::{Aes256Gcm, KeyInit as _};
use blake2::Digest as _;
use blake2::digest::consts::U32;

use crate::diagnostic::Diagnostic;
use crate::tree::{Digest, NotADigest};

/// Bytes of content in every block of a file but the last. `rfs` divides offsets by it, and no list says otherwise.
pub const CHUNK: usize = 524_288;

/// Bytes that the tag of AES-GCM takes.
const TAG: usize = 16;

/// Most bytes that a block takes in a store: content that Snappy only makes larger, and the tag.
pub const SEALED_LIMIT: usize = 32 + CHUNK + CHUNK / 6 + TAG;

/// The name of a block: BLAKE2b-256 of the bytes that are stored; shown as 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId(pub [u8; 32]);

impl BlockId {
    /// The name of a block with these stored bytes.
    pub fn of(stored: &[u8]) -> Self {
        Self(hash(stored))
    }

    /// The byte that routes go by.
    pub fn prefix(&self) -> u8 {
        self.0[0]
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Digest::from_bytes(self.0).fmt(formatter)
    }
}

impl fmt::Debug for BlockId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Why a text is no name of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of a block is 64 lowercase hexadecimal digits")]
pub struct NotABlockId;

impl FromStr for BlockId {
    type Err = NotABlockId;

    fn from_str(text: &str) -> Result<Self, NotABlockId> {
        // Stores know no other spelling: a block in capitals would not be found.
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(NotABlockId);
        }
        let digest: Digest = text.parse().map_err(|NotADigest| NotABlockId)?;
        Ok(Self(*digest.as_bytes()))
    }
}

/// What a list says of a block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    /// Its name in stores.
    pub id: BlockId,
    /// BLAKE2b-256 of the content, which opens it.
    pub key: [u8; 32],
}

impl fmt::Debug for Block {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Block({})", self.id)
    }
}

/// A block that is ready to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// What a list says of it.
    pub block: Block,
    /// What is stored under its name.
    pub bytes: Vec<u8>,
}

/// Makes a block of a piece of content, at most [`CHUNK`] bytes.
///
/// # Panics
/// The content is longer than [`CHUNK`].
pub fn seal(plain: &[u8]) -> Sealed {
    assert!(plain.len() <= CHUNK, "a block holds at most one chunk");
    let key = hash(plain);
    let mut bytes = snap::raw::Encoder::new()
        .compress_vec(plain)
        .expect("a chunk is far below what Snappy takes");
    cipher(&key)
        .encrypt_in_place(&nonce(&key).into(), b"", &mut bytes)
        .expect("a chunk is far below what AES-GCM takes");
    let id = BlockId::of(&bytes);
    Sealed {
        block: Block { id, key },
        bytes,
    }
}

/// The content of a block, out of the bytes that a store has under its name.
///
/// # Errors
/// The bytes are not those that the list names, or hold something else than it says, or more than a chunk.
pub fn open(block: &Block, bytes: &[u8]) -> Result<Vec<u8>, Diagnostic> {
    let bad = |what: &str| {
        Diagnostic::error(
            "zosc::flist::bad-block",
            format!("block {} {what}", block.id),
        )
        .help("pack the files again; where a store has changed the block, remove it there first")
    };
    if bytes.len() > SEALED_LIMIT {
        return Err(bad("is longer than blocks are"));
    }
    if BlockId::of(bytes) != block.id {
        return Err(bad(
            "is damaged: its bytes have another hash than its name says",
        ));
    }
    let mut compressed = bytes.to_vec();
    cipher(&block.key)
        .decrypt_in_place(&nonce(&block.key).into(), b"", &mut compressed)
        .map_err(|_| bad("cannot be decrypted with the key that the list has for it"))?;
    // The length comes first, so that no memory is taken for what a few bytes only claim.
    let length = snap::raw::decompress_len(&compressed);
    if length.is_ok_and(|length| length > CHUNK) {
        return Err(bad("holds more than 524,288 bytes"));
    }
    let plain = snap::raw::Decoder::new()
        .decompress_vec(&compressed)
        .map_err(|_| bad("is not compressed with Snappy"))?;
    if hash(&plain) != block.key {
        return Err(bad("holds something else than the list says"));
    }
    Ok(plain)
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    blake2::Blake2b::<U32>::digest(bytes).into()
}

fn cipher(key: &[u8; 32]) -> Aes256Gcm {
    Aes256Gcm::new(key.into())
}

/// The first bytes of the key: the same content has to give the same block, and no key is used for two contents.
fn nonce(key: &[u8; 32]) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce.copy_from_slice(&key[..12]);
    nonce
}
