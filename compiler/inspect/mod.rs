//! What is in an image: sections, kernel, archives, files, modules, units.
//!
//! Comes in: the bytes of a `.efi` file, a kernel, or an initramfs. Goes out: a [`Report`], which is data (JSON by
//! serde) and can be shown as text. Nothing is built again and nothing is printed here; what an image should hold is
//! `plan`'s and `check`'s to say.

mod contents;
mod text;

pub use contents::{ContentsReport, DirectoryReport, ListedEntry, ModuleReport, UnitReport};
pub use text::{Detail, text};

use schemars::JsonSchema;
use serde::Serialize;

use crate::archive::{self, Contents, Limits};
use crate::diagnostic::Diagnostic;
use crate::efi::{self, KernelFacts, SectionFacts, SignatureFacts};
use crate::tree::{Digest, ImagePath, Node, Origin, Store};

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

/// Looks into an image; contents of archives go to the store, so that later looks are cheap.
pub fn image(name: &str, bytes: &[u8], store: &Store) -> Result<Report, Diagnostic> {
    let mut report = Report {
        name: name.to_owned(),
        kind: Kind::Initramfs,
        size: bytes.len() as u64,
        digest: Digest::of(bytes),
        build_id: None,
        efi: None,
        kernel: None,
        initramfs: None,
    };
    if bytes.starts_with(b"MZ") || bytes.get(0x202..0x206) == Some(b"HdrS") {
        program(&mut report, bytes, store)?;
    } else {
        let contents = contents(bytes, store)?;
        report.build_id = os_release(&contents, store).and_then(|text| build_id(&text));
        report.initramfs = Some(contents::report(&contents));
    }
    Ok(report)
}

fn program(report: &mut Report, bytes: &[u8], store: &Store) -> Result<(), Diagnostic> {
    let facts = match efi::read_uki(bytes) {
        Ok(facts) => facts,
        // A kernel without an EFI stub is no PE file.
        Err(error) => {
            report.kind = Kind::Kernel;
            report.kernel = Some(efi::kernel_facts(bytes).map_err(|_| error)?);
            return Ok(());
        }
    };
    let words = |section: &str| {
        facts.content(bytes, section).map(|text| {
            String::from_utf8_lossy(text)
                .trim_end_matches('\0')
                .to_owned()
        })
    };
    report.efi = Some(EfiReport {
        machine: facts.machine.name(),
        signed: facts.signed,
        signatures: efi::signatures(bytes),
        sections: facts.sections.clone(),
        command_line: words(".cmdline"),
        os_release: words(".osrel"),
        uname: words(".uname"),
        sbat: words(".sbat"),
        pcr11: efi::predict_pcr11(&facts, bytes),
    });
    report.build_id = words(".osrel").and_then(|text| build_id(&text));
    if let Some(kernel) = facts.content(bytes, ".linux") {
        report.kind = Kind::UnifiedKernelImage;
        report.kernel = efi::kernel_facts(kernel).ok();
        if let Some(initrd) = facts
            .content(bytes, ".initrd")
            .filter(|initrd| !initrd.is_empty())
        {
            report.initramfs = Some(contents::report(&contents(initrd, store)?));
        }
        return Ok(());
    }
    let kernel = efi::kernel_facts(bytes).ok();
    report.kind = match &kernel {
        Some(kernel) if kernel.version.is_some() => Kind::Kernel,
        _ => Kind::EfiProgram,
    };
    report.kernel = kernel.filter(|_| report.kind == Kind::Kernel);
    Ok(())
}

fn contents(bytes: &[u8], store: &Store) -> Result<Contents, Diagnostic> {
    let origin = Origin::new("archive initramfs");
    archive::read(bytes, store, &origin, Limits::default())
}

/// The text of `/etc/os-release`.
fn os_release(contents: &Contents, store: &Store) -> Option<String> {
    let path = ImagePath::new("/etc/os-release").ok()?;
    let Node::File { digest, .. } = &contents.tree.get(&path)?.node else {
        return None;
    };
    String::from_utf8(store.get(digest).ok()?).ok()
}

fn build_id(os_release: &str) -> Option<String> {
    let mut lines = os_release.lines();
    lines.find_map(|line| line.strip_prefix("BUILD_ID=").map(str::to_owned))
}

#[cfg(test)]
mod tests;
