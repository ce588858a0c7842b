//! Joining .xz files of one block each to one stream of several ("The .xz File Format", 1.1).
//!
//! liblzma makes the same of several blocks when it compresses them itself, with a fixed number of threads that it starts.

use std::io::{self, Read, Seek, SeekFrom, Write};

/// Magic and flags: no more than a CRC32 check.
const START: [u8; 8] = *b"\xfd7zXZ\0\0\x01";
/// Flags and magic.
const END: [u8; 4] = *b"\0\x01YZ";
/// Bytes of the header, and of the footer.
const EDGE: u64 = 12;

/// Where a file's block is, and what the index says of it.
struct Block {
    end: u64,
    /// Its true size and that of its content.
    sizes: [u64; 2],
}

/// A stream of several blocks, to which files are added one after another.
pub(super) struct Joint<'a> {
    output: &'a mut dyn Write,
    written: u64,
    /// What the index says of the blocks.
    sizes: Vec<[u64; 2]>,
}

impl<'a> Joint<'a> {
    /// Begins a stream.
    pub(super) fn new(output: &'a mut dyn Write) -> io::Result<Self> {
        output.write_all(&START)?;
        output.write_all(&crc32(&START[6..]))?;
        Ok(Self {
            output,
            written: EDGE,
            sizes: Vec::new(),
        })
    }

    /// Adds a file, which must be a stream of one block, as the encoder writes it.
    pub(super) fn add(&mut self, file: &mut (impl Read + Seek)) -> io::Result<()> {
        let block = block(file)?;
        file.seek(SeekFrom::Start(EDGE))?;
        let copied = io::copy(&mut file.take(block.end - EDGE), self.output)?;
        if copied != block.end - EDGE {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.written += copied;
        self.sizes.push(block.sizes);
        Ok(())
    }

    /// Ends the stream, and returns the bytes written.
    pub(super) fn finish(self) -> io::Result<u64> {
        let mut index = vec![0];
        index.extend(number(self.sizes.len() as u64));
        index.extend(self.sizes.into_iter().flatten().flat_map(number));
        index.resize(index.len().next_multiple_of(4), 0);
        index.extend(crc32(&index));
        let length = (index.len() / 4 - 1) as u32;
        let footer = [&length.to_le_bytes()[..], &END[..2]].concat();
        self.output.write_all(&index)?;
        self.output.write_all(&crc32(&footer))?;
        self.output.write_all(&footer)?;
        self.output.write_all(&END[2..])?;
        Ok(self.written + index.len() as u64 + EDGE)
    }
}

/// Reads a file's index, which stands before its footer.
fn block<R: Read + Seek>(file: &mut R) -> io::Result<Block> {
    let damaged = || io::Error::from(io::ErrorKind::InvalidData);
    let size = file.seek(SeekFrom::End(0))?;
    let footer = size.checked_sub(EDGE).ok_or_else(damaged)?;
    let mut bytes = [0; EDGE as usize];
    file.seek(SeekFrom::Start(footer))?;
    file.read_exact(&mut bytes)?;
    let [_, _, _, _, a, b, c, d, ..] = bytes;
    let length = (u64::from(u32::from_le_bytes([a, b, c, d])) + 1) * 4;
    let end = footer.checked_sub(length).filter(|end| *end >= EDGE);
    let end = end
        .filter(|_| bytes.ends_with(&END) && length <= 64)
        .ok_or_else(damaged)?;
    let mut index = vec![0; length as usize];
    file.seek(SeekFrom::Start(end))?;
    file.read_exact(&mut index)?;
    let Some(mut rest) = index.strip_prefix(&[0, 1]) else {
        return Err(damaged());
    };
    let mut next = || read_number(&mut rest).ok_or_else(damaged);
    let sizes = [next()?, next()?];
    Ok(Block { end, sizes })
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

fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn crc32(bytes: &[u8]) -> [u8; 4] {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::{Compression, Encoder};
    use super::*;

    fn file(bytes: &[u8]) -> Cursor<Vec<u8>> {
        let compression = Compression::Xz { level: 3 };
        let mut encoder =
            Encoder::new(Vec::new(), compression, bytes.len() as u64).expect("begins");
        encoder.write_all(bytes).expect("writes");
        Cursor::new(encoder.finish().expect("finishes"))
    }

    fn join(files: &mut [Cursor<Vec<u8>>], output: &mut dyn Write) -> io::Result<u64> {
        let mut joint = Joint::new(output)?;
        for file in files {
            joint.add(file)?;
        }
        joint.finish()
    }

    #[test]
    fn several_files_become_one_stream() {
        let contents = [vec![7; 100_000], b"between".to_vec(), (0..=255).collect()];
        let mut files = contents.clone().map(|content| file(&content));
        let mut bytes = Vec::new();
        let written = join(&mut files, &mut bytes).expect("joins");
        assert_eq!(written, bytes.len() as u64);
        // A decoder of one stream reads index and footer as well, and wants nothing behind them.
        let mut stream = xz2::stream::Stream::new_stream_decoder(1 << 30, 0).expect("a decoder");
        let mut unpacked = Vec::with_capacity(1 << 20);
        let status = stream.process_vec(&bytes, &mut unpacked, xz2::stream::Action::Finish);
        assert_eq!(status.expect("reads"), xz2::stream::Status::StreamEnd);
        assert_eq!(stream.total_in(), written);
        assert_eq!(unpacked, contents.concat());
    }

    #[test]
    fn one_file_stays_the_same() {
        let mut bytes = Vec::new();
        let only = file(b"alone");
        join(&mut [only.clone()], &mut bytes).expect("joins");
        assert_eq!(bytes, only.into_inner());
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        let whole = file(b"content").into_inner();
        for cut in [0, 1, 11, 12, 30, whole.len() - 1] {
            let mut files = [Cursor::new(whole[..cut].to_vec())];
            assert!(join(&mut files, &mut io::sink()).is_err(), "{cut} bytes");
        }
    }
}
