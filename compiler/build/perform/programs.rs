//! Programs: static ones are verified, a kernel becomes an EFI program.

use super::Context;
use super::contributors::contributors;
use crate::diagnostic::{Diagnostic, Diagnostics, bytes};
use crate::efi::{self, Uki};
use crate::elf;
use crate::plan::Input;
use crate::tree::{Digest, Node};

/// Refuses a component with programs that need a loader or shared libraries; each is told.
pub(super) fn verify_static(
    context: &Context<'_>,
    tree: &Input,
    source: &str,
) -> Result<Digest, Diagnostics> {
    let mut problems = Diagnostics::new();
    for (path, entry) in context.tree(tree)?.iter() {
        let Node::File { digest, .. } = &entry.node else {
            continue;
        };
        let bytes = context.store.get(digest)?;
        if !elf::is_elf(&bytes) {
            continue;
        }
        if let Err(problem) = elf::verify_static(path.as_str(), &bytes) {
            let site = context.sites.get(&format!("file {path}"));
            let problem = problem.at_maybe(site.copied());
            problems.push(problem.note(format!("it is part of the source `{source}`")));
        }
    }
    if problems.has_errors() {
        return Err(problems);
    }
    Ok(context.digest(tree))
}

/// The parts of a unified kernel image, as inputs.
pub(super) struct UkiInputs<'a> {
    pub(super) stub: &'a Input,
    pub(super) kernel: &'a Input,
    pub(super) initramfs: &'a Input,
    pub(super) cmdline: &'a str,
    pub(super) os_release: &'a str,
    pub(super) release: &'a str,
    pub(super) limit: Option<u64>,
    pub(super) content: Option<&'a Input>,
}

/// Writes a unified kernel image.
pub(super) fn uki(context: &Context<'_>, inputs: &UkiInputs<'_>) -> Result<Digest, Diagnostic> {
    let store = context.store;
    let stub = store.get(&context.digest(inputs.stub))?;
    let kernel = store.get(&context.digest(inputs.kernel))?;
    let initramfs = store.get(&context.digest(inputs.initramfs))?;
    let image = efi::write_uki(&Uki {
        stub: &stub,
        kernel: &kernel,
        os_release: Some(inputs.os_release),
        command_line: Some(inputs.cmdline).filter(|line| !line.is_empty()),
        uname: Some(inputs.release),
        initrds: vec![&initramfs],
        ..Uki::default()
    })?;
    let size = image.len() as u64;
    if let Some(limit) = inputs.limit.filter(|limit| size > *limit) {
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
            "its parts have: {} for the kernel, {} for the initramfs",
            bytes(kernel.len() as u64),
            bytes(initramfs.len() as u64)
        ));
        return Err(contributors(context, refusal, inputs.content)?);
    }
    store.put(&image)
}
