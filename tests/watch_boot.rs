//! `zosc watch --boot`: each new image takes the place of the machine that runs the one before.
//!
//! Needs QEMU, systemd's stub, a static busybox and an unpacked `linux-image-…-cloud-amd64` that ZOSC_TEST_KERNEL names; says aloud that it is
//! skipped where one of them is missing.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "support/mod.rs"]
mod support;

use support::watching::Watching;

const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";
const QEMU: &str = "/usr/bin/qemu-system-x86_64";

/// The manifest of an image that is expected to say some words.
fn manifest(words: &str) -> String {
    format!(
        r#"edition 1
image test version="1" {{ epoch "2026-01-01T00:00:00Z" }}
kernel {{
    prebuilt image="vmlinuz"
    stub path="{STUB}"
    cmdline "console=ttyS0" "panic=-1" "quiet"
}}
file "/bin/busybox" from="busybox" mode="0755"
file "/init" from="init" mode="0755"
initramfs compress=none
outputs {{ efi "image.efi" }}
boot memory="256MiB" cpus=1 {{ expect "console {words}" within="5m" }}
"#
    )
}

/// An `/init` that says some words, and no more.
fn init(words: &str) -> String {
    format!("#!/bin/busybox sh\necho 'zosc-test: {words}'\n/bin/busybox sleep 9999\n")
}

fn kernel() -> Option<PathBuf> {
    let root = std::env::var_os("ZOSC_TEST_KERNEL").map(PathBuf::from);
    let needed = [STUB, QEMU, "/usr/bin/busybox"];
    let missing = needed.into_iter().find(|path| !Path::new(path).exists());
    let (Some(root), None) = (root, missing) else {
        eprintln!(
            "skipped: ZOSC_TEST_KERNEL names no unpacked kernel package, or one of {needed:?} is missing"
        );
        return None;
    };
    let entries = std::fs::read_dir(root.join("boot")).ok()?;
    let mut images = entries.map(|entry| entry.unwrap().path());
    images.find(|path| path.to_string_lossy().contains("/vmlinuz-"))
}

/// Machines that run something of a folder.
fn machines(folder: &Path) -> String {
    let store = folder.join("tmp");
    let found = Command::new("pgrep")
        .args(["-f", &format!("qemu-system.*{}", store.display())])
        .output()
        .unwrap();
    String::from_utf8(found.stdout).unwrap()
}

#[test]
fn each_good_image_takes_the_place_of_the_machine_before() {
    let Some(kernel) = kernel() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| std::fs::write(path(name), text).unwrap();
    std::fs::copy(kernel, path("vmlinuz")).unwrap();
    std::fs::copy("/usr/bin/busybox", path("busybox")).unwrap();
    std::fs::create_dir(path("tmp")).unwrap();
    write("zos.kdl", &manifest("zosc-test: never"));
    write("init", &init("first"));
    let arguments = ["--boot", "--color", "never"];
    let watching = Watching::start_in(folder.path(), &path("tmp"), &arguments);
    watching.until("zosc-test: first");
    assert!(!machines(folder.path()).is_empty());
    // A mistake leaves the machine alone.
    write("zos.kdl", "edition 1\nimage");
    watching.until("not built");
    assert!(!machines(folder.path()).is_empty());
    write("init", &init("second"));
    write("zos.kdl", &manifest("zosc-test: second"));
    let said = watching.until("a good boot");
    assert!(
        said.contains("the machine was stopped for the new image"),
        "{said}"
    );
    assert!(machines(folder.path()).is_empty(), "everything was seen");
    write("zos.kdl", &manifest("zosc-test: never"));
    watching.until("zosc-test: second");
    let (said, code) = watching.stop();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(machines(folder.path()), "");
}
