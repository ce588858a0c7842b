//! Programs: those of sources are verified, a kernel becomes an EFI program.

use super::Context;
use super::contributors::contributors;
use super::stamp::with_build_id;
use crate::diagnostic::{Diagnostic, Diagnostics, bytes};
use crate::efi::{self, Blob, Uki};
use crate::elf;
use crate::plan::{Input, Verified};
use crate::tree::{Digest, ImagePath, Node};

/// Refuses a source with programs or libraries that are not as they must be; each is told.
pub(super) fn verify(
    context: &Context<'_>,
    tree: &Input,
    source: &str,
    wanted: &[Verified],
) -> Result<Digest, Diagnostics> {
    let mut problems = Diagnostics::new();
    for (path, entry) in context.tree(tree)?.iter() {
        let Node::File { digest, .. } = &entry.node else {
            continue;
        };
        let Some(bytes) = context.elf(digest)? else {
            continue;
        };
        for verified in wanted {
            let (word, refused) = one(path, &bytes, verified);
            if let Some(problem) = refused {
                let problem = context.about(problem, path, source, word);
                problems.push(problem.note(format!("it is part of the source `{source}`")));
            }
        }
    }
    if problems.has_errors() {
        return Err(problems);
    }
    Ok(context.digest(tree))
}

/// What the manifest calls one thing that is verified, and what is wrong.
fn one(path: &ImagePath, bytes: &[u8], verified: &Verified) -> (&'static str, Option<Diagnostic>) {
    let name = path.as_str();
    match verified {
        Verified::Static => ("static", elf::verify_static(name, bytes).err()),
        // Firmware is for other processors.
        Verified::Arch(_) if name.contains("/lib/firmware/") => ("arch", None),
        Verified::Arch(arch) => (
            "arch",
            elf::verify_machine(name, bytes, machine(arch)).err(),
        ),
        Verified::NoBuildPaths { stripped } => {
            let place = if *stripped {
                elf::Where::WhatStays
            } else {
                elf::Where::Everywhere
            };
            let refused = elf::verify_no_build_paths(name, bytes, place);
            ("no-build-paths", refused.err())
        }
    }
}

/// What the kernel calls the processor that Alpine names.
fn machine(arch: &str) -> &str {
    match arch {
        "x86" => "i686",
        "armv7" | "armhf" => "arm",
        other => other,
    }
}

/// A kernel as a program that firmware starts.
pub(super) fn unpack_kernel(context: &Context<'_>, kernel: &Input) -> Result<Digest, Diagnostic> {
    let kernel = context.store.get(&context.digest(kernel))?;
    context.store.put(&efi::unpacked_kernel(kernel)?)
}

/// The parts of a unified kernel image, as inputs.
pub(super) struct UkiInputs<'a> {
    pub(super) stub: &'a Input,
    pub(super) kernel: &'a Input,
    pub(super) initramfs: &'a Input,
    pub(super) microcode: Option<&'a Input>,
    pub(super) cmdline: &'a str,
    pub(super) os_release: &'a str,
    pub(super) identity: &'a Input,
    pub(super) release: &'a str,
}

/// Writes a unified kernel image.
pub(super) fn uki(context: &Context<'_>, inputs: &UkiInputs<'_>) -> Result<Digest, Diagnostic> {
    let store = context.store;
    let stub = store.get(&context.digest(inputs.stub))?;
    let kernel = store.get(&context.digest(inputs.kernel))?;
    let initramfs = store.reader(&context.digest(inputs.initramfs))?;
    let microcode = inputs
        .microcode
        .map(|microcode| store.get(&context.digest(microcode)))
        .transpose()?;
    let identity = store.get(&context.digest(inputs.identity))?;
    let os_release = with_build_id(inputs.os_release, &String::from_utf8_lossy(&identity));
    let parts = Uki {
        stub: &stub,
        kernel: &kernel,
        os_release: Some(&os_release),
        command_line: Some(inputs.cmdline).filter(|line| !line.is_empty()),
        uname: Some(inputs.release),
        initrds: vec![Blob::File(&initramfs)],
        microcode: microcode.as_deref(),
        ..Uki::default()
    };
    let mut image = store.writer()?;
    efi::write_uki(&parts, &mut image)?;
    image.finish().map(|(digest, _)| digest)
}

/// Refuses an EFI program that is larger than allowed, and says what it is made of.
pub(super) fn limit(
    context: &Context<'_>,
    program: &Input,
    limit: u64,
    [initramfs, content]: [&Input; 2],
) -> Result<Digest, Diagnostic> {
    let size_of = |input: &Input| {
        let blob = context.store.reader(&context.digest(input))?;
        Ok::<_, Diagnostic>(blob.metadata().map_or(0, |facts| facts.len()))
    };
    let (size, initramfs) = (size_of(program)?, size_of(initramfs)?);
    if size <= limit {
        return Ok(context.digest(program));
    }
    let refusal = Diagnostic::error(
        "zosc::build::too-large",
        format!(
            "the EFI program has {}, {} more than allowed",
            bytes(size),
            bytes(size - limit)
        ),
    )
    .help("drop files or packages, compress harder, or raise `max efi` in `size`")
    .note(format!(
        "its parts have: {} for the initramfs, {} for the kernel and all else",
        bytes(initramfs),
        bytes(size.saturating_sub(initramfs))
    ));
    Err(contributors(context, refusal, Some(content))?)
}

/// Predicts PCR 11 of a unified kernel image.
pub(super) fn measure(context: &Context<'_>, image: &Input) -> Result<Digest, Diagnostic> {
    let image = context.store.reader(&context.digest(image))?;
    let register = efi::predict_pcr11(&efi::read_uki(&image)?, &image)?;
    let text = register.map_or(String::new(), |register| register.to_string());
    context.store.put(text.as_bytes())
}
