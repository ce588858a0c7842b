//! An image that zosc builds from real Alpine packages holds the tree that the real apk makes of them, scripts and triggers
//! included.
//!
//! Needs the Alpine mirror (`$ZOSC_TEST_ALPINE`, default `../shared/alpine`) and root, for the oracle's chroot.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::collections::BTreeMap;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use zosc::archive;
use zosc::tree::{Digest, Node, Origin, Store};

const PACKAGES: &str = "alpine-base openssh dhcpcd chrony e2fsprogs";

/// What the two trees are compared by: everything but time stamps.
#[derive(Debug, PartialEq, Eq)]
struct Facts {
    kind: String,
    mode: u32,
    owner: (u32, u32),
}

/// Paths in which the two differ on purpose, and why.
const EXPLAINED: &[(&str, &str)] = &[
    (
        "/init",
        "the test's own first process: the kernel needs one, apk has none",
    ),
    (
        "/dev/console",
        "the kernel opens it before anything can be mounted; apk leaves devices to the running system",
    ),
    (
        "/dev/null",
        "like /dev/console; the oracle's chroot has none, so its scripts may have made a file of it",
    ),
    (
        "/lib/apk/db/installed",
        "apk 2.14 writes some lines into the next record; all lines are compared below",
    ),
    (
        "/lib/apk/db/scripts.tar",
        "the time stamps of its members are those of the machine; tests/apk_tree.rs compares the members",
    ),
    ("/lib/apk/db/lock", "apk's lock against other apks"),
    ("/var/log/apk.log", "apk's log"),
    (
        "/etc/apk/keys",
        "the oracle is told of a folder of keys elsewhere; zosc writes the keys that it trusted",
    ),
    (
        "/etc/apk/repositories",
        "the oracle is told of its repository on the command line",
    ),
    (
        "/etc/apk/arch",
        "written by zosc, so that apk inside knows; the oracle takes it from its own build",
    ),
    (
        "/run",
        "`/run` of the empty root: zosc's base folders give it the mode that Linux systems use",
    ),
    ("/var/cache", "apk's own cache folders"),
    ("/lib/apk/exec", "apk's scratch folder for scripts"),
    ("/tmp", "scratch of scripts"),
    ("/proc", "mounted in the sandbox while scripts run"),
    ("/sys", "not mounted by the oracle"),
    (
        "/root",
        "zosc's base folders keep it private, as the package does",
    ),
    ("/dev", "apk's initial root makes devices where it may"),
    ("/etc/shadow-", "busybox adduser's backup copy"),
];

fn mirror() -> Option<PathBuf> {
    let named = std::env::var_os("ZOSC_TEST_ALPINE").map(PathBuf::from);
    let mirror =
        named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/alpine"));
    if !mirror.join("apk-oracle").is_file() {
        println!("skipped: no Alpine mirror at {}", mirror.display());
        return None;
    }
    let root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout == b"0\n");
    if !root {
        println!("skipped: the real apk runs in a chroot, which needs root");
        return None;
    }
    Some(mirror.canonicalize().unwrap())
}

/// Builds an image of the packages with zosc and reads its initramfs back.
fn ours(mirror: &Path, work: &Path) -> (BTreeMap<String, Facts>, Vec<String>) {
    let key = std::fs::read_dir(mirror.join("keys"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    std::fs::create_dir_all(work.join("project")).unwrap();
    let manifest = format!(
        r##"edition 1
image alpine {{ epoch "2026-01-01T00:00:00Z" }}
alpine "3.19" {{
    repository "file://{}"
    key "{}"
}}
packages {{ install {PACKAGES} }}
file "/init" mode="0755" text="#!/bin/sh\n"
initramfs compress=zstd level=1 {{ segments #false }}
outputs {{ initramfs "initramfs.cpio.zst" }}
"##,
        mirror.join("v3.19-iso").display(),
        key.display()
    );
    std::fs::write(work.join("project/zos.kdl"), manifest).unwrap();
    let built = assert_cmd::Command::cargo_bin("zosc")
        .unwrap()
        .arg("build")
        .current_dir(work.join("project"))
        .env("ZOSC_STORE", work.join("store"))
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );

    let bytes = std::fs::read(work.join("project/dist/initramfs.cpio.zst")).unwrap();
    let store = Store::open(work.join("reading")).unwrap();
    let tree = archive::read(
        &bytes,
        &store,
        &Origin::new("image"),
        archive::Limits::default(),
    )
    .unwrap()
    .tree;
    let facts = |node: &Node| match node {
        Node::File { digest, .. } => format!("file {digest}"),
        Node::Directory => "directory".to_owned(),
        Node::Symlink { target } => format!("link {target}"),
        Node::CharDevice { .. } | Node::BlockDevice { .. } => "device".to_owned(),
        Node::Fifo => "pipe".to_owned(),
        Node::Hardlink { .. } => unreachable!("resolved below"),
    };
    let database = tree
        .get(&zosc::tree::ImagePath::new("/lib/apk/db/installed").unwrap())
        .unwrap();
    let Node::File { digest, .. } = &database.node else {
        panic!("the database is a file")
    };
    let database = lines(&store.get(digest).unwrap());
    let found = tree
        .iter()
        .filter(|(path, _)| !path.is_root())
        .map(|(path, entry)| {
            let node = match &entry.node {
                Node::Hardlink { to } => &tree.get(to).unwrap().node,
                node => node,
            };
            let owner = (entry.uid, entry.gid);
            (
                path.to_string(),
                Facts {
                    kind: facts(node),
                    mode: entry.mode & 0o7777,
                    owner,
                },
            )
        })
        .collect();
    (found, database)
}

/// Lets the real apk install the same packages, scripts and all, and reads its root.
fn theirs(mirror: &Path, work: &Path) -> BTreeMap<String, Facts> {
    let jail = work.join("jail");
    let oracle = Command::new(mirror.join("apk-oracle"))
        .arg(&jail)
        .args([
            "add",
            "--initdb",
            "--root",
            "/out",
            "--keys-dir",
            "/etc/apk/keys",
            "-X",
            "/mirror/v3.19-iso",
        ])
        .args(PACKAGES.split(' '))
        .output()
        .unwrap();
    assert!(
        oracle.status.success(),
        "{}",
        String::from_utf8_lossy(&oracle.stderr)
    );
    let mut found = BTreeMap::new();
    walk(&jail.join("out"), "", &mut found);
    found
}

fn walk(root: &Path, below: &str, found: &mut BTreeMap<String, Facts>) {
    for entry in std::fs::read_dir(root.join(below.trim_start_matches('/'))).unwrap() {
        let path = format!("{below}/{}", entry.unwrap().file_name().to_str().unwrap());
        let place = root.join(path.trim_start_matches('/'));
        let metadata = std::fs::symlink_metadata(&place).unwrap();
        let kind = match metadata.file_type() {
            kind if kind.is_dir() => "directory".to_owned(),
            kind if kind.is_symlink() => {
                format!("link {}", std::fs::read_link(&place).unwrap().display())
            }
            kind if kind.is_file() => {
                format!("file {}", Digest::of(&std::fs::read(&place).unwrap()))
            }
            kind if kind.is_char_device() || kind.is_block_device() => "device".to_owned(),
            _ => "pipe".to_owned(),
        };
        let facts = Facts {
            kind,
            mode: metadata.mode() & 0o7777,
            owner: (metadata.uid(), metadata.gid()),
        };
        if metadata.is_dir() {
            walk(root, &path, found);
        }
        found.insert(path, facts);
    }
}

/// The lines of a database, sorted.
fn lines(database: &[u8]) -> Vec<String> {
    let mut lines: Vec<String> = String::from_utf8_lossy(database)
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines
}

fn explained(path: &str) -> bool {
    EXPLAINED.iter().any(|(prefix, _)| {
        path == *prefix
            || path
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with('/'))
    })
}

#[test]
fn an_image_of_real_packages_is_what_apk_unpacks() {
    let Some(mirror) = mirror() else { return };
    let work = tempfile::tempdir().unwrap();
    let (ours, database) = ours(&mirror, work.path());
    let theirs = theirs(&mirror, work.path());
    assert!(
        theirs.len() > 500,
        "the oracle unpacked {} paths",
        theirs.len()
    );
    let mut different = Vec::new();
    for path in ours
        .keys()
        .chain(theirs.keys().filter(|path| !ours.contains_key(*path)))
    {
        if ours.get(path) != theirs.get(path) && !explained(path) {
            different.push(format!(
                "{path}\n  zosc {:?}\n  apk  {:?}",
                ours.get(path),
                theirs.get(path)
            ));
        }
    }
    let oracle = std::fs::read(work.path().join("jail/out/lib/apk/db/installed")).unwrap();
    assert_eq!(
        database,
        lines(&oracle),
        "the database of installed packages"
    );
    assert!(
        different.is_empty(),
        "{} of {} paths differ:\n{}",
        different.len(),
        theirs.len(),
        different.join("\n")
    );
}
