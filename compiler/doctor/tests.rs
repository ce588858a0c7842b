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
    /// Programs that are there, and what they say; with arguments behind the name, what they say to these.
    programs: BTreeMap<&'static str, &'static str>,
    /// Files that are there.
    files: Vec<&'static str>,
    /// Why nothing runs in a sandbox.
    refusal: Option<&'static str>,
    /// Who gives no files to users, and how that is told.
    stingy: Option<(Choice, &'static str)>,
    /// Who runs nothing, and the code of why.
    refusing: Option<(Choice, &'static str)>,
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
            stingy: None,
            refusing: None,
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

    fn ask(&self, program: &str, arguments: &[&str]) -> io::Result<Finished> {
        let line = format!("{program} {}", arguments.join(" "));
        let said = self.programs.get(line.as_str());
        let said = said.or_else(|| self.programs.get(program));
        let said = said.ok_or(io::ErrorKind::NotFound)?;
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

    fn run(&self, choice: Choice, identity: Identity) -> Result<(), Diagnostic> {
        if let Some((_, message)) = self.stingy.filter(|(who, _)| *who == choice)
            && identity == Identity::Accounts
        {
            let refused = Diagnostic::error("zosc::build::no-subordinate-ids", message);
            return Err(refused.help("add some"));
        }
        if let Some((_, code)) = self.refusing.filter(|(who, _)| *who == choice) {
            return Err(Diagnostic::error(code, "it runs nothing").help("see why"));
        }
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
        (
            "/m/db.crt",
            include_str!("../../tests/fixtures/secure-boot/db.crt"),
        ),
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
        [
            "cc",
            "cargo",
            "rustc",
            "go",
            "Rust for x86_64-unknown-linux-musl",
            "git",
            "ssh"
        ]
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

const PINNED: &str = r#"image site
toolchain c { host }
source tool { path "."; build cargo toolchain=c rust="1.90" target="x86_64-unknown-linux-musl"; install tool to="/usr/bin/tool" }
"#;

#[test]
fn libraries_are_looked_for_in_the_release_that_is_asked_for() {
    let image = image(PINNED);
    let name = "Rust 1.90 for x86_64-unknown-linux-musl";
    let machine = || {
        let machine = Made {
            files: vec!["/own/musl"],
            ..Made::bare()
        };
        machine.with(&[
            ("rustc", "rustc 1.95.0"),
            (
                "rustc --print target-libdir --target x86_64-unknown-linux-musl",
                "/own/musl",
            ),
            ("rustup", "rustup 1.28"),
        ])
    };
    let report = look(&machine(), &asked(Some(&image)), Vec::new());
    assert_eq!(
        finding(&report, "Rust 1.90").remedy.as_deref(),
        Some("rustup toolchain install 1.90 --target x86_64-unknown-linux-musl")
    );
    assert_eq!(finding(&report, name).state, State::Aside);
    let kept = machine().with(&[("rustup toolchain list", "1.90.0-x86_64 (default)\n")]);
    let report = look(&kept, &asked(Some(&image)), Vec::new());
    assert_eq!(finding(&report, "Rust 1.90").state, State::Works);
    let lacking = finding(&report, name);
    assert_eq!(
        (lacking.state, lacking.remedy.as_deref()),
        (
            State::Missing,
            Some("rustup target add --toolchain 1.90.0-x86_64 x86_64-unknown-linux-musl")
        )
    );
    let whole = Made {
        files: vec!["/kept/musl"],
        ..kept.with(&[(
            "rustup run 1.90.0-x86_64 rustc --print target-libdir --target x86_64-unknown-linux-musl",
            "/kept/musl",
        )])
    };
    let report = look(&whole, &asked(Some(&image)), Vec::new());
    assert_eq!(finding(&report, name).fact, "/kept/musl");
}

#[test]
fn what_brings_libraries_is_what_has_brought_the_compiler() {
    let remedy = |system, programs: &[(&'static str, &'static str)]| {
        let machine = Made {
            system,
            ..Made::bare()
        };
        let report = look(&machine.with(programs), &asked(None), Vec::new());
        let found = finding(&report, "Rust for x86_64-unknown-linux-musl");
        (
            found.remedy.clone().unwrap_or_default(),
            found.packages.join(" "),
        )
    };
    let own = ("rustc", "rustc 1.95.0");
    let add = "rustup target add x86_64-unknown-linux-musl";
    let by_rustup = [
        own,
        ("rustup", "rustup 1.28"),
        (
            "rustc --print sysroot",
            "/home/me/.rustup/toolchains/stable",
        ),
    ];
    assert_eq!(
        remedy("ID=arch\n", &by_rustup),
        (add.to_owned(), String::new())
    );
    assert_eq!(
        remedy("ID=arch\n", &[own]),
        ("pacman -S rust-musl".to_owned(), "rust-musl".to_owned())
    );
    let none = format!("install Rust by rustup, then run `{add}`");
    assert_eq!(remedy("ID=debian\n", &[own]), (none, String::new()));
}

#[test]
fn whoever_runs_commands_is_asked_for_users() {
    let image = image(
        "image site\nalpine \"3.22\" { mirror \"https://mirror.example/alpine\"; repository main; key \"k.rsa.pub\" }\n\
         packages { install busybox }\n",
    );
    let state = |machine: &Made, executor| {
        let asked = Asked {
            executor,
            ..asked(Some(&image))
        };
        let report = look(machine, &asked, Vec::new());
        let found = finding(&report, "subordinate ids");
        (found.state, found.fact.clone())
    };
    // Root is believed no more than anybody else.
    let stingy = |who| Made {
        stingy: Some((who, "none here")),
        ..Made::bare().with(&[("podman", "podman version 5")])
    };
    let told = (State::Missing, "none here".to_owned());
    assert_eq!(state(&stingy(Choice::Sandbox), Choice::Sandbox), told);
    assert_eq!(state(&stingy(Choice::Podman), Choice::Podman), told);
    for (who, executor) in [
        (Choice::Sandbox, Choice::Podman),
        (Choice::Podman, Choice::Sandbox),
    ] {
        assert_eq!(state(&stingy(who), executor).0, State::Works);
    }
    let (found, fact) = state(&Made::bare(), Choice::Podman);
    assert_eq!(
        (found, &*fact),
        (State::Aside, "not tried: podman does not work")
    );
}

#[test]
fn one_command_installs_what_hides_behind_something_else_too() {
    let image = image(
        "image site\nkernel { package linux-virt; cmdline \"console=ttyS0\"; sign key=\"pkcs11:object=db\" cert=\"db.crt\" }\n\
         alpine \"3.22\" { mirror \"https://mirror.example/alpine\"; repository main; key \"k.rsa.pub\" }\n\
         outputs { efi \"vmlinuz.efi\" }\n",
    );
    let report = look(&Made::bare(), &asked(Some(&image)), Vec::new());
    let install = report.install.unwrap_or_default();
    assert!(
        install.contains("openssl libengine-pkcs11-openssl"),
        "{install}"
    );
    // An engine that lacks something.
    let machine = Made {
        root: false,
        refusing: Some((Choice::Podman, "zosc::build::engine-runtime")),
        ..Made::bare().with(&[("podman", "podman version 5")])
    };
    let report = look(&machine, &asked(None), Vec::new());
    let found = finding(&report, "podman");
    assert_eq!(found.packages, ["runc"]);
    let install = report.install.unwrap_or_default();
    assert!(
        install.starts_with("sudo apt-get install uidmap runc "),
        "{install}"
    );
}

#[test]
fn a_package_of_backports_stays_out_of_the_one_command() {
    let image = image(
        "image site\ntoolchain c { host }\nsize { upx \"/usr/bin/*\" }\noutputs { initramfs \"i.cpio.xz\" }\n",
    );
    let on = |system| {
        let machine = Made {
            system,
            ..Made::bare()
        };
        look(&machine, &asked(Some(&image)), Vec::new())
    };
    let report = on("ID=debian\nVERSION_ID=\"13\"\n");
    assert_eq!(report.install.as_deref(), Some("apt-get install upx-ucl"));
    let report = on("ID=debian\nVERSION_ID=\"12\"\n");
    assert_eq!(report.install, None);
    assert_eq!(
        finding(&report, "upx").remedy.as_deref(),
        Some(
            "apt-get install -t bookworm-backports upx-ucl, with bookworm-backports among apt's sources"
        )
    );
}
