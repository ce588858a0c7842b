//! Recipes become packages and indexes that the reading side accepts.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::apk::{self, Expected, Key, PrivateKey, ScriptKind, SignatureAlgorithm, Signer};
use crate::diagnostic::Diagnostics;
use crate::io::{Memory, System};
use crate::source::SourceMap;
use crate::tree::{ImagePath, Node, Store};

use super::*;

const RECIPE: &str = r##"
edition 1
epoch "2026-11-01T00:00:00Z"
package site-agent version="1.4.0-r0" {
    description "Watches the site's machines"
    license Apache-2.0
    depends busybox "openssl>=3"
    provides "cmd:site-agent=1.4.0-r0"
    install-if site-base
    replaces old-agent
    replaces-priority 5
    triggers "/usr/share/site/*"
    script pre-install text="#!/bin/sh\nadduser -S agent\n"
    script trigger from="trigger.sh"
    overlay "rootfs"
    directory "/var/lib/agent" mode="0700" user=agent group=agent
    file "/usr/bin/site-agent" text="binary" mode="4755" user=agent uid=190
    file "/usr/bin/agent" link="site-agent"
    file "/etc/agent.conf" text="x" uid=7
}
package docs version="1-r0" arch=noarch
"##;

fn requests(text: &str, folder: &Path) -> (Option<Vec<PackageRequest>>, Diagnostics) {
    std::fs::write(folder.join("recipe.kdl"), text).expect("written");
    let settings = Settings {
        current_directory: folder.to_owned(),
        ..Settings::default()
    };
    let (mut sources, mut sink) = (SourceMap::new(), Diagnostics::new());
    let recipe = Path::new("recipe.kdl");
    let requests = read_recipe(recipe, &settings, &System, &mut sources, &mut sink);
    (requests, sink)
}

fn key() -> &'static PrivateKey {
    static KEY: std::sync::LazyLock<PrivateKey> = std::sync::LazyLock::new(|| {
        PrivateKey::generate("site.rsa.pub", 2048, &mut crate::io::random).expect("made")
    });
    &KEY
}

/// Nobody cancels.
static GO_ON: AtomicBool = AtomicBool::new(false);

fn signer() -> Signer<'static> {
    Signer {
        key: key(),
        algorithm: SignatureAlgorithm::RsaSha1,
    }
}

/// A folder with the recipe's files, a store in it, and its packages packed below `packages`.
fn packed() -> (tempfile::TempDir, Store, Vec<Packed>) {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("rootfs/usr/share/site")).expect("made");
    std::fs::write(at("rootfs/usr/share/site/a"), "a").expect("written");
    std::fs::write(at("trigger.sh"), "#!/bin/sh\n").expect("written");
    let store = Store::open(at("store")).expect("opens");
    let (requests, sink) = requests(RECIPE, folder.path());
    assert!(sink.is_empty(), "{sink:#?}");
    let packed = requests
        .expect("a recipe")
        .iter()
        .map(|request| pack(request, &at("packages"), signer(), &store, &GO_ON).expect("packed"))
        .collect();
    (folder, store, packed)
}

fn trusted() -> Key {
    Key::parse("site.rsa.pub", key().public_pem().as_bytes()).expect("a key")
}

#[test]
fn a_recipe_becomes_a_package_that_unpacks() {
    let (_folder, store, packed) = packed();
    let bytes = std::fs::read(&packed[0].path).expect("there");
    let by = apk::verify_package(&mut bytes.as_slice(), &[trusted()], "agent").expect("signed");
    assert_eq!(by.algorithm, SignatureAlgorithm::RsaSha1);
    let expected = Expected {
        name: "site-agent".into(),
        version: "1.4.0-r0".into(),
        identity: None,
    };
    let package = apk::unpack(&mut bytes.as_slice(), &expected, &store).expect("sound");
    let info = &package.info;
    assert_eq!(info.depends, ["busybox", "openssl>=3"]);
    assert_eq!(
        (info.build_date, info.replaces_priority),
        (1_793_491_200, 5)
    );
    assert_eq!(info.installed_size, 8);
    assert!(package.scripts.contains_key(&ScriptKind::Trigger));
    let tree = package.tree();
    let at = |path: &str| {
        tree.get(&ImagePath::new(path).expect("a path"))
            .expect("there")
    };
    assert_eq!(at("/usr/bin/site-agent").mode, 0o4755);
    assert_eq!(at("/usr/share/site/a").mtime, 1_793_491_200);
    assert!(
        matches!(&at("/usr/bin/agent").node, Node::Symlink { target } if target == "site-agent")
    );
    let owner = |path: &str| {
        let mut files = package.files.iter();
        let file = files
            .find(|file| file.path.as_str() == path)
            .expect("there");
        (file.user.as_str(), file.group.as_str(), file.entry.uid)
    };
    assert_eq!(owner("/var/lib/agent"), ("agent", "agent", 0));
    assert_eq!(owner("/usr/bin/site-agent"), ("agent", "root", 190));
    assert_eq!(owner("/etc/agent.conf"), ("", "root", 7));
    assert_eq!(owner("/usr/share/site/a"), ("root", "root", 0));
}

#[test]
fn the_same_recipe_gives_the_same_bytes_and_another_says_so() {
    let (folder, store, first) = packed();
    let (requests, _) = requests(RECIPE, folder.path());
    let requests = requests.expect("a recipe");
    let packages = folder.path().join("packages");
    let again = pack(&requests[0], &packages, signer(), &store, &GO_ON).expect("packed");
    assert_eq!(
        (again.digest, again.outcome),
        (first[0].digest, Outcome::Same)
    );
    std::fs::write(folder.path().join("trigger.sh"), "#!/bin/sh\n:\n").expect("written");
    let changed = pack(&requests[0], &packages, signer(), &store, &GO_ON).expect("packed");
    assert_eq!(changed.outcome, Outcome::Replaced);
}

#[test]
fn an_index_lists_what_lies_there_and_is_the_same_again() {
    let (folder, store, _) = packed();
    let packages = folder.path().join("packages");
    let made = || index(&packages, "test", signer(), &store, &|_| {}, &GO_ON).expect("indexed");
    let first = made();
    assert_eq!((first[0].packages, first[0].outcome), (2, Outcome::New));
    assert_eq!(made()[0].outcome, Outcome::Same);
    let archive = std::fs::read(&first[0].path).expect("there");
    let text = apk::open_index(&archive, &[trusted()], "test").expect("signed");
    let index = apk::index::Index::parse(&text).expect("sound");
    let [docs, agent] = index.packages.as_slice() else {
        panic!("two packages")
    };
    assert_eq!((docs.name, docs.architecture), ("docs", "x86_64"));
    assert_eq!(agent.depends().count(), 2);
    let file = packages.join("x86_64").join(agent.file_name());
    assert_eq!(agent.size, file.metadata().expect("there").len());
}

#[test]
fn what_does_not_belong_into_an_index_is_refused() {
    let (folder, store, packed) = packed();
    let packages = folder.path().join("packages");
    let refused = |folder: &Path| {
        let problems =
            index(folder, "test", signer(), &store, &|_| {}, &GO_ON).expect_err("refused");
        problems
            .iter()
            .map(|problem| problem.code)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        refused(&packages.join("x86_64")),
        ["zosc::repository::no-packages"]
    );
    assert_eq!(
        refused(&folder.path().join("nowhere")),
        ["zosc::repository::cannot-read"]
    );
    let copy = |to: &str| {
        let to = packages.join(to);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        std::fs::copy(&packed[0].path, &to).expect("copied");
        to
    };
    let other = copy("x86_64/other-1-r0.apk");
    assert_eq!(refused(&packages), ["zosc::repository::misnamed-package"]);
    std::fs::remove_file(other).expect("there");
    let other = copy("aarch64/site-agent-1.4.0-r0.apk");
    assert_eq!(refused(&packages), ["zosc::repository::other-architecture"]);
    std::fs::write(other, "no package").expect("written");
    assert_eq!(refused(&packages), ["zosc::apk::malformed-archive"]);
}

#[test]
fn mistakes_of_a_recipe_are_told_together() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("agent.sh"), "").expect("written");
    let package = |body: &str| format!("package a version=\"1-r0\" {{ {body} }}");
    for (text, codes) in [
        ("", &["no-package"][..]),
        ("package a version=\"v1\"", &["bad-version"]),
        ("package a version=\"1.2-beta\"", &["bad-version"]),
        (
            "package a version=\"1\"\npackage a version=\"2\"",
            &["described-twice"],
        ),
        (
            "epoch \"yesterday\"\npackage a version=\"1\"",
            &["bad-epoch"],
        ),
        (
            &package("depends \"a=\" \"b@edge\"; provides \"c>=1\" \"!d\""),
            &[
                "bad-dependency",
                "bad-relation",
                "bad-relation",
                "bad-relation",
            ],
        ),
        (
            &package(
                "file \"/x\"; file \"/y\" text=\"\" from=\"agent.sh\"; file \"/z\" link=\"y\" text=\"\"",
            ),
            &["file-content"; 3],
        ),
        (
            &package(
                "file \"/x\" from=\"agnt.sh\"; overlay \"agent.sh\"; script trigger from=\"rootfs\"",
            ),
            &[
                "file-not-found",
                "file-not-found",
                "idle-trigger",
                "file-not-found",
            ],
        ),
        (&package("triggers \"/usr/*\""), &["idle-trigger"]),
        (
            &package(
                "file \"/.x\" text=\"\"; file \"/a/../../x\" text=\"\"; file \"/d/\" text=\"\"; directory \"/\"",
            ),
            &["bad-path"; 4],
        ),
        (
            &package(
                "file \"/x\" text=\"\"; directory \"/x\"; script pre-install text=\"\"; script pre-install text=\"\"",
            ),
            &["described-twice"; 2],
        ),
        (
            &package("descripton \"x\"; license \"a\\nb\"; file \"/x\" mode=755 text=\"\""),
            &["unknown-node", "bad-value", "quote-it"],
        ),
    ] {
        let (requests, sink) = requests(text, folder.path());
        let found: Vec<_> = sink
            .iter()
            .map(|problem| problem.code.rsplit("::").next().unwrap_or_default())
            .collect();
        assert_eq!(found, codes, "{text}\n{sink:#?}");
        assert!(requests.is_none());
    }
}

#[test]
fn who_cancels_gets_nothing_half_written() {
    let (folder, store, _) = packed();
    let packages = folder.path().join("packages");
    let stop = AtomicBool::new(true);
    let problems = index(&packages, "test", signer(), &store, &|_| {}, &stop).expect_err("stopped");
    let code = problems.iter().next().map(|problem| problem.code);
    assert_eq!(code, Some("zosc::repository::cancelled"));
    assert!(!packages.join("x86_64/APKINDEX.tar.gz").exists());
}

#[test]
fn a_file_covers_no_directory_of_an_overlay() {
    let (folder, store, _) = packed();
    let text = "package a version=\"1\" { overlay \"rootfs\"; file \"/usr/share/site\" text=\"\" }";
    let (requests, _) = requests(text, folder.path());
    let request = &requests.expect("a recipe")[0];
    let problem = pack(request, folder.path(), signer(), &store, &GO_ON).expect_err("refused");
    assert_eq!(problem.code, "zosc::repository::path-clash");
}

#[test]
fn a_recipe_that_is_not_there_is_told() {
    let (mut sources, mut sink) = (SourceMap::new(), Diagnostics::new());
    let files = Memory::new::<&str, &str>([]);
    let recipe = Path::new("/none.kdl");
    assert!(
        read_recipe(
            recipe,
            &Settings::default(),
            &files,
            &mut sources,
            &mut sink
        )
        .is_none()
    );
    assert_eq!(
        sink.iter().next().map(|problem| problem.code),
        Some("zosc::repository::cannot-read")
    );
}

#[test]
fn key_pairs_are_private_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().expect("a folder");
    let files = make_key_pair(&folder.path().join("keys/site"), 2048).expect("made");
    let mode = |path: &Path| path.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&files.private), 0o600);
    let key = read_key(&files.private).expect("read");
    assert_eq!(key.name(), "site.rsa.pub");
    assert_eq!(
        std::fs::read_to_string(&files.public).expect("there"),
        key.public_pem()
    );
    let again = make_key_pair(&folder.path().join("keys/site.rsa"), 2048).expect_err("refused");
    assert_eq!(again.code, "zosc::repository::key-exists");
    assert_eq!(
        read_key(&files.public)
            .map(|_| ())
            .expect_err("refused")
            .code,
        "zosc::apk::bad-private-key"
    );
}
