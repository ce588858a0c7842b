//! The archives that make up an initramfs, each unpacked.

use std::borrow::Cow;
use std::io::Read;

use super::members::{damaged, members};
use super::{Algorithm, Limits};
use crate::diagnostic::Diagnostic;

/// Memory that one xz decoder may take, enough for the largest preset's dictionary.
const XZ_MEMORY: u64 = 128 << 20;

/// One piece of an initramfs: an uncompressed archive, or one compressed stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Where it starts.
    pub offset: usize,
    /// Bytes it takes there, without zeros behind it.
    pub stored: usize,
    /// How it is compressed.
    pub algorithm: Algorithm,
    /// Its content, unpacked.
    pub bytes: Cow<'a, [u8]>,
}

/// Takes an initramfs apart as the kernel's `unpack_to_rootfs` does: zeros are skipped, `0` at a multiple of four
/// begins an uncompressed archive, anything else must be a compression that zosc knows.
pub fn frames(bytes: &[u8], limits: Limits) -> Result<Vec<Frame<'_>>, Diagnostic> {
    let mut found = Vec::new();
    let mut position = 0;
    let mut unpacked = 0_u64;
    while let Some(rest) = bytes.get(position..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(&[0]) {
            position += rest.iter().take_while(|byte| **byte == 0).count();
            continue;
        }
        let frame = if rest.starts_with(b"0") && position.is_multiple_of(4) {
            let (_, taken) =
                members(rest, limits.entries).map_err(|error| error.note(starts(position)))?;
            Frame {
                offset: position,
                stored: taken,
                algorithm: Algorithm::None,
                bytes: Cow::Borrowed(rest.get(..taken).unwrap_or(rest)),
            }
        } else {
            decompressed(rest, position, limits.bytes.saturating_sub(unpacked))?
        };
        unpacked = unpacked.saturating_add(frame.bytes.len() as u64);
        position += frame.stored;
        found.push(frame);
    }
    if found.is_empty() {
        return Err(not_an_archive(0));
    }
    Ok(found)
}

fn decompressed(bytes: &[u8], offset: usize, most: u64) -> Result<Frame<'_>, Diagnostic> {
    let (algorithm, result) = if bytes.starts_with(b"\xfd7zXZ\0") {
        (Algorithm::Xz, unxz(bytes, most))
    } else if bytes.starts_with(b"\x28\xb5\x2f\xfd") {
        (Algorithm::Zstd, unzstd(bytes, most))
    } else if bytes.starts_with(b"\x1f\x8b") {
        (Algorithm::Gzip, ungzip(bytes, most))
    } else {
        return Err(not_an_archive(offset));
    };
    let (content, rest) =
        result.map_err(|error| damaged(offset, &format!("{} says: {error}", algorithm.name())))?;
    if content.len() as u64 > most {
        return Err(Diagnostic::error(
            "zosc::archive::too-large",
            format!("the archive unpacks to more than {most} bytes"),
        )
        .note(starts(offset))
        .help("if it is not damaged, unpack it with other tools"));
    }
    Ok(Frame {
        offset,
        stored: bytes.len() - rest,
        algorithm,
        bytes: Cow::Owned(content),
    })
}

/// The content of one stream, at most one byte more than `most`, and how many bytes of the input are left.
type Unpacked = std::io::Result<(Vec<u8>, usize)>;

/// Exactly one stream, by hand: the readers of `xz2` take what follows a stream for damage.
fn unxz(bytes: &[u8], most: u64) -> Unpacked {
    let mut stream = xz2::stream::Stream::new_stream_decoder(XZ_MEMORY, 0)?;
    let mut content = Vec::new();
    loop {
        let rest = usize::try_from(stream.total_in())
            .ok()
            .and_then(|taken| bytes.get(taken..))
            .unwrap_or(&[]);
        if content.len() as u64 > most {
            return Ok((content, rest.len()));
        }
        content.reserve(1 << 16);
        let before = (stream.total_in(), stream.total_out());
        let status = stream.process_vec(rest, &mut content, xz2::stream::Action::Run)?;
        if status == xz2::stream::Status::StreamEnd {
            let taken = usize::try_from(stream.total_in()).unwrap_or(bytes.len());
            return Ok((content, bytes.len().saturating_sub(taken)));
        }
        if before == (stream.total_in(), stream.total_out()) {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn unzstd(bytes: &[u8], most: u64) -> Unpacked {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes)?.single_frame();
    let content = bounded(&mut decoder, most)?;
    Ok((content, decoder.finish().len()))
}

fn ungzip(bytes: &[u8], most: u64) -> Unpacked {
    let mut decoder = flate2::bufread::GzDecoder::new(bytes);
    let content = bounded(&mut decoder, most)?;
    Ok((content, decoder.into_inner().len()))
}

fn bounded(reader: &mut dyn Read, most: u64) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    reader
        .take(most.saturating_add(1))
        .read_to_end(&mut content)?;
    Ok(content)
}

fn starts(offset: usize) -> String {
    format!("counted from byte {offset} of the file")
}

fn not_an_archive(offset: usize) -> Diagnostic {
    Diagnostic::error(
        "zosc::archive::not-an-archive",
        format!("there is no archive at byte {offset}"),
    )
    .help("an initramfs is newc CPIO (`070701`), plain or packed with xz, zstd or gzip")
}
