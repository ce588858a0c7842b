//! The headers of a PE32+ file, read and laid out anew.
//!
//! Offsets are those of the "PE Format" specification: the COFF header follows the signature `PE\0\0`, the optional
//! header follows that, and the section table ends the headers.

use schemars::JsonSchema;
use serde::Serialize;

/// Bytes of one section header.
pub(super) const SECTION_HEADER: usize = 40;
/// The optional header up to its data directories.
const OPTIONAL: usize = 112;
const DIRECTORY_SECURITY: usize = 4;
const DIRECTORY_RELOCATION: usize = 5;
/// More sections than any stub or kernel has; a bound for hostile files.
const MOST_SECTIONS: usize = 96;

/// The processor that a PE file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Machine {
    /// x86-64.
    X86_64,
    /// 64-bit Arm.
    Aarch64,
    /// 64-bit RISC-V.
    Riscv64,
    /// Another, by its number.
    Other(u16),
}

impl Machine {
    fn new(number: u16) -> Self {
        match number {
            0x8664 => Self::X86_64,
            0xaa64 => Self::Aarch64,
            0x5064 => Self::Riscv64,
            other => Self::Other(other),
        }
    }

    /// The name as Alpine and Linux have it.
    pub fn name(self) -> String {
        match self {
            Self::X86_64 => "x86_64".to_owned(),
            Self::Aarch64 => "aarch64".to_owned(),
            Self::Riscv64 => "riscv64".to_owned(),
            Self::Other(number) => format!("machine {number:#06x}"),
        }
    }
}

/// The processor that a program is for, by its first bytes; none where those are no PE file's.
pub fn machine_of(start: &[u8]) -> Option<Machine> {
    let header = u32_at(start, 0x3c)? as usize;
    let is_program = start.starts_with(b"MZ") && start.get(header..)?.starts_with(b"PE\0\0");
    is_program.then_some(Machine::new(u16_at(start, header + 4)?))
}

/// One entry of the section table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: [u8; 8],
    pub(super) virtual_size: u32,
    pub(super) virtual_address: u32,
    pub(super) raw_size: u32,
    pub(super) raw_offset: u32,
    pub(super) flags: u32,
}

impl Section {
    /// The name without the NULs behind it.
    pub(super) fn name(&self) -> String {
        let end = self.name.iter().position(|byte| *byte == 0).unwrap_or(8);
        String::from_utf8_lossy(self.name.get(..end).unwrap_or(&self.name)).into_owned()
    }

    /// The content as it is in memory: as long as the virtual size, as far as the file has it.
    pub(super) fn data<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let start = self.raw_offset as usize;
        let length = self.virtual_size.min(self.raw_size) as usize;
        bytes.get(start..start.checked_add(length)?)
    }
}

/// A PE32+ file's headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pe {
    /// Offset of the COFF header, behind the signature.
    pub(super) coff: usize,
    /// Offset of the optional header.
    pub(super) optional: usize,
    /// Offset of the section table.
    pub(super) table: usize,
    pub(super) machine: Machine,
    pub(super) image_base: u64,
    pub(super) section_alignment: u32,
    pub(super) file_alignment: u32,
    pub(super) major_image_version: u16,
    pub(super) size_of_headers: u32,
    pub(super) subsystem: u16,
    pub(super) dll_characteristics: u16,
    /// Where the certificate table's entry of the directories is; `None` where the headers have no room for one.
    pub(super) security: Option<usize>,
    /// Offset and size of the certificate table; both 0 where the file is not signed.
    pub(super) certificates: (u32, u32),
    /// Address and size of the base relocations.
    pub(super) relocations: (u32, u32),
    pub(super) sections: Vec<Section>,
}

impl Pe {
    /// Reads the headers; the error says what is wrong.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.get(..2) != Some(b"MZ") {
            return Err("it does not begin with `MZ`");
        }
        let signature = u32_at(bytes, 0x3c).ok_or("it is too short")? as usize;
        if slice(bytes, signature, 4) != Some(b"PE\0\0") {
            return Err("it has no PE header");
        }
        let coff = signature + 4;
        let optional = coff + 20;
        let short = "its headers are cut off";
        let count = u16_at(bytes, coff + 2).ok_or(short)? as usize;
        let optional_size = u16_at(bytes, coff + 16).ok_or(short)? as usize;
        if u16_at(bytes, optional) != Some(0x20b) || optional_size < OPTIONAL {
            return Err("it is no 64-bit PE file (PE32+)");
        }
        if count > MOST_SECTIONS {
            return Err("it has more sections than a boot program can have");
        }
        let directories = u32_at(bytes, optional + 108).ok_or(short)? as usize;
        let directories = directories.min((optional_size - OPTIONAL) / 8);
        let directory = |index: usize| {
            if index >= directories {
                return (0, 0);
            }
            let place = optional + OPTIONAL + index * 8;
            let field = |place| u32_at(bytes, place).unwrap_or(0);
            (field(place), field(place + 4))
        };
        let field = |offset: usize| u32_at(bytes, optional + offset).ok_or(short);
        let half = |offset: usize| u16_at(bytes, optional + offset).ok_or(short);
        let table = optional + optional_size;
        Ok(Self {
            coff,
            optional,
            table,
            machine: Machine::new(u16_at(bytes, coff).ok_or(short)?),
            image_base: u64::from(field(24)?) | u64::from(field(28)?) << 32,
            section_alignment: field(32)?,
            file_alignment: field(36)?,
            major_image_version: half(44)?,
            size_of_headers: field(60)?,
            subsystem: half(68)?,
            dll_characteristics: half(70)?,
            security: (directories > DIRECTORY_SECURITY)
                .then_some(optional + OPTIONAL + DIRECTORY_SECURITY * 8),
            certificates: directory(DIRECTORY_SECURITY),
            relocations: directory(DIRECTORY_RELOCATION),
            sections: (0..count)
                .map(|index| section(bytes, table + index * SECTION_HEADER))
                .collect::<Option<_>>()
                .ok_or(short)?,
        })
    }

    /// The content of the first section with this name.
    pub(super) fn named<'a>(&self, bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
        self.sections
            .iter()
            .find(|section| section.name() == name)?
            .data(bytes)
    }
}

fn section(bytes: &[u8], place: usize) -> Option<Section> {
    Some(Section {
        name: slice(bytes, place, 8)?.try_into().ok()?,
        virtual_size: u32_at(bytes, place + 8)?,
        virtual_address: u32_at(bytes, place + 12)?,
        raw_size: u32_at(bytes, place + 16)?,
        raw_offset: u32_at(bytes, place + 20)?,
        flags: u32_at(bytes, place + 36)?,
    })
}

fn slice(bytes: &[u8], start: usize, length: usize) -> Option<&[u8]> {
    bytes.get(start..start.checked_add(length)?)
}

/// Two bytes, little-endian.
pub(super) fn u16_at(bytes: &[u8], place: usize) -> Option<u16> {
    Some(u16::from_le_bytes(slice(bytes, place, 2)?.try_into().ok()?))
}

/// Four bytes, little-endian.
pub(super) fn u32_at(bytes: &[u8], place: usize) -> Option<u32> {
    Some(u32::from_le_bytes(slice(bytes, place, 4)?.try_into().ok()?))
}
