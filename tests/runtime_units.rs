//! What runs inside the image: the library's units and scripts, tried without an image.
//!
//! Scripts run under busybox in a root of their own, in which the programs that would touch a machine are fakes. Needs a static
//! busybox, shellcheck, and root or user namespaces; flists with the real `rfs` need one that ZOSC_TEST_RFS names, and FUSE. What is missing is said
//! aloud.

#![allow(clippy::disallowed_methods)]

#[path = "support/blob_server.rs"]
mod blob_server;
#[path = "runtime_units/flists.rs"]
mod flists;
#[path = "runtime_units/jail.rs"]
mod jail;
#[path = "runtime_units/order.rs"]
mod order;
#[path = "runtime_units/scripts.rs"]
mod scripts;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the package.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files of the project that a shell runs: by their name or by their first line.
fn shell_scripts() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-co",
            "--exclude-standard",
            "runtime-units",
            "manifests",
            "tests",
            ".ci",
            // Texts that look like scripts.
            ":!tests/fuzz/corpus",
        ])
        .current_dir(root())
        .output()
        .expect("git starts");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let scripts = listed.lines().map(PathBuf::from).filter(|path| {
        let start = std::fs::read(root().join(path)).unwrap_or_default();
        path.extension().is_some_and(|extension| extension == "sh")
            || [&b"#!/bin/sh\n"[..], b"#!/usr/bin/env bash\n"]
                .iter()
                .any(|line| start.starts_with(line))
    });
    scripts.collect()
}

#[test]
fn shellcheck_finds_nothing() {
    if Command::new("shellcheck")
        .arg("--version")
        .output()
        .is_err()
    {
        eprintln!("skipped: shellcheck is not installed");
        return;
    }
    let scripts = shell_scripts();
    assert!(scripts.len() > 10, "scripts are found: {scripts:?}");
    let output = Command::new("shellcheck")
        .args(&scripts)
        .current_dir(root())
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}
