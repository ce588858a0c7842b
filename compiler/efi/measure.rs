//! What the stub measures into PCR 11.

use crate::tree::{Digest, Hasher};

use super::UkiFacts;

/// The order of measuring, which is not the order in the file (systemd's `uki.h`, from 254 on).
const ORDER: [&str; 11] = [
    ".linux", ".osrel", ".cmdline", ".initrd", ".ucode", ".splash", ".dtb", ".uname", ".sbat",
    ".pcrpkey", ".profile",
];

/// PCR 11 of the SHA-256 bank after the stub of systemd 254 or newer has measured the sections, before any boot phase.
///
/// Each section extends the register twice: with its name and a NUL, then with its content.
pub fn predict_pcr11(facts: &UkiFacts, bytes: &[u8]) -> Digest {
    let mut register = [0; 32];
    for name in ORDER {
        let Some(content) = facts.content(bytes, name) else {
            continue;
        };
        let mut named = name.as_bytes().to_vec();
        named.push(0);
        for measured in [&named[..], content] {
            let mut hasher = Hasher::new();
            hasher.update(&register);
            hasher.update(Digest::of(measured).as_bytes());
            register = *hasher.finish().as_bytes();
        }
    }
    Digest::from_bytes(register)
}
