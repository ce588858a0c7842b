//! What fuzzing found and started from, once more; `tests/run fuzz` looks for more.

use super::{gather_all, root, shown};

#[path = "../fuzz/src/lib.rs"]
mod targets;

/// Runs a fuzz target on every file of its corpus.
fn replay(name: &str, target: fn(&[u8])) {
    let mut files = Vec::new();
    gather_all(&root().join("tests/fuzz/corpus").join(name), &mut files);
    files.sort();
    assert!(files.len() > 10, "the corpus is where it should be");
    for file in files {
        let bytes = std::fs::read(&file).expect("a file of this package");
        let run = std::panic::catch_unwind(|| target(&bytes));
        assert!(run.is_ok(), "{} breaks a promise", shown(&file));
    }
}

#[test]
fn the_scanner_keeps_its_promises() {
    replay("scanner", targets::scanner);
}

#[test]
fn the_check_keeps_its_promises() {
    replay("manifest", targets::manifest);
}

#[test]
fn the_layout_keeps_its_promises() {
    replay("format", targets::format);
}

#[test]
fn an_index_keeps_its_promises() {
    replay("index", targets::index);
}

#[test]
fn what_a_package_says_of_itself_keeps_its_promises() {
    replay("package_info", targets::package_info);
}

#[test]
fn the_files_of_a_package_keep_their_promises() {
    replay("tarball", targets::tarball);
}

#[test]
fn versions_keep_their_promises() {
    replay("version", targets::version);
}

#[test]
fn dependencies_keep_their_promises() {
    replay("dependency", targets::dependency);
}

#[test]
fn signatures_keep_their_promises() {
    replay("signature", targets::signature);
}

#[test]
fn whole_packages_keep_their_promises() {
    replay("members", targets::members);
}

#[test]
fn lists_of_files_keep_their_promises() {
    replay("flist", targets::flist);
}

#[test]
fn the_corpus_is_small() {
    let mut files = Vec::new();
    gather_all(&root().join("tests/fuzz/corpus"), &mut files);
    let size: u64 = files
        .iter()
        .map(|file| file.metadata().expect("a file of this package").len())
        .sum();
    assert!(
        files.len() < 800 && size < 1_000_000,
        "{} files, {size} bytes: merge them",
        files.len()
    );
}
