//! The envelope of a signed statement (DSSE, version 1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

/// What is in the envelope.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The bytes that a signature is over: kind and payload, each behind its length.
pub fn signed_bytes(payload: &str) -> Vec<u8> {
    let kind = PAYLOAD_TYPE;
    let (kind_length, length) = (kind.len(), payload.len());
    format!("DSSEv1 {kind_length} {kind} {length} {payload}").into_bytes()
}

/// A payload with one signature over its [`signed_bytes`], and the name of the key that made it.
pub fn envelope(payload: &str, key: &str, signature: &[u8]) -> Value {
    json!({
        "payloadType": PAYLOAD_TYPE,
        "payload": BASE64.encode(payload),
        "signatures": [{ "keyid": key, "sig": BASE64.encode(signature) }],
    })
}
