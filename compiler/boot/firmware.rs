//! Finds UEFI firmware for QEMU.

use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;

/// Code and template of variables, as distributions install them: Debian, Alpine, Fedora, Arch.
const PLACES: &[(&str, &str)] = &[
    (
        "/usr/share/OVMF/OVMF_CODE_4M.fd",
        "/usr/share/OVMF/OVMF_VARS_4M.fd",
    ),
    (
        "/usr/share/OVMF/OVMF_CODE.fd",
        "/usr/share/OVMF/OVMF_VARS.fd",
    ),
    (
        "/usr/share/edk2/ovmf/OVMF_CODE.fd",
        "/usr/share/edk2/ovmf/OVMF_VARS.fd",
    ),
    (
        "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
        "/usr/share/edk2/x64/OVMF_VARS.4m.fd",
    ),
];

/// UEFI firmware in two flash images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Firmware {
    /// The code, never written to.
    pub code: PathBuf,
    /// The variables as they are when new; machines get a copy.
    pub variables: PathBuf,
}

/// The first firmware whose two files are there.
pub(super) fn find() -> Result<Firmware, Diagnostic> {
    PLACES
        .iter()
        .find(|(code, variables)| Path::new(code).is_file() && Path::new(variables).is_file())
        .map(|(code, variables)| Firmware {
            code: PathBuf::from(code),
            variables: PathBuf::from(variables),
        })
        .ok_or_else(|| {
            Diagnostic::error("zosc::boot::no-firmware", "no UEFI firmware for QEMU on this machine")
                .help(
                    "install `ovmf` (its name on Debian and Alpine), or boot without firmware: `firmware=direct`",
                )
        })
}
