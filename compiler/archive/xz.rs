//! Writing .xz files ("The .xz File Format", 1.1) of one block that was compressed in parts.
//!
//! LZMA2 cuts its data into chunks, and a chunk may go on with the dictionary that the chunks before it have left
//! ("LZMA2" in XZ Utils' `lzma2_encoder.c` and in the kernel's `lib/xz/xz_dec_lzma2.c`). So a part whose compressor
//! is given the bytes before it as its dictionary can stand behind any chunks that yield these bytes.

use std::io::{self, Read, Seek, SeekFrom, Write};

use crc32fast::Hasher;
use lzma_rust2::{Lzma2Options, Lzma2Writer};

/// Magic and flags: no more than a CRC32 check.
const START: [u8; 8] = *b"\xfd7zXZ\0\0\x01";
/// Flags and magic.
const END: [u8; 4] = *b"\0\x01YZ";
/// Bytes of the stream's header, of its footer, and of the header of a block with one filter.
const EDGE: u64 = 12;
/// What stands behind the last chunk.
const NO_MORE_CHUNKS: u8 = 0;
/// Behind the chunks of a part: their end, the CRC32 of the content, and its size.
const TAIL: u64 = 1 + 4 + 8;
/// The least dictionary.
const SMALLEST_WINDOW: u64 = 4096;

/// Compresses a part: LZMA2 chunks, their end, and what the block has to know of the content.
pub(super) struct Part<'a> {
    chunks: Lzma2Writer<&'a mut dyn Write>,
    content: Hasher,
    size: u64,
}

impl<'a> Part<'a> {
    /// Begins a part of `size` bytes at a level of 0 to 9, behind bytes that have been `seen`.
    pub(super) fn new(
        output: &'a mut dyn Write,
        level: u32,
        size: u64,
        seen: Vec<u8>,
    ) -> io::Result<Self> {
        let window = (seen.len() as u64 + size).max(SMALLEST_WINDOW);
        let mut options = Lzma2Options::with_preset(level.min(9));
        options.lzma_options.dict_size =
            u32::try_from(window).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        if !seen.is_empty() {
            options.lzma_options.preset_dict = Some(seen);
        }
        Ok(Self {
            chunks: Lzma2Writer::new(output, options),
            content: Hasher::new(),
            size: 0,
        })
    }

    /// Ends the part.
    pub(super) fn finish(self) -> io::Result<()> {
        let output = self.chunks.finish()?;
        output.write_all(&self.content.finalize().to_le_bytes())?;
        output.write_all(&self.size.to_le_bytes())?;
        output.flush()
    }
}

impl Write for Part<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.chunks.write(bytes)?;
        self.content.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        // To flush the compressor would end a chunk early and so make the bytes depend on when it is called.
        Ok(())
    }
}

/// A stream of one block, to which parts are added one after another.
pub(super) struct Joint<'a> {
    output: &'a mut dyn Write,
    /// Bytes of the block so far, with its header.
    written: u64,
    content: Hasher,
    size: u64,
}

impl<'a> Joint<'a> {
    /// Begins a stream whose parts reach back over at most `window` bytes, their own among them.
    pub(super) fn new(output: &'a mut dyn Write, window: u64) -> io::Result<Self> {
        output.write_all(&START)?;
        output.write_all(&crc32(&START[6..]))?;
        // Size in words less one, one filter, LZMA2, the length of its properties, the dictionary, padding (3.1).
        let header = [EDGE as u8 / 4 - 1, 0, 0x21, 1, dictionary(window), 0, 0, 0];
        output.write_all(&header)?;
        output.write_all(&crc32(&header))?;
        Ok(Self {
            output,
            written: EDGE,
            content: Hasher::new(),
            size: 0,
        })
    }

    /// Adds a part, as [`Part`] has written it.
    pub(super) fn add(&mut self, part: &mut (impl Read + Seek)) -> io::Result<()> {
        let damaged = || io::Error::from(io::ErrorKind::InvalidData);
        let length = part.seek(SeekFrom::End(0))?;
        let chunks = length.checked_sub(TAIL).ok_or_else(damaged)?;
        let mut tail = [0; TAIL as usize];
        part.seek(SeekFrom::Start(chunks))?;
        part.read_exact(&mut tail)?;
        let [NO_MORE_CHUNKS, a, b, c, d, size @ ..] = tail else {
            return Err(damaged());
        };
        let size = u64::from_le_bytes(size);
        let content = Hasher::new_with_initial_len(u32::from_le_bytes([a, b, c, d]), size);
        part.seek(SeekFrom::Start(0))?;
        if io::copy(&mut part.take(chunks), self.output)? != chunks {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.content.combine(&content);
        self.written += chunks;
        self.size += size;
        Ok(())
    }

    /// Ends the stream, and returns the bytes written.
    pub(super) fn finish(self) -> io::Result<u64> {
        self.output.write_all(&[NO_MORE_CHUNKS])?;
        let unpadded = self.written + 1 + 4;
        let padding = (self.written + 1).next_multiple_of(4) - self.written - 1;
        self.output.write_all(&[0; 3][..padding as usize])?;
        self.output
            .write_all(&self.content.finalize().to_le_bytes())?;
        let mut index = vec![0];
        let numbers = [1, unpadded, self.size];
        index.extend(numbers.into_iter().flat_map(number));
        index.resize(index.len().next_multiple_of(4), 0);
        index.extend(crc32(&index));
        let length = (index.len() / 4 - 1) as u32;
        let footer = [&length.to_le_bytes()[..], &END[..2]].concat();
        self.output.write_all(&index)?;
        self.output.write_all(&crc32(&footer))?;
        self.output.write_all(&footer)?;
        self.output.write_all(&END[2..])?;
        Ok(EDGE + unpadded + padding + index.len() as u64 + EDGE)
    }
}

/// The least dictionary of so many bytes that can be told: 2 or 3 times a power of two (5.3.1).
fn dictionary(window: u64) -> u8 {
    let size = |bits: u8| u64::from(2 | bits & 1) << (bits / 2 + 11);
    (0..40).find(|bits| size(*bits) >= window).unwrap_or(40)
}

/// A number, seven bits a byte, the lowest first ("Multibyte Integers", 1.2).
fn number(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn crc32(bytes: &[u8]) -> [u8; 4] {
    crc32fast::hash(bytes).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn part(seen: &[u8], bytes: &[u8]) -> Cursor<Vec<u8>> {
        let mut packed = Vec::new();
        let size = bytes.len() as u64;
        let mut part = Part::new(&mut packed, 3, size, seen.to_vec()).expect("begins");
        for piece in bytes.chunks(977) {
            part.write_all(piece).expect("writes");
            part.flush().expect("flushes");
        }
        part.finish().expect("finishes");
        Cursor::new(packed)
    }

    /// Parts that have each seen so many of the bytes before them, as one stream.
    fn joined(parts: &[&[u8]], seen: usize) -> Vec<u8> {
        let whole = parts.concat();
        let mut bytes = Vec::new();
        let mut joint = Joint::new(&mut bytes, whole.len() as u64).expect("begins");
        let mut start = 0;
        for content in parts {
            let before = &whole[start - seen.min(start)..start];
            joint.add(&mut part(before, content)).expect("adds");
            start += content.len();
        }
        let written = joint.finish().expect("finishes");
        assert_eq!(written, bytes.len() as u64);
        assert_eq!(written % 4, 0);
        bytes
    }

    /// What a decoder of one stream reads, which looks at checks, index and footer as well and wants nothing behind them.
    fn unpacked(bytes: &[u8], size: usize) -> Vec<u8> {
        let mut stream = xz2::stream::Stream::new_stream_decoder(1 << 30, 0).expect("a decoder");
        let mut unpacked = Vec::with_capacity(size + 1);
        let status = stream.process_vec(bytes, &mut unpacked, xz2::stream::Action::Finish);
        assert_eq!(status.expect("reads"), xz2::stream::Status::StreamEnd);
        assert_eq!(stream.total_in(), bytes.len() as u64);
        unpacked
    }

    #[test]
    fn what_was_seen_is_not_told_again() {
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(100_000)
        .collect();
        let parts = [&noise[..], &noise[..]];
        let size = 2 * noise.len();
        assert_eq!(unpacked(&joined(&parts, 0), size), parts.concat());
        assert!(joined(&parts, 0).len() > 200_000);
        let known = joined(&parts, noise.len());
        assert_eq!(unpacked(&known, size), parts.concat());
        assert!(known.len() < 102_000, "{} bytes", known.len());
    }

    #[test]
    fn a_stream_of_nothing_is_one() {
        assert_eq!(unpacked(&joined(&[], 0), 0), b"");
        assert_eq!(unpacked(&joined(&[b""], 0), 0), b"");
    }

    #[test]
    fn a_dictionary_is_at_least_as_large_as_what_it_is_for() {
        for (window, bits) in [(0, 0), (4096, 0), (4097, 1), (6144, 1), (8 << 20, 22)] {
            assert_eq!(dictionary(window), bits, "{window}");
        }
        assert_eq!(dictionary(u64::from(u32::MAX)), 40);
    }

    #[test]
    fn what_is_no_part_is_refused() {
        let whole = part(b"", b"content").into_inner();
        for cut in [0, 1, 12, whole.len() - 1] {
            let mut sink = io::sink();
            let mut joint = Joint::new(&mut sink, 8).expect("begins");
            let mut cut_short = Cursor::new(whole[..cut].to_vec());
            assert!(joint.add(&mut cut_short).is_err(), "{cut} bytes");
        }
    }

    proptest! {
        #[test]
        fn parts_are_what_they_were(
            parts in prop::collection::vec(prop::collection::vec(0_u8..4, 0..3000), 0..6),
            seen in 0_usize..5000,
        ) {
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let whole = parts.concat();
            prop_assert_eq!(unpacked(&joined(&parts, seen), whole.len()), whole);
        }
    }
}
