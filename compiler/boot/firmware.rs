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

/// The same, of firmware with Secure Boot, which guards its variables by system management mode.
const SECURE_PLACES: &[(&str, &str)] = &[
    (
        "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd",
        "/usr/share/OVMF/OVMF_VARS_4M.fd",
    ),
    (
        "/usr/share/OVMF/OVMF_CODE.secboot.fd",
        "/usr/share/OVMF/OVMF_VARS.fd",
    ),
    (
        "/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd",
        "/usr/share/edk2/ovmf/OVMF_VARS.fd",
    ),
    (
        "/usr/share/edk2/x64/OVMF_CODE.secboot.4m.fd",
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
    first(PLACES).ok_or_else(|| {
        Diagnostic::error("zosc::boot::no-firmware", "no UEFI firmware for QEMU on this machine")
            .help(
                "install `ovmf` (its name on Debian and Alpine), or boot without firmware: `firmware=direct`",
            )
    })
}

/// The first firmware with Secure Boot whose two files are there.
pub(super) fn find_secure() -> Result<Firmware, Diagnostic> {
    first(SECURE_PLACES).ok_or_else(|| {
        Diagnostic::error(
            "zosc::boot::no-firmware",
            "no UEFI firmware with Secure Boot for QEMU on this machine",
        )
        .help("install `ovmf` (its name on Debian), which has an `OVMF_CODE_4M.secboot.fd`, or boot without Secure Boot: `firmware=uefi`")
    })
}

fn first(places: &[(&str, &str)]) -> Option<Firmware> {
    let (code, variables) = places
        .iter()
        .find(|(code, variables)| Path::new(code).is_file() && Path::new(variables).is_file())?;
    Some(Firmware {
        code: PathBuf::from(code),
        variables: PathBuf::from(variables),
    })
}
