//! Small images, and what `zosc boot` says of them.

#![allow(missing_docs, unreachable_pub)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use quick_xml::events::Event;

const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";
const QEMU: &str = "/usr/bin/qemu-system-x86_64";
const BUSYBOX: &str = "/usr/bin/busybox";

/// What every `/init` begins with.
const BEGINNING: &str = "#!/bin/sh
mkdir -p /proc /sys /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
";

/// A folder with a manifest, its files and a store of its own; the image is built.
pub struct Project(tempfile::TempDir);

impl Project {
    /// An image with this `/init`, whose kernel has these words on its command line and whose manifest has these sections.
    pub fn new(init: &str, cmdline: &str, sections: &str) -> Option<Self> {
        let project = Self::with_sections(cmdline, sections)?;
        let path = project.path("root/init");
        fs::write(&path, format!("{BEGINNING}{init}")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        succeeds(&project.zosc(&["build"]));
        Some(project)
    }

    /// An image in which the real zinit starts these units.
    pub fn with_zinit(sections: &str) -> Option<Self> {
        let cache = std::env::var_os("ZOSC_TEST_CACHE").map(PathBuf::from);
        let Some(programs) = cache
            .map(|cache| cache.join("zinit-0.3.8/bin"))
            .filter(|folder| folder.exists())
        else {
            println!(
                "skipped: the test of the real zinit has not installed one in ZOSC_TEST_CACHE"
            );
            return None;
        };
        let library =
            "import \"std:zero-os/base\"\nimport \"std:boot-report\"\nzinit dialect=toml\n";
        let project = Self::with_sections("", &format!("{library}{sections}"))?;
        project.add_with_libraries(&programs);
        succeeds(&project.zosc(&["build"]));
        Some(project)
    }

    fn with_sections(cmdline: &str, sections: &str) -> Option<Self> {
        let kernel = std::env::var_os("ZOSC_TEST_KERNEL").map(PathBuf::from);
        let missing = [STUB, QEMU, BUSYBOX]
            .into_iter()
            .find(|path| !Path::new(path).exists());
        let (Some(kernel), None) = (kernel, missing) else {
            println!(
                "skipped: ZOSC_TEST_KERNEL names no unpacked kernel package, or there is no {}",
                missing.unwrap_or("image of it")
            );
            return None;
        };
        let mut releases = fs::read_dir(kernel.join("lib/modules")).unwrap();
        let release = releases.next().unwrap().unwrap().file_name();
        let (kernel, release) = (kernel.display(), release.display());
        let project = Self(tempfile::tempdir().unwrap());
        let manifest = format!(
            r#"edition 1
image test version="1" {{ epoch "2026-01-01T00:00:00Z" }}
kernel {{
    prebuilt image="{kernel}/boot/vmlinuz-{release}" modules="{kernel}"
    stub path="{STUB}"
    cmdline "console=ttyS0" "panic=-1" "quiet" {cmdline}
}}
modules {{ stage1 virtio_pci virtio_blk virtio_net }}
overlay "root"
initramfs compress=none
outputs {{ efi "image.efi" }}
{sections}
"#
        );
        fs::write(project.path("zos.kdl"), manifest).unwrap();
        project.add(Path::new(BUSYBOX), "bin/busybox");
        for name in output(BUSYBOX, &["--list-full"]).lines() {
            let place = project.path("root").join(name);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            if !place.exists() {
                symlink("/bin/busybox", place).unwrap();
            }
        }
        Some(project)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let temporary = self.path("tmp");
        fs::create_dir_all(&temporary).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_zosc"));
        // Where KVM opens and does not work, machines that may not be cut off would never end. Other tests leave the choice to zosc.
        let emulated = (arguments.first() == Some(&"boot")).then_some("--emulate");
        command
            .args(arguments)
            .args(emulated)
            .args(["--color", "never"])
            .current_dir(self.0.path())
            .env("ZOSC_STORE", self.path("store"))
            .env("TMPDIR", temporary)
            .env_remove("SOURCE_DATE_EPOCH");
        command
    }

    pub fn zosc(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Puts a program into the image.
    fn add(&self, from: &Path, to: &str) {
        let to = self.path("root").join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, &to).unwrap();
        fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Puts the programs of a folder into the image, with what they are linked to.
    fn add_with_libraries(&self, programs: &Path) {
        let mut linked = Vec::new();
        for program in fs::read_dir(programs).unwrap() {
            let program = program.unwrap().path();
            let name = program.file_name().unwrap().to_str().unwrap();
            self.add(&program, &format!("sbin/{name}"));
            linked.push(program);
        }
        for line in output("ldd", &linked).lines() {
            let mut words = line.split_whitespace();
            if let Some(library) = words.find(|word| word.starts_with("/lib")) {
                let library = library.trim_end_matches(':');
                self.add(Path::new(library), library.trim_start_matches('/'));
            }
        }
    }
}

fn output(program: &str, words: &[impl AsRef<std::ffi::OsStr>]) -> String {
    let output = Command::new(program).args(words).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// What a program said, on either stream.
pub fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stderr) + &text(&output.stdout)
}

pub fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
}

/// The lines of `--message-format json`.
pub fn records(output: &Output) -> Vec<serde_json::Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// The codes among them.
pub fn codes(records: &[serde_json::Value]) -> Vec<&str> {
    let codes = records.iter().filter_map(|record| record["code"].as_str());
    codes.collect()
}

/// The cases of a JUnit report, each with the words of its failure.
pub fn junit(file: &Path) -> Vec<(String, Option<String>)> {
    let text = fs::read_to_string(file).unwrap();
    let mut reader = quick_xml::Reader::from_str(&text);
    let mut cases: Vec<(String, Option<String>)> = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) | Event::Empty(tag) => {
                let attribute = |name: &str| {
                    let found = tag.try_get_attribute(name).unwrap();
                    found.map(|value| {
                        let value = String::from_utf8(value.value.into_owned()).unwrap();
                        quick_xml::escape::unescape(&value).unwrap().into_owned()
                    })
                };
                match tag.name().as_ref() {
                    b"testcase" => cases.push((attribute("name").unwrap(), None)),
                    b"failure" => cases.last_mut().unwrap().1 = attribute("message"),
                    _ => {}
                }
            }
            Event::Eof => return cases,
            _ => {}
        }
    }
}

/// Hypervisors that run something of a project.
pub fn machines(project: &Project) -> String {
    let found = Command::new("pgrep")
        .args([
            "-f",
            &format!("^[^ ]*qemu-system.*{}", project.path("tmp").display()),
        ])
        .output()
        .unwrap();
    String::from_utf8(found.stdout).unwrap()
}
