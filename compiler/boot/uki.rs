//! Takes a unified kernel image apart, or a kernel with everything inside as it is, for booting its kernel without firmware.

use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::efi;

/// The parts of a unified kernel image that a direct boot needs.
pub(super) struct Parts {
    /// The kernel.
    pub kernel: Vec<u8>,
    /// The initramfs, where there is one.
    pub initramfs: Option<Vec<u8>>,
    /// The kernel's command line, without its end.
    pub cmdline: String,
}

/// Takes an image apart.
pub(super) fn take_apart(bytes: &[u8], path: &Path) -> Result<Parts, Diagnostic> {
    let bad = |what: &str| {
        Diagnostic::error(
            "zosc::boot::not-a-uki",
            format!("`{}` is no unified kernel image: {what}", path.display()),
        )
        .help("give the `.efi` file that `zosc build` wrote to `dist/`")
    };
    let facts = efi::read_uki(bytes).map_err(|fault| bad(&fault.message))?;
    if facts.content(bytes, ".linux").is_none() && efi::kernel_facts(bytes).is_ok() {
        // A kernel with the initramfs and the command line inside.
        return Ok(Parts {
            kernel: bytes.to_vec(),
            initramfs: None,
            cmdline: String::new(),
        });
    }
    let section = |name: &str| facts.content(bytes, name).map(<[u8]>::to_vec);
    let cmdline = section(".cmdline").unwrap_or_default();
    let cmdline = String::from_utf8(cmdline).map_err(|_| bad("its command line is not UTF-8"))?;
    Ok(Parts {
        kernel: section(".linux").ok_or_else(|| bad("it has no section `.linux`"))?,
        initramfs: section(".initrd"),
        cmdline: cmdline.trim_end_matches(['\0', '\n', ' ']).to_owned(),
    })
}
