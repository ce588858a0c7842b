//! Virtual machines that images are tried out in, and the stubs that they start from.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::looking::Looking;
use super::needs::Wanted;
use super::programs::{self, Program, find, usual};
use super::report::{Finding, Section};

/// Firmware.
pub(super) const UEFI: &str = "UEFI firmware";
/// Firmware with Secure Boot.
pub(super) const SECURE_BOOT: &str = "Secure Boot";

const KVM: &str = "/dev/kvm";
/// Where distributions keep systemd's stubs.
const STUBS: &str = "/usr/lib/systemd/boot/efi";

const QEMU: [(&str, Program); 2] = [
    ("x86_64", usual("qemu-system-x86_64")),
    ("aarch64", usual("qemu-system-aarch64")),
];

pub(super) fn look(looking: &mut Looking<'_>, arch: &str) {
    for (of, program) in &QEMU {
        let wanted = Wanted::Qemu((*of).to_owned());
        if looking.counts(&wanted) {
            let finding = find(looking, Section::Boot, program, program.name);
            looking.add(&wanted, finding);
        }
    }
    for (name, finding) in [
        ("KVM", kvm as fn(&Looking<'_>) -> Finding),
        (UEFI, |looking| firmware(looking, UEFI, false)),
        (SECURE_BOOT, |looking| firmware(looking, SECURE_BOOT, true)),
    ] {
        let wanted = Wanted::Named(name);
        if looking.counts(&wanted) {
            let finding = finding(looking);
            looking.add(&wanted, finding);
        }
    }
    for program in ["swtpm", "cloud-hypervisor"] {
        programs::look(looking, Section::Boot, &usual(program));
    }
    stubs(looking, arch);
}

fn kvm(looking: &Looking<'_>) -> Finding {
    let slow = "QEMU emulates, some ten times slower";
    match looking.machine.opens(Path::new(KVM)) {
        Ok(()) => Finding::works(Section::Boot, "KVM", format!("{KVM} can be opened")),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let fact = format!("this user may not open {KVM}: {slow}");
            Finding::missing(Section::Boot, "KVM", fact).remedy("sudo usermod -aG kvm $USER")
        }
        Err(_) => Finding::aside(Section::Boot, "KVM", format!("there is no {KVM}: {slow}")),
    }
}

fn firmware(looking: &Looking<'_>, name: &str, secure: bool) -> Finding {
    match looking.machine.firmware(secure) {
        Some(code) => Finding::works(Section::Boot, name, code.display().to_string()),
        None => looking.absent(Section::Boot, name, "OVMF"),
    }
}

/// The stub that a manifest names as a file, or else the one that distributions have for this processor.
fn stubs(looking: &mut Looking<'_>, arch: &str) {
    let file = match arch {
        "aarch64" => "linuxaa64.efi.stub",
        _ => "linuxx64.efi.stub",
    };
    let named = looking
        .wanted()
        .into_iter()
        .filter_map(|wanted| match wanted {
            Wanted::Stub(path) => Some(path),
            _ => None,
        });
    let mut stubs: Vec<PathBuf> = named.collect();
    let usual = Path::new(STUBS).join(file);
    if looking.counts(&Wanted::Stub(usual.clone())) && !stubs.contains(&usual) {
        stubs.push(usual);
    }
    for path in stubs {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let finding = if looking.machine.is_there(&path) {
            Finding::works(Section::Boot, &name, path.display().to_string())
        } else {
            looking.absent(Section::Boot, &name, &name)
        };
        looking.add(&Wanted::Stub(path), finding);
    }
}
