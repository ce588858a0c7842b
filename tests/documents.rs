//! What the book tells people to type works as it is written there.
//!
//! Blocks with the info string `sh` are run in order in one folder; blocks with `kdl NAME` are written to that file first. What
//! cannot be run stands in a `text` block.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::path::Path;
use std::process::Command;

/// A fenced block: its info string and its lines.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(_), Some(block)) => found.push(block),
            (Some(info), None) => open = Some((info.to_owned(), String::new())),
            (None, Some((info, text))) => open = Some((info, format!("{text}{line}\n"))),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

fn shell(folder: &Path, script: &str) {
    let program = assert_cmd::cargo::cargo_bin("zosc");
    let search = std::env::var("PATH").unwrap_or_default();
    let search = format!("{}:{search}", program.parent().unwrap().display());
    let output = Command::new("sh")
        .args(["-euc", script])
        .current_dir(folder)
        .env("PATH", search)
        .env("ZOSC_STORE", folder.join("store"))
        .env_remove("SOURCE_DATE_EPOCH")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "this does not work:\n{script}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Follows a page; `before` runs first.
fn follow(page: &str, before: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let read = |page: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("docs")
            .join(page);
        std::fs::read_to_string(path).unwrap()
    };
    let mut ran = 0;
    for page in before.iter().chain([&page]) {
        for (info, text) in blocks(&read(page)) {
            match info.split_once(' ').unwrap_or((&info, "")) {
                ("sh", _) => {
                    shell(folder.path(), &text);
                    ran += 1;
                }
                ("kdl", name) if !name.is_empty() => {
                    std::fs::write(folder.path().join(name), text).unwrap();
                }
                ("text", _) => {}
                other => panic!("{page}: what is a block of {other:?}?"),
            }
        }
    }
    assert!(ran > 1, "{page} has commands");
}

#[test]
fn private_packages() {
    follow("private-packages.md", &[]);
}

#[test]
fn air_gapped_builds() {
    follow("air-gapped.md", &["private-packages.md"]);
}

#[test]
fn what_is_built_again() {
    follow("incremental.md", &[]);
}

#[test]
fn an_image_that_follows_its_files() {
    follow("watch.md", &[]);
}

#[test]
fn built_twice() {
    follow("reproducible.md", &[]);
}

#[test]
fn what_is_different() {
    follow("diff.md", &[]);
}

#[test]
fn a_smaller_image() {
    follow("size.md", &[]);
}

#[test]
fn what_an_image_is_made_of() {
    follow("report.md", &[]);
}

#[test]
fn the_store() {
    follow("store.md", &[]);
}

#[test]
fn what_is_in_an_image_and_why() {
    follow("explain.md", &[]);
}

#[test]
fn in_an_editor() {
    follow("editors.md", &[]);
}

#[test]
fn flists_by_hand() {
    follow("flist-commands.md", &[]);
}

/// The figures of the page on many machines are what the model makes of the measured ones.
#[test]
fn how_it_scales() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/scale/run");
    let Ok(told) = Command::new("python3").arg(model).arg("check").output() else {
        println!("skipped: needs python3");
        return;
    };
    assert!(
        told.status.success(),
        "{}",
        String::from_utf8_lossy(&told.stderr)
    );
}
