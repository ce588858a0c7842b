//! Unified kernel images: a stub with the kernel, the initramfs and their settings as sections.

use std::io::Write;

use super::blob::Blob;
use super::facts::read_uki;
use super::kernel::{EFI_APPLICATION, KernelFacts, NX_COMPAT, check_kernel};
use super::layout::{Layout, Part, Parts, bytes};
use super::pe::Pe;
use super::{measure, sbat};
use crate::diagnostic::Diagnostic;

/// Readable initialized data.
const DATA: u32 = 0x4000_0040;
/// Readable, executable code, as ukify marks `.linux`.
const CODE: u32 = 0x6000_0020;

/// The parts of a unified kernel image.
#[derive(Debug, Clone, Default)]
pub struct Uki<'a> {
    /// The unsigned EFI stub, such as systemd's `linuxx64.efi.stub`.
    pub stub: &'a [u8],
    /// The kernel image.
    pub kernel: &'a [u8],
    /// The content of `/etc/os-release`, for boot menus.
    pub os_release: Option<&'a str>,
    /// The kernel's command line, one line.
    pub command_line: Option<&'a str>,
    /// The kernel's release; what the kernel image says of itself where this is `None`.
    pub uname: Option<&'a str>,
    /// Initramfs archives, in order; each is padded with zeros to a multiple of four bytes.
    pub initrds: Vec<Blob<'a>>,
    /// Uncompressed archives with processor microcode: a section of their own, or the front of the initramfs for stubs that look for
    /// no such section (before systemd 256).
    pub microcode: Option<&'a [u8]>,
    /// Rows for `.sbat` besides those of stub and kernel.
    pub sbat: Option<&'a str>,
}

/// Joins stub, kernel, initramfs and settings to one EFI program.
///
/// The stub's sections come first and keep their addresses; the others follow in ukify's order, each at the next multiple
/// of the section alignment in memory and directly behind one another in the file, with their true length as virtual
/// size. The file carries no time and no checksum. Archives that are in files are never in memory as a whole.
pub fn write_uki(parts: &Uki<'_>, output: &mut dyn Write) -> Result<(), Diagnostic> {
    let stub = check_stub(parts.stub)?;
    let (kernel, facts) = check_kernel(parts.kernel)?;
    if kernel.machine != stub.machine {
        return Err(Diagnostic::error(
            "zosc::efi::wrong-machine",
            format!(
                "the stub is for {}, and the kernel for {}",
                stub.machine.name(),
                kernel.machine.name()
            ),
        )
        .help(
            "take the stub of the kernel's processor: `linuxx64.efi.stub`, `linuxaa64.efi.stub`",
        ));
    }
    let mut layout = Layout::new(parts.stub, stub);
    for (name, content, flags) in contents(parts, &facts, &mut layout)? {
        layout.append(name, content, flags)?;
    }
    if kernel.dll_characteristics & NX_COMPAT == 0 {
        layout.stub.dll_characteristics &= !NX_COMPAT;
    }
    layout.write(output)
}

fn check_stub(bytes: &[u8]) -> Result<Pe, Diagnostic> {
    let bad = |why: &str| {
        Diagnostic::error(
            "zosc::efi::bad-stub",
            format!("the EFI stub cannot be used: {why}"),
        )
        .help("name a stub such as `/usr/lib/systemd/boot/efi/linuxx64.efi.stub`")
    };
    let pe = Pe::read(bytes).map_err(bad)?;
    if pe.certificates.1 > 0 {
        return Err(Diagnostic::error(
            "zosc::efi::signed-stub",
            "the EFI stub is signed, and its signature would not cover what is added",
        )
        .help("take the unsigned stub (without `.signed`); sign the finished image"));
    }
    if pe.subsystem != EFI_APPLICATION {
        return Err(bad("it is no EFI application"));
    }
    if pe.sections.is_empty()
        || pe
            .sections
            .iter()
            .any(|section| section.data(bytes).is_none())
    {
        return Err(bad("its sections lie outside the file"));
    }
    if pe.sections.iter().any(|section| section.name() == ".linux") {
        return Err(bad("it holds a kernel already"));
    }
    let power = |alignment: u32| alignment.is_power_of_two() && alignment <= 1 << 20;
    if !power(pe.file_alignment) || !power(pe.section_alignment) {
        return Err(bad("its alignments are no powers of two"));
    }
    Ok(pe)
}

/// A section to add: its name, its content, its flags.
type Content<'a> = (&'static str, Parts<'a>, u32);

/// The sections to add, in ukify's order.
fn contents<'a>(
    parts: &Uki<'a>,
    facts: &KernelFacts,
    layout: &mut Layout<'a>,
) -> Result<Vec<Content<'a>>, Diagnostic> {
    let mut list: Vec<Content<'a>> = Vec::new();
    if let Some(text) = parts.os_release {
        list.push((".osrel", bytes(text.as_bytes()), DATA));
    }
    if let Some(line) = parts.command_line {
        list.push((".cmdline", bytes(command_line(line)?.as_bytes()), DATA));
    }
    let uname = parts
        .uname
        .map(str::to_owned)
        .or_else(|| facts.release.clone());
    if let Some(release) = uname {
        list.push((".uname", bytes(release.into_bytes()), DATA));
    }
    // A stub that does not look for microcode would leave it out; the kernel finds it at the front of the initramfs as well.
    let own = read_uki(layout.stub_bytes)?;
    let takes_microcode = measure::knows(&own, layout.stub_bytes.into(), ".ucode")?;
    let in_front = parts.microcode.filter(|_| !takes_microcode);
    let in_front = in_front.map(Blob::Bytes);
    let initrds = in_front.into_iter().chain(parts.initrds.iter().copied());
    let initrds = padded(initrds)?;
    if !initrds.is_empty() {
        list.push((".initrd", initrds, DATA));
    }
    if let Some(microcode) = parts.microcode.filter(|_| takes_microcode) {
        list.push((".ucode", bytes(microcode), DATA));
    }
    list.push((".linux", bytes(parts.kernel), CODE));
    if let Some(rows) = merged_sbat(parts, facts, layout) {
        list.push((".sbat", bytes(rows.into_bytes()), DATA));
    }
    Ok(list)
}

fn command_line(line: &str) -> Result<&str, Diagnostic> {
    let line = line.trim();
    if line.contains(char::is_control) {
        return Err(Diagnostic::error(
            "zosc::efi::bad-command-line",
            "the kernel's command line is more than one line, or holds a control character",
        )
        .help("write all arguments in one line, with spaces between them"));
    }
    Ok(line)
}

/// Archives one after another, each padded to a multiple of four.
fn padded<'a>(archives: impl Iterator<Item = Blob<'a>>) -> Result<Parts<'a>, Diagnostic> {
    let mut parts = Vec::new();
    for archive in archives {
        let size = archive.size()?;
        let missing = (size.next_multiple_of(4) - size) as usize;
        parts.push(Part::Archive(archive));
        if missing > 0 {
            parts.push(Part::Bytes(vec![0; missing].into()));
        }
    }
    Ok(parts)
}

/// The rows of stub, kernel and image; `None` where the stub's own section says all of it already.
///
/// Of two sections with one name the first counts, so the stub's has to go before a merged one is added.
fn merged_sbat(parts: &Uki<'_>, facts: &KernelFacts, layout: &mut Layout<'_>) -> Option<String> {
    let own = layout.stub.named(layout.stub_bytes, ".sbat").map(|rows| {
        String::from_utf8_lossy(rows)
            .trim_end_matches('\0')
            .to_owned()
    });
    let tables = [own.as_deref(), facts.sbat.as_deref(), parts.sbat];
    if tables.iter().all(Option::is_none) {
        return None;
    }
    let merged = sbat::merge(tables.into_iter().flatten());
    if own.as_ref() == Some(&merged) {
        return None;
    }
    layout
        .stub
        .sections
        .retain(|section| section.name() != ".sbat");
    Some(merged)
}
