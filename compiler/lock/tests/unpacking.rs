//! What is unpacked is kept, and is unpacked again only where that was lost.

use super::*;
use crate::apk::Expected;

/// A package that was locked: its bench, the digest of its file, what it is.
fn locked() -> (Bench, Digest, Expected) {
    let bench = Bench::new();
    bench.offer(&[recipe("app", "1")], key());
    let resolved = bench
        .lock(&bench.image(&["app"]), Mode::default())
        .expect("locked");
    let package = &resolved.inputs.lock.packages[0];
    let expected = Expected {
        name: "app".into(),
        version: "1".into(),
        identity: Some(package.identity.parse().expect("an identity")),
    };
    (bench, package.sha256, expected)
}

#[test]
fn what_locking_unpacked_needs_no_file_any_more() {
    let (bench, file, expected) = locked();
    std::fs::remove_file(bench.store.blob_path(&file)).expect("there");
    let (package, kept) = unpack_once(&bench.store, &file, &expected).expect("kept");
    assert!(
        package
            .files
            .iter()
            .any(|file| file.path.as_str() == "/usr/share/app")
    );
    assert!(is_whole_package(&bench.store, &kept));
    let other = Expected {
        version: "2".into(),
        ..expected
    };
    let problem = unpack_once(&bench.store, &file, &other).expect_err("another one");
    assert_eq!(problem.code, "zosc::store::missing-blob");
}

#[test]
fn lost_contents_are_unpacked_again() {
    let (bench, file, expected) = locked();
    let content = bench.store.blob_path(&Digest::of(b"app"));
    std::fs::remove_file(&content).expect("there");
    let (_, kept) = unpack_once(&bench.store, &file, &expected).expect("unpacked");
    assert!(content.is_file());
    std::fs::remove_file(bench.store.blob_path(&kept)).expect("there");
    unpack_once(&bench.store, &file, &expected).expect("unpacked");
}

#[test]
fn a_damaged_file_is_told_as_that_and_leaves_nothing() {
    let (bench, file, expected) = locked();
    let content = bench.store.blob_path(&Digest::of(b"app"));
    let path = bench.store.blob_path(&file);
    let sound = std::fs::read(&path).expect("there");
    // In its signature, which no other hash covers; in its middle; behind its end.
    let mut signature = sound.clone();
    signature[60] ^= 1;
    let mut middle = sound.clone();
    middle[sound.len() / 2] ^= 1;
    let longer = [sound.as_slice(), b"more"].concat();
    for damaged in [signature, middle, longer] {
        let _ = std::fs::remove_file(&content);
        std::fs::write(&path, damaged).expect("written");
        let problem = unpack_once(&bench.store, &file, &expected).expect_err("damaged");
        assert_eq!(problem.code, "zosc::store::damaged-blob");
        assert!(!path.exists() && !content.exists(), "nothing left behind");
    }
}
