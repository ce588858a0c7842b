//! What the stub measures into PCR 11.

use crate::tree::{Digest, Hasher};

use super::UkiFacts;

/// The order of measuring, which is not the order in the file (systemd's `uki.h`).
const ORDER: [&str; 11] = [
    ".linux", ".osrel", ".cmdline", ".initrd", ".ucode", ".splash", ".dtb", ".uname", ".sbat",
    ".pcrpkey", ".profile",
];

/// PCR 11 of the SHA-256 bank after the stub of a unified kernel image has measured the sections, before any boot phase.
///
/// Each section extends the register twice: with its name and a NUL, then with its content. Newer stubs know more sections than
/// older ones, and measure what they know: `.uname` came with systemd 253, `.sbat` with 254, `.ucode` with 256. `None` for a
/// program that is no stub of systemd with a kernel.
pub fn predict_pcr11(facts: &UkiFacts, bytes: &[u8]) -> Option<Digest> {
    if !facts.is_unified() || !knows(facts, bytes, ".linux") {
        return None;
    }
    let mut register = [0; 32];
    for name in ORDER {
        let known = facts
            .content(bytes, name)
            .filter(|_| knows(facts, bytes, name));
        let Some(content) = known else {
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
    Some(Digest::from_bytes(register))
}

/// Whether the stub has a section's name in its own data, as one has that looks for it.
pub(super) fn knows(facts: &UkiFacts, bytes: &[u8], name: &str) -> bool {
    let mut wanted = name.as_bytes().to_vec();
    wanted.push(0);
    facts
        .sections
        .iter()
        .filter(|section| [".text", ".rodata", ".rdata", ".data"].contains(&&*section.name))
        .filter_map(|section| facts.content(bytes, &section.name))
        .any(|data| data.windows(wanted.len()).any(|part| part == wanted))
}
