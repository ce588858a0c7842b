//! Takes a unified kernel image apart, for booting its kernel without firmware.

use std::path::Path;

use object::read::pe::PeFile64;
use object::{Object, ObjectSection};

use crate::diagnostic::Diagnostic;

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
    let pe = PeFile64::parse(bytes).map_err(|_| bad("it is no 64-bit PE file"))?;
    let section = |name: &str| -> Result<Option<Vec<u8>>, Diagnostic> {
        // The first of a name counts, as for the stub.
        let Some(section) = pe.sections().find(|section| section.name() == Ok(name)) else {
            return Ok(None);
        };
        let data = section
            .data()
            .map_err(|_| bad(&format!("its section `{name}` lies outside the file")))?;
        Ok(Some(data.to_vec()))
    };
    let cmdline = section(".cmdline")?.unwrap_or_default();
    let cmdline = String::from_utf8(cmdline).map_err(|_| bad("its command line is not UTF-8"))?;
    Ok(Parts {
        kernel: section(".linux")?.ok_or_else(|| bad("it has no section `.linux`"))?,
        initramfs: section(".initrd")?,
        cmdline: cmdline.trim_end_matches(['\0', '\n', ' ']).to_owned(),
    })
}
