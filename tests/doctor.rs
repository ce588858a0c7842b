//! `zosc doctor` on a machine with nothing on it: a root of debootstrap, entered as a container is, without the rest of this machine.
//!
//! The root is kept in `$ZOSC_TEST_CACHE`.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

/// Held while the root is made that all tests take.
static MAKING: Mutex<()> = Mutex::new(());

/// Enters a root for good, with a `/proc` and the devices.
const ENTER: &str = r#"
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount --rbind /dev dev
mkdir -p outside
pivot_root . outside
umount -l outside
shift
exec /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"
"#;

struct Bare {
    folder: tempfile::TempDir,
}

impl Bare {
    /// `None`, and said so, where there can be none.
    fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: needs root");
            return None;
        }
        let archive = match archive() {
            Ok(archive) => archive,
            Err(why) => {
                println!("skipped: no root to look at: {why}");
                return None;
            }
        };
        let bare = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let mut tar = Command::new("tar");
        succeed(tar.args(["-xpf"]).arg(archive).arg("-C").arg(bare.root())).unwrap();
        let program = bare.root().join("usr/local/bin/zosc");
        std::fs::copy(env!("CARGO_BIN_EXE_zosc"), program).unwrap();
        Some(bare)
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command inside.
    fn run(&self, command: &[&str]) -> Output {
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--pid", "--fork", "sh", "-euc", ENTER, "sh"]);
        unshare.arg(self.root()).args(command).output().unwrap()
    }

    fn doctor(&self, arguments: &[&str]) -> (serde_json::Value, Option<i32>) {
        let words = [&["zosc", "doctor", "--format", "json"], arguments].concat();
        let output = self.run(&words);
        let said = serde_json::from_slice(&output.stdout);
        let said = said.unwrap_or_else(|error| {
            panic!(
                "{error}: {}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        });
        (said, output.status.code())
    }
}

fn succeed(command: &mut Command) -> Result<Vec<u8>, String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{command:?}: {}",
        errors.lines().last().unwrap_or_default()
    ))
}

/// Debian's smallest root, of this machine's own release: zosc is linked with its libraries.
fn archive() -> Result<PathBuf, String> {
    let cache = std::env::var("ZOSC_TEST_CACHE").map_err(|_| "ZOSC_TEST_CACHE is not set")?;
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let mut lines = system.lines();
    let codename = lines.find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let codename = codename.ok_or("this is no release of Debian")?;
    let archive = Path::new(&cache).join(format!("debootstrap-{codename}.tar"));
    let _alone = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    if archive.exists() {
        return Ok(archive);
    }
    let mut targets = Command::new("apt-get");
    let sites = succeed(targets.args(["indextargets", "--format", "$(SITE)"]))?;
    let sites = String::from_utf8_lossy(&sites).into_owned();
    let site = sites
        .lines()
        .find(|site| site.trim_end_matches('/').ends_with("/debian"));
    let site = site.ok_or("apt knows no mirror of Debian")?;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let mut debootstrap = Command::new("debootstrap");
    succeed(
        debootstrap
            .args(["--variant=minbase", codename])
            .arg(&root)
            .arg(site),
    )?;
    let unfinished = folder.path().join("tar");
    succeed(
        Command::new("tar")
            .arg("-cpf")
            .arg(&unfinished)
            .arg("-C")
            .arg(&root)
            .arg("."),
    )?;
    std::fs::copy(&unfinished, archive.with_extension("new")).unwrap();
    std::fs::rename(archive.with_extension("new"), &archive).unwrap();
    Ok(archive)
}

/// Names of findings in a state.
fn named(report: &serde_json::Value, state: &str) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    let findings = findings.filter(|finding| finding["state"] == state);
    findings
        .map(|finding| finding["name"].as_str().unwrap().to_owned())
        .collect()
}

const MANIFEST: &str = r#"image site
toolchain here { host }
source agent {
    path "agent"
    build make
    install agent to="/usr/bin/agent"
}
"#;

#[test]
fn a_bare_root_lacks_exactly_what_it_lacks() {
    let Some(bare) = Bare::new() else { return };
    let (report, code) = bare.doctor(&[]);
    assert_eq!(code, Some(0), "the sandbox works: {report:#}");
    assert_eq!(report["ready"], true);
    let missing = [
        "podman",
        "make",
        "cc",
        "ld",
        "cargo",
        "rustc",
        "go",
        "flex",
        "bison",
        "bc",
        "xz",
        "cpio",
        "gelf.h",
        "openssl/ssl.h",
        "zstd",
        "git",
        "ssh",
        "openssl",
        "qemu-system-x86_64",
        "UEFI firmware",
        "Secure Boot",
        "linuxx64.efi.stub",
        "nvim",
    ];
    assert_eq!(named(&report, "missing"), missing);
    let works: Vec<String> = named(&report, "works")
        .into_iter()
        .filter(|name| name != "KVM")
        .collect();
    assert_eq!(
        works,
        [
            "user namespaces",
            "subordinate ids",
            "perl",
            "gpgv",
            "place"
        ]
    );
    let install = "apt-get install podman runc uidmap make gcc binutils cargo rustc golang-go flex bison bc xz-utils cpio \
        libelf-dev libssl-dev zstd git openssh-client openssl qemu-system-x86 ovmf systemd-boot-efi neovim";
    assert_eq!(report["install"], install);

    // One manifest, one tool: named, installed by the command that stands there, found.
    std::fs::create_dir(bare.root().join("agent")).unwrap();
    std::fs::write(bare.root().join("zos.kdl"), MANIFEST).unwrap();
    let (report, code) = bare.doctor(&[]);
    assert_eq!(code, Some(1), "{report:#}");
    assert_eq!(named(&report, "missing"), ["make"]);
    assert_eq!(named(&report, "works"), ["user namespaces", "place"]);
    let command = report["install"].as_str().unwrap();
    assert_eq!(command, "apt-get install make");
    let update = bare.run(&["apt-get", "update", "-q"]);
    if !update.status.success() {
        println!("skipped: the mirror does not answer from inside");
        return;
    }
    let mut words: Vec<&str> = command.split(' ').collect();
    words.extend(["-qy", "--no-install-recommends"]);
    let installed = bare.run(&words);
    assert!(
        installed.status.success(),
        "{}",
        String::from_utf8_lossy(&installed.stderr)
    );
    let (report, code) = bare.doctor(&[]);
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(
        named(&report, "works"),
        ["user namespaces", "make", "place"]
    );
    let human = bare.run(&["zosc", "doctor"]);
    let human = String::from_utf8(human.stdout).unwrap();
    assert!(
        human.ends_with("ok this machine has all that `zos.kdl` needs\n"),
        "{human}"
    );
}

#[test]
fn in_a_chroot_the_way_out_of_it_is_named() {
    let Some(bare) = Bare::new() else { return };
    std::fs::write(bare.root().join("zos.kdl"), MANIFEST).unwrap();
    std::fs::create_dir(bare.root().join("agent")).unwrap();
    let script = "mount -t proc proc \"$1/proc\"; exec chroot \"$1\" zosc doctor";
    let mut unshare = Command::new("unshare");
    let output = unshare
        .args(["--mount", "sh", "-euc", script, "sh"])
        .arg(bare.root())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("✗  user namespaces") && said.contains("`unshare --mount` and `pivot_root`"),
        "{said}"
    );
    assert!(
        said.contains("make  ") && said.contains("no `zos.kdl` needs 2 more of this machine"),
        "{said}"
    );
}

#[test]
fn what_it_prints_is_as_its_schema_says() {
    let zosc = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_zosc"))
            .args(arguments)
            .current_dir("/")
            .output()
            .unwrap();
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let schema = zosc(&["schema", "--what", "doctor"]);
    let report = zosc(&["doctor", "--message-format", "json"]);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&report)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, [""; 0], "{report:#}");
}

#[test]
fn a_value_that_is_set_belongs_to_a_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_zosc"))
        .args(["doctor", "--set", "image.version=2"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("zosc::check::no-manifest"), "{said}");
}
