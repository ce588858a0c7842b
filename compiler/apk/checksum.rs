//! SHA-1 checksums as apk writes them: `Q1` and base64.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use sha1::Digest as _;

/// A SHA-1 checksum; shown and stored as `Q1` and base64.
///
/// A package's identity is the checksum of its compressed control member; a file's that of its content, a
/// symlink's that of its target's text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum([u8; 20]);

impl Checksum {
    /// The checksum of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha1::Sha1::digest(bytes).into())
    }

    /// A checksum from its 20 bytes.
    pub fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes.
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// Reads 40 hexadecimal digits, as PAX headers hold them.
    pub fn from_hexadecimal(text: &str) -> Result<Self, NotAChecksum> {
        Ok(Self(hexadecimal(text).ok_or(NotAChecksum)?))
    }
}

/// Reads exactly `N` bytes of hexadecimal digits.
pub(super) fn hexadecimal<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Bytes as hexadecimal digits.
pub(super) fn hexadecimal_text(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        text.push_str(&format!("{byte:02x}"));
        text
    })
}

impl fmt::Display for Checksum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Q1{}", BASE64.encode(self.0))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Why a text is no checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a package checksum is `Q1` and the base64 of 20 bytes")]
pub struct NotAChecksum;

impl FromStr for Checksum {
    type Err = NotAChecksum;

    /// Reads `Q1` with base64 or `X1` with hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, NotAChecksum> {
        if let Some(digits) = text.strip_prefix("X1") {
            return Self::from_hexadecimal(digits);
        }
        let encoded = text.strip_prefix("Q1").ok_or(NotAChecksum)?;
        let bytes = BASE64.decode(encoded).map_err(|_| NotAChecksum)?;
        Ok(Self(bytes.try_into().map_err(|_| NotAChecksum)?))
    }
}

impl Serialize for Checksum {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_read_and_print() {
        let text = "Q12jmj7l5rSw0yVb/vlWAYkK/YBwk=";
        assert_eq!(Checksum::of(b"").to_string(), text);
        assert_eq!(text.parse(), Ok(Checksum::of(b"")));
        assert_eq!(
            "X1da39a3ee5e6b4b0d3255bfef95601890afd80709".parse(),
            Ok(Checksum::of(b""))
        );
        for wrong in ["", "Q1", "Q1AA==", "Q2AAAA", "X1zz"] {
            assert_eq!(wrong.parse::<Checksum>(), Err(NotAChecksum));
        }
    }
}
