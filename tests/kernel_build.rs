//! A kernel from its sources: built, linked with another initramfs, booted under OVMF.
//!
//! Needs Debian's linux-source-6.12, a compiler and what a kernel's build takes, QEMU and OVMF; says aloud that it is skipped where
//! one of them is missing. What was compiled stays in `$ZOSC_TEST_CACHE/kernel-build`; that a kernel from scratch has the same bytes,
//! tests/remote/kernel.rs shows, which compares it with one that a server compiles.

#![allow(clippy::disallowed_methods)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use zosc::tree::Digest;

#[path = "support/linux_source.rs"]
mod linux_source;

use linux_source::CONFIG;

/// One kernel at a time: they share the processors and a store.
static TURN: Mutex<()> = Mutex::new(());

const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";
const BUSYBOX: &str = "/bin/busybox";

/// Says what it is and ends.
const INIT: &str = "#!/bin/busybox sh
/bin/busybox mkdir -p /proc /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox insmod /lib/modules/*/kernel/fs/fuse/fuse.ko
{
    echo \"release $(/bin/busybox uname -r)\"
    echo \"modules $(/bin/busybox cut -d' ' -f1 /proc/modules)\"
    /bin/busybox cat /etc/greeting
} > /dev/ttyS0
/bin/busybox poweroff -f
";

/// The version of the sources, where everything is there; says why not otherwise.
fn version() -> Option<String> {
    linux_source::version(&[STUB, BUSYBOX], &["qemu-system-x86_64", "cargo"])
}

/// A manifest's folder with a kernel in it.
struct Site {
    folder: tempfile::TempDir,
    store: PathBuf,
}

impl Site {
    fn new(version: &str, embed: &str, store: PathBuf) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("written");
        };
        write("tiny.config", CONFIG);
        write("init", INIT);
        write("greeting", "greeting one\n");
        let embedded = match embed {
            "uki" => {
                fs::copy(STUB, folder.path().join("stub")).expect("copied");
                "uki\n    stub path=stub"
            }
            other => other,
        };
        let kernel = linux_source::kernel(version, embedded);
        fs::copy(BUSYBOX, folder.path().join("busybox")).expect("copied");
        let manifest = format!(
            r#"edition 1
image kernel-test version="1" {{ epoch "2026-01-01T00:00:00Z" }}
{kernel}modules {{ stage1 fuse; stage2 cuse }}
zinit dialect=toml
unit hello {{ exec "/bin/busybox true"; oneshot }}
file "/init" from=init mode="0755"
file "/bin/busybox" from=busybox mode="0755"
file "/etc/greeting" from=greeting
outputs {{ efi "vmlinuz.efi" }}
boot memory="512MiB" firmware=uefi {{
    expect "console release {version}-Zero-OS" within="4m"
    expect "console modules fuse" within="4m"
    expect "console greeting" within="4m"
}}
"#
        );
        write("zos.kdl", &manifest);
        Self { folder, store }
    }

    fn zosc(&self, arguments: &[&str]) -> String {
        let start = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_zosc"))
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .expect("zosc starts");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        println!("zosc {} took {:.1?}", arguments.join(" "), start.elapsed());
        assert!(output.status.success(), "{said}");
        said
    }

    /// Builds and returns the digest of the EFI program.
    fn build(&self) -> Digest {
        let store = self.store.display().to_string();
        self.zosc(&["build", "--store", &store]);
        let path = self.folder.path().join("dist/vmlinuz.efi");
        Digest::of(&fs::read(path).expect("built"))
    }

    fn edit_unit(&self) {
        let path = self.folder.path().join("zos.kdl");
        let manifest = fs::read_to_string(&path).expect("there");
        fs::write(&path, manifest.replace("busybox true", "busybox false")).expect("written");
    }
}

/// Where what was compiled stays from run to run.
fn cache() -> PathBuf {
    let cache = std::env::var_os("ZOSC_TEST_CACHE").map_or_else(std::env::temp_dir, PathBuf::from);
    cache.join("kernel-build")
}

#[test]
fn a_kernel_is_linked_with_each_initramfs() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(version) = version() else { return };
    fs::create_dir_all(cache()).expect("a folder");
    let site = Site::new(&version, "builtin", cache().join("store"));
    let first = site.build();
    site.edit_unit();
    assert_ne!(first, site.build(), "another unit is another image");
    let said = site.zosc(&["boot", "--test", "--emulate"]);
    assert!(said.contains("a good boot"), "{said}");
}

#[test]
fn a_kernel_of_ones_own_goes_into_a_unified_image() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(version) = version() else { return };
    fs::create_dir_all(cache()).expect("a folder");
    let site = Site::new(&version, "uki", cache().join("store"));
    let first = site.build();
    site.edit_unit();
    assert_ne!(first, site.build(), "another unit is another image");
    let said = site.zosc(&["boot", "--test", "--emulate"]);
    assert!(said.contains("a good boot"), "{said}");
}
