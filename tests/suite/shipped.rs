//! The manifests that ship beside the compiler: nothing is found in them, and the kernel is configured for what they load.

use std::path::{Path, PathBuf};
use std::process::Command;

use zosc::diagnostic::Diagnostics;
use zosc::source::SourceMap;
use zosc::{check, io};

use super::{gather, root, shown};

/// What the compiler says about a manifest where it lies.
fn diagnose(manifest: &Path) -> Diagnostics {
    let settings = check::Settings {
        current_directory: root().to_owned(),
        ..check::Settings::default()
    };
    let mut sink = Diagnostics::new();
    check::check(
        manifest,
        &settings,
        &io::System,
        &mut SourceMap::new(),
        &mut sink,
    );
    sink
}

#[test]
fn nothing_is_found_in_the_manifests_that_ship() {
    let mut manifests = Vec::new();
    gather(&root().join("manifests"), "kdl", &mut manifests);
    // What is made by running the demo lies below it.
    manifests.retain(|path| path.ends_with("zos.kdl") && !shown(path).contains("/build-output/"));
    assert_eq!(manifests.len(), 3, "{manifests:?}");
    for manifest in manifests {
        let said = diagnose(&manifest);
        let made = root().join("manifests/demo/build-output/keys/zosc-demo.rsa.pub");
        if manifest.ends_with("demo/zos.kdl") && !made.exists() {
            // `run` makes the repository with its key before it checks.
            let codes: Vec<&str> = said.iter().map(|problem| problem.code).collect();
            assert_eq!(codes, ["zosc::check::file-not-found"], "{said:#?}");
            continue;
        }
        assert!(said.is_empty(), "{}: {said:#?}", shown(&manifest));
    }
}

#[test]
fn the_smallest_manifest_has_fifteen_lines() {
    let text = std::fs::read_to_string(root().join("manifests/minimal/zos.kdl")).expect("a text");
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.trim_start().starts_with("//"));
    assert_eq!(lines.count(), 15);
}

#[test]
fn the_kernel_is_configured_for_what_zero_os_loads() {
    let Some(sources) = std::env::var_os("ZOSC_TEST_LINUX").map(PathBuf::from) else {
        eprintln!("skipped: ZOSC_TEST_LINUX names no unpacked sources of Linux 6.12");
        return;
    };
    let output = Command::new(root().join("manifests/zero-os/kernel/verify-config"))
        .arg(sources)
        .output()
        .expect("it starts");
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&both)
    );
}
