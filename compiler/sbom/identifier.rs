//! The identifier of a document: a UUID of version 8 (RFC 9562) made of what it says.
//!
//! It is the first 16 bytes of the SHA-256 of a JSON list: `zosc sbom`, the name of the form, the bill itself; with the
//! bits of version and variant set. So one bill has one identifier, and another bill another one.

use super::{Bill, Format};
use crate::tree::Digest;

/// The identifier of a bill in a form, in its usual spelling.
pub(super) fn uuid(bill: &Bill, format: Format) -> String {
    let name = serde_json::json!(["zosc sbom", format, bill]);
    let digest = Digest::of(name.to_string().as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_bytes()[..16]);
    bytes[6] = 0x80 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    let digits = format!("{:032x}", u128::from_be_bytes(bytes));
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| digits[part].to_owned());
    parts.join("-")
}
