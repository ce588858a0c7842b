//! Buckets of tests.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use zosc::check::Bucket;
use zosc::publish::objects::{Credentials, Objects};

use crate::s3::{KEY_ID, SECRET};

/// The bucket that tests use.
pub(crate) const BUCKET: &str = "images";

/// Nobody stops these tests.
pub(crate) static GO_ON: AtomicBool = AtomicBool::new(false);

/// The bucket of a server, below a prefix.
pub(crate) fn bucket(endpoint: &str, prefix: &str) -> Bucket {
    Bucket {
        endpoint: Some(endpoint.to_owned()),
        name: BUCKET.to_owned(),
        prefix: prefix.to_owned(),
        region: "us-east-1".to_owned(),
        key: None,
    }
}

/// A client with the right key, whose notes are kept below `store`.
pub(crate) fn objects(endpoint: &str, prefix: &str, store: &Path) -> Objects<'static> {
    Objects::bucket(
        &bucket(endpoint, prefix),
        key(KEY_ID, SECRET),
        store,
        &GO_ON,
    )
    .unwrap()
}

/// A key that is nowhere but here.
pub(crate) fn key(id: &str, secret: &str) -> Credentials {
    Credentials::new(id.to_owned(), secret.to_owned(), None)
}

/// Bytes that no compression and no accident would make.
pub(crate) fn noise(count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}
