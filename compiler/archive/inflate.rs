//! Packed streams, unpacked as the endings of their names say.

use std::io::{self, BufRead, Read};

use super::Algorithm;

/// Most memory that a decompressor may take.
const MEMORY: u64 = 512 << 20;

impl Algorithm {
    /// How a file with this name is packed; a name with another ending says nothing of that.
    pub fn of_name(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
        if ends(&[".gz", ".tgz", ".crate"]) {
            Some(Self::Gzip)
        } else if ends(&[".xz", ".txz"]) {
            Some(Self::Xz)
        } else if ends(&[".zst", ".tzst"]) {
            Some(Self::Zstd)
        } else {
            ends(&[".tar"]).then_some(Self::None)
        }
    }

    /// What a stream holds that is packed so, in bounded memory.
    ///
    /// # Errors
    /// A decompressor cannot be made.
    pub fn unpacked<'r>(self, packed: impl BufRead + 'r) -> io::Result<Box<dyn Read + 'r>> {
        Ok(match self {
            Self::None => Box::new(packed),
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
            Self::Xz => {
                let flags = xz2::stream::CONCATENATED;
                let stream = xz2::stream::Stream::new_stream_decoder(MEMORY, flags)?;
                Box::new(xz2::bufread::XzDecoder::new_stream(packed, stream))
            }
            Self::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(packed)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_tells_how_a_stream_is_packed() {
        for (name, algorithm) in [
            ("linux-6.12.tar.xz", Some(Algorithm::Xz)),
            ("TOOL.TGZ", Some(Algorithm::Gzip)),
            ("zinit-1.0.crate", Some(Algorithm::Gzip)),
            ("data.tar.zst", Some(Algorithm::Zstd)),
            ("root.tar", Some(Algorithm::None)),
            ("root.tar.bz2", None),
            ("tar", None),
        ] {
            assert_eq!(Algorithm::of_name(name), algorithm, "{name}");
        }
    }
}
