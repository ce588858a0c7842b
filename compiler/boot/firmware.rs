//! Finds UEFI firmware for virtual machines.

use std::path::{Path, PathBuf};

use crate::check::Arch;
use crate::diagnostic::Diagnostic;
use crate::tools;

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

/// Firmware for 64-bit Arm: Debian and Alpine, Fedora, Arch.
const ARM_PLACES: &[(&str, &str)] = &[
    (
        "/usr/share/AAVMF/AAVMF_CODE.fd",
        "/usr/share/AAVMF/AAVMF_VARS.fd",
    ),
    (
        "/usr/share/edk2/aarch64/QEMU_EFI-pflash.raw",
        "/usr/share/edk2/aarch64/vars-template-pflash.raw",
    ),
    (
        "/usr/share/edk2/aarch64/QEMU_CODE.fd",
        "/usr/share/edk2/aarch64/QEMU_VARS.fd",
    ),
];

/// UEFI firmware that cloud-hypervisor starts, in one file.
const CLOUD_PLACES: &[&str] = &[
    "/usr/share/cloud-hypervisor/CLOUDHV.fd",
    "/usr/share/OVMF/CLOUDHV.fd",
    "/usr/share/edk2/CLOUDHV.fd",
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
pub(super) fn find(arch: Arch) -> Result<Firmware, Diagnostic> {
    let (places, name) = match arch {
        Arch::X86_64 => (PLACES, "OVMF"),
        Arch::Aarch64 => (ARM_PLACES, "AAVMF"),
    };
    first(places).ok_or_else(|| {
        let fact = format!("no UEFI firmware of {arch} for QEMU on this machine");
        Diagnostic::error("zosc::boot::no-firmware", fact).help(format!(
            "install it: {}; or boot without firmware: `--firmware direct`",
            tools::installing(name)
        ))
    })
}

/// The first firmware with Secure Boot whose two files are there.
pub(super) fn find_secure() -> Result<Firmware, Diagnostic> {
    first(SECURE_PLACES).ok_or_else(|| {
        Diagnostic::error(
            "zosc::boot::no-firmware",
            "no UEFI firmware with Secure Boot for QEMU on this machine",
        )
        .help(format!(
            "install it: {}; or boot without Secure Boot: `--firmware uefi`",
            tools::installing("OVMF")
        ))
    })
}

/// The first firmware for cloud-hypervisor that is there.
pub(super) fn find_cloud() -> Result<PathBuf, Diagnostic> {
    let mut places = CLOUD_PLACES.iter().map(PathBuf::from);
    places.find(|place| place.is_file()).ok_or_else(|| {
        Diagnostic::error(
            "zosc::boot::no-firmware",
            "no UEFI firmware for cloud-hypervisor on this machine",
        )
        .help(format!(
            "put `CLOUDHV.fd` of the releases of edk2 for cloud-hypervisor to `{}`, or boot without firmware: `--firmware direct`",
            CLOUD_PLACES[0]
        ))
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
