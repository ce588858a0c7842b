//! What a kernel image can do, from its headers.
//!
//! x86 fields are those of `Documentation/arch/x86/boot.rst`; every EFI kernel is a PE file as well. What only Arm has is in
//! [`arm64`].

use schemars::JsonSchema;
use serde::Serialize;

use super::arm64;
use super::pe::{Machine, Pe, u16_at, u32_at};
use crate::diagnostic::Diagnostic;

/// `IMAGE_SUBSYSTEM_EFI_APPLICATION`.
pub(super) const EFI_APPLICATION: u16 = 10;
/// `IMAGE_DLLCHARACTERISTICS_NX_COMPAT`.
pub(super) const NX_COMPAT: u16 = 0x100;

/// A kernel image in facts.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct KernelFacts {
    /// The processor that it is for.
    pub machine: Machine,
    /// The whole version text, where it stands in the image: release, builder, build number.
    pub version: Option<String>,
    /// Its first word: what `uname -r` will say.
    pub release: Option<String>,
    /// Whether firmware can start it (`CONFIG_EFI_STUB`).
    pub efi_stub: bool,
    /// Whether it takes an initrd through `LoadFile2`, which 5.8 brought (`MajorImageVersion` of 1 or more).
    pub takes_initrd: bool,
    /// Whether it says that it runs with memory either writable or executable.
    pub nx_compatible: bool,
    /// `xloadflags` of the x86 header: bit 0 is 64-bit, 1 loadable above 4 GiB, 2 and 3 EFI handover.
    pub load_flags: Option<u16>,
    /// The rows of its `.sbat`, where it has one.
    pub sbat: Option<String>,
}

impl KernelFacts {
    /// Whether it has the 64-bit EFI handover entry that old boot loaders use.
    pub fn handover(&self) -> bool {
        self.load_flags.is_some_and(|flags| flags & 8 != 0)
    }
}

/// Reads a kernel image: an x86 bzImage, or any kernel that is an EFI program.
pub fn kernel_facts(bytes: &[u8]) -> Result<KernelFacts, Diagnostic> {
    let pe = Pe::read(bytes).ok();
    // "HdrS" stands at 0x202 of every bzImage.
    let x86 = bytes.get(0x202..0x206) == Some(b"HdrS");
    if pe.is_none() && !x86 {
        return Err(Diagnostic::error(
            "zosc::efi::bad-kernel",
            "the kernel image is neither a bzImage nor an EFI program",
        )
        .help(
            "name the image that boots (`vmlinuz`, `bzImage`, `Image`), not the ELF file `vmlinux`",
        ));
    }
    let is_arm = pe.as_ref().is_some_and(|pe| pe.machine == Machine::Aarch64);
    let version = match (x86, is_arm) {
        (true, _) => version(bytes),
        (false, true) => arm64::version(bytes),
        (false, false) => None,
    };
    let load_flags = if x86 { u16_at(bytes, 0x236) } else { None };
    Ok(KernelFacts {
        machine: pe.as_ref().map_or(Machine::X86_64, |pe| pe.machine),
        release: version
            .as_ref()
            .and_then(|text| text.split_ascii_whitespace().next())
            .map(str::to_owned),
        version,
        efi_stub: pe
            .as_ref()
            .is_some_and(|pe| pe.subsystem == EFI_APPLICATION),
        takes_initrd: pe.as_ref().is_some_and(|pe| pe.major_image_version >= 1),
        nx_compatible: pe
            .as_ref()
            .is_some_and(|pe| pe.dll_characteristics & NX_COMPAT != 0),
        load_flags,
        sbat: pe
            .as_ref()
            .and_then(|pe| pe.named(bytes, ".sbat"))
            .map(|rows| {
                String::from_utf8_lossy(rows)
                    .trim_end_matches('\0')
                    .to_owned()
            }),
    })
}

/// The text at 0x200 plus the offset at 0x20e, up to its NUL.
fn version(bytes: &[u8]) -> Option<String> {
    let start = usize::from(u16_at(bytes, 0x20e)?);
    if start == 0 {
        return None;
    }
    let text = bytes.get(start + 0x200..)?;
    let text = text.get(..text.len().min(256))?;
    let end = text.iter().position(|byte| *byte == 0)?;
    let text = std::str::from_utf8(text.get(..end)?).ok()?;
    (!text.is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
}

/// Refuses a kernel that a stub cannot start.
pub(super) fn check_kernel(bytes: &[u8]) -> Result<(Pe, KernelFacts), Diagnostic> {
    let facts = kernel_facts(bytes)?;
    let Some(pe) = Pe::read(bytes).ok().filter(|_| facts.efi_stub) else {
        return Err(Diagnostic::error(
            "zosc::efi::no-efi-stub",
            "the kernel has no EFI stub, so firmware cannot start it",
        )
        .help("take a kernel with CONFIG_EFI=y and CONFIG_EFI_STUB=y"));
    };
    if !facts.takes_initrd {
        return Err(Diagnostic::error(
            "zosc::efi::old-kernel",
            "the kernel is older than 5.8 and cannot take the initramfs of a unified kernel image",
        )
        .help("take a newer kernel, or boot kernel and initramfs separately"));
    }
    if has_relocations(&pe, bytes) {
        return Err(unloadable("it has base relocations, which no stub applies"));
    }
    let swollen = pe
        .sections
        .iter()
        .find(|section| section.raw_size > section.virtual_size);
    if let Some(section) = swollen {
        return Err(unloadable(&format!(
            "its section `{}` has more bytes in the file than in memory",
            section.name()
        )));
    }
    Ok((pe, facts))
}

fn unloadable(why: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::efi::bad-kernel",
        format!("the stub of a unified kernel image cannot load the kernel: {why}"),
    )
    .help("take the image that the kernel's own build made, without changes")
}

/// Whether any base relocation is more than padding (type 0).
fn has_relocations(pe: &Pe, bytes: &[u8]) -> bool {
    let (address, size) = pe.relocations;
    let table = pe.sections.iter().find_map(|section| {
        let inside = address.checked_sub(section.virtual_address)? as usize;
        section.data(bytes)?.get(inside..)
    });
    let mut rest = table
        .and_then(|table| table.get(..table.len().min(size as usize)))
        .unwrap_or(&[]);
    // Blocks: an address, the block's length, then two bytes an entry.
    while let Some(length) = u32_at(rest, 4) {
        let length = length as usize;
        let Some(entries) = rest.get(8..length) else {
            return false;
        };
        if entries
            .chunks_exact(2)
            .any(|entry| entry.last().is_some_and(|high| high >> 4 != 0))
        {
            return true;
        }
        rest = rest.get(length..).unwrap_or(&[]);
    }
    false
}
