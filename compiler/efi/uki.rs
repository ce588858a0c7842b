//! Unified kernel images: a stub with the kernel, the initramfs and their settings as sections.

use std::borrow::Cow;
use std::io::Write;

use schemars::JsonSchema;
use serde::Serialize;

use super::blob::{Blob, failed};
use super::kernel::{EFI_APPLICATION, KernelFacts, NX_COMPAT, check_kernel};
use super::pe::{Machine, Pe, SECTION_HEADER, Section};
use super::{measure, sbat};
use crate::diagnostic::Diagnostic;

/// Readable initialized data.
const DATA: u32 = 0x4000_0040;
/// Readable, executable code, as ukify marks `.linux`.
const CODE: u32 = 0x6000_0020;
/// Within this much of a file are its headers.
const HEADERS: u64 = 1 << 20;
/// Firmware wants one buffer of the file's size; above this it is known to fail.
const LARGEST: u64 = 2 << 30;

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

/// One section of an EFI program.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct SectionFacts {
    /// Its name.
    pub name: String,
    /// Where it starts in the file.
    pub offset: u64,
    /// Bytes of content.
    pub size: u64,
    /// Where it is in memory, relative to the image's base.
    pub address: u32,
}

/// A unified kernel image, or any EFI program, in facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UkiFacts {
    /// The processor that it is for.
    pub machine: Machine,
    /// Whether a certificate table is attached.
    pub signed: bool,
    /// Its sections, in the order of the file.
    pub sections: Vec<SectionFacts>,
}

impl UkiFacts {
    /// The content of the first section with this name.
    pub fn content<'a>(&self, bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let section = self.sections.iter().find(|section| section.name == name)?;
        let start = usize::try_from(section.offset).ok()?;
        let size = usize::try_from(section.size).ok()?;
        bytes.get(start..start.checked_add(size)?)
    }

    /// Whether it holds a kernel in a section, as a unified kernel image does.
    pub fn is_unified(&self) -> bool {
        self.sections.iter().any(|section| section.name == ".linux")
    }
}

/// Reads the sections of an EFI program.
pub fn read_uki<'a>(program: impl Into<Blob<'a>>) -> Result<UkiFacts, Diagnostic> {
    let program = program.into();
    let bad = |why: &str| {
        Diagnostic::error(
            "zosc::efi::not-efi",
            format!("the file is no 64-bit EFI program: {why}"),
        )
        .help("name a `.efi` file; `zosc inspect` reads archives as well")
    };
    let file = program.size()?;
    let pe = Pe::read(&program.part(0..HEADERS)?).map_err(bad)?;
    let sections = pe.sections.iter().map(|section| {
        let offset = u64::from(section.raw_offset);
        let size = u64::from(section.virtual_size.min(section.raw_size));
        (offset + size <= file).then(|| SectionFacts {
            name: section.name(),
            offset,
            size,
            address: section.virtual_address,
        })
    });
    Ok(UkiFacts {
        machine: pe.machine,
        signed: pe.certificates.1 > 0,
        sections: sections
            .collect::<Option<_>>()
            .ok_or_else(|| bad("a section lies outside the file"))?,
    })
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

/// What a section holds: one thing after another.
type Parts<'a> = Vec<Part<'a>>;

enum Part<'a> {
    Bytes(Cow<'a, [u8]>),
    Archive(Blob<'a>),
}

impl Part<'_> {
    fn size(&self) -> Result<u64, Diagnostic> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.len() as u64),
            Self::Archive(archive) => archive.size(),
        }
    }
}

/// A section's content from bytes in memory.
fn bytes<'a>(bytes: impl Into<Cow<'a, [u8]>>) -> Parts<'a> {
    vec![Part::Bytes(bytes.into())]
}

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

/// A PE file in the making.
struct Layout<'a> {
    stub_bytes: &'a [u8],
    /// The stub's headers; its sections stay, and get new places in the file.
    stub: Pe,
    added: Vec<(Section, Parts<'a>)>,
    /// Where the next section goes in memory.
    next_address: u64,
    /// Alignment of added sections in memory.
    alignment: u64,
}

impl<'a> Layout<'a> {
    fn new(stub_bytes: &'a [u8], stub: Pe) -> Self {
        let end = |section: &Section| {
            u64::from(section.virtual_address) + u64::from(section.virtual_size)
        };
        let next_address = stub.sections.iter().map(end).max().unwrap_or(0);
        // Some stubs claim alignments below a page; firmware that protects pages needs whole ones, and Linux on
        // Arm is linked for 64 KiB.
        let page = match stub.machine {
            Machine::Aarch64 => 64 << 10,
            _ => 4 << 10,
        };
        Self {
            stub_bytes,
            alignment: u64::from(stub.section_alignment).max(page),
            stub,
            added: Vec::new(),
            next_address,
        }
    }

    fn append(&mut self, name: &str, content: Parts<'a>, flags: u32) -> Result<(), Diagnostic> {
        let address = self.next_address.next_multiple_of(self.alignment);
        let sizes = content.iter().map(Part::size);
        let size: u64 = sizes.sum::<Result<u64, Diagnostic>>()?;
        self.next_address = address + size;
        if self.next_address > LARGEST {
            return Err(too_large(self.next_address));
        }
        let mut padded = [0; 8];
        for (place, byte) in padded.iter_mut().zip(name.bytes()) {
            *place = byte;
        }
        let section = Section {
            name: padded,
            virtual_size: size as u32,
            virtual_address: address as u32,
            raw_size: size.next_multiple_of(u64::from(self.stub.file_alignment)) as u32,
            raw_offset: 0,
            flags,
        };
        self.added.push((section, content));
        Ok(())
    }

    fn write(mut self, output: &mut dyn Write) -> Result<(), Diagnostic> {
        let headers = self.header_size()?;
        let mut head = self
            .stub_bytes
            .get(..self.stub.table)
            .unwrap_or(&[])
            .to_vec();
        head.resize(headers as usize, 0);
        let mut end = u64::from(headers);
        let mut sections = Vec::new();
        let mut contents = Vec::new();
        let mut stub_sections = std::mem::take(&mut self.stub.sections);
        stub_sections.sort_by_key(|section| section.raw_offset);
        let stub = stub_sections.into_iter().map(|section| {
            let data = raw(self.stub_bytes, &section);
            (section, data.len() as u64, bytes(data))
        });
        let added = std::mem::take(&mut self.added).into_iter();
        let added = added.map(|(section, content)| {
            let size = u64::from(section.virtual_size);
            (section, size, content)
        });
        for (mut section, size, content) in stub.chain(added) {
            let next = place(&mut section, end, size, self.stub.file_alignment);
            if next > LARGEST {
                return Err(too_large(next));
            }
            contents.push((content, (next - end - size) as usize));
            end = next;
            sections.push(section);
        }
        sections.sort_by_key(|section| section.virtual_address);
        self.headers(&mut head, headers, &sections);
        let put = |bytes: &[u8], output: &mut dyn Write| {
            output.write_all(bytes).map_err(|error| failed(&error))
        };
        put(&head, output)?;
        for (content, padding) in contents {
            for part in content {
                match part {
                    Part::Bytes(bytes) => put(&bytes, output)?,
                    Part::Archive(archive) => archive.write(0..u64::MAX, output)?,
                }
            }
            put(&vec![0; padding], output)?;
        }
        Ok(())
    }

    /// The headers' size with all sections in the table, rounded up to the file alignment.
    fn header_size(&self) -> Result<u32, Diagnostic> {
        let count = self.stub.sections.len() + self.added.len();
        let end = (self.stub.table + count * SECTION_HEADER) as u64;
        let size = end
            .next_multiple_of(u64::from(self.stub.file_alignment))
            .max(u64::from(self.stub.size_of_headers));
        let first = self
            .stub
            .sections
            .iter()
            .map(|section| u64::from(section.virtual_address))
            .min()
            .unwrap_or(0);
        if size > first {
            return Err(Diagnostic::error(
                "zosc::efi::header-room",
                format!(
                    "the stub's headers have no room for {} more sections",
                    self.added.len()
                ),
            )
            .note(format!(
                "they need {size} bytes, and the first section is loaded at {first}"
            ))
            .help("take another stub, such as a newer systemd's"));
        }
        Ok(size as u32)
    }

    fn headers(&self, bytes: &mut [u8], headers: u32, sections: &[Section]) {
        let (coff, optional) = (self.stub.coff, self.stub.optional);
        let image = sections
            .iter()
            .map(|s| u64::from(s.virtual_address) + u64::from(s.virtual_size))
            .max()
            .unwrap_or(0)
            .next_multiple_of(u64::from(self.stub.section_alignment));
        let data = |section: &&Section| section.flags & 0x40 != 0;
        let initialized: u64 = sections
            .iter()
            .filter(data)
            .map(|s| u64::from(s.raw_size))
            .sum();
        put(bytes, coff + 2, &(sections.len() as u16).to_le_bytes());
        // No time, no symbols: the table they pointed to is not carried over.
        put(bytes, coff + 4, &[0; 12]);
        put(bytes, optional + 8, &(initialized as u32).to_le_bytes());
        put(bytes, optional + 56, &(image as u32).to_le_bytes());
        put(bytes, optional + 60, &headers.to_le_bytes());
        put(bytes, optional + 64, &[0; 4]);
        put(
            bytes,
            optional + 70,
            &self.stub.dll_characteristics.to_le_bytes(),
        );
        for (index, section) in sections.iter().enumerate() {
            let place = self.stub.table + index * SECTION_HEADER;
            let fields = [
                section.virtual_size,
                section.virtual_address,
                section.raw_size,
                section.raw_offset,
                0,
                0,
                0,
                section.flags,
            ];
            put(bytes, place, &section.name);
            for (field, value) in fields.iter().enumerate() {
                put(bytes, place + 8 + field * 4, &value.to_le_bytes());
            }
        }
    }
}

/// All bytes that a section has in the file, with what pads it.
fn raw<'a>(bytes: &'a [u8], section: &Section) -> &'a [u8] {
    let start = (section.raw_offset as usize).min(bytes.len());
    let end = start
        .saturating_add(section.raw_size as usize)
        .min(bytes.len());
    bytes.get(start..end).unwrap_or(&[])
}

/// Gives a section the place at the end of a file for so many bytes, and returns where the next one goes: at a multiple of the
/// file alignment.
fn place(section: &mut Section, end: u64, size: u64, alignment: u32) -> u64 {
    if size == 0 {
        (section.raw_offset, section.raw_size) = (0, 0);
        return end;
    }
    let next = (end + size).next_multiple_of(u64::from(alignment));
    section.raw_offset = end as u32;
    section.raw_size = (next - end) as u32;
    next
}

pub(super) fn put(bytes: &mut [u8], place: usize, value: &[u8]) {
    if let Some(target) = bytes.get_mut(place..place + value.len()) {
        target.copy_from_slice(value);
    }
}

fn too_large(size: u64) -> Diagnostic {
    Diagnostic::error(
        "zosc::efi::too-large",
        format!("the unified kernel image would have {size} bytes, and firmware fails above 2 GiB"),
    )
    .help("make the initramfs smaller, or boot kernel and initramfs separately")
}
