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

/// Where UEFI firmware that cloud-hypervisor starts may lie, in one file.
const CLOUD_FOLDERS: [&str; 3] = [
    "/usr/share/cloud-hypervisor",
    "/usr/share/OVMF",
    "/usr/share/edk2",
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
pub(super) fn find_cloud(arch: Arch) -> Result<PathBuf, Diagnostic> {
    let name = cloud_name(arch);
    let mut places = CLOUD_FOLDERS
        .map(|folder| Path::new(folder).join(name))
        .into_iter();
    places.find(|place| place.is_file()).ok_or_else(|| {
        Diagnostic::error(
            "zosc::boot::no-firmware",
            format!("no UEFI firmware of {arch} for cloud-hypervisor on this machine"),
        )
        .help(format!(
            "put `{name}` of the releases of edk2 for cloud-hypervisor into `{}`, or boot without firmware: `--firmware direct`",
            CLOUD_FOLDERS[0]
        ))
    })
}

/// What the releases of edk2 for cloud-hypervisor call the firmware of a processor.
fn cloud_name(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "CLOUDHV.fd",
        Arch::Aarch64 => "CLOUDHV_EFI.fd",
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cloud_hypervisor_gets_the_firmware_of_the_image_s_processor() {
        let name = Arch::ALL.map(cloud_name);
        assert_ne!(name[0], name[1]);
        for (arch, name) in Arch::ALL.into_iter().zip(name) {
            if let Err(refused) = find_cloud(arch) {
                let help = refused.help.unwrap_or_default();
                assert!(help.contains(&format!("`{name}`")), "{help}");
                assert!(refused.message.contains(arch.name()));
            }
        }
    }
}
