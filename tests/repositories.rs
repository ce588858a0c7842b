//! Repositories that zosc makes: the real apk takes them, images are built from them, mirrors of them keep builds alive.
//!
//! The parts with the real apk need the Alpine packages (`$ZOSC_TEST_ALPINE`, default `../shared/alpine`) and root.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::path::{Path, PathBuf};
use std::process::Output;

#[path = "support/mod.rs"]
mod support;

use support::oracle::{Oracle, listing};

const RECIPE: &str = r##"
epoch "2026-11-01T00:00:00Z"
package site-agent version="1.0-r0" {
    description "Watches the site's machines"
    license Apache-2.0
    depends site-base
    provides "cmd:site-agent=1.0-r0"
    script post-install text="#!/bin/sh\necho \"installed $1\" > /etc/site-agent.mark\n"
    overlay "rootfs"
    file "/usr/bin/site-agent" text="#!/bin/sh\n" mode="4755"
    file "/usr/bin/agent" link="site-agent"
    directory "/var/lib/site" mode="0700" uid=190 gid=191
}
package site-base version="1.0-r0" arch=noarch {
    file "/etc/site-base" text="base\n"
}
"##;

const MANIFEST: &str = r##"edition 1
image site version="1" { epoch "2026-11-01T00:00:00Z" }
alpine "3.22" {
    repository "./packages"
    key "keys/site.rsa.pub"
}
packages { install site-agent; scripts skip }
file "/init" mode="0755" text="#!/usr/bin/site-agent\n"
outputs { initramfs "initramfs.cpio.xz" }
"##;

/// A folder with a key pair, a recipe and its packed, indexed packages.
struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        site.write("rootfs/usr/share/site/data", "data\n");
        site.write("site.kdl", RECIPE);
        site.write("zos.kdl", MANIFEST);
        site.succeed(&["repo", "key", "keys/site", "--bits", "2048"]);
        site.publish();
        site
    }

    fn publish(&self) {
        self.succeed(&[
            "repo",
            "pack",
            "site.kdl",
            "-o",
            "packages",
            "--key",
            "keys/site.rsa",
        ]);
        self.succeed(&["repo", "index", "packages", "--key", "keys/site.rsa"]);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{from} is in {name}");
        self.write(name, &text.replace(from, to));
    }

    fn run_in(&self, store: &str, arguments: &[&str]) -> Output {
        assert_cmd::Command::cargo_bin("zosc")
            .unwrap()
            .current_dir(self.folder.path())
            .env("ZOSC_STORE", self.path(store))
            .env_remove("SOURCE_DATE_EPOCH")
            .args(arguments)
            .output()
            .unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.run_in("store", arguments)
    }

    /// Runs a command that must succeed, and returns its results.
    fn succeed_in(&self, store: &str, arguments: &[&str]) -> String {
        let output = self.run_in(store, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?} failed:\n{said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn succeed(&self, arguments: &[&str]) -> String {
        self.succeed_in("store", arguments)
    }

    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let text = self.succeed(&[arguments, &["--message-format", "json"]].concat());
        serde_json::from_str(text.lines().last().unwrap_or("null")).unwrap()
    }

    /// Runs a command that must fail, and returns the codes that it gives.
    fn refused_in(&self, store: &str, arguments: &[&str]) -> Vec<String> {
        let output = self.run_in(store, &[arguments, &["--message-format", "json"]].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let code = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let is_error = line["severity"] == "error";
            line["code"]
                .as_str()
                .filter(|_| is_error)
                .map(str::to_owned)
        };
        text.lines().filter_map(code).collect()
    }

    fn image(&self) -> String {
        let image = std::fs::read(self.path("dist/initramfs.cpio.xz")).unwrap();
        zosc::tree::Digest::of(&image).to_string()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn the_real_apk_installs_and_verifies_what_zosc_packs() {
    let Some(oracle) = Oracle::new() else { return };
    let site = Site::new();
    for hash in ["sha1", "sha256"] {
        for command in [
            &["repo", "pack", "site.kdl", "-o", "packages"][..],
            &["repo", "index", "packages"],
        ] {
            site.succeed(&[command, &["--key", "keys/site.rsa", "--hash", hash]].concat());
        }
        let name = format!("site-{hash}");
        copy(&site.path("packages"), &oracle.folder(&name));
        let trusted = oracle.folder("etc/apk/keys/site.rsa.pub");
        std::fs::copy(site.path("keys/site.rsa.pub"), trusted).unwrap();
        let package = format!("/{name}/x86_64/site-agent-1.0-r0.apk");
        let said = oracle.run(&["verify", &package]).unwrap();
        assert!(said.contains("OK"), "{said}");
        let root = format!("out-{hash}");
        let mirror = ["-X", "/mirror/v3.19-iso"];
        let events = oracle
            .install(
                &root,
                &format!("/{name}"),
                &mirror,
                &["busybox", "site-agent"],
            )
            .unwrap();
        for event in [
            "install site-base-1.0-r0",
            "install site-agent-1.0-r0",
            "run site-agent-1.0-r0.post-install",
        ] {
            assert!(
                events.iter().any(|found| found == event),
                "{event} in {events:?}"
            );
        }
        let files = listing(&oracle.folder(&root));
        let at = |path: &str| files.get(path).cloned().unwrap_or_default();
        assert!(
            at("/usr/bin/site-agent").contains("time 1793491200 4755 0:0"),
            "{}",
            at("/usr/bin/site-agent")
        );
        assert!(at("/usr/bin/agent").starts_with("link site-agent"));
        assert!(at("/usr/share/site/data").starts_with("file "));
        assert_eq!(at("/var/lib/site"), "directory 700 190:191");
        let mark =
            std::fs::read_to_string(oracle.folder(&root).join("etc/site-agent.mark")).unwrap();
        assert_eq!(mark, "installed 1.0-r0\n");
    }
}

#[test]
fn an_image_is_built_from_packed_packages_and_the_same_again() {
    let site = Site::new();
    site.succeed(&["build"]);
    let text = site.succeed(&[
        "inspect",
        "dist/initramfs.cpio.xz",
        "--files",
        "--format",
        "json",
    ]);
    assert!(
        text.contains("/usr/bin/site-agent") && text.contains("/etc/site-base"),
        "{text}"
    );
    let again = site.json(&[
        "repo",
        "pack",
        "site.kdl",
        "-o",
        "packages",
        "--key",
        "keys/site.rsa",
    ]);
    assert_eq!(again["packed"][0]["file"], "same");
    let again = site.json(&["repo", "index", "packages", "--key", "keys/site.rsa"]);
    assert_eq!(
        (
            &again["indexed"][0]["file"],
            &again["indexed"][0]["packages"]
        ),
        (&"same".into(), &2.into())
    );
}

#[test]
fn mistakes_are_explained_and_arguments_counted() {
    let site = Site::new();
    assert_eq!(site.run(&["repo"]).status.code(), Some(2));
    assert_eq!(
        site.run(&["repo", "key", "keys/x", "--bits", "512"])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(
        site.refused_in("store", &["repo", "key", "keys/site"]),
        ["zosc::repository::key-exists"]
    );
    let pack = |key: &str| {
        site.refused_in(
            "store",
            &["repo", "pack", "site.kdl", "-o", "packages", "--key", key],
        )
    };
    assert_eq!(pack("keys/none.rsa"), ["zosc::repository::cannot-read"]);
    assert_eq!(pack("keys/site.rsa.pub"), ["zosc::apk::bad-private-key"]);
    site.edit("site.kdl", "license Apache-2.0", "licence Apache-2.0");
    assert_eq!(pack("keys/site.rsa"), ["zosc::manifest::unknown-node"]);
}

#[test]
fn an_update_moves_what_is_named_and_says_so() {
    let site = Site::new();
    site.succeed(&["lock"]);
    assert_eq!(site.json(&["update"])["changes"], serde_json::json!([]));
    site.edit("site.kdl", "1.0-r0", "1.0-r1");
    site.publish();
    let before = std::fs::read_to_string(site.path("zos.lock")).unwrap();
    let dry = site.json(&["update", "--dry-run", "site-agent"]);
    assert_eq!(dry["changes"][0]["new"], "1.0-r1");
    assert_eq!(dry["written"], false);
    assert_eq!(
        std::fs::read_to_string(site.path("zos.lock")).unwrap(),
        before
    );
    let said = site.succeed(&["update", "site-agent"]);
    assert_eq!(said, "site-agent 1.0-r0 → 1.0-r1\n");
    assert_eq!(
        site.refused_in("store", &["update", "site-agnt"]),
        ["zosc::lock::not-locked"]
    );
}

#[test]
fn what_was_fetched_builds_without_the_repository() {
    let site = Site::new();
    let fetched = site.json(&["fetch"]);
    assert_eq!(
        fetched["fetched"].as_u64().unwrap() + fetched["stored"].as_u64().unwrap(),
        2
    );
    std::fs::remove_dir_all(site.path("packages")).unwrap();
    site.succeed(&["fetch", "--locked", "--offline"]);
    site.succeed(&["build", "--locked", "--offline"]);
    // Another store has nothing, and nobody else does.
    let codes = site.refused_in("elsewhere", &["fetch", "--locked"]);
    assert!(
        !codes.is_empty() && codes.iter().all(|code| code == "zosc::io::not-found"),
        "{codes:?}"
    );
}

#[test]
fn a_dropped_version_is_found_in_a_vendored_mirror_or_explained() {
    let site = Site::new();
    site.succeed(&["build"]);
    let image = site.image();
    let vendored = site.json(&["vendor", "vendor", "--key", "keys/site.rsa"]);
    assert_eq!(vendored["repositories"][0]["packages"], 2);
    // The repository moves on and drops what the lock names.
    std::fs::remove_dir_all(site.path("packages")).unwrap();
    site.edit("site.kdl", "1.0-r0", "1.0-r1");
    site.publish();
    let codes = site.refused_in("elsewhere", &["build", "--locked"]);
    assert!(codes.contains(&"zosc::lock::gone".to_owned()), "{codes:?}");
    // The mirror as a further repository keeps the locked version, on a machine that never had it.
    site.edit(
        "zos.kdl",
        "repository \"./packages\"",
        "repository \"./packages\"\n    repository \"./vendor/packages\"",
    );
    site.succeed_in("elsewhere", &["build", "--offline"]);
    assert_eq!(site.image(), image);
    // And alone.
    site.edit("zos.kdl", "repository \"./packages\"\n", "");
    site.succeed_in("third", &["build", "--offline"]);
    assert_eq!(site.image(), image);
    // Writing it again changes nothing.
    let again = site.json(&["vendor", "vendor2", "--key", "keys/site.rsa"]);
    assert_eq!(again["repositories"][0]["written"], 3);
    let again = site.json(&["vendor", "vendor2", "--key", "keys/site.rsa"]);
    assert_eq!(again["repositories"][0]["written"], 0);
}

#[test]
fn a_mirror_without_a_key_carries_the_original_index() {
    let site = Site::new();
    // A release's layout, so that the folder can be a mirror.
    copy(&site.path("packages"), &site.path("mirror/v3.22/main"));
    site.edit(
        "zos.kdl",
        "repository \"./packages\"",
        "mirror \"./mirror\"\n    repository main",
    );
    site.succeed(&["build"]);
    let image = site.image();
    site.succeed(&["vendor", "vendor"]);
    std::fs::remove_dir_all(site.path("mirror")).unwrap();
    site.edit(
        "zos.kdl",
        "mirror \"./mirror\"",
        "mirror \"./mirror\" \"./vendor\"",
    );
    site.succeed_in("elsewhere", &["build", "--locked", "--offline"]);
    assert_eq!(site.image(), image);
}
