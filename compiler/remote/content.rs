//! Contents: how zosc names them, and how the protocol does.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;

use crate::tree::Digest;

/// The name of a content: its SHA-256 and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob {
    /// The SHA-256.
    pub digest: Digest,
    /// The size in bytes.
    pub size: u64,
}

impl Blob {
    /// The name of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
        }
    }

    pub(super) fn to_api(self) -> api::Digest {
        api::Digest {
            hash: self.digest.to_string(),
            size_bytes: i64::try_from(self.size).unwrap_or(i64::MAX),
        }
    }

    /// What a server means; nothing where that is no SHA-256 with a size.
    pub(super) fn from_api(digest: Option<&api::Digest>) -> Option<Self> {
        let digest = digest?;
        Some(Self {
            digest: digest.hash.parse().ok()?,
            size: u64::try_from(digest.size_bytes).ok()?,
        })
    }

    /// How the stream of bytes names it, below an instance.
    pub(super) fn resource(&self, instance: &str) -> String {
        let Self { digest, size } = self;
        below(instance, &format!("blobs/{digest}/{size}"))
    }
}

/// A resource of an instance, which may have no name.
pub(super) fn below(instance: &str, resource: &str) -> String {
    match instance {
        "" => resource.to_owned(),
        instance => format!("{instance}/{resource}"),
    }
}

/// Where bytes come from that are to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// They are here.
    Bytes(Vec<u8>),
    /// They are in a file, which is read when its turn comes.
    File(PathBuf),
}

impl Content {
    /// Opens it to be read from its start.
    pub(super) fn open(&self) -> std::io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::Bytes(bytes) => Box::new(bytes.as_slice()),
            Self::File(path) => Box::new(File::open(path)?),
        })
    }
}
