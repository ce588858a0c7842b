//! Compilers of this machine, what kernels are made with, and what fetches sources.

use std::path::Path;

use crate::check::Arch;
use crate::io::Running;

use super::looking::Looking;
use super::needs::Wanted;
use super::programs::{self, Program, answering, usual};
use super::report::{Finding, Section};
use super::rust;

const COMPILERS: [Program; 12] = [
    usual("make"),
    answering("cc", &["--version"]),
    usual("ld"),
    answering("cargo", &["-V"]),
    answering("rustc", &["-V"]),
    answering("go", &["version"]),
    answering("perl", &["-e", "print qq(perl $^V\n)"]),
    usual("flex"),
    usual("bison"),
    usual("bc"),
    usual("xz"),
    usual("cpio"),
];

const SELDOM: [Program; 3] = [usual("zstd"), usual("pahole"), usual("gpgv")];

/// Headers that kernels are compiled with, and what the package is looked up by.
const HEADERS: [&str; 2] = ["gelf.h", "openssl/ssl.h"];

/// Folders that compilers look into.
const FOLDERS: [&str; 3] = [
    "/usr/include",
    "/usr/local/include",
    "/usr/include/x86_64-linux-gnu",
];

pub(super) fn look(looking: &mut Looking<'_>) {
    for program in &COMPILERS {
        programs::look(looking, Section::Toolchains, program);
    }
    rust::look(looking);
    for name in HEADERS {
        let wanted = Wanted::Named(name);
        if looking.counts(&wanted) {
            let finding = header(looking, name);
            looking.add(&wanted, finding);
        }
    }
    for program in &SELDOM {
        programs::look(looking, Section::Toolchains, program);
    }
    programs::look(looking, Section::Toolchains, &usual("upx"));
    emulators(looking);
    programs::look(looking, Section::Sources, &usual("git"));
    programs::look(looking, Section::Sources, &answering("ssh", &["-V"]));
}

/// Compilers and emulators for other processors, where an image is for one.
fn emulators(looking: &mut Looking<'_>) {
    for wanted in looking.wanted() {
        match wanted {
            Wanted::Programs(arch) if !looking.machine.is_native(arch) => {
                let finding = emulator(looking, arch);
                looking.add(&wanted, finding);
            }
            Wanted::Named(name)
                if Arch::ALL
                    .iter()
                    .any(|arch| arch.cross_compiler() == Some(name)) =>
            {
                programs::look(looking, Section::Toolchains, &usual(name));
            }
            _ => {}
        }
    }
}

fn emulator(looking: &Looking<'_>, arch: Arch) -> Finding {
    let name = format!("programs for {arch}");
    let missing = |fact: &str| {
        let missing = Finding::missing(Section::Toolchains, name.as_str(), fact);
        looking.installable(missing, "qemu-user")
    };
    match looking.machine.running(arch) {
        Running::Everywhere => Finding::works(Section::Toolchains, name, "run by an emulator"),
        Running::OnlyOutside => missing("the emulator is registered without the flag `F`"),
        Running::Nowhere => missing("no emulator is registered"),
    }
}

fn header(looking: &Looking<'_>, name: &str) -> Finding {
    let places = FOLDERS.map(|folder| Path::new(folder).join(name));
    match places.iter().find(|place| looking.machine.is_there(place)) {
        Some(place) => Finding::works(Section::Toolchains, name, place.display().to_string()),
        None => looking.absent(Section::Toolchains, name, name),
    }
}
