//! A tree as a compressed archive.

use std::io::{self, Cursor, Read, Seek, Write};

use super::newc::TRAILER_SIZE;
use super::{Archive, Compression, Encoder, LostAttribute, Piece, write_failed, xz};
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
    /// Extended attributes that the format cannot hold, in the archive's order.
    pub lost: Vec<LostAttribute>,
}

/// Writes a tree as one compressed archive, padded with zeros to a multiple of four bytes so that another can follow.
///
/// Times later than `epoch` (seconds since 1970) become `epoch`. One piece after another; what is compressed stays in memory.
pub fn pack(
    tree: &Tree,
    store: &Store,
    epoch: u64,
    compression: Compression,
    output: &mut dyn Write,
) -> Result<Packed, Diagnostic> {
    let archive = Archive::new(tree, epoch)?;
    let mut files = Vec::new();
    for piece in archive.pieces(compression) {
        let mut packed = Vec::new();
        pack_piece(&archive, &piece, compression, 1, store, &mut packed)?;
        files.push(Ok(Cursor::new(packed)));
    }
    Ok(Packed {
        entries: archive.entries(),
        unpacked: archive.size(),
        bytes: join(compression, archive.size(), files.into_iter(), output)?,
        lost: archive.lost(),
    })
}

/// Compresses one piece of an archive, with this many threads where the compression has a use for them.
///
/// The bytes depend on the piece alone, and are an archive only once [`join`] has joined it to the others. Memory stays bounded by the compressor's
/// own needs.
pub fn pack_piece(
    archive: &Archive,
    piece: &Piece,
    compression: Compression,
    threads: u32,
    store: &Store,
    output: &mut dyn Write,
) -> Result<(), Diagnostic> {
    let failed = |error: io::Error| write_failed(&error);
    if let Compression::Xz { level } = compression {
        let mut seen = Vec::new();
        archive.write(&piece.seen, store, &mut seen)?;
        let part = xz::Part::new(output, level, piece.size(), seen);
        let mut part = part.map_err(failed)?;
        archive.write(&piece.range, store, &mut part)?;
        return part.finish().map_err(failed);
    }
    let counted = Counted { output, bytes: 0 };
    let encoder = Encoder::on_threads(counted, compression, piece.size(), threads);
    let mut encoder = encoder.map_err(failed)?;
    archive.write(&piece.range, store, &mut encoder)?;
    let finished = encoder.finish().and_then(|mut counted| {
        let missing = counted.bytes.next_multiple_of(4) - counted.bytes;
        counted.write_all(&[0; 3][..missing as usize])?;
        counted.flush()
    });
    finished.map_err(failed)
}

struct Counted<'a> {
    output: &'a mut dyn Write,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.output.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Joins the compressed pieces of an archive of `size` bytes, which are opened one after another, and returns the bytes written: a multiple of four.
pub fn join<R: Read + Seek>(
    compression: Compression,
    size: u64,
    mut pieces: impl Iterator<Item = Result<R, Diagnostic>>,
    output: &mut dyn Write,
) -> Result<u64, Diagnostic> {
    let failed = |error: io::Error| write_failed(&error);
    if let Some(bounds) = compression.bounds() {
        let window = bounds.seen + bounds.most + TRAILER_SIZE;
        let window = window.min(size);
        let mut joint = xz::Joint::new(output, window).map_err(failed)?;
        for piece in pieces {
            joint.add(&mut piece?).map_err(failed)?;
        }
        return joint.finish().map_err(failed);
    }
    pieces.try_fold(0, |bytes, piece| {
        Ok(bytes + io::copy(&mut piece?, output).map_err(failed)?)
    })
}
