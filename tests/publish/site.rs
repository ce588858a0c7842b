//! A small image that is published, and what is found afterwards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use zosc::tree::Digest;

use crate::s3::{KEY_ID, SECRET};

const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";

/// A project whose image is an EFI program of a kernel and next to nothing else.
pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
}

impl Site {
    /// A project with these sections. `None`, aloud, where there is nothing that an EFI program is made of.
    pub(crate) fn new(sections: &str) -> Option<Self> {
        let unpacked = std::env::var_os("ZOSC_TEST_KERNEL").map(PathBuf::from);
        let Some(boot) = unpacked
            .map(|root| root.join("boot"))
            .filter(|boot| boot.is_dir())
        else {
            println!("skipped: ZOSC_TEST_KERNEL names no unpacked kernel package");
            return None;
        };
        if !Path::new(STUB).exists() {
            println!("skipped: {STUB} is missing (apt-get install systemd-boot-efi)");
            return None;
        }
        let kernels = std::fs::read_dir(boot)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let is_kernel = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.starts_with("vmlinuz-")
        };
        let kernel = kernels.filter(is_kernel).max().unwrap();
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let manifest = format!(
            r#"edition 1
image zos version="1" {{ epoch "2026-01-01T00:00:00Z" }}
kernel {{ prebuilt image="{}"; cmdline "console=ttyS0"; stub path="{STUB}" }}
file "/init" from="/bin/busybox" mode="0755"
initramfs compress=none
outputs {{ efi "vmlinuz.efi"; efi-versioned "vmlinuz-{{version}}.efi" }}
{sections}"#,
            kernel.display()
        );
        std::fs::write(site.path("zos.kdl"), manifest).unwrap();
        Some(site)
    }

    /// A project that is published to a bucket.
    pub(crate) fn for_bucket(endpoint: &str, bucket: &str) -> Option<Self> {
        Self::new(&format!(
            r#"publish s3 endpoint="{endpoint}" bucket={bucket} prefix="releases" {{
    key-id (env)PUBLISH_ID
    secret (env)PUBLISH_SECRET
    index kernels
}}
"#
        ))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command of zosc, with the key in its environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zosc"));
        for variable in zosc::check::VARIABLES {
            command.env_remove(variable);
        }
        command
            .current_dir(self.folder.path())
            .env("ZOSC_STORE", self.path("store"))
            .env("HOME", self.path("home"))
            .env("PUBLISH_ID", KEY_ID)
            .env("PUBLISH_SECRET", SECRET)
            .env_remove("SOURCE_DATE_EPOCH")
            .env_remove("DOCKER_CONFIG")
            .args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        told(self.command(arguments).output().unwrap())
    }

    /// What a command that must succeed prints and says.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(output.status.success(), "{arguments:?} failed:\n{said}");
        said
    }

    /// What a command that must fail says.
    pub(crate) fn fail(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}:\n{said}");
        said
    }

    /// Builds a version of the image and publishes it.
    pub(crate) fn publish(&self, version: u32) -> String {
        let version = format!("image.version={version}");
        self.succeed(&["build", "--publish", "--set", &version])
    }

    /// The digest of the program that was built last.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&std::fs::read(self.path("dist/vmlinuz.efi")).unwrap())
    }
}

/// Nothing that a command says holds a secret.
pub(crate) fn told(output: Output) -> Output {
    for said in [&output.stdout, &output.stderr] {
        let said = String::from_utf8_lossy(said);
        assert!(!said.contains(SECRET), "a secret is told:\n{said}");
    }
    output
}

/// The files below a folder, with their contents; a server's own files begin with a dot.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path
                .strip_prefix(folder)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if !name.rsplit('/').next().unwrap().starts_with('.') {
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// The index of a folder with programs: its names, its JSON.
pub(crate) fn index(folder: &Path) -> (Vec<String>, Value) {
    let text = std::fs::read_to_string(folder.join("kernels.txt")).unwrap();
    let json = std::fs::read(folder.join("kernels.json")).unwrap();
    let json: Value = serde_json::from_slice(&json).unwrap();
    let names: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(json["kernels"], serde_json::json!(names));
    assert_eq!(json["count"], names.len());
    (names, json)
}
