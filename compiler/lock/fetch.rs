//! Downloads into the store, checked against what the lock or the manifest promises.

use crate::diagnostic::Diagnostic;
use crate::io::{self, Network, Progress, Request};
use crate::tree::{BlobWriter, Digest, Store};

/// Most bytes of a download whose size nobody has stated.
const LARGEST: u64 = 16 << 30;

/// A content that is to be in the store.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// What it is, for people: `package busybox-1.36.1-r15`.
    pub subject: &'a str,
    /// Its addresses, tried in order.
    pub urls: &'a [String],
    /// The digest that it must have, where that is known.
    pub sha256: Option<Digest>,
    /// Most bytes that it may have; the exact size where that is known. `None`: no more than any download.
    pub limit: Option<u64>,
}

/// Fetches a content into the store, or finds it there by its digest, and returns its digest and size in bytes.
///
/// # Errors
/// Those of [`io::download`], `zosc::lock::wrong-digest`, and those of the store.
pub fn fetch(
    wanted: Wanted<'_>,
    store: &Store,
    network: &dyn Network,
    progress: &dyn Fn(Progress<'_>),
) -> Result<(Digest, u64), Diagnostic> {
    if let Some(digest) = wanted.sha256
        && let Ok(metadata) = std::fs::metadata(store.blob_path(&digest))
        && store.reader(&digest).is_ok()
    {
        return Ok((digest, metadata.len()));
    }
    let request = Request {
        subject: wanted.subject,
        urls: wanted.urls,
        limit: wanted.limit.unwrap_or(LARGEST),
    };
    let judge = |url: &str, writer: BlobWriter| {
        let Some(expected) = wanted.sha256 else {
            return writer.finish();
        };
        let (digest, size) = writer.finish_expecting(expected)?;
        if digest == expected {
            return Ok((digest, size));
        }
        Err(wrong_digest(wanted.subject, url, expected, digest))
    };
    io::download(network, request, progress, || store.writer(), judge)
}

fn wrong_digest(subject: &str, url: &str, expected: Digest, found: Digest) -> Diagnostic {
    Diagnostic::error(
        "zosc::lock::wrong-digest",
        format!("{subject} is not what was locked"),
    )
    .note(format!("{url}: expected {expected}, found {found}"))
    .help("what is served there has changed: find out why, and only then put the new digest in place of the old")
}
