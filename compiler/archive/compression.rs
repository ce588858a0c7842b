//! The compressions that the kernel unpacks an initramfs with, set so that it can.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xz2::stream::{Check, Filters, LzmaOptions, Stream};

use super::pieces::Bounds;

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

    /// The bounds of pieces that are compressed by themselves, small enough that a few changed files cost little and that several
    /// processors have something to do; `None` where pieces cannot become one stream again.
    ///
    /// Measured with packages of Alpine at level 6: pieces of 1.75 MiB that have seen as much become smaller than pieces of 8 MiB that
    /// have seen nothing, and take about as long. To see more makes archives smaller and takes longer.
    pub(super) fn bounds(self) -> Option<Bounds> {
        let Self::Xz { level } = self else {
            return None;
        };
        let dictionary = dictionary_size(level, LARGEST_DICTIONARY);
        Some(Bounds {
            least: (dictionary / 8).max(SMALLEST_PIECE),
            most: (dictionary / 16 * 5).max(SMALLEST_PIECE / 2 * 5),
            seen: (dictionary / 32 * 7)
                .max(SMALLEST_PIECE / 2)
                .min(dictionary),
        })
    }

    /// About how much memory one thread takes that compresses so many bytes.
    pub fn memory(self, size: u64) -> u64 {
        const OVERHEAD: u64 = 8 << 20;
        match self {
            Self::None | Self::Gzip => OVERHEAD,
            // Match finders of the presets take up to 11.5 times what they look back over; what was seen is copied once.
            Self::Xz { .. } => {
                let window = self.bounds().map_or(0, |bounds| {
                    size.saturating_add(bounds.seen)
                        .min(bounds.most + bounds.seen)
                });
                window * 25 / 2 + OVERHEAD
            }
            // A window of at most 8 MiB, its tables, and the job that is being filled.
            Self::Zstd { .. } => size.saturating_mul(12).clamp(OVERHEAD, 96 << 20) + 2 * JOB,
        }
    }

    /// How many threads at most can share the work on so many bytes.
    pub fn most_threads(self, size: u64) -> u32 {
        match self {
            Self::Zstd { .. } => size.div_ceil(JOB).clamp(1, 64) as u32,
            Self::None | Self::Gzip | Self::Xz { .. } => 1,
        }
    }
}

/// The largest xz dictionary: the kernel allocates the whole of it while it unpacks.
pub(super) const LARGEST_DICTIONARY: u64 = 32 << 20;
const SMALLEST_DICTIONARY: u64 = 64 << 10;
/// zstd levels above this need windows that the kernel's documentation warns of.
const HIGHEST_ZSTD_LEVEL: u32 = 19;
/// Below this, pieces are too many and each says too little of what comes next.
const SMALLEST_PIECE: u64 = 1 << 20;
/// What one zstd thread compresses at a time: it decides about the bytes, so it depends on nothing.
const JOB: u64 = 16 << 20;

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
            Compression::Xz { level } => {
                let mut options = LzmaOptions::new_preset(level.min(9))?;
                options.dict_size(dictionary_size(level, size) as u32);
                let mut filters = Filters::new();
                filters.lzma2(&options);
                let stream = Stream::new_stream_encoder(&filters, Check::Crc32)?;
                Kind::Xz(Box::new(xz2::write::XzEncoder::new_stream(output, stream)))
            }
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

    /// As [`Encoder::new`], with this many threads where the compression has a use for them; their number changes no byte.
    pub fn on_threads(
        output: W,
        compression: Compression,
        size: u64,
        threads: u32,
    ) -> io::Result<Self> {
        let mut encoder = Self::new(output, compression, size)?;
        if let Kind::Zstd(zstd) = &mut encoder.kind {
            zstd.multithread(threads.max(1))?;
            zstd.set_parameter(zstd::zstd_safe::CParameter::JobSize(JOB as u32))?;
        }
        Ok(encoder)
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
        let bytes = mixed(40 << 20);
        let on = |threads, piece: usize| {
            let compression = Compression::Zstd { level: 1 };
            let size = bytes.len() as u64;
            let mut encoder =
                Encoder::on_threads(Vec::new(), compression, size, threads).expect("begins");
            for piece in bytes.chunks(piece) {
                encoder.write_all(piece).expect("writes");
            }
            encoder.finish().expect("finishes")
        };
        let one = on(1, 1 << 16);
        assert_eq!(one, on(2, 1 << 20));
        assert_eq!(one, on(5, 77_777));
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
