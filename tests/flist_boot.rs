//! A machine whose modules come out of a store: an image that carries a list, booted in QEMU, with blobs that this machine serves over HTTP.
//!
//! Needs QEMU, systemd's stub, busybox, FUSE's `fusermount3`, an unpacked `linux-image-…-cloud-amd64` that ZOSC_TEST_KERNEL names, a static `rfs` that
//! ZOSC_TEST_RFS names, and the programs of zinit that `zinit_real` installs; says aloud that it is skipped where one of them is missing.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

#[path = "support/blob_server.rs"]
mod blob_server;

use blob_server::BlobServer;

const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";
const BUSYBOX: &str = "/usr/bin/busybox";
const FUSERMOUNT: &str = "/usr/bin/fusermount3";

/// What Debian's busybox leaves out and `rfs` asks.
const MOUNTPOINT: &str = "#!/bin/sh
[ \"$1\" != -q ] || shift
awk -v place=\"$1\" '$2 == place { found = 1 } END { exit !found }' /proc/mounts
";

/// A generation of zinit: its dialect, and the folder of the test cache with its programs.
const GENERATIONS: [(&str, &str); 2] = [("yaml", "zinit-0.2.1"), ("toml", "zinit-0.3.8")];

/// What the machine is made of, from elsewhere.
struct Parts {
    kernel: PathBuf,
    release: String,
    rfs: PathBuf,
    zinit: PathBuf,
}

/// `None` where something is missing, which is said aloud.
fn parts(zinit: &str) -> Option<Parts> {
    let named = |name: &str| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.exists())
    };
    let missing = [STUB, BUSYBOX, FUSERMOUNT, "/usr/bin/qemu-system-x86_64"]
        .into_iter()
        .find(|path| !Path::new(path).exists());
    let (Some(kernel), Some(rfs), None) =
        (named("ZOSC_TEST_KERNEL"), named("ZOSC_TEST_RFS"), missing)
    else {
        println!(
            "skipped: ZOSC_TEST_KERNEL names no unpacked kernel package, ZOSC_TEST_RFS no rfs, or there is no {}",
            missing.unwrap_or("image of either")
        );
        return None;
    };
    let zinit = named("ZOSC_TEST_CACHE").map(|cache| cache.join(zinit).join("bin"));
    let Some(zinit) = zinit.filter(|folder| folder.exists()) else {
        println!("skipped: the test of the real zinit has not installed one in ZOSC_TEST_CACHE");
        return None;
    };
    let mut releases = fs::read_dir(kernel.join("lib/modules")).unwrap();
    let release = releases.next().unwrap().unwrap().file_name();
    Some(Parts {
        release: release.into_string().unwrap(),
        kernel,
        rfs,
        zinit,
    })
}

/// A project with such a machine.
struct Project {
    folder: tempfile::TempDir,
    port: u16,
}

impl Project {
    fn new(parts: &Parts, dialect: &str) -> Self {
        let project = Self {
            folder: tempfile::tempdir().unwrap(),
            port: BlobServer::free_port(),
        };
        project.userland(parts);
        let Parts {
            kernel, release, ..
        } = parts;
        let (kernel, port) = (kernel.display(), project.port);
        let manifest = format!(
            r#"edition 1
image far version="1" {{ epoch "2026-01-01T00:00:00Z" }}
import "std:zero-os/base"
import "std:boot-report"
zinit dialect={dialect}
overlay "root"
kernel {{
    prebuilt image="{kernel}/boot/vmlinuz-{release}" modules="{kernel}"
    stub path="{STUB}"
    cmdline "console=ttyS0" "panic=-1"
}}
modules {{
    stage1 virtio_pci virtio_net fuse
    stage2 dummy flist=modules
}}
flist modules {{
    pack "/lib/modules/{{kernel}}"
    embed "/etc/rfs/modules-{{kernel}}.fl"
    mount "/lib/modules/{{kernel}}"
    store write="blobs" read="http://10.0.2.2:{port}"
}}
unit witness {{
    shell "grep -q '^dummy ' /proc/modules && ls /lib/modules/*/kernel/drivers/net/wireguard >/dev/console && echo zosc-test: dummy is loaded >/dev/console"
    oneshot
    requires flist-modules
}}
account root {{ passwordless; shell "/bin/sh"; home "/root" }}
initramfs compress=zstd level=3
outputs {{ efi "image.efi"; initramfs "initramfs.cpio" }}
boot memory="1GiB" cpus=2 {{
    expect "unit ready up" within="6m"
    expect "unit rfs-modules running" within="9m"
    expect "unit flist-modules success" within="9m"
    expect "unit witness success" within="9m"
    expect "console zosc-test: dummy is loaded" within="9m"
}}
"#
        );
        fs::write(project.path("zos.kdl"), manifest).unwrap();
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// busybox under all of its names, zinit, rfs, and what these are linked to.
    fn userland(&self, parts: &Parts) {
        let add = |from: &Path, to: &str| {
            let to = self.path("root").join(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, &to).unwrap();
            fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
        };
        add(Path::new(BUSYBOX), "bin/busybox");
        add(&parts.rfs, "usr/bin/rfs");
        let mut linked = vec![PathBuf::from(FUSERMOUNT)];
        add(&linked[0], "usr/bin/fusermount");
        for program in fs::read_dir(&parts.zinit).unwrap() {
            let program = program.unwrap().path();
            let name = program.file_name().unwrap().to_str().unwrap();
            add(&program, &format!("sbin/{name}"));
            linked.push(program);
        }
        for line in output("ldd", &linked).lines() {
            let mut words = line.split_whitespace();
            if let Some(library) = words.find(|word| word.starts_with("/lib")) {
                let library = library.trim_end_matches(':');
                add(Path::new(library), library.trim_start_matches('/'));
            }
        }
        for name in output(BUSYBOX, &["--list-full"]).lines() {
            let place = self.path("root").join(name);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            if !place.exists() {
                symlink("/bin/busybox", place).unwrap();
            }
        }
        fs::write(self.path("mountpoint"), MOUNTPOINT).unwrap();
        add(&self.path("mountpoint"), "bin/mountpoint");
    }

    fn zosc(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zosc"));
        command
            .args(words)
            .args(["--color", "never"])
            .current_dir(self.folder.path());
        command
    }

    fn succeed(&self, words: &[&str]) -> Output {
        let store = self.path("store").display().to_string();
        let output = self.zosc(words).args(["--store", &store]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
        output
    }

    /// Brings the blobs to the folder that the web server serves. The address that guests read them at leads nowhere on this machine.
    fn publish(&self) {
        self.succeed(&["publish", "dir", "site", "--only", "flists", "--no-proof"]);
    }

    fn serve(&self) -> BlobServer {
        BlobServer::start(&self.path("blobs"), Some(self.port))
    }

    /// Boots the image; `seen` hears every line of the console. What was said in all.
    fn boot(&self, mut seen: impl FnMut(&str)) -> String {
        let mut boot = self.zosc(&["boot", "--test", "dist/image.efi"]);
        let mut child = boot
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        for line in BufReader::new(child.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            seen(&line);
            said.push_str(&line);
            said.push('\n');
        }
        println!("{said}");
        assert!(child.wait().unwrap().success(), "a good boot");
        said
    }
}

fn output(program: &str, words: &[impl AsRef<std::ffi::OsStr>]) -> String {
    let output = Command::new(program).args(words).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Whether the image itself has the module.
fn is_in_image(project: &Project) -> bool {
    let output = project
        .zosc(&["inspect", "dist/initramfs.cpio", "--files"])
        .output();
    let listed = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(listed.contains("/etc/rfs/modules-"), "{listed}");
    assert!(listed.contains("virtio_net.ko"), "{listed}");
    listed.contains("/dummy.ko")
}

#[test]
fn modules_of_stage2_come_over_http_and_wait_for_their_store() {
    for (dialect, zinit) in GENERATIONS {
        let Some(parts) = parts(zinit) else { return };
        let project = Project::new(&parts, dialect);
        project.succeed(&["build"]);
        assert!(!is_in_image(&project), "it is in the flist alone");
        project.publish();

        // The store is there: the module is loaded out of it.
        let server = project.serve();
        project.boot(|_| ());
        let asked = server.asked();
        assert!(asked.len() > 1, "the index and the module: {asked:?}");
        drop(server);

        // It is away: the machine is up and says so. It comes: so does the module.
        let (mut server, mut ready, mut told) = (None, false, false);
        let said = project.boot(|line| {
            ready |= line.contains("unit=ready state=running")
                || line.contains("unit=ready state=success");
            told |= line.contains("does not answer; until it does");
            if ready && told && server.is_none() {
                server = Some(project.serve());
            }
        });
        let server = server.expect("the machine came up without its store");
        assert!(server.asked().len() > 1);
        let (before, _) = said.split_once("does not answer").unwrap();
        assert!(!before.contains("dummy is loaded"), "{dialect}");
        let waits = "unit=rfs-modules state=starting";
        assert!(said.contains(waits), "{dialect}");
        let address = format!("rfs-modules: http://10.0.2.2:{}", project.port);
        assert!(before.contains(&address), "{dialect}");
    }
}
