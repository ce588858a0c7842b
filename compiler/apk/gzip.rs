//! Gzip members as this module writes them: the same content, the same bytes.

use std::io::Write;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};

/// Begins a member without name or time, at the best level; the system it was written on is not told.
pub(super) fn gzip_into<W: Write>(output: W) -> GzEncoder<W> {
    GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(output, Compression::best())
}

/// A whole member.
pub(super) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = gzip_into(Vec::new());
    let written = encoder.write_all(content).and_then(|()| encoder.finish());
    written.expect("memory takes what is written")
}
