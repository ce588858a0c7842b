//! What zosc tells of an image and a build: `inspect`, `plan` and `why`, over packages that the test makes and signs.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::path::PathBuf;

#[path = "support/mod.rs"]
mod support;

use serde_json::Value;
use support::packages::{Content, Item, Recipe, SignatureHash, SigningKey, index};

/// An image of packages, a file and units, as an initramfs.
const IMAGE: &str = r##"edition 1
image test version="1" { epoch "2026-01-01T00:00:00Z" }
alpine "3.22" { repository "file://REPOSITORY"; key "keys/test.rsa.pub" }
packages { install marks }
file "/init" mode="0755" text="#!/bin/marks\n"
file "/etc/motd" text="welcome\n"
zinit dialect=toml
unit network { exec "/bin/marks network"; oneshot }
unit sshd { exec "/bin/marks sshd"; requires network }
branding { hostname test; build-id "/etc/build-id" }
size { drop docs }
outputs { initramfs "initramfs.cpio.xz" }
"##;

/// A folder with a manifest, a signed repository and a store of its own.
struct Project {
    folder: tempfile::TempDir,
    key: SigningKey,
}

impl Project {
    fn new() -> Self {
        let project = Self {
            folder: tempfile::tempdir().unwrap(),
            key: SigningKey::generate("test.rsa.pub", b"explaining"),
        };
        let repository = project.path("repository").display().to_string();
        project.write("zos.kdl", &IMAGE.replace("REPOSITORY", &repository));
        project.write("keys/test.rsa.pub", &project.key.public_pem());
        project.publish("1.0-r0");
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path("zos.kdl")).unwrap();
        assert!(text.contains(from), "`{from}` is not in the manifest");
        self.write("zos.kdl", &text.replace(from, to));
    }

    /// A program, the library that it needs in a version, and a base.
    fn publish(&self, library: &str) {
        let recipes = [
            Recipe::new("base", "1.0-r0").file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
            Recipe::new("libmarks", library).file("lib/libmarks.so", library),
            Recipe::new("marks", "2.1-r3")
                .depends(&["libmarks", "base"])
                .file("usr/share/doc/marks/README", "read me\n")
                .with(Item::new("bin/marks", Content::File(b"marks".into())).mode(0o755)),
        ];
        let hash = SignatureHash::Sha256;
        let archives: Vec<_> = recipes
            .iter()
            .map(|recipe| recipe.pack(Some((&self.key, hash))))
            .collect();
        let folder = self.path("repository/x86_64");
        std::fs::create_dir_all(&folder).unwrap();
        for archive in &archives {
            std::fs::write(folder.join(archive.file_name()), &archive.bytes).unwrap();
        }
        let index = index(&archives, "test", Some((&self.key, hash)));
        std::fs::write(folder.join("APKINDEX.tar.gz"), index).unwrap();
    }

    fn command(&self) -> assert_cmd::Command {
        let mut command = assert_cmd::Command::cargo_bin("zosc").unwrap();
        command
            .current_dir(self.folder.path())
            .env("ZOSC_STORE", self.path("store"))
            .env_remove("SOURCE_DATE_EPOCH");
        command
    }

    /// What a command prints that ends with this code.
    fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.command().args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}:\n{said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn prints(&self, arguments: &[&str]) -> String {
        self.ends(0, arguments)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let text = self.prints(&[arguments, &["--format", "json"]].concat());
        serde_json::from_str(&text).unwrap()
    }
}

/// The member of a list whose field has this value.
fn member<'v>(list: &'v Value, field: &str, value: &str) -> &'v Value {
    let mut members = list.as_array().unwrap().iter();
    let found = members.find(|member| member[field] == value);
    found.unwrap_or_else(|| panic!("no {field} {value} in {list:#}"))
}

#[test]
fn origins_come_from_the_record_and_else_from_the_image() {
    let project = Project::new();
    project.prints(&["build"]);
    let image = "dist/initramfs.cpio.xz";
    let here = project.json(&["inspect", image]);
    let elsewhere = project.json(&["inspect", image, "--store", "other"]);
    assert_eq!(here["initramfs"]["origins"], "record");
    assert_eq!(elsewhere["initramfs"]["origins"], "image");
    for (path, recorded, guessed) in [
        ("/init", "file /init", "unknown"),
        ("/bin/marks", "package marks-2.1-r3", "package marks-2.1-r3"),
        ("/etc/zinit/services/sshd.toml", "unit sshd", "unit sshd"),
        ("/lib/apk/db/installed", "apk database", "apk database"),
        ("/etc/hostname", "branding", "unknown"),
    ] {
        let origin = |report: &Value| {
            let listing = &report["initramfs"]["listing"];
            member(listing, "path", path)["origin"].clone()
        };
        assert_eq!(origin(&here), recorded, "{path}");
        assert_eq!(origin(&elsewhere), guessed, "{path}");
    }
}

#[test]
fn a_part_of_a_folder_of_images_and_a_file_of_one_can_be_asked_for() {
    let project = Project::new();
    project.edit("welcome", "hello");
    project.prints(&["build"]);
    let image = "dist/initramfs.cpio.xz";
    std::fs::copy(project.path(image), project.path("dist/copy.cpio.xz")).unwrap();
    let both = project.json(&["inspect", "dist", "--units"]);
    let images = both["images"].as_array().unwrap();
    assert_eq!(images.len(), 2);
    for image in images {
        let units = &image["initramfs"]["units"];
        assert_eq!(member(units, "name", "network")["wave"], 1);
        assert_eq!(member(units, "name", "sshd")["wave"], 2);
        assert!(image["initramfs"]["listing"].is_null());
        assert_eq!(image["build"]["number"], 1);
    }
    let motd = project.prints(&["inspect", image, "--cat", "etc/motd"]);
    assert_eq!(motd, "hello\n");
    let sizes = project.prints(&["inspect", image, "--by", "kind", "--color", "always"]);
    assert!(sizes.contains("package"), "{sizes}");
    assert!(sizes.contains("\u{1b}[1m"), "{sizes}");
    project.ends(1, &["inspect", image, "--cat", "/etc/modt"]);
    project.ends(1, &["inspect", "nowhere"]);
}
