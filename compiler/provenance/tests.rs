//! A statement says what was asked for, what went in and what came out.

use std::collections::BTreeMap;

use super::*;
use crate::lock::{LockedVendor, Vendor};

fn named(name: &str) -> NamedFile {
    NamedFile {
        name: name.to_owned(),
        sha256: Digest::of(name.as_bytes()),
    }
}

#[test]
fn a_statement_names_everything_by_digest() {
    let digest = Digest::of(b"x");
    let mut parts = Bill {
        arch: "x86_64".into(),
        epoch: 7,
        zosc: "0.1.0".into(),
        ..Bill::default()
    };
    let mut git = Component {
        commit: Some(("https://m.example/a".into(), "0123".into())),
        ..Component::default()
    };
    git.fact("tree", digest);
    parts.add("source/a", git);
    let mut host = Component::default();
    host.fact("programs", "rustc 1.95.0");
    parts.add("toolchain/rust", host);
    parts.add("nothing/pinned", Component::default());
    let lock = Lock {
        indexes: vec![LockedIndex {
            url: "https://me:secret@m.example/main".into(),
            tag: None,
            sha256: digest,
        }],
        vendored: BTreeMap::from([(
            "a".to_owned(),
            LockedVendor {
                by: Vendor::Cargo,
                from: digest,
                tree: digest,
            },
        )]),
        ..Lock::default()
    };
    let overrides = [Override {
        path: "image.version".into(),
        value: "2".into(),
        variable: None,
        replaced: None,
    }];
    let (outputs, manifests, lock_file) = (
        [named("site.efi")],
        [named("zos.kdl"), named("units/a.kdl")],
        named("zos.lock"),
    );
    let mut facts = Facts {
        outputs: &outputs,
        build_id: Some(digest),
        manifests: &manifests,
        lock_file: Some(&lock_file),
        overrides: &overrides,
        lock: &lock,
        parts: &parts,
        builder: "urn:x",
        times: None,
    };
    let plain = statement(&facts);
    assert_eq!(plain["subject"][0]["name"], "site.efi");
    let definition = &plain["predicate"]["buildDefinition"];
    let given = &definition["externalParameters"];
    assert_eq!(given["manifest"]["name"], "zos.kdl");
    assert_eq!(given["imports"][0]["name"], "units/a.kdl");
    assert_eq!(given["settings"], json!({ "image.version": "2" }));
    let names: Vec<&str> = definition["resolvedDependencies"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "index/https://m.example/main",
            "source/a",
            "toolchain/rust",
            "vendored/a"
        ]
    );
    let git = &definition["resolvedDependencies"][1];
    assert_eq!(git["uri"], "git+https://m.example/a@0123");
    assert_eq!(git["digest"]["gitCommit"], "0123");
    assert_eq!(plain["predicate"]["runDetails"]["metadata"], Value::Null);
    facts.times = Some((0, 1_500));
    let timed = statement(&facts);
    assert_eq!(
        timed["predicate"]["runDetails"]["metadata"],
        json!({ "startedOn": "1970-01-01T00:00:00Z", "finishedOn": "1970-01-01T00:00:01Z" })
    );
}

#[test]
fn what_is_signed_holds_kind_and_length() {
    let bytes = signed_bytes("{}");
    assert_eq!(bytes, b"DSSEv1 28 application/vnd.in-toto+json 2 {}");
    let sealed = envelope("{}", "key", b"sig");
    assert_eq!(sealed["payload"], "e30=");
    assert_eq!(sealed["signatures"][0]["sig"], "c2ln");
}
