//! Virtual machines that images are tried out in, and the stubs that they start from.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::check::Arch;

use super::looking::Looking;
use super::needs::Wanted;
use super::programs::{self, Program, find, usual};
use super::report::{Finding, Section};

/// Firmware.
pub(super) const UEFI: &str = "UEFI firmware";
/// Firmware with Secure Boot.
pub(super) const SECURE_BOOT: &str = "Secure Boot";

const KVM: &str = "/dev/kvm";

const QEMU: [(&str, Program); 2] = [
    ("x86_64", usual("qemu-system-x86_64")),
    ("aarch64", usual("qemu-system-aarch64")),
];

pub(super) fn look(looking: &mut Looking<'_>, arch: Arch) {
    for (of, program) in &QEMU {
        let wanted = Wanted::Qemu((*of).to_owned());
        if looking.counts(&wanted) {
            let finding = find(looking, Section::Boot, program, program.name);
            looking.add(&wanted, finding);
        }
    }
    for (name, finding) in [
        ("KVM", kvm as fn(&Looking<'_>, Arch) -> Finding),
        (UEFI, |looking, arch| firmware(looking, UEFI, arch, false)),
        // It is tried out with machines for x86_64 alone.
        (SECURE_BOOT, |looking, _| {
            firmware(looking, SECURE_BOOT, Arch::X86_64, true)
        }),
    ] {
        let wanted = Wanted::Named(name);
        if looking.counts(&wanted) {
            let finding = finding(looking, arch);
            looking.add(&wanted, finding);
        }
    }
    for program in ["swtpm", "cloud-hypervisor"] {
        programs::look(looking, Section::Boot, &usual(program));
    }
    stubs(looking, arch);
}

fn kvm(looking: &Looking<'_>, arch: Arch) -> Finding {
    let slow = "QEMU emulates, some ten times slower";
    if !looking.machine.is_native(arch) {
        let fact = format!("this machine has another processor than {arch}: {slow}");
        return Finding::aside(Section::Boot, "KVM", fact);
    }
    match looking.machine.opens(Path::new(KVM)) {
        Ok(()) => Finding::works(Section::Boot, "KVM", format!("{KVM} can be opened")),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let fact = format!("this user may not open {KVM}: {slow}");
            Finding::missing(Section::Boot, "KVM", fact).remedy("sudo usermod -aG kvm $USER")
        }
        Err(_) => Finding::aside(Section::Boot, "KVM", format!("there is no {KVM}: {slow}")),
    }
}

fn firmware(looking: &Looking<'_>, name: &str, arch: Arch, secure: bool) -> Finding {
    let tool = match arch {
        Arch::X86_64 => "OVMF",
        Arch::Aarch64 => "AAVMF",
    };
    match looking.machine.firmware(arch, secure) {
        Some(code) => Finding::works(Section::Boot, name, code.display().to_string()),
        None => looking.absent(Section::Boot, name, tool),
    }
}

/// The stub that a manifest names as a file, or else the one that distributions have for this processor.
fn stubs(looking: &mut Looking<'_>, arch: Arch) {
    let named = looking
        .wanted()
        .into_iter()
        .filter_map(|wanted| match wanted {
            Wanted::Stub(path) => Some(path),
            _ => None,
        });
    let mut stubs: Vec<PathBuf> = named.collect();
    let usual = PathBuf::from(arch.stub());
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
