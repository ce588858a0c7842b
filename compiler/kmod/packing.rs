//! What is round a module: compression, and a signature behind it.

use std::borrow::Cow;
use std::io::Read;

use crate::diagnostic::Diagnostic;

use super::module::damaged;

/// The largest module that is read, after decompression.
const LARGEST: u64 = 512 << 20;
/// The most memory that decompressing may take: what `xz -9` asks for, several times over.
const MEMORY: u64 = 512 << 20;
/// How a file with a signature ends.
const SIGNED: &[u8] = b"~Module signature appended~\n";

/// How a module's file is compressed; `modprobe` and the kernel go by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// gzip.
    Gzip,
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
}

/// A module's file, opened.
#[derive(Debug, Clone)]
pub struct Opened<'a> {
    /// How it was compressed.
    pub packing: Packing,
    /// The object, without signature.
    pub object: Cow<'a, [u8]>,
    /// Whether a signature was behind it.
    pub signed: bool,
}

/// Opens a `.ko`, `.ko.gz`, `.ko.xz` or `.ko.zst`.
pub fn open<'a>(path: &str, bytes: &'a [u8]) -> Result<Opened<'a>, Diagnostic> {
    let (packing, mut object) = unpack(bytes).map_err(|why| damaged(path, &why))?;
    let length = without_signature(&object);
    let signed = length.is_some();
    if let Some(length) = length {
        object = match object {
            Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(..length).unwrap_or(bytes)),
            Cow::Owned(mut bytes) => {
                bytes.truncate(length);
                Cow::Owned(bytes)
            }
        };
    }
    Ok(Opened {
        packing,
        object,
        signed,
    })
}

/// The length of what a signature is behind. Between them stand twelve bytes that say how long the signature is, last of
/// all as a number of four bytes, the largest first.
fn without_signature(bytes: &[u8]) -> Option<usize> {
    let rest = bytes.strip_suffix(SIGNED)?;
    let about = rest.len().checked_sub(12)?;
    let [.., a, b, c, d] = rest else { return None };
    let signature = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
    let (signer, key) = (rest.get(about + 3)?, rest.get(about + 4)?);
    about
        .checked_sub(signature)?
        .checked_sub(usize::from(*signer) + usize::from(*key))
}

/// A file's compression and its content.
pub(super) fn unpack(bytes: &[u8]) -> Result<(Packing, Cow<'_, [u8]>), String> {
    let (packing, mut reader): (Packing, Box<dyn Read + '_>) = if bytes.starts_with(b"\x1f\x8b") {
        let reader = flate2::read::MultiGzDecoder::new(bytes);
        (Packing::Gzip, Box::new(reader))
    } else if bytes.starts_with(b"\xfd7zXZ\0") {
        let stream = xz2::stream::Stream::new_stream_decoder(MEMORY, xz2::stream::CONCATENATED)
            .map_err(|error| error.to_string())?;
        let reader = xz2::read::XzDecoder::new_stream(bytes, stream);
        (Packing::Xz, Box::new(reader))
    } else if bytes.starts_with(b"\x28\xb5\x2f\xfd") {
        let reader = zstd::stream::read::Decoder::new(bytes).map_err(|error| error.to_string())?;
        (Packing::Zstd, Box::new(reader))
    } else {
        return Ok((Packing::Plain, bytes.into()));
    };
    let mut content = Vec::new();
    reader
        .by_ref()
        .take(LARGEST + 1)
        .read_to_end(&mut content)
        .map_err(|error| format!("it cannot be decompressed: {error}"))?;
    if content.len() as u64 > LARGEST {
        return Err(format!("it unpacks to more than {LARGEST} bytes"));
    }
    Ok((packing, content.into()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_window_that_no_module_needs_is_refused() {
        let mut xz = xz2::write::XzEncoder::new(Vec::new(), 0);
        xz.write_all(b"module").expect("packed");
        let mut packed = xz.finish().expect("packed");
        assert_eq!(&*unpack(&packed).expect("unpacks").1, b"module");
        // The block's header is behind the stream's 12 bytes: its size in words, flags, one filter, and the window (3.1).
        let end = 12 + (usize::from(packed[12]) + 1) * 4;
        assert_eq!(packed[14..16], [0x21, 1]);
        packed[16] = 40;
        let sum = crc32fast::hash(&packed[12..end - 4]);
        packed[end - 4..end].copy_from_slice(&sum.to_le_bytes());
        let why = unpack(&packed).expect_err("refused");
        assert!(why.contains("cannot be decompressed"), "{why}");
    }
}
