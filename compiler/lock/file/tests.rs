//! What a lock says survives its file.

use std::collections::BTreeMap;

use super::super::{LockedKernel, LockedSignature, LockedVendor, Vendor, change};
use super::*;
use crate::tree::{Digest, ImagePath};

fn kernel_source() -> LockedKernelSource {
    LockedKernelSource {
        urls: vec!["https://m.example/linux-source.deb".into()],
        sha256: Digest::of(b"deb"),
        size: 4,
        archive: Some("usr/src/linux.tar.xz".into()),
        made: 1_700_000_000,
        signature: Some(LockedSignature {
            url: "https://m.example/linux.tar.sign".into(),
            sha256: Digest::of(b"sign"),
            size: 5,
        }),
    }
}

fn kernel() -> LockedKernel {
    LockedKernel {
        release: "6.12.1".into(),
        image: ImagePath::new("/boot/vmlinuz").expect("sound"),
    }
}

fn toolchains(package: &LockedPackage) -> BTreeMap<String, LockedToolchain> {
    let digest = Digest::of(b"x");
    BTreeMap::from([
        (
            "boxed".into(),
            LockedToolchain::Image {
                reference: "m.example/rust:1".into(),
                sha256: digest,
                tree: digest,
                environment: BTreeMap::from([("PATH".into(), "/opt/bin:/bin".into())]),
            },
        ),
        (
            "c".into(),
            LockedToolchain::Alpine {
                wishes: vec!["busybox".into(), "make".into()],
                indexes: vec![LockedIndex {
                    url: "https://m.example/v3.22/main".into(),
                    tag: None,
                    sha256: digest,
                }],
                packages: vec![package.clone()],
            },
        ),
        (
            "root".into(),
            LockedToolchain::Download {
                url: "https://m.example/root.tar.xz".into(),
                sha256: digest,
                size: 3,
            },
        ),
    ])
}

fn example() -> Lock {
    let digest = Digest::of(b"x");
    let package = LockedPackage {
        role: Role::Image,
        name: "busybox".into(),
        version: "1.36.1-r15".into(),
        urls: vec!["https://m.example/v3.22/main/x86_64/busybox-1.36.1-r15.apk".into()],
        identity: "Q1abc+/=".into(),
        sha256: digest,
        size: 12,
        built: 1_700_000_000,
        scripts: ["post-install".to_owned(), "trigger".to_owned()].into(),
        triggers: vec!["/bin".into(), "/usr/bin".into()],
        because: vec!["alpine-base".into()],
    };
    Lock {
        wishes: vec!["!apk-tools".into(), "busybox~1.36".into()],
        indexes: vec![
            LockedIndex {
                url: "https://m.example/v3.22/main".into(),
                tag: None,
                sha256: digest,
            },
            LockedIndex {
                url: "https://m.example/edge/testing".into(),
                tag: Some("edge".into()),
                sha256: digest,
            },
        ],
        toolchains: toolchains(&package),
        packages: vec![
            package.clone(),
            LockedPackage {
                role: Role::Stub,
                name: "odd \"name\"\u{7}".into(),
                ..package
            },
        ],
        sources: BTreeMap::from([
            (
                "tool".into(),
                LockedSource::Crate {
                    name: "ripgrep".into(),
                    version: "14.1.1".into(),
                    tree: digest,
                },
            ),
            (
                "zinit".into(),
                LockedSource::Git {
                    url: "https://m.example/zinit".into(),
                    revision: "tag v1".into(),
                    commit: "0123456789abcdef0123456789abcdef01234567".into(),
                    submodules: true,
                    keep_git: false,
                    tree: digest,
                },
            ),
            (
                "corex".into(),
                LockedSource::Release {
                    url: "https://m.example/corex".into(),
                    sha256: digest,
                    size: 3,
                },
            ),
        ]),
        vendored: BTreeMap::from([(
            "zinit".into(),
            LockedVendor {
                by: Vendor::Cargo,
                from: digest,
                tree: digest,
            },
        )]),
        kernel: Some(kernel()),
        kernel_source: Some(kernel_source()),
    }
}

fn read(text: &str) -> Result<Lock, Diagnostics> {
    parse(Path::new("zos.lock"), text.as_bytes().to_vec())
}

#[test]
fn a_lock_survives_its_file() {
    let lock = example();
    let text = emit(&lock);
    assert_eq!(read(&text).expect("reads"), lock);
    assert_eq!(emit(&read(&text).expect("reads")), text);
}

#[test]
fn what_zosc_did_not_write_is_refused_with_its_line() {
    let code = |text: &str| {
        let problems = read(text).expect_err("refused");
        let first = problems.iter().next().expect("a problem");
        (first.code, first.message.clone())
    };
    assert_eq!(code("").0, "zosc::lock::damaged");
    assert_eq!(code("zos-lock 2\n").0, "zosc::lock::other-version");
    let (damaged, message) = code("zos-lock 1\nindex \"x\" sha256=\"short\"\n");
    assert_eq!(damaged, "zosc::lock::damaged");
    assert!(message.contains("line 2"), "{message}");
    let stray = "zos-lock 1\ntoolchain-index \"x\" toolchain=\"c\" sha256=\"short\"\n";
    assert_eq!(code(stray).0, "zosc::lock::damaged");
    let stray = "zos-lock 1\ntoolchain-variable \"x\" toolchain=\"c\" value=\"y\"\n";
    assert_eq!(code(stray).0, "zosc::lock::damaged");
}

#[test]
fn changes_read_like_a_list_of_updates() {
    let old = example();
    let mut new = example();
    new.packages[0].version = "1.37.0-r0".into();
    new.sources.remove("tool");
    let changes = |new: &Lock| -> Vec<String> {
        let changes = change::between(&old, new, &BTreeMap::new());
        changes.iter().map(ToString::to_string).collect()
    };
    let listed = changes(&new);
    assert_eq!(listed[0], "busybox 1.36.1-r15 → 1.37.0-r0");
    assert!(listed[1].starts_with("- source tool "), "{listed:?}");
    assert!(changes(&old).is_empty());
}
