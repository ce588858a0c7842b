//! Packages that the test support makes, read back; and every way to damage one, refused.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::packages::{Archive, Item, Recipe, SignatureHash, SigningKey, index};
use super::*;
use crate::diagnostic::Diagnostic;
use crate::tree::{ImagePath, Node, Store};

pub(super) fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(folder.path()).expect("opens");
    (folder, store)
}

pub(super) fn path(text: &str) -> ImagePath {
    ImagePath::new(text).expect("a valid path")
}

fn expected(archive: &Archive) -> Expected {
    Expected {
        name: archive.recipe.name.clone(),
        version: archive.recipe.version.clone(),
        identity: Some(Checksum::from_bytes(archive.identity)),
    }
}

pub(super) fn unpacked(recipe: &Recipe, store: &Store) -> Result<UnpackedPackage, Diagnostic> {
    let archive = recipe.pack(None);
    unpack(&mut archive.bytes.as_slice(), &expected(&archive), store)
}

fn refused(recipe: &Recipe) -> &'static str {
    let (_folder, store) = store();
    unpacked(recipe, &store).expect_err("refused").code
}

fn recipe() -> Recipe {
    Recipe::new("tool", "1.2-r3")
}

/// Made once: a key takes a while.
pub(super) fn key() -> SigningKey {
    static KEY: LazyLock<SigningKey> =
        LazyLock::new(|| SigningKey::generate("builder@example.org-1.rsa.pub", b"a seed"));
    KEY.clone()
}

fn other_key() -> SigningKey {
    static KEY: LazyLock<SigningKey> =
        LazyLock::new(|| SigningKey::generate("other.rsa.pub", b"another seed"));
    KEY.clone()
}

pub(super) fn trusted(key: &SigningKey) -> Key {
    Key::parse(key.name(), key.public_pem().as_bytes()).expect("a sound key")
}

#[test]
fn a_package_comes_back_as_it_was_made() {
    let (_folder, store) = store();
    let recipe = recipe()
        .depends(&["/bin/sh", "so:libc.musl-x86_64.so.1"])
        .replaces(&["old-tool<2"], Some(5))
        .triggers(&["/usr/lib/*", "+/etc"])
        .script("post-install", "#!/bin/sh\nexit 0\n")
        .with(
            Item::file("usr/bin/tool", "binary")
                .mode(0o4755)
                .owner("tool", 190, "tool", 188),
        )
        .with(Item::symlink("usr/bin/alias", "tool"))
        .with(Item::hardlink("usr/bin/twin", "usr/bin/tool"))
        .with(Item::new("dev/null", packages::Content::CharDevice(1, 3)).mode(0o666))
        .with(Item::file("usr/bin/ping", "x").xattr("security.capability", &[1, 0, 255]));
    let package = unpacked(&recipe, &store).expect("sound");
    assert_eq!(
        package.info.depends,
        ["/bin/sh", "so:libc.musl-x86_64.so.1"]
    );
    assert_eq!(
        (package.info.replaces_priority, package.info.triggers.len()),
        (5, 2)
    );
    let script = package.scripts[&ScriptKind::PostInstall];
    assert_eq!(store.get(&script).expect("stored"), b"#!/bin/sh\nexit 0\n");

    let file = |text: &str| {
        package
            .files
            .iter()
            .find(|file| file.path == path(text))
            .expect("there")
    };
    let tool = file("/usr/bin/tool");
    assert_eq!(
        (tool.entry.mode, tool.entry.uid, tool.user.as_str()),
        (0o4755, 190, "tool")
    );
    assert_eq!(tool.entry.origin.as_str(), "package tool-1.2-r3");
    assert_eq!(tool.checksum, Some(Checksum::of(b"binary")));
    let Node::File { digest, .. } = tool.entry.node else {
        panic!("a file")
    };
    assert_eq!(store.get(&digest).expect("stored"), b"binary");
    assert_eq!(
        file("/usr/bin/alias").entry.node,
        Node::Symlink {
            target: "tool".into()
        }
    );
    assert_eq!(
        file("/usr/bin/twin").entry.node,
        Node::Hardlink {
            to: path("/usr/bin/tool")
        }
    );
    assert_eq!(
        file("/dev/null").entry.node,
        Node::CharDevice { major: 1, minor: 3 }
    );
    assert_eq!(
        file("/usr/bin/ping").entry.xattrs["security.capability"],
        [1, 0, 255]
    );

    let json = serde_json::to_vec(&package).expect("encodes");
    assert_eq!(
        serde_json::from_slice::<UnpackedPackage>(&json).expect("decodes"),
        package
    );
}

#[test]
fn long_names_come_through_pax_headers() {
    let (_folder, store) = store();
    let long = format!("d/{}", "n".repeat(200));
    let package = unpacked(&recipe().file(&long, "x"), &store).expect("sound");
    assert!(package.files.iter().any(|file| file.path == path(&long)));
}

#[test]
fn a_package_of_size_zero_is_a_record_only() {
    let (_folder, store) = store();
    let mut recipe = recipe().file("usr/x", "x").script("post-install", "exit 0");
    recipe.installed_size = Some(0);
    let package = unpacked(&recipe, &store).expect("sound");
    assert!(package.files.is_empty() && package.scripts.is_empty());
}

#[test]
fn leftovers_at_the_top_are_left_out() {
    let (_folder, store) = store();
    let recipe = recipe()
        .with_only(Item::file(".INSTALL", "x"))
        .file("var/.keep_dir", "");
    let package = unpacked(&recipe, &store).expect("sound");
    let paths: Vec<_> = package
        .files
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(paths, ["/var"]);
}

#[test]
fn a_file_lies_in_a_directory_that_its_package_lists() {
    assert_eq!(
        refused(&recipe().with_only(Item::file("usr/x", "x"))),
        "zosc::apk::missing-directory"
    );
}

#[test]
fn a_path_stands_once_unless_twice_the_same() {
    let twice = |second| {
        recipe()
            .file("etc/x", "1")
            .with_only(Item::file("etc/x", second))
    };
    assert_eq!(refused(&twice("2")), "zosc::apk::duplicate-path");
    let (_folder, store) = store();
    assert_eq!(unpacked(&twice("1"), &store).expect("sound").files.len(), 2);
}

#[test]
fn each_file_keeps_the_promise_of_its_checksum() {
    let mut item = Item::file("etc/x", "content");
    item.promised = Some([7; 20]);
    assert_eq!(
        refused(&recipe().with(item)),
        "zosc::apk::wrong-file-checksum"
    );
}

#[test]
fn another_package_or_identity_is_refused() {
    let (_folder, store) = store();
    let archive = recipe().file("x", "x").pack(None);
    let refused = |change: fn(&mut Expected)| {
        let mut expected = expected(&archive);
        change(&mut expected);
        unpack(&mut archive.bytes.as_slice(), &expected, &store)
            .expect_err("refused")
            .code
    };
    assert_eq!(
        refused(|expected| expected.identity = Some(Checksum::of(b""))),
        "zosc::apk::wrong-identity"
    );
    assert_eq!(
        refused(|expected| expected.version = "1.2-r4".into()),
        "zosc::apk::wrong-package"
    );
}

#[test]
fn nothing_follows_the_data() {
    let (_folder, store) = store();
    let archive = recipe().file("x", "x").pack(None);
    for tail in [b"x".to_vec(), packages::gzip(b"")] {
        let bytes = [archive.bytes.clone(), tail].concat();
        let error =
            unpack(&mut bytes.as_slice(), &expected(&archive), &store).expect_err("refused");
        assert_eq!(error.code, "zosc::apk::trailing-data");
    }
}

#[test]
fn a_truncated_package_is_refused_wherever_it_ends() {
    let (_folder, store) = store();
    let archive = recipe().file("x", "some content").pack(None);
    for length in 0..archive.bytes.len() {
        let error = unpack(&mut &archive.bytes[..length], &expected(&archive), &store)
            .expect_err("refused");
        assert_eq!(error.code, "zosc::apk::truncated", "{length}");
    }
}

#[test]
fn signatures_of_trusted_keys_are_accepted_in_all_three_kinds() {
    let key = key();
    let keys = [trusted(&key)];
    for hash in [
        SignatureHash::Sha1,
        SignatureHash::Sha256,
        SignatureHash::Sha512,
    ] {
        let archive = recipe().file("x", "x").pack(Some((&key, hash)));
        let by = verify_package(&mut archive.bytes.as_slice(), &keys, "tool").expect("good");
        assert_eq!(by.key, key.name());
        let index = index(&[archive], "test", Some((&key, hash)));
        assert_eq!(verify_index(&index, &keys, "main").expect("good"), by);
    }
}

#[test]
fn unsigned_unknown_and_bad_signatures_are_told_apart() {
    let (key, other) = (key(), other_key());
    let keys = [trusted(&key)];
    let signed = |key| index(&[], "test", Some((key, SignatureHash::Sha1)));
    let code = |bytes: &[u8]| {
        verify_index(bytes, &keys, "main")
            .expect_err("refused")
            .code
    };

    assert_eq!(code(&index(&[], "test", None)), "zosc::apk::unsigned");
    let error = verify_index(&signed(&other), &keys, "main").expect_err("refused");
    assert_eq!(error.code, "zosc::apk::unknown-key");
    assert_eq!(error.notes, [format!("trusted keys: `{}`", key.name())]);
    let mut damaged = signed(&key);
    damaged.extend(b"more");
    assert_eq!(code(&damaged), "zosc::apk::bad-signature");
    let impostor = SigningKey::from_pem(key.name(), &other.private_pem());
    assert_eq!(code(&signed(&impostor)), "zosc::apk::bad-signature");
}

#[test]
fn one_good_signature_suffices() {
    let (key, other) = (key(), other_key());
    let data = index(&[], "test", None);
    let mut tar = Vec::new();
    for key in [&other, &key] {
        let member = key.signature_member(SignatureHash::Sha256, &data);
        let mut decoder = flate2::read::GzDecoder::new(member.as_slice());
        std::io::Read::read_to_end(&mut decoder, &mut tar).expect("inflates");
    }
    let bytes = [packages::gzip(&tar), data].concat();
    assert_eq!(
        verify_index(&bytes, &[trusted(&key)], "main")
            .expect("good")
            .key,
        key.name()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damaged_packages_never_panic(at in 0usize..2000, bit in 0u8..8, inside: bool) {
        let (_folder, store) = store();
        let recipe = recipe().file("etc/x", "content").with(Item::symlink("etc/y", "x")).script("pre-install", "true");
        let archive = recipe.pack(None);
        let mut bytes = archive.bytes.clone();
        let at = at % bytes.len();
        if inside {
            // Damage below the compression, with hashes that hold.
            let mut tar = Vec::new();
            let mut decoder = flate2::read::MultiGzDecoder::new(bytes.as_slice());
            std::io::Read::read_to_end(&mut decoder, &mut tar).expect("inflates");
            let at = at * 7 % tar.len();
            tar[at] ^= 1 << bit;
            let mut reader = tarball::TarReader::new(tar.as_slice());
            while let Ok(Some(_)) = reader.next() {}
            bytes = packages::gzip(&tar);
        } else {
            bytes[at] ^= 1 << bit;
        }
        let _ = unpack(&mut bytes.as_slice(), &expected(&archive), &store);
        let _ = verify_package(&mut bytes.as_slice(), &[], "tool");
        let _ = verify_index(&bytes, &[], "main");
    }

    #[test]
    fn no_package_info_panics(text in "(pkgname|pkgver|size|datahash|triggers|#|[a-z]{0,4}) ?=? ?[a-z0-9 .\n]{0,40}") {
        let _ = PackageInfo::parse(text.as_bytes());
    }

    #[test]
    fn no_tar_panics(bytes: Vec<u8>) {
        let mut block = [0; 1024];
        for (to, from) in block.iter_mut().zip(bytes.iter().chain(b"ustar")) {
            *to = *from;
        }
        let mut reader = tarball::TarReader::new(&block[..]);
        while let Ok(Some(_)) = reader.next() {}
    }
}
