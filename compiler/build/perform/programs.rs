//! Programs: static ones are verified, a kernel becomes an EFI program.

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::efi::{self, Uki};
use crate::plan::Input;
use crate::tree::Digest;

/// The parts of a unified kernel image, as inputs.
pub(super) struct UkiInputs<'a> {
    pub(super) stub: &'a Input,
    pub(super) kernel: &'a Input,
    pub(super) initramfs: &'a Input,
    pub(super) cmdline: &'a str,
    pub(super) os_release: &'a str,
    pub(super) release: &'a str,
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
    store.put(&image)
}
