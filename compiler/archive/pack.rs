//! A tree as a compressed archive.

use std::io::Write;

use super::{Compression, Encoder, LostAttribute, newc_size, write_failed, write_newc};
use crate::diagnostic::Diagnostic;
use crate::tree::{Store, Tree};

/// What was packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Entries, without the trailer.
    pub entries: u64,
    /// Bytes before compression.
    pub unpacked: u64,
    /// Bytes written, a multiple of four.
    pub bytes: u64,
    /// Extended attributes that the format cannot hold, in path order.
    pub lost: Vec<LostAttribute>,
}

/// Writes a tree as one compressed archive, padded with zeros to a multiple of four bytes so that another can follow.
///
/// Times later than `epoch` (seconds since 1970) become `epoch`. Memory stays bounded by the compressor's own needs.
pub fn pack(
    tree: &Tree,
    store: &Store,
    epoch: u64,
    compression: Compression,
    output: &mut dyn Write,
) -> Result<Packed, Diagnostic> {
    let failed = |error: std::io::Error| write_failed(&error);
    let size = newc_size(tree)?;
    let counted = Counted { output, bytes: 0 };
    let mut encoder = Encoder::new(counted, compression, size).map_err(failed)?;
    let written = write_newc(tree, store, epoch, &mut encoder)?;
    let mut counted = encoder.finish().map_err(failed)?;
    let missing = (4 - counted.bytes % 4) % 4;
    counted
        .write_all(&[0; 3][..missing as usize])
        .map_err(failed)?;
    counted.flush().map_err(failed)?;
    Ok(Packed {
        entries: written.entries,
        unpacked: written.bytes,
        bytes: counted.bytes,
        lost: written.lost,
    })
}

struct Counted<'a> {
    output: &'a mut dyn Write,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.output.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.output.flush()
    }
}
