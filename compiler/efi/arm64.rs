//! Kernel images of 64-bit Arm (`Documentation/arch/arm64/booting.rst`): a plain `Image`, one that gzip has packed, and one that unpacks
//! itself. The first and the last are EFI programs; the release stands in the plain one only, in the words of `/proc/version`.

use std::io::Read as _;

use crate::diagnostic::Diagnostic;

/// The largest kernel that is read, after decompression.
const LARGEST: u64 = 512 << 20;
/// How gzip's files begin.
const GZIP: &[u8] = b"\x1f\x8b";
/// What the kernel greets with, before its release.
const BANNER: &[u8] = b"Linux version ";
/// The longest release (`__NEW_UTS_LEN`).
const LONGEST_RELEASE: usize = 64;

/// A kernel's image as firmware and stubs can start it: what gzip has packed is unpacked, anything else stays as it is.
///
/// # Errors
/// `zosc::efi::bad-kernel`: it is damaged, or larger than any kernel.
pub fn unpacked_kernel(bytes: Vec<u8>) -> Result<Vec<u8>, Diagnostic> {
    if !is_packed(&bytes) {
        return Ok(bytes);
    }
    let mut kernel = Vec::new();
    let read = flate2::read::MultiGzDecoder::new(bytes.as_slice())
        .take(LARGEST + 1)
        .read_to_end(&mut kernel);
    let why = match read {
        Err(error) => format!("gzip says: {error}"),
        Ok(_) if kernel.len() as u64 > LARGEST => format!("it has more than {LARGEST} bytes"),
        Ok(_) => return Ok(kernel),
    };
    Err(Diagnostic::error(
        "zosc::efi::bad-kernel",
        format!("the kernel image cannot be unpacked: {why}"),
    )
    .help("take the image that the kernel's own build made, without changes"))
}

/// Whether gzip has packed it.
pub fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(GZIP)
}

/// The whole version text of a plain image: release, builder, compiler, build number.
pub(super) fn version(bytes: &[u8]) -> Option<String> {
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'L');
    starts
        .filter_map(|(at, _)| bytes.get(at..)?.strip_prefix(BANNER))
        .find_map(version_at)
}

/// The version that a banner goes on with, up to the end of its line.
fn version_at(text: &[u8]) -> Option<String> {
    let text = text.get(..text.len().min(1024))?;
    let end = text.iter().position(|byte| matches!(byte, 0 | b'\n'))?;
    let text = std::str::from_utf8(text.get(..end)?).ok()?;
    let release = text.split(' ').next()?;
    let is_release = release.len() <= LONGEST_RELEASE
        && release.starts_with(|first: char| first.is_ascii_digit())
        && release.contains('.');
    (is_release && !text.contains(char::is_control)).then(|| text.to_owned())
}
