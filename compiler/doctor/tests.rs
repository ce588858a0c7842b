//! Looks at machines that are made up.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::*;
use crate::build::sandbox::Identity;
use crate::check::{self, Arch, Settings};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::{Disk, Finished, Memory, Running};
use crate::source::SourceMap;

/// A machine that is what its fields say.
struct Made {
    root: bool,
    system: &'static str,
    /// Programs that are there, and what they say of themselves.
    programs: BTreeMap<&'static str, &'static str>,
    /// Files that are there.
    files: Vec<&'static str>,
    /// Why nothing runs in a sandbox.
    refusal: Option<&'static str>,
    free: u64,
}

impl Made {
    fn bare() -> Self {
        Self {
            root: true,
            system: "ID=debian\n",
            programs: BTreeMap::new(),
            files: Vec::new(),
            refusal: None,
            free: 100 << 30,
        }
    }

    fn with(mut self, programs: &[(&'static str, &'static str)]) -> Self {
        self.programs.extend(programs.iter().copied());
        self
    }
}

impl Machine for Made {
    fn program(&self, name: &str) -> Option<PathBuf> {
        let is_there = self.programs.contains_key(name);
        is_there.then(|| Path::new("/usr/bin").join(name))
    }

    fn ask(&self, program: &str, _: &[&str]) -> io::Result<Finished> {
        let said = self.programs.get(program).ok_or(io::ErrorKind::NotFound)?;
        Ok(Finished {
            success: !said.is_empty(),
            output: (*said).to_owned(),
            errors: String::new(),
        })
    }

    fn read(&self, path: &str) -> Option<String> {
        (path == "/etc/os-release").then(|| self.system.to_owned())
    }

    fn is_there(&self, path: &Path) -> bool {
        self.files.iter().any(|file| Path::new(file) == path)
    }

    fn opens(&self, path: &Path) -> io::Result<()> {
        let is_there = self.is_there(path);
        is_there.then_some(()).ok_or(io::ErrorKind::NotFound.into())
    }

    fn is_set(&self, variable: &str) -> bool {
        variable == "KEY"
    }

    fn is_root(&self) -> bool {
        self.root
    }

    fn run(&self, choice: Choice, _: Identity) -> Result<(), Diagnostic> {
        match self.refusal {
            Some(message) if choice == Choice::Sandbox => {
                Err(Diagnostic::error("zosc::build::no-namespaces", message)
                    .help("run `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`"))
            }
            _ => Ok(()),
        }
    }

    fn firmware(&self, arch: Arch, _: bool) -> Option<PathBuf> {
        let code = format!("/firmware/{arch}");
        let is_there = self.is_there(Path::new(&code));
        is_there.then(|| code.into())
    }

    fn is_native(&self, arch: Arch) -> bool {
        arch == Arch::X86_64
    }

    fn running(&self, arch: Arch) -> Running {
        if self.is_native(arch) || self.programs.contains_key("emulator") {
            return Running::Everywhere;
        }
        Running::Nowhere
    }

    fn place(&self, _: &Path) -> Place {
        Place {
            writing: Ok(()),
            disk: Some(Disk {
                at: "/".into(),
                size: 200 << 30,
                free: self.free,
            }),
            file_system: Some("ext4"),
        }
    }
}

const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n";

fn image(manifest: &str) -> Image {
    let files = Memory::new([
        ("/m/zos.kdl", manifest),
        ("/m/go.mod", ""),
        ("/m/Cargo.toml", ""),
        ("/m/k.rsa.pub", PEM),
    ]);
    let settings = Settings {
        current_directory: "/m".into(),
        ..Settings::default()
    };
    let (mut sources, mut problems) = (SourceMap::new(), Diagnostics::new());
    let manifest = Path::new("zos.kdl");
    let image = check::check(manifest, &settings, &files, &mut sources, &mut problems);
    image.unwrap_or_else(|| panic!("{problems:?}"))
}

fn asked(image: Option<&Image>) -> Asked<'_> {
    Asked {
        image,
        everything: false,
        executor: Choice::Sandbox,
        store: Path::new("/home/me/.cache/zosc"),
    }
}

fn names(report: &Report, state: State) -> Vec<&str> {
    let findings = report.findings.iter();
    let findings = findings.filter(|finding| finding.state == state);
    findings.map(|finding| finding.name.as_str()).collect()
}

fn finding<'a>(report: &'a Report, name: &str) -> &'a Finding {
    let mut findings = report.findings.iter();
    let found = findings.find(|finding| finding.name == name);
    found.unwrap_or_else(|| panic!("{name}: {report:#?}"))
}

#[test]
fn a_bare_machine_lacks_much_and_can_build_all_the_same() {
    let report = look(&Made::bare(), &asked(None), Vec::new());
    assert!(report.ready);
    let missing = names(&report, State::Missing);
    assert_eq!(
        missing.join(" "),
        "podman make cc ld cargo rustc go perl flex bison bc xz cpio gelf.h openssl/ssl.h zstd gpgv git ssh openssl \
         qemu-system-x86_64 UEFI firmware Secure Boot linuxx64.efi.stub nvim"
    );
    let install = report.install.as_deref().unwrap_or_default();
    assert!(
        install.starts_with("apt-get install podman runc uidmap make gcc "),
        "{install}"
    );
    assert_eq!(install.matches("ovmf").count(), 1, "{install}");
    assert_eq!(finding(&report, "docker").state, State::Aside);
    let nowhere = finding(&report, "cloud-hypervisor").remedy.as_deref();
    assert!(
        nowhere.is_some_and(|remedy| remedy.contains("no package")),
        "{nowhere:?}"
    );
}

#[test]
fn commands_are_those_of_the_distribution_and_of_the_user() {
    let user = Made {
        root: false,
        system: "ID=fedora\n",
        ..Made::bare()
    };
    let report = look(&user, &asked(None), Vec::new());
    let remedy = |name: &str| finding(&report, name).remedy.as_deref();
    assert_eq!(
        remedy("gelf.h"),
        Some("sudo dnf install elfutils-libelf-devel")
    );
    assert_eq!(
        remedy("subordinate ids"),
        Some("sudo dnf install shadow-utils")
    );
    let strange = Made {
        system: "ID=nixos\n",
        ..Made::bare()
    };
    let report = look(&strange, &asked(None), Vec::new());
    assert_eq!(
        finding(&report, "make").remedy.as_deref(),
        Some("install make")
    );
    assert_eq!(report.install, None);
}

#[test]
fn without_a_sandbox_an_engine_will_do() {
    let refusing = || Made {
        refusal: Some("the kernel refuses a sandbox to this user"),
        ..Made::bare()
    };
    let report = look(&refusing(), &asked(None), Vec::new());
    assert!(!report.ready);
    let remedy = finding(&report, "user namespaces").remedy.as_deref();
    assert!(
        remedy.is_some_and(|remedy| remedy.contains("apparmor")),
        "{remedy:?}"
    );
    let machine = refusing().with(&[("docker", "Docker version 27")]);
    let report = look(&machine, &asked(None), Vec::new());
    assert!(report.ready);
    assert_eq!(finding(&report, "podman").state, State::Aside);
}

#[test]
fn an_image_for_another_processor_needs_what_runs_its_programs() {
    let image = image(
        r#"image site arch=aarch64
alpine "3.22" { mirror "https://mirror.example/alpine"; repository main; key "k.rsa.pub" }
packages { install busybox }
toolchain c { host }
source tool { path "."; build cargo toolchain=c target="aarch64-unknown-linux-gnu"; install tool to="/usr/bin/tool" }
kernel { package linux-virt; cmdline "console=ttyAMA0" }
boot firmware=uefi { expect "console up" }
outputs { efi "vmlinuz.efi" }
"#,
    );
    let bare = Made {
        files: vec!["/firmware/x86_64"],
        ..Made::bare()
    };
    let report = look(&bare, &asked(Some(&image)), Vec::new());
    assert!(!report.ready);
    let state = |name| finding(&report, name).state;
    for missing in ["programs for aarch64", "aarch64-linux-gnu-gcc"] {
        assert_eq!(state(missing), State::Missing, "{missing}");
    }
    // Firmware for x86 is of no use to it.
    assert_eq!(state("UEFI firmware"), State::Aside);
    assert_eq!(state("KVM"), State::Aside);
    let install = report.install.as_deref().unwrap_or_default();
    assert!(install.contains("qemu-user-static"), "{install}");
    assert!(install.contains("gcc-aarch64-linux-gnu"), "{install}");
    let emulates = Made {
        files: vec!["/firmware/aarch64"],
        ..Made::bare()
    }
    .with(&[("emulator", "1")]);
    let report = look(&emulates, &asked(Some(&image)), Vec::new());
    for there in ["programs for aarch64", "UEFI firmware"] {
        assert_eq!(finding(&report, there).state, State::Works, "{there}");
    }
}

const MANIFEST: &str = r#"image site
toolchain c { host }
source tool { path "."; build go toolchain=c; install tool to="/usr/bin/tool" }
source other { git "ssh://git@host.example/other.git" tag="v1"; build cargo toolchain=c target="x86_64-unknown-linux-musl"; install other to="/usr/bin/other" }
"#;

#[test]
fn a_manifest_needs_what_it_needs_and_says_why() {
    let image = image(MANIFEST);
    let report = look(&Made::bare(), &asked(Some(&image)), Vec::new());
    assert!(!report.ready);
    assert_eq!(
        names(&report, State::Missing),
        ["cc", "cargo", "rustc", "go", "git", "ssh"]
    );
    assert_eq!(finding(&report, "go").needed_by, ["source tool"]);
    let works = names(&report, State::Works);
    assert_eq!(works, ["user namespaces", "place"]);
    let machine = Made {
        files: vec!["/lib/x86_64-unknown-linux-musl"],
        ..Made::bare()
    };
    let machine = machine.with(&[
        ("cc", "cc 12"),
        ("cargo", "cargo 1.95"),
        ("rustc", "/lib/x86_64-unknown-linux-musl"),
        ("go", "go version go1.23"),
        ("git", "git version 2.39"),
        ("ssh", "OpenSSH"),
    ]);
    let report = look(&machine, &asked(Some(&image)), Vec::new());
    assert_eq!(names(&report, State::Missing), [""; 0]);
    assert!(report.ready && report.install.is_none());
    let everything = Asked {
        everything: true,
        ..asked(Some(&image))
    };
    let report = look(&machine, &everything, Vec::new());
    assert!(report.ready, "what is not needed fails nothing");
    assert_eq!(finding(&report, "flex").state, State::Aside);
}

#[test]
fn the_executor_that_is_meant_is_the_one_that_is_needed() {
    let image = image(MANIFEST);
    let meant = Asked {
        executor: Choice::Docker,
        ..asked(Some(&image))
    };
    let report = look(&Made::bare(), &meant, Vec::new());
    let missing = names(&report, State::Missing);
    assert!(
        missing.contains(&"docker") && !missing.contains(&"podman"),
        "{missing:?}"
    );
    assert!(
        !report
            .findings
            .iter()
            .any(|finding| finding.name == "user namespaces")
    );
}

#[test]
fn a_program_that_cannot_answer_and_a_full_disk_are_told() {
    let machine = Made {
        free: 1 << 20,
        ..Made::bare()
    };
    let machine = machine.with(&[("cargo", ""), ("make", "")]);
    let report = look(&machine, &asked(None), Vec::new());
    assert_eq!(
        finding(&report, "cargo").fact,
        "/usr/bin/cargo does not answer"
    );
    assert_eq!(finding(&report, "make").state, State::Works);
    assert_eq!(finding(&report, "place").state, State::Missing);
}
