//! An EFI program in facts: its processor and its sections.

use schemars::JsonSchema;
use serde::Serialize;

use super::blob::Blob;
use super::pe::{Machine, Pe};
use crate::diagnostic::Diagnostic;

/// Within this much of a file are its headers.
const HEADERS: u64 = 1 << 20;

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
