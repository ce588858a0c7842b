//! Splitting an archive into its gzip members.
//!
//! An `.apk` is two or three gzip members end to end, and its hashes cover the *compressed* bytes of one member
//! each. A [`Members`] inflates one member at a time, never reads past its last byte, and shows what it consumes to a
//! [`Meter`]: each member is hashed with what counts for it, and with nothing else.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use sha1::Digest as _;

use super::fault::Fault;
use crate::tree::Hasher;

/// The members of an archive, one after the other.
pub(super) struct Members<R> {
    source: BufReader<R>,
    consumed: u64,
}

/// Takes note of a member's compressed bytes.
pub(super) trait Meter: Default {
    /// Takes the next piece.
    fn take(&mut self, bytes: &[u8]);
}

/// Nothing is asked about the bytes.
impl Meter for () {
    fn take(&mut self, _: &[u8]) {}
}

/// The bytes themselves: signatures are checked over them.
impl Meter for Vec<u8> {
    fn take(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// What makes a package's identity.
impl Meter for sha1::Sha1 {
    fn take(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

/// What `datahash` promises.
impl Meter for Hasher {
    fn take(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

impl<R: Read> Members<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source: BufReader::with_capacity(1 << 16, source),
            consumed: 0,
        }
    }

    /// Whether every byte has been consumed.
    pub(super) fn at_end(&mut self) -> Result<bool, Fault> {
        Ok(self.source.fill_buf()?.is_empty())
    }

    /// How many compressed bytes have been consumed.
    pub(super) fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Hands the next member's content to `read`, at most `limit` bytes of it, and meters the member whole.
    ///
    /// What `read` leaves is inflated and dropped, so that the checks of gzip itself are made.
    pub(super) fn next<T, M: Meter>(
        &mut self,
        limit: u64,
        read: impl FnOnce(&mut dyn Read) -> Result<T, Fault>,
    ) -> Result<(T, M), Fault> {
        if self.at_end()? {
            return Err(Fault::Truncated);
        }
        let mut metered = Metered {
            members: self,
            meter: M::default(),
        };
        let mut content = Bounded {
            inner: GzDecoder::new(&mut metered),
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
        Ok((value, metered.meter))
    }
}

/// A reader that meters what is consumed from it.
struct Metered<'m, R, M> {
    members: &'m mut Members<R>,
    meter: M,
}

impl<R: Read, M: Meter> Read for Metered<'_, R, M> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read, M: Meter> BufRead for Metered<'_, R, M> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.members.source.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        let buffered = self.members.source.buffer();
        let bytes = buffered.get(..count).unwrap_or(buffered);
        self.meter.take(bytes);
        self.members.consumed += bytes.len() as u64;
        self.members.source.consume(count);
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

    use super::super::checksum::Checksum;
    use super::*;
    use crate::tree::Digest;

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
        let [first, second, third] = [gzip(b"one"), gzip(b"two"), gzip(b"three")];
        let archive = [first.clone(), second.clone(), third.clone()].concat();
        let mut members = Members::new(archive.as_slice());
        let (content, bytes): (_, Vec<u8>) = members.next(9, all).expect("first");
        assert_eq!((content.as_slice(), &bytes), (&b"one"[..], &first));
        let ((), hasher): (_, Hasher) = members.next(9, |_| Ok(())).expect("second");
        assert_eq!(hasher.finish(), Digest::of(&second));
        let (_, identity): (_, sha1::Sha1) = members.next(9, all).expect("third");
        let identity = Checksum::from_bytes(identity.finalize().into());
        assert_eq!(identity, Checksum::of(&third));
        assert!(members.at_end().expect("readable"));
        assert_eq!(members.consumed(), archive.len() as u64);
    }

    #[test]
    fn inflating_stops_at_the_limit() {
        let archive = gzip(&vec![0; 1 << 20]);
        let fault = Members::new(archive.as_slice()).next::<_, ()>(1000, |_| Ok(()));
        assert!(matches!(fault, Err(Fault::TooLarge(1000))));
    }

    #[test]
    fn a_cut_or_damaged_member_is_refused() {
        let archive = gzip(&[7; 5000]);
        for length in 0..archive.len() {
            let fault = Members::new(&archive[..length]).next::<_, ()>(1 << 20, all);
            assert!(matches!(fault, Err(Fault::Truncated)), "{length}");
        }
        let mut damaged = archive.clone();
        let crc = damaged.len() - 6;
        damaged[crc] ^= 1;
        let fault = Members::new(damaged.as_slice()).next::<_, ()>(1 << 20, all);
        assert!(matches!(fault, Err(Fault::Malformed(_))));
    }
}
