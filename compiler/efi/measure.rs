//! What the stub measures into PCR 11.

use crate::tree::{Digest, Hasher};

use super::blob::Blob;
use super::{SectionFacts, UkiFacts};
use crate::diagnostic::Diagnostic;

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
pub fn predict_pcr11<'a>(
    facts: &UkiFacts,
    program: impl Into<Blob<'a>>,
) -> Result<Option<Digest>, Diagnostic> {
    let program = program.into();
    if !facts.is_unified() || !knows(facts, program, ".linux")? {
        return Ok(None);
    }
    let mut register = Digest::from_bytes([0; 32]);
    for name in ORDER {
        let section = facts.sections.iter().find(|section| section.name == name);
        let Some(section) = section else { continue };
        if !knows(facts, program, name)? {
            continue;
        }
        let mut named = name.as_bytes().to_vec();
        named.push(0);
        let mut content = Hasher::new();
        program.each(range(section), |part| {
            content.update(part);
            Ok(())
        })?;
        for measured in [Digest::of(&named), content.finish()] {
            let mut hasher = Hasher::new();
            hasher.update(register.as_bytes());
            hasher.update(measured.as_bytes());
            register = hasher.finish();
        }
    }
    Ok(Some(register))
}

fn range(section: &SectionFacts) -> std::ops::Range<u64> {
    section.offset..section.offset + section.size
}

/// Whether the stub has a section's name in its own data, as one has that looks for it.
pub(super) fn knows(facts: &UkiFacts, program: Blob<'_>, name: &str) -> Result<bool, Diagnostic> {
    let mut wanted = name.as_bytes().to_vec();
    wanted.push(0);
    for section in &facts.sections {
        if ![".text", ".rodata", ".rdata", ".data"].contains(&&*section.name) {
            continue;
        }
        let data = program.part(range(section))?;
        if data.windows(wanted.len()).any(|part| part == wanted) {
            return Ok(true);
        }
    }
    Ok(false)
}
