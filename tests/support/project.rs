//! A project whose packages the test makes and signs, for tests that run the program.

// Each test that includes this uses a part of it.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::Output;

use super::packages::{Recipe, SignatureHash, SigningKey, index};

/// A folder with a manifest, a signed repository and a store of its own.
pub struct Project {
    pub folder: tempfile::TempDir,
}

impl Project {
    /// A project whose manifest has `sections` behind a fixed head.
    pub fn new(sections: &str) -> Self {
        let project = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let head = format!(
            r#"edition 1
image test version="1" {{ epoch "2026-01-01T00:00:00Z" }}
alpine "3.22" {{
    repository "file://{}"
    key "keys/test.rsa.pub"
}}
"#,
            project.path("repository").display()
        );
        project.write("zos.kdl", &format!("{head}{sections}"));
        let key = SigningKey::generate("test.rsa.pub", b"command line");
        project.write("keys/test.rsa.pub", &key.public_pem());
        project.publish(&key);
        project
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn edit(&self, change: impl FnOnce(String) -> String) {
        let text = std::fs::read_to_string(self.path("zos.kdl")).unwrap();
        self.write("zos.kdl", &change(text));
    }

    /// A shell, base files, and a package whose scripts and trigger leave marks.
    pub fn publish(&self, key: &SigningKey) {
        let shell = Recipe::shell(&["sh", "mkdir"]);
        let base = Recipe::new("base", "1.0-r0")
            .file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
            .file("etc/group", "root:x:0:\n");
        let marks = Recipe::new("marks", "2.1-r3")
            .depends(&["shell", "base"])
            .file("usr/share/marks/data", "data\n")
            .triggers(&["/usr/share/*"])
            .script(
                "post-install",
                "#!/bin/sh\necho \"installed $1\" > /etc/marks\n",
            )
            .script("trigger", "#!/bin/sh\necho \"$@\" > /etc/triggered\n");
        let microcode =
            Recipe::new("intel-ucode", "1-r0").file("boot/intel-ucode.img", &microcode());
        let archives: Vec<_> = [shell, base, marks, microcode]
            .iter()
            .map(|recipe| recipe.pack(Some((key, SignatureHash::Sha256))))
            .collect();
        let folder = self.path("repository/x86_64");
        std::fs::create_dir_all(&folder).unwrap();
        for archive in &archives {
            std::fs::write(folder.join(archive.file_name()), &archive.bytes).unwrap();
        }
        std::fs::write(
            folder.join("APKINDEX.tar.gz"),
            index(&archives, "test", Some((key, SignatureHash::Sha256))),
        )
        .unwrap();
    }

    pub fn command(&self) -> assert_cmd::Command {
        let mut command = assert_cmd::Command::cargo_bin("zosc").unwrap();
        command
            .current_dir(self.folder.path())
            .env("ZOSC_STORE", self.path("store"))
            .env_remove("SOURCE_DATE_EPOCH");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Runs a command that must succeed, and returns what it said to people.
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?} failed:\n{said}");
        said
    }

    /// Runs a command that must fail with these codes, in any order, and returns its JSON lines.
    pub fn refuse(&self, arguments: &[&str], codes: &[&str]) -> Vec<serde_json::Value> {
        let output = self
            .command()
            .args(arguments)
            .args(["--message-format", "json"])
            .output()
            .unwrap();
        assert_eq!(
            output.status.code(),
            Some(1),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let found: Vec<&str> = lines
            .iter()
            .filter_map(|line| line["code"].as_str())
            .collect();
        for code in codes {
            assert!(
                found.contains(code),
                "{code} is not among {found:?}:\n{text}"
            );
        }
        lines
    }

    /// The image's files by path, from `zosc inspect`.
    pub fn files(&self, image: &str) -> serde_json::Value {
        self.inspected(image, &["--files"])
    }

    /// What `zosc inspect` tells programs of an image, or of these parts of it.
    pub fn inspected(&self, image: &str, parts: &[&str]) -> serde_json::Value {
        let arguments = [&["inspect", image, "--format", "json"], parts].concat();
        let output = self.run(&arguments);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// An image of packages, a file, accounts and a unit, as an initramfs.
pub const IMAGE: &str = r##"
packages { install marks }
file "/init" mode="0755" text="#!/bin/sh\nexec /bin/sh\n"
zinit dialect=toml
unit hello { exec "/bin/busybox echo hello"; oneshot }
account root { passwordless }
branding { hostname test; build-id "/etc/build-id" }
outputs { initramfs "initramfs.cpio.xz" }
"##;

/// An uncompressed archive as microcode packages have it, with one entry and its end.
pub fn microcode() -> String {
    let entry = |name: &str, mode: &str, content: &str| {
        let (size, named) = (content.len(), name.len() + 1);
        let zero = "00000000";
        let head = format!(
            "070701{zero}{mode}{zero}{zero}00000001{zero}{size:08x}{zero}{zero}{zero}{zero}{named:08x}{zero}"
        );
        let padded = |text: String| {
            let pad = text.len().next_multiple_of(4) - text.len();
            text + &"\0".repeat(pad)
        };
        padded(format!("{head}{name}\0")) + &padded(content.to_owned())
    };
    entry("kernel/x86/microcode/GenuineIntel.bin", "000081a4", "code")
        + &entry("TRAILER!!!", "00000000", "")
}
