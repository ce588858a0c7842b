//! Splitting an archive into its gzip members.
//!
//! An `.apk` is two or three gzip members end to end, and its hashes cover the *compressed* bytes of one member
//! each. A [`Members`] inflates one member at a time, never reads past its last byte, and hashes what it consumes.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use sha1::Digest as _;

use super::checksum::Checksum;
use super::fault::Fault;
use crate::tree::{Digest, Hasher};

/// The members of an archive, one after the other.
pub(super) struct Members<R> {
    source: Metered<R>,
}

/// What one member's compressed bytes hash to.
pub(super) struct MemberHashes {
    pub(super) checksum: Checksum,
    pub(super) digest: Digest,
    /// The compressed bytes, where they were asked for.
    pub(super) bytes: Vec<u8>,
}

impl<R: Read> Members<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source: Metered {
                inner: BufReader::with_capacity(1 << 16, source),
                checksum: sha1::Sha1::new(),
                digest: Hasher::new(),
                consumed: 0,
                kept: None,
            },
        }
    }

    /// Whether every byte has been consumed.
    pub(super) fn at_end(&mut self) -> Result<bool, Fault> {
        Ok(self.source.fill_buf()?.is_empty())
    }

    /// How many compressed bytes have been consumed.
    pub(super) fn consumed(&self) -> u64 {
        self.source.consumed
    }

    /// Hands the next member's content to `read`, at most `limit` bytes of it, and hashes the member whole.
    ///
    /// What `read` leaves is inflated and dropped, so that the checks of gzip itself are made.
    pub(super) fn next<T>(
        &mut self,
        limit: u64,
        keep: Keep,
        read: impl FnOnce(&mut dyn Read) -> Result<T, Fault>,
    ) -> Result<(T, MemberHashes), Fault> {
        self.source.checksum = sha1::Sha1::new();
        self.source.digest = Hasher::new();
        self.source.kept = (keep == Keep::Bytes).then(Vec::new);
        if self.at_end()? {
            return Err(Fault::Truncated);
        }
        let mut content = Bounded {
            inner: GzDecoder::new(&mut self.source),
            left: limit,
        };
        let result = read(&mut content).and_then(|value| {
            io::copy(&mut content, &mut io::sink())?;
            Ok(value)
        });
        let value = result.map_err(|fault| match fault {
            Fault::Unreadable(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                Fault::TooLarge(limit)
            }
            fault => fault,
        })?;
        let source = &mut self.source;
        let hashes = MemberHashes {
            checksum: Checksum::from_bytes(std::mem::take(&mut source.checksum).finalize().into()),
            digest: std::mem::take(&mut source.digest).finish(),
            bytes: source.kept.take().unwrap_or_default(),
        };
        Ok((value, hashes))
    }
}

/// Whether a member's compressed bytes are wanted afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Only their hashes.
    Hashes,
    /// The bytes too: signatures are checked over them.
    Bytes,
}

/// A reader that hashes what is consumed from it.
struct Metered<R> {
    inner: BufReader<R>,
    checksum: sha1::Sha1,
    digest: Hasher,
    consumed: u64,
    kept: Option<Vec<u8>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Metered<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        let buffered = self.inner.buffer();
        let bytes = buffered.get(..count).unwrap_or(buffered);
        self.checksum.update(bytes);
        self.digest.update(bytes);
        self.consumed += bytes.len() as u64;
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(bytes);
        }
        self.inner.consume(count);
    }
}

/// A reader that fails with `FileTooLarge` once more than `left` bytes have come out.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).expect("into memory");
        encoder.finish().expect("into memory")
    }

    fn all(reader: &mut dyn Read) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn members_are_split_and_hashed_apart() {
        let (first, second) = (gzip(b"one"), gzip(b"two"));
        let archive = [first.clone(), second.clone()].concat();
        let mut members = Members::new(archive.as_slice());
        let (content, hashes) = members.next(9, Keep::Bytes, all).expect("first");
        assert_eq!((content.as_slice(), &hashes.bytes), (&b"one"[..], &first));
        assert_eq!(hashes.checksum, Checksum::of(&first));
        let ((), hashes) = members.next(9, Keep::Hashes, |_| Ok(())).expect("second");
        assert_eq!(hashes.digest, Digest::of(&second));
        assert!(members.at_end().expect("readable"));
        assert_eq!(members.consumed(), archive.len() as u64);
    }

    #[test]
    fn inflating_stops_at_the_limit() {
        let archive = gzip(&vec![0; 1 << 20]);
        let fault = Members::new(archive.as_slice()).next(1000, Keep::Hashes, |_| Ok(()));
        assert!(matches!(fault, Err(Fault::TooLarge(1000))));
    }

    #[test]
    fn a_cut_or_damaged_member_is_refused() {
        let archive = gzip(&[7; 5000]);
        for length in 0..archive.len() {
            let fault = Members::new(&archive[..length]).next(1 << 20, Keep::Hashes, all);
            assert!(matches!(fault, Err(Fault::Truncated)), "{length}");
        }
        let mut damaged = archive.clone();
        let crc = damaged.len() - 6;
        damaged[crc] ^= 1;
        let fault = Members::new(damaged.as_slice()).next(1 << 20, Keep::Hashes, all);
        assert!(matches!(fault, Err(Fault::Malformed(_))));
    }
}
