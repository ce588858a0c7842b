//! Secure Boot from one end to the other: images are signed, and firmware with enrolled keys starts them and no others.
//!
//! Needs systemd's stub, a static busybox and an unpacked `linux-image-…-cloud-amd64` that ZOSC_TEST_KERNEL names; parts need
//! sbverify, softhsm2 with libp11's engine, QEMU with OVMF, swtpm. Says aloud what is skipped where one of them is missing.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";
const FIRMWARE: &str = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd";
const QEMU: &str = "/usr/bin/qemu-system-x86_64";

/// What `/init` says when the machine is up.
const INIT: &str = r#"#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
echo "zosc-test: pcr11 $(/bin/busybox cat /sys/class/tpm/tpm0/pcr-sha256/11)"
echo "zosc-test: done"
/bin/busybox sleep 1
/bin/busybox poweroff -f
"#;

const MANIFEST: &str = r#"edition 1
image test version="1" { epoch "2026-01-01T00:00:00Z" }
kernel {
    prebuilt image="vmlinuz"
    stub path="/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
    cmdline "console=ttyS0" "panic=-1"
    sign key=(env)SB_KEY cert="db.crt"
}
file "/bin/busybox" from="busybox" mode="0755"
file "/init" from="init" mode="0755"
initramfs compress=none
outputs { efi "image.efi"; kernel "kernel.efi" }
boot firmware=secure-boot memory="512MiB" cpus=1 { expect "console zosc-test: done" within="5m" }
"#;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/secure-boot")
        .join(name)
}

fn is_there(path: &str) -> bool {
    let there = Path::new(path).exists();
    if !there {
        eprintln!("skipped: {path} is missing");
    }
    there
}

/// The kernel of Debian's cloud image, where everything is there that an image is made of.
fn kernel() -> Option<PathBuf> {
    let Some(root) = std::env::var_os("ZOSC_TEST_KERNEL").map(PathBuf::from) else {
        eprintln!("skipped: ZOSC_TEST_KERNEL names no unpacked kernel package");
        return None;
    };
    if !is_there(STUB) || !is_there("/usr/bin/busybox") {
        return None;
    }
    let entries = std::fs::read_dir(root.join("boot")).ok()?;
    let mut images: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    images.retain(|path| path.to_string_lossy().contains("/vmlinuz-"));
    images.sort();
    images.pop()
}

/// A folder with a manifest, its files and a store of its own.
struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Option<Self> {
        let kernel = kernel()?;
        let project = Self(tempfile::tempdir().unwrap());
        std::fs::copy(kernel, project.path("vmlinuz")).unwrap();
        std::fs::copy("/usr/bin/busybox", project.path("busybox")).unwrap();
        std::fs::copy(fixture("db.crt"), project.path("db.crt")).unwrap();
        std::fs::write(project.path("init"), INIT).unwrap();
        std::fs::write(project.path("zos.kdl"), MANIFEST).unwrap();
        Some(project)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path("zos.kdl")).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(self.path("zos.kdl"), text.replace(from, to)).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("zosc"));
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env("ZOSC_STORE", self.path("store"))
            .env_remove("SB_KEY");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Builds with the key of a fixture.
    fn build(&self, key: &str) -> Output {
        let key = std::fs::read_to_string(fixture(key)).unwrap();
        self.command(&["build"])
            .env("SB_KEY", key)
            .output()
            .unwrap()
    }
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stderr) + &text(&output.stdout)
}

fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
}

/// Whether any file below a folder holds these bytes.
fn holds(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, bytes);
        }
        let content = std::fs::read(&path).unwrap();
        content.windows(bytes.len()).any(|part| part == bytes)
    })
}

#[test]
fn a_key_is_read_when_something_is_signed_and_stays_nowhere() {
    let Some(project) = Project::new() else {
        return;
    };
    for command in ["check", "lock", "plan"] {
        succeeds(&project.run(&[command]));
    }
    let keyless = project.run(&["build"]);
    assert!(!keyless.status.success());
    let message = said(&keyless);
    assert!(message.contains("zosc::build::no-signing-key"), "{message}");
    assert!(message.contains("SB_KEY=\"$(cat db.key)\" zosc build"));
    let wrong = said(&project.build("other.key"));
    assert!(wrong.contains("zosc::efi::key-mismatch"), "{wrong}");

    succeeds(&project.build("db.key"));
    let signed = std::fs::read(project.path("dist/image.efi")).unwrap();
    let again = project.run(&["build"]);
    succeeds(&again);
    assert!(said(&again).contains("nothing to do"), "{}", said(&again));
    for name in ["image.efi", "kernel.efi"] {
        let image = format!("dist/{name}");
        let report = project.run(&["inspect", &image, "--format", "json"]);
        let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
        let signatures = report["efi"]["signatures"].as_array().unwrap();
        let ours = signatures.last().unwrap();
        assert_eq!(ours["subject"], "CN=zosc test db");
        assert_eq!(
            (&ours["valid"], &ours["digest_matches"]),
            (&true.into(), &true.into())
        );
        let sbverify = Command::new("sbverify")
            .arg("--cert")
            .args([fixture("db.crt"), project.path(&image)])
            .output();
        match sbverify {
            Ok(output) => succeeds(&output),
            Err(_) => eprintln!("skipped: sbverify is not installed"),
        }
    }
    let key = std::fs::read_to_string(fixture("db.key")).unwrap();
    let secret = key.lines().nth(3).unwrap();
    assert!(!holds(project.0.path(), secret.as_bytes()));

    // Another certificate: the image is signed anew, and nothing else is done again.
    std::fs::copy(fixture("other.crt"), project.path("db.crt")).unwrap();
    let output = project.build("other.key");
    succeeds(&output);
    assert!(
        said(&output).contains(" 2 actions done"),
        "{}",
        said(&output)
    );
    assert_ne!(
        std::fs::read(project.path("dist/image.efi")).unwrap(),
        signed
    );
}

#[test]
fn a_token_signs_as_a_file_does() {
    const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
    let Some(project) = Project::new() else {
        return;
    };
    let engine = [
        "/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so",
        MODULE,
        "/usr/bin/softhsm2-util",
    ];
    if !engine.iter().all(|file| is_there(file)) {
        return;
    }
    succeeds(&project.build("db.key"));
    let by_file = std::fs::read(project.path("dist/image.efi")).unwrap();

    let tokens = project.path("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let settings = format!("directories.tokendir = {}\n", tokens.display());
    std::fs::write(project.path("softhsm2.conf"), settings).unwrap();
    std::fs::write(project.path("pin"), "1234").unwrap();
    let softhsm = |arguments: &[&str]| {
        let output = Command::new("softhsm2-util")
            .args(arguments)
            .env("SOFTHSM2_CONF", project.path("softhsm2.conf"))
            .output()
            .unwrap();
        succeeds(&output);
    };
    softhsm(&[
        "--init-token",
        "--free",
        "--label",
        "zosc",
        "--pin",
        "1234",
        "--so-pin",
        "5678",
    ]);
    let key = fixture("db.key");
    softhsm(&[
        "--import",
        key.to_str().unwrap(),
        "--token",
        "zosc",
        "--label",
        "db",
        "--id",
        "01",
        "--pin",
        "1234",
    ]);
    let pin = project.path("pin");
    let address = format!(
        "\"pkcs11:token=zosc;object=db;type=private?pin-source=file:{}\"",
        pin.display()
    );
    project.edit("(env)SB_KEY", &address);
    let build = || {
        project
            .command(&["build"])
            .env("ZOSC_STORE", project.path("another-store"))
            .env("SOFTHSM2_CONF", project.path("softhsm2.conf"))
            .env("PKCS11_MODULE_PATH", MODULE)
            .output()
            .unwrap()
    };
    std::fs::remove_dir_all(project.path("dist")).unwrap();
    succeeds(&build());
    assert!(std::fs::read(project.path("dist/image.efi")).unwrap() == by_file);

    project.edit("object=db", "object=nothing");
    std::fs::remove_dir_all(project.path("another-store")).unwrap();
    let refused = build();
    assert!(
        said(&refused).contains("zosc::build::no-signing-key"),
        "{}",
        said(&refused)
    );
}

#[test]
fn firmware_starts_what_its_key_has_signed_and_nothing_else() {
    let Some(project) = Project::new() else {
        return;
    };
    if !is_there(FIRMWARE) || !is_there(QEMU) {
        return;
    }
    succeeds(&project.build("db.key"));
    let boot = |arguments: &[&str]| {
        let output = project.run(&[&["boot", "--test"], arguments].concat());
        let console = project.path("dist/boot.log");
        let console = String::from_utf8_lossy(&std::fs::read(console).unwrap()).into_owned();
        (output, console)
    };
    let (good, console) = boot(&["dist/image.efi"]);
    succeeds(&good);
    assert!(console.contains("Secure boot enabled"), "{console}");

    let refused = |image: &str| {
        let (output, console) = boot(&[image]);
        assert!(
            said(&output).contains("zosc::boot::refused"),
            "{}",
            said(&output)
        );
        assert!(console.contains("Access Denied"), "{console}");
        assert!(!console.contains("Linux version"), "{console}");
    };
    // Changed after it was signed.
    let mut changed = std::fs::read(project.path("dist/image.efi")).unwrap();
    let place = changed
        .windows(7)
        .position(|part| part == b"ttyS0 p")
        .unwrap();
    changed[place + 4] = b'1';
    std::fs::write(project.path("dist/changed.efi"), changed).unwrap();
    refused("dist/changed.efi");
    // Signed by another key, and not at all.
    let manifest = std::fs::read_to_string(project.path("zos.kdl")).unwrap();
    let built = project.path("dist/image.efi");
    std::fs::copy(fixture("other.crt"), project.path("db.crt")).unwrap();
    succeeds(&project.build("other.key"));
    std::fs::copy(&built, project.path("dist/other.efi")).unwrap();
    project.edit("    sign key=(env)SB_KEY cert=\"db.crt\"\n", "");
    project.edit("firmware=secure-boot", "firmware=uefi");
    succeeds(&project.run(&["build"]));
    std::fs::copy(&built, project.path("dist/unsigned.efi")).unwrap();
    std::fs::write(project.path("zos.kdl"), manifest).unwrap();
    std::fs::copy(fixture("db.crt"), project.path("db.crt")).unwrap();
    refused("dist/other.efi");
    refused("dist/unsigned.efi");
}

/// The stub, the firmware and a TPM that QEMU emulates come to the register that zosc predicts.
#[test]
fn pcr_11_is_what_was_predicted() {
    let Some(project) = Project::new() else {
        return;
    };
    if !is_there(FIRMWARE) || !is_there(QEMU) || !is_there("/usr/bin/swtpm") {
        return;
    }
    let key = std::fs::read_to_string(fixture("db.key")).unwrap();
    let built = project
        .command(&["build", "--message-format", "json"])
        .env("SB_KEY", key)
        .output()
        .unwrap();
    succeeds(&built);
    let built: serde_json::Value = serde_json::from_slice(&built.stdout).unwrap();
    let predicted = built["built"][0]["pcr11"].as_str().unwrap().to_owned();
    let report = project.run(&["inspect", "dist/image.efi", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["efi"]["pcr11"], predicted.as_str());

    // `zosc boot` has no TPM; a program that stands in for QEMU gives it one.
    let script = format!(
        "#!/bin/sh\nmkdir -p {tpm}\nswtpm socket --tpm2 --tpmstate dir={tpm} --ctrl type=unixio,path={tpm}/socket --daemon --terminate\n\
         exec {QEMU} \"$@\" -chardev socket,id=tpm,path={tpm}/socket -tpmdev emulator,id=tpm0,chardev=tpm -device tpm-tis,tpmdev=tpm0\n",
        tpm = project.path("tpm").display()
    );
    let programs = project.path("programs");
    std::fs::create_dir(&programs).unwrap();
    let machine = programs.join("qemu-system-x86_64");
    std::fs::write(&machine, script).unwrap();
    std::fs::set_permissions(
        &machine,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let output = project
        .command(&["boot", "--test", "dist/image.efi"])
        .env("PATH", path)
        .output()
        .unwrap();
    succeeds(&output);
    let console = std::fs::read(project.path("dist/boot.log")).unwrap();
    let console = String::from_utf8_lossy(&console).into_owned();
    let found = console
        .lines()
        .find_map(|line| line.split_once("zosc-test: pcr11 "));
    let (_, register) = found.expect("the machine says");
    // The kernel may have written its own on the same line.
    let register: String = register.chars().take(predicted.len()).collect();
    assert_eq!(register.to_lowercase(), predicted);
}
