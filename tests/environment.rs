//! What the environment changes and what it must not: variables of the builder before, and the values of secrets.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::path::{Path, PathBuf};
use std::process::Output;

/// An image that needs nothing from anywhere and goes to a place with a key.
const MANIFEST: &str = r#"edition 1
image test version="1" { epoch "2026-01-01T00:00:00Z" }
file "/init" mode="0755" from=busybox
initramfs compress=none
outputs { initramfs "initramfs.cpio" }
publish s3 endpoint="https://s3.example" bucket=zos prefix="releases" kernels="kernel" {
    key-id (env)ZOSC_TEST_KEY_ID
    secret (env)ZOSC_TEST_SECRET
    index kernels
}
"#;

struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("zos.kdl"), MANIFEST).unwrap();
        let busybox = std::fs::read("/bin/busybox").or_else(|_| std::fs::read("/usr/bin/busybox"));
        std::fs::write(folder.path().join("busybox"), busybox.unwrap()).unwrap();
        Self { folder }
    }

    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let mut command = assert_cmd::Command::cargo_bin("zosc").unwrap();
        for variable in zosc::check::VARIABLES {
            command.env_remove(variable);
        }
        command
            .current_dir(self.folder.path())
            .env("ZOSC_STORE", self.folder.path().join("store"))
            .env_remove("SOURCE_DATE_EPOCH")
            .envs(environment.iter().copied())
            .args(arguments)
            .output()
            .unwrap()
    }

    /// What a command that must succeed prints and says.
    fn succeed(&self, arguments: &[&str], environment: &[(&str, &str)]) -> (String, String) {
        let output = self.run(arguments, environment);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?} failed:\n{said}");
        (String::from_utf8(output.stdout).unwrap(), said)
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[test]
fn secrets_are_in_nothing_that_is_said_or_kept() {
    const PLANTED: [&str; 2] = ["planted-id-5d1c", "planted-secret-9f42"];
    let environment = [
        ("ZOSC_TEST_KEY_ID", PLANTED[0]),
        ("ZOSC_TEST_SECRET", PLANTED[1]),
    ];
    let project = Project::new();
    for arguments in [
        &["check"][..],
        &["check", "--emit", "json"],
        &["check", "--message-format", "json"],
        &["lock"],
        &["plan"],
        &["plan", "--format", "json"],
        &["build"],
        &["plan", "--format", "json"],
    ] {
        let (printed, said) = project.succeed(arguments, &environment);
        for secret in PLANTED {
            assert!(
                !printed.contains(secret) && !said.contains(secret),
                "{arguments:?} tells a secret:\n{printed}{said}"
            );
        }
    }
    let (manifest, _) = project.succeed(&["check", "--emit", "json"], &environment);
    assert!(manifest.contains("(env)ZOSC_TEST_SECRET"), "{manifest}");
    let kept = files(project.folder.path());
    assert!(kept.iter().any(|file| file.ends_with("zos.lock")));
    assert!(
        kept.iter()
            .any(|file| file.ends_with("dist/initramfs.cpio"))
    );
    for file in kept {
        let bytes = std::fs::read(&file).unwrap();
        for secret in PLANTED {
            assert!(!holds(&bytes, secret), "{} holds a secret", file.display());
        }
    }
}

#[test]
fn another_secret_or_none_makes_nothing_anew() {
    let project = Project::new();
    let plan = |value: &str| {
        let environment = [("ZOSC_TEST_KEY_ID", value), ("ZOSC_TEST_SECRET", value)];
        project
            .succeed(&["plan", "--format", "json"], &environment)
            .0
    };
    project.succeed(&["build"], &[("ZOSC_TEST_SECRET", "first")]);
    let first = plan("first");
    assert!(
        first.contains("\"stored\"") && !first.contains("\"stale\""),
        "{first}"
    );
    assert_eq!(first, plan("second"));
    assert_eq!(first, project.succeed(&["plan", "--format", "json"], &[]).0);
}

#[test]
fn variables_are_told_and_change_what_they_are_about_alone() {
    let project = Project::new();
    project.succeed(&["build"], &[]);
    let (_, said) = project.succeed(&["build"], &[("KERNEL_SUBPATH", "images")]);
    assert!(
        said.contains(
            "publish.s3.kernels = images instead of \"kernel\" (zos.kdl:6), by KERNEL_SUBPATH"
        ),
        "{said}"
    );
    assert!(said.contains("nothing to do"), "{said}");
    let typed = ["build", "--set", "publish.s3.kernels=typed"];
    let (_, said) = project.succeed(&typed, &[("KERNEL_SUBPATH", "images")]);
    assert!(
        said.contains("publish.s3.kernels = typed") && !said.contains("KERNEL_SUBPATH"),
        "{said}"
    );
}

#[test]
fn variables_without_effect_are_told_and_hinder_nothing() {
    let project = Project::new();
    let environment = [("UPLOAD_MANIFESTS", "true"), ("DEBUG", "*")];
    let (printed, _) = project.succeed(&["check", "--message-format", "json"], &environment);
    let lines: Vec<serde_json::Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [line] = lines.as_slice() else {
        panic!("one warning: {printed}")
    };
    assert_eq!(line["code"], "zosc::check::variable-without-effect");
    assert_eq!(line["labels"][0]["file"], "<environment>", "{line}");
}
