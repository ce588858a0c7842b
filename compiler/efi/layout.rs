//! A PE file in the making: the sections of a stub, and those that are added behind them.

use std::borrow::Cow;
use std::io::Write;

use super::blob::{Blob, failed};
use super::pe::{Machine, Pe, SECTION_HEADER, Section};
use crate::diagnostic::Diagnostic;

/// Firmware wants one buffer of the file's size; above this it is known to fail.
const LARGEST: u64 = 2 << 30;

/// What a section holds: one thing after another.
pub(super) type Parts<'a> = Vec<Part<'a>>;

/// One of those things.
pub(super) enum Part<'a> {
    /// Bytes in memory.
    Bytes(Cow<'a, [u8]>),
    /// An archive, which may be in a file.
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
pub(super) fn bytes<'a>(bytes: impl Into<Cow<'a, [u8]>>) -> Parts<'a> {
    vec![Part::Bytes(bytes.into())]
}

/// A PE file in the making.
pub(super) struct Layout<'a> {
    pub(super) stub_bytes: &'a [u8],
    /// The stub's headers; its sections stay, and get new places in the file.
    pub(super) stub: Pe,
    added: Vec<(Section, Parts<'a>)>,
    /// Where the next section goes in memory.
    next_address: u64,
    /// Alignment of added sections in memory.
    alignment: u64,
}

impl<'a> Layout<'a> {
    pub(super) fn new(stub_bytes: &'a [u8], stub: Pe) -> Self {
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

    pub(super) fn append(
        &mut self,
        name: &str,
        content: Parts<'a>,
        flags: u32,
    ) -> Result<(), Diagnostic> {
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

    pub(super) fn write(mut self, output: &mut dyn Write) -> Result<(), Diagnostic> {
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
        contents.insert(0, (bytes(head), 0));
        write_padded(contents, output)
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

/// Writes contents one after another, each with so many zeros behind it.
fn write_padded(
    contents: Vec<(Parts<'_>, usize)>,
    output: &mut dyn Write,
) -> Result<(), Diagnostic> {
    for (content, padding) in contents {
        let zeros = Part::Bytes(vec![0; padding].into());
        for part in content.into_iter().chain([zeros]) {
            match part {
                Part::Bytes(bytes) => {
                    output.write_all(&bytes).map_err(|error| failed(&error))?;
                }
                Part::Archive(archive) => archive.write(0..u64::MAX, output)?,
            }
        }
    }
    Ok(())
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

fn put(bytes: &mut [u8], place: usize, value: &[u8]) {
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
