//! A report as text for people.

use std::fmt::Write as _;

use super::{ContentsReport, EfiReport, Kind, Report};
use crate::diagnostic::bytes;
use crate::efi::KernelFacts;

/// Directories that a summary names.
const SHOWN_DIRECTORIES: usize = 12;

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Totals and names.
    Summary,
    /// Every entry as well.
    Listing,
}

/// Shows a report.
pub fn text(report: &Report, detail: Detail) -> String {
    let mut out = Lines(String::new());
    let kind = match report.kind {
        Kind::UnifiedKernelImage => "unified kernel image",
        Kind::Kernel => "kernel",
        Kind::EfiProgram => "EFI program",
        Kind::Initramfs => "initramfs",
    };
    out.line(format_args!(
        "{}: {kind}, {}",
        report.name,
        bytes(report.size)
    ));
    out.line(format_args!("sha256 {}", report.digest));
    if let Some(id) = &report.build_id {
        out.line(format_args!("build id {id}"));
    }
    if let Some(efi) = &report.efi {
        sections(&mut out, efi);
    }
    if let Some(facts) = &report.kernel {
        kernel(&mut out, facts);
    }
    if let Some(contents) = &report.initramfs {
        summary(&mut out, contents);
        if detail == Detail::Listing {
            listing(&mut out, contents);
        }
    }
    out.0
}

struct Lines(String);

impl Lines {
    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Contents come from outside: what could steer a terminal is shown as an escape.
        let mut raw = String::new();
        raw.write_fmt(text)
            .expect("writing to a String does not fail");
        for character in raw.chars() {
            if character.is_control() {
                self.0.extend(character.escape_default());
            } else {
                self.0.push(character);
            }
        }
        self.0.push('\n');
    }

    fn head(&mut self, text: &str) {
        self.0.push('\n');
        self.0.push_str(text);
        self.0.push('\n');
    }
}

fn sections(out: &mut Lines, efi: &EfiReport) {
    let signed = if efi.signed { "signed" } else { "not signed" };
    out.line(format_args!("for {}, {signed}", efi.machine));
    for signature in &efi.signatures {
        let verdict = if !signature.digest_matches {
            "the file is not the one that was signed"
        } else if signature.valid {
            "the digest matches, the signature is right"
        } else {
            "the digest matches, the signature is wrong"
        };
        out.line(format_args!(
            "  by {}, issued by {}: {verdict}",
            signature.subject.as_deref().unwrap_or("nobody known"),
            signature.issuer.as_deref().unwrap_or("nobody known"),
        ));
    }
    out.head("sections");
    for section in &efi.sections {
        out.line(format_args!(
            "  {:<9} {:>11}  at {:#010x}",
            section.name,
            bytes(section.size),
            section.address
        ));
    }
    if let Some(line) = &efi.command_line {
        out.line(format_args!("command line   {line}"));
    }
    if let Some(release) = &efi.uname {
        out.line(format_args!("kernel release {release}"));
    }
    let pretty = efi.os_release.as_deref().and_then(|text| {
        text.lines()
            .find_map(|line| line.strip_prefix("PRETTY_NAME="))
    });
    if let Some(name) = pretty {
        out.line(format_args!("system         {}", name.trim_matches('"')));
    }
    if let Some(register) = &efi.pcr11 {
        out.line(format_args!("PCR 11         {register}"));
    }
}

fn kernel(out: &mut Lines, facts: &KernelFacts) {
    out.head("kernel");
    if let Some(version) = &facts.version {
        out.line(format_args!("  {version}"));
    }
    let yes = |fact: bool| if fact { "yes" } else { "no" };
    out.line(format_args!(
        "  {}, EFI stub {}, initrd by LoadFile2 {}, strict memory protection {}",
        facts.machine.name(),
        yes(facts.efi_stub),
        yes(facts.takes_initrd),
        yes(facts.nx_compatible)
    ));
}

fn summary(out: &mut Lines, contents: &ContentsReport) {
    out.head("initramfs");
    for (index, segment) in contents.segments.iter().enumerate() {
        out.line(format_args!(
            "  segment {:<3} {:<5} {:>11} stored {:>11} unpacked {:>7} entries",
            index + 1,
            segment.algorithm.name(),
            bytes(segment.stored),
            bytes(segment.unpacked),
            segment.entries
        ));
    }
    out.line(format_args!(
        "  {} entries, {} files, {} of content",
        contents.entries,
        contents.files,
        bytes(contents.content)
    ));
    out.line(format_args!(
        "  starts {}",
        contents
            .init
            .as_deref()
            .unwrap_or("nothing: there is no /init")
    ));
    for remark in &contents.remarks {
        out.line(format_args!("  note: {remark}"));
    }
    if !contents.sizes.folders.is_empty() {
        out.head("largest directories");
        for folder in contents.sizes.folders.iter().take(SHOWN_DIRECTORIES) {
            out.line(format_args!(
                "  {:>11} {:>7} files  {}",
                bytes(folder.content),
                folder.files,
                folder.name
            ));
        }
    }
    if !contents.modules.is_empty() {
        let size = contents.modules.iter().map(|module| module.size).sum();
        out.head(&format!(
            "{} kernel modules, {}",
            contents.modules.len(),
            bytes(size)
        ));
        let names: Vec<&str> = contents.modules.iter().map(|m| m.name.as_str()).collect();
        out.line(format_args!("  {}", names.join(" ")));
    }
    if !contents.units.is_empty() {
        out.head(&format!("{} zinit units", contents.units.len()));
        for unit in &contents.units {
            out.line(format_args!("  {} ({})", unit.name, unit.dialect));
        }
    }
}

fn listing(out: &mut Lines, contents: &ContentsReport) {
    out.head("entries");
    for entry in &contents.listing {
        let size = entry.size.map_or(String::new(), |size| size.to_string());
        let hard = entry.mode.starts_with('-');
        let target = match &entry.target {
            Some(to) if hard => format!(" = {to}"),
            Some(to) if entry.mode.starts_with('l') => format!(" -> {to}"),
            Some(numbers) => format!(" ({numbers})"),
            None => String::new(),
        };
        out.line(format_args!(
            "{} {:>5} {:>5} {size:>11} {}{target}",
            entry.mode, entry.uid, entry.gid, entry.path
        ));
    }
}
