//! What is in an image: sections, kernel, archives, files, modules, units.
//!
//! Comes in: the bytes of a `.efi` file, a kernel, or an initramfs. Goes out: a [`Report`], which is data (JSON by
//! serde), and the [`Tree`] that the kernel makes of the archives, with an origin for each file.
//! An origin comes from the record of the build that wrote the image, where the store has it, else from what lies in the image.
//! Nothing is built again and nothing is printed here; what an image should hold is `plan`'s and `check`'s to say.

mod contents;
mod flists;
mod modules;
mod open;
mod origins;
mod sizes;
mod units;

pub use contents::{ContentsReport, ListedEntry};
pub use flists::{FlistReport, flists, lists};
pub use modules::ModuleReport;
pub use open::open;
pub use origins::{OriginsFrom, installed};
pub use sizes::{SizeReport, Sizes};
pub use units::{UnitReport, units};

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use modules::module_release;
use units::unit_name;

use crate::archive::{self, Limits};
use crate::build::{self, Record};
use crate::diagnostic::Diagnostic;
use crate::efi::{self, KernelFacts, SectionFacts, SignatureFacts, UkiFacts};
use crate::tree::{Digest, ImagePath, Origin, Store, Tree};

/// The longest os-release that is read.
const LARGEST_OS_RELEASE: u64 = 1 << 20;

/// What an image turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A stub with kernel, initramfs and settings.
    UnifiedKernelImage,
    /// A kernel image.
    Kernel,
    /// Another EFI program.
    EfiProgram,
    /// One or several CPIO archives.
    Initramfs,
}

/// Everything about one file.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Report {
    /// The name it was given.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Bytes of the file.
    pub size: u64,
    /// The SHA-256 of the file.
    pub digest: Digest,
    /// The image's digest as it stands inside: `BUILD_ID` of its os-release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// The build that wrote it, where the store has its record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildReport>,
    /// Of an EFI program: its sections and what they say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub efi: Option<EfiReport>,
    /// Of a kernel, alone or inside: what it can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<KernelFacts>,
    /// Of an initramfs, alone or inside: what it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initramfs: Option<ContentsReport>,
}

/// A build that wrote an image.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct BuildReport {
    /// Its number in the store.
    pub number: u32,
    /// The manifest, as an absolute path.
    pub manifest: PathBuf,
}

/// An EFI program in facts.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct EfiReport {
    /// The processor that it is for.
    pub machine: String,
    /// Whether a certificate table is attached.
    pub signed: bool,
    /// The signatures in that table.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<SignatureFacts>,
    /// Its sections, in the order of the file.
    pub sections: Vec<SectionFacts>,
    /// The SHA-256 of each section's content, in the same order; fewer, where sections overlap.
    pub digests: Vec<Digest>,
    /// The kernel's command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_line: Option<String>,
    /// `os-release`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_release: Option<String>,
    /// The kernel's release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uname: Option<String>,
    /// Revocation rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sbat: Option<String>,
    /// What the stub will leave in PCR 11 (SHA-256 bank) before any boot phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pcr11: Option<Digest>,
}

/// An image that was taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// What it turned out to be.
    pub report: Report,
    /// The files that the kernel makes of its archives, each with its origin; empty where there are none.
    pub tree: Tree,
    /// The record of the build that wrote it, where the store has that.
    pub record: Option<Record>,
}

/// Takes an image apart; contents of archives go to the store, so that later looks are cheap.
///
/// # Errors
/// Bytes that are neither an EFI program nor a kernel nor archives, and damaged ones.
pub fn opened(name: &str, bytes: &[u8], store: &Store) -> Result<Opened, Diagnostic> {
    let digest = Digest::of(bytes);
    let record = build::record_of(store, &digest);
    let mut opened = Opened {
        report: Report {
            name: name.to_owned(),
            kind: Kind::Initramfs,
            size: bytes.len() as u64,
            digest,
            build_id: None,
            build: record.as_ref().map(|record| BuildReport {
                number: record.number,
                manifest: record.manifest.clone(),
            }),
            efi: None,
            kernel: None,
            initramfs: None,
        },
        tree: Tree::new(),
        record,
    };
    if is_program(bytes) {
        program(&mut opened, bytes, store)?;
    } else {
        archives(&mut opened, bytes, store)?;
        let text = os_release(&opened.tree, store);
        opened.report.build_id = text.and_then(|text| build_id(&text));
    }
    Ok(opened)
}

/// Whether a file begins as EFI programs and kernels do.
fn is_program(bytes: &[u8]) -> bool {
    bytes.starts_with(b"MZ") || bytes.get(0x202..0x206) == Some(b"HdrS")
}

fn program(opened: &mut Opened, bytes: &[u8], store: &Store) -> Result<(), Diagnostic> {
    let report = &mut opened.report;
    let facts = match efi::read_uki(bytes) {
        Ok(facts) => facts,
        // A kernel without an EFI stub is no PE file.
        Err(error) => {
            report.kind = Kind::Kernel;
            report.kernel = Some(efi::kernel_facts(bytes).map_err(|_| error)?);
            return Ok(());
        }
    };
    let described = described(&facts, bytes);
    let os_release = described.os_release.as_deref();
    report.build_id = os_release.and_then(build_id);
    report.efi = Some(described);
    if let Some(kernel) = facts.content(bytes, ".linux") {
        report.kind = Kind::UnifiedKernelImage;
        report.kernel = efi::kernel_facts(kernel).ok();
        let initrd = facts.content(bytes, ".initrd");
        return match initrd.filter(|initrd| !initrd.is_empty()) {
            Some(initrd) => archives(opened, initrd, store),
            None => Ok(()),
        };
    }
    let kernel = efi::kernel_facts(bytes).ok();
    report.kind = match &kernel {
        Some(kernel) if kernel.version.is_some() => Kind::Kernel,
        _ => Kind::EfiProgram,
    };
    report.kernel = kernel.filter(|_| report.kind == Kind::Kernel);
    Ok(())
}

/// An EFI program in facts.
fn described(facts: &UkiFacts, bytes: &[u8]) -> EfiReport {
    let words = |section: &str| {
        facts.content(bytes, section).map(|text| {
            String::from_utf8_lossy(text)
                .trim_end_matches('\0')
                .to_owned()
        })
    };
    EfiReport {
        machine: facts.machine.name(),
        signed: facts.signed,
        signatures: efi::signatures(bytes),
        sections: facts.sections.clone(),
        digests: digests(facts, bytes),
        command_line: words(".cmdline"),
        os_release: words(".osrel"),
        uname: words(".uname"),
        sbat: words(".sbat"),
        pcr11: efi::predict_pcr11(facts, bytes).ok().flatten(),
    }
}

/// The digests of sections, as long as no byte is read twice.
fn digests(facts: &UkiFacts, bytes: &[u8]) -> Vec<Digest> {
    let mut end = 0;
    let apart = facts.sections.iter().take_while(|section| {
        let is_apart = section.size == 0 || section.offset >= end;
        end = section.offset.saturating_add(section.size).max(end);
        is_apart
    });
    let content = apart.map(|section| {
        let start = usize::try_from(section.offset).unwrap_or(usize::MAX);
        let size = usize::try_from(section.size).unwrap_or(usize::MAX);
        let content = bytes.get(start..start.saturating_add(size));
        Digest::of(content.unwrap_or_default())
    });
    content.collect()
}

/// Unpacks the archives of an initramfs and finds out who put what there.
fn archives(opened: &mut Opened, bytes: &[u8], store: &Store) -> Result<(), Diagnostic> {
    let unknown = Origin::new("unknown");
    let mut contents = archive::read(bytes, store, &unknown, Limits::default())?;
    let recorded = opened.record.as_ref().and_then(|record| record.tree);
    let recorded = recorded.and_then(|tree| store.get_tree(&tree).ok());
    let origins = origins::give(&mut contents.tree, recorded.as_ref(), store);
    opened.report.initramfs = Some(contents::report(&contents, origins, store));
    opened.tree = contents.tree;
    Ok(())
}

/// The text of `/etc/os-release`.
fn os_release(tree: &Tree, store: &Store) -> Option<String> {
    let path = ImagePath::new("/etc/os-release").ok()?;
    let (_, entry) = tree.resolve(&path)?;
    origins::text(entry, store, LARGEST_OS_RELEASE)
}

fn build_id(os_release: &str) -> Option<String> {
    let mut lines = os_release.lines();
    lines.find_map(|line| line.strip_prefix("BUILD_ID=").map(str::to_owned))
}

#[cfg(test)]
mod tests;
