//! The compressions that the kernel unpacks an initramfs with, set so that it can.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xz2::stream::{Check, Filters, LzmaOptions, MtStreamBuilder};

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// Stored as it is.
    None,
    /// gzip at its best level, without name or time.
    Gzip,
    /// xz with a CRC32 check and no branch filter, the only kind that every kernel unpacks.
    Xz {
        /// 0 to 9; more is refused by capping.
        level: u32,
    },
    /// zstd with a checksum and a window of at most 8 MiB.
    Zstd {
        /// 1 to 19; more is capped, since higher levels need more memory at boot.
        level: u32,
    },
}

/// A compression without its settings: what an archive's first bytes tell.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Not compressed.
    None,
    /// gzip.
    Gzip,
    /// xz.
    Xz,
    /// zstd.
    Zstd,
}

impl Algorithm {
    /// The name as the kernel configuration and file names have it; `none` where there is no compression.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }
}

impl Compression {
    /// The compression without its settings.
    pub fn algorithm(self) -> Algorithm {
        match self {
            Self::None => Algorithm::None,
            Self::Gzip => Algorithm::Gzip,
            Self::Xz { .. } => Algorithm::Xz,
            Self::Zstd { .. } => Algorithm::Zstd,
        }
    }
}

/// The largest xz dictionary: the kernel allocates the whole of it while it unpacks.
const LARGEST_DICTIONARY: u64 = 32 << 20;
const SMALLEST_DICTIONARY: u64 = 64 << 10;
/// zstd levels above this need windows that the kernel's documentation warns of.
const HIGHEST_ZSTD_LEVEL: u32 = 19;
/// An xz level may use this many threads; the block size, and so the bytes, do not depend on it.
const MOST_THREADS: usize = 8;

/// Compresses what is written to it into `output`.
pub struct Encoder<W: Write> {
    kind: Kind<W>,
}

enum Kind<W: Write> {
    None(W),
    Gzip(Box<flate2::write::GzEncoder<W>>),
    Xz(Box<xz2::write::XzEncoder<W>>),
    Zstd(Box<zstd::stream::write::Encoder<'static, W>>),
}

impl<W: Write> Encoder<W> {
    /// Begins an archive of exactly `size` bytes before compression.
    ///
    /// The size is part of the result (zstd notes it, and dictionaries are no larger than the data needs), so it must
    /// be true.
    pub fn new(output: W, compression: Compression, size: u64) -> io::Result<Self> {
        let kind = match compression {
            Compression::None => Kind::None(output),
            Compression::Gzip => Kind::Gzip(Box::new(
                flate2::GzBuilder::new()
                    .mtime(0)
                    .operating_system(3)
                    .write(output, flate2::Compression::best()),
            )),
            Compression::Xz { level } => Kind::Xz(Box::new(xz2::write::XzEncoder::new_stream(
                output,
                xz_stream(level.min(9), size)?,
            ))),
            Compression::Zstd { level } => {
                let level = level.clamp(1, HIGHEST_ZSTD_LEVEL);
                let mut encoder = zstd::stream::write::Encoder::new(output, level.cast_signed())?;
                encoder.include_checksum(true)?;
                encoder.long_distance_matching(false)?;
                encoder.set_pledged_src_size(Some(size))?;
                Kind::Zstd(Box::new(encoder))
            }
        };
        Ok(Self { kind })
    }

    /// Writes what is left and gives the output back.
    pub fn finish(self) -> io::Result<W> {
        match self.kind {
            Kind::None(output) => Ok(output),
            Kind::Gzip(encoder) => encoder.finish(),
            Kind::Xz(encoder) => encoder.finish(),
            Kind::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.kind {
            Kind::None(output) => output.write(bytes),
            Kind::Gzip(encoder) => encoder.write(bytes),
            Kind::Xz(encoder) => encoder.write(bytes),
            Kind::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        // Flushing a compressor would end a block early and so make the bytes depend on when it is called.
        match &mut self.kind {
            Kind::None(output) => output.flush(),
            Kind::Gzip(_) | Kind::Xz(_) | Kind::Zstd(_) => Ok(()),
        }
    }
}

/// An xz encoder whose bytes depend on level and size only.
///
/// Always liblzma's block encoder with a fixed block size, whatever the number of threads: blocks are compressed
/// independently, so one thread and eight write the same.
fn xz_stream(level: u32, size: u64) -> io::Result<xz2::stream::Stream> {
    xz_stream_on(level, size, threads())
}

pub(super) fn xz_stream_on(level: u32, size: u64, threads: u32) -> io::Result<xz2::stream::Stream> {
    let dictionary = dictionary_size(level, size);
    let mut options = LzmaOptions::new_preset(level)?;
    options.dict_size(dictionary as u32);
    let mut filters = Filters::new();
    filters.lzma2(&options);
    MtStreamBuilder::new()
        .threads(threads)
        .block_size(dictionary * 3)
        .filters(filters)
        .check(Check::Crc32)
        .encoder()
        .map_err(io::Error::from)
}

/// The dictionary of liblzma's preset, no larger than the data needs and the kernel should allocate.
fn dictionary_size(level: u32, size: u64) -> u64 {
    const PRESETS: [u64; 10] = [
        1 << 18,
        1 << 20,
        2 << 20,
        4 << 20,
        4 << 20,
        8 << 20,
        8 << 20,
        16 << 20,
        32 << 20,
        64 << 20,
    ];
    let preset = PRESETS[(level as usize).min(9)];
    let enough = size
        .checked_next_power_of_two()
        .unwrap_or(LARGEST_DICTIONARY)
        .max(SMALLEST_DICTIONARY);
    preset.min(LARGEST_DICTIONARY).min(enough)
}

fn threads() -> u32 {
    std::thread::available_parallelism()
        .map_or(1, std::num::NonZero::get)
        .min(MOST_THREADS) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compress(bytes: &[u8], compression: Compression) -> Vec<u8> {
        let mut encoder =
            Encoder::new(Vec::new(), compression, bytes.len() as u64).expect("begins");
        encoder.write_all(bytes).expect("writes");
        encoder.finish().expect("finishes")
    }

    fn mixed(size: usize) -> Vec<u8> {
        let mut state = 1_u32;
        (0..size)
            .map(|index| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if index % 3 == 0 {
                    (state >> 24) as u8
                } else {
                    b'a'
                }
            })
            .collect()
    }

    #[test]
    fn the_number_of_threads_does_not_change_the_bytes() {
        let bytes = mixed(3 << 20);
        let on = |threads| {
            let stream = xz_stream_on(0, bytes.len() as u64, threads).expect("an encoder");
            let mut encoder = xz2::write::XzEncoder::new_stream(Vec::new(), stream);
            encoder.write_all(&bytes).expect("writes");
            encoder.finish().expect("finishes")
        };
        let one = on(1);
        assert_eq!(one, on(2));
        assert_eq!(one, on(5));
    }

    #[test]
    fn xz_carries_a_crc32_check() {
        // The .xz file format, 2.1.1.2: stream flags follow the six magic bytes; 1 is CRC32.
        let bytes = compress(b"hello", Compression::Xz { level: 9 });
        assert_eq!(&bytes[..8], b"\xfd7zXZ\0\0\x01");
    }

    #[test]
    fn zstd_notes_checksum_and_size_and_keeps_its_window_small() {
        // RFC 8878, 3.1.1.1: the third bit of the frame header descriptor is the checksum flag.
        let bytes = compress(&mixed(1 << 20), Compression::Zstd { level: 22 });
        assert_eq!(&bytes[..4], b"\x28\xb5\x2f\xfd");
        assert_eq!(bytes[4] & 4, 4);
        assert_eq!(
            bytes,
            compress(&mixed(1 << 20), Compression::Zstd { level: 19 })
        );
    }

    #[test]
    fn gzip_carries_no_time_and_no_name() {
        let bytes = compress(b"hello", Compression::Gzip);
        // RFC 1952, 2.3: flags, then four bytes of time.
        assert_eq!(bytes[3..8], [0; 5]);
    }

    #[test]
    fn how_bytes_come_in_does_not_change_what_goes_out() {
        let bytes = mixed(300_000);
        for compression in [
            Compression::Gzip,
            Compression::Xz { level: 6 },
            Compression::Zstd { level: 3 },
        ] {
            let mut encoder =
                Encoder::new(Vec::new(), compression, bytes.len() as u64).expect("begins");
            for piece in bytes.chunks(977) {
                encoder.write_all(piece).expect("writes");
                encoder.flush().expect("flushes");
            }
            assert_eq!(
                encoder.finish().expect("finishes"),
                compress(&bytes, compression)
            );
        }
    }
}
