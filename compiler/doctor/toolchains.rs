//! Compilers of this machine, what kernels are made with, and what fetches sources.

use std::path::Path;

use crate::check::Arch;
use crate::io::Running;

use super::looking::Looking;
use super::needs::Wanted;
use super::programs::{self, Program, answering, usual};
use super::report::{Finding, Section};

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

/// The target of programs that run in every image.
const MUSL: &str = "x86_64-unknown-linux-musl";

pub(super) fn look(looking: &mut Looking<'_>) {
    for program in &COMPILERS {
        programs::look(looking, Section::Toolchains, program);
    }
    rust(looking);
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

/// Libraries for other targets, and other releases.
fn rust(looking: &mut Looking<'_>) {
    let mut wanted = looking.wanted();
    let musl = Wanted::RustTarget(MUSL.to_owned());
    if !wanted.contains(&musl) && looking.counts(&musl) {
        wanted.push(musl);
    }
    let compiles = looking.machine.program("rustc").is_some();
    for wanted in wanted {
        let finding = match &wanted {
            Wanted::RustTarget(target) if compiles => rust_target(looking, target),
            Wanted::RustTarget(target) => {
                let name = format!("Rust for {target}");
                Finding::aside(
                    Section::Toolchains,
                    name,
                    "not looked for: there is no rustc",
                )
            }
            Wanted::Rust(release) => rust_release(looking, release),
            _ => continue,
        };
        looking.add(&wanted, finding);
    }
}

fn rust_target(looking: &Looking<'_>, target: &str) -> Finding {
    let name = format!("Rust for {target}");
    let question = ["--print", "target-libdir", "--target", target];
    let told = looking.machine.ask("rustc", &question);
    let told = told.ok().filter(|told| told.success);
    let folder = told.map(|told| told.output.trim().to_owned());
    let is_there = |folder: &String| looking.machine.is_there(Path::new(folder));
    if let Some(folder) = folder.filter(is_there) {
        return Finding::works(Section::Toolchains, name, folder);
    }
    Finding::missing(Section::Toolchains, name, "not installed")
        .remedy(format!("rustup target add {target}"))
}

fn rust_release(looking: &Looking<'_>, release: &str) -> Finding {
    let name = format!("Rust {release}");
    let own = programs::version(looking.machine, "rustc", &["-V"]).unwrap_or_default();
    let is_it = |text: &str| {
        let rest = text.strip_prefix(release);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', ' ']))
    };
    if own.strip_prefix("rustc ").is_some_and(is_it) {
        return Finding::works(Section::Toolchains, name, own);
    }
    let list = looking.machine.ask("rustup", &["toolchain", "list"]);
    let list = list.map(|told| told.output).unwrap_or_default();
    match list.lines().find(|line| is_it(line)) {
        Some(line) => Finding::works(Section::Toolchains, name, line.to_owned()),
        None => Finding::missing(Section::Toolchains, name, "not installed")
            .remedy(format!("rustup toolchain install {release}")),
    }
}
