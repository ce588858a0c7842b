//! Promises of `apk` about whole packages: their members, their files, what they say of themselves, who vouches for them.

use std::collections::BTreeMap;
use std::io::Read;

use zosc::apk::index::Index;
use zosc::apk::{
    Checksum, Expected, IndexEntry, Key, NewPackage, PackageControl, PackageInfo, PackagedFile,
    SignatureAlgorithm, UnpackedPackage, open_index, read_control, unpack, verify_index,
    verify_package, write_package,
};
use zosc::tree::{Node, Store};

use super::archives::{self, KEY_NAME, entry, gzip, key};
use super::can_be_shown;

/// Reads a `.PKGINFO`; what is accepted is written and listed in an index so that it reads back the same.
pub fn package_info(bytes: &[u8]) {
    let member = gzip(&entry(b".PKGINFO", bytes));
    let info = match read_control(&mut member.as_slice(), "fuzz") {
        Ok(control) => control.info,
        Err(problem) => return can_be_shown(&problem),
    };
    let (_folder, store) = archives::store();
    let package = NewPackage {
        info,
        scripts: BTreeMap::new(),
        files: Vec::new(),
    };
    let packed = write_package(&package, None, &store).expect("what was read can be written");
    let apk = store.get(&packed.digest).expect("just written");
    let again = read_control(&mut apk.as_slice(), "fuzz").expect("what was written can be read");
    assert_eq!(again.info, packed.info);
    assert_eq!(again.identity, packed.identity);
    let same = PackageInfo {
        installed_size: package.info.installed_size,
        data_hash: package.info.data_hash,
        ..packed.info.clone()
    };
    assert_eq!(same, package.info, "what was read is what is written");
    is_listed_as_it_is(IndexEntry {
        info: packed.info,
        identity: packed.identity,
        size: packed.size,
    });
}

/// No field of a package becomes another field, or another package, in an index.
fn is_listed_as_it_is(entry: IndexEntry) {
    let (record, info) = (entry.record(), &entry.info);
    let index = Index::parse(record.as_bytes()).expect("what was written can be read");
    let [listed] = index.packages.as_slice() else {
        panic!("{record:?} is not one package");
    };
    assert_eq!(
        (listed.name, listed.version),
        (info.name.as_str(), info.version.as_str())
    );
    assert_eq!(listed.identity, entry.identity.to_string());
    assert_eq!(
        (listed.description, listed.url, listed.license),
        (
            info.description.as_str(),
            info.url.as_str(),
            info.license.as_str()
        )
    );
    assert_eq!(
        (listed.size, listed.build_time, listed.provider_priority),
        (entry.size, info.build_date, info.provider_priority)
    );
    assert_eq!(listed.unknown_field, None);
}

/// Unpacks a tar archive as the files of a package, as it is and with its checksums mended; what is accepted stays inside,
/// and reads back the same once it is written.
pub fn tarball(bytes: &[u8]) {
    files(bytes);
    let mended = archives::mended(bytes);
    if mended != bytes {
        files(&mended);
    }
}

fn files(tar: &[u8]) {
    if let Err(problem) = read_control(&mut gzip(tar).as_slice(), "fuzz") {
        can_be_shown(&problem);
    }
    let (_folder, store) = archives::store();
    let unpacked = match unpacked(&archives::package(tar), &store) {
        Ok(unpacked) => unpacked,
        Err(problem) => {
            assert!(!archives::holds_anything(&store), "{problem:#?}");
            return can_be_shown(&problem);
        }
    };
    stay_inside(&unpacked, &store);
    let package = NewPackage {
        info: unpacked.info.clone(),
        scripts: BTreeMap::new(),
        files: unpacked.files.clone(),
    };
    let packed = write_package(&package, None, &store).expect("what was read can be written");
    let apk = store.get(&packed.digest).expect("just written");
    let again = self::unpacked(&apk, &store).expect("what was written can be read");
    assert_eq!(by_path(&again), by_path(&unpacked));
}

fn unpacked(apk: &[u8], store: &Store) -> Result<UnpackedPackage, zosc::diagnostic::Diagnostic> {
    let expected = Expected {
        name: "tool".to_owned(),
        version: "1-r0".to_owned(),
        identity: None,
    };
    unpack(&mut &*apk, &expected, store)
}

fn by_path(package: &UnpackedPackage) -> BTreeMap<&str, &PackagedFile> {
    let files = package.files.iter();
    files.map(|file| (file.path.as_str(), file)).collect()
}

/// Every file lies in a directory of the package, below no link, and its content in the store.
fn stay_inside(package: &UnpackedPackage, store: &Store) {
    let all = by_path(package);
    assert_eq!(all.len(), package.files.len(), "each path once");
    let mut before = BTreeMap::new();
    for file in &package.files {
        let path = &file.path;
        let plain = |part: &str| !["", ".", ".."].contains(&part);
        assert!(path.relative().split('/').all(plain), "{path}");
        assert!(!path.as_str().contains(char::is_control), "{path:?}");
        let mut above = path.parent();
        while let Some(parent) = above.filter(|parent| !parent.is_root()) {
            let found = all.get(parent.as_str());
            assert!(
                found.is_none_or(|found| found.entry.is_directory()),
                "{path}"
            );
            above = parent.parent();
        }
        let parent = path.parent().filter(|parent| !parent.is_root());
        assert!(
            file.entry.is_directory()
                || parent.is_none_or(|parent| before.contains_key(parent.as_str())),
            "{path} comes before its directory"
        );
        match &file.entry.node {
            Node::File { digest, size } => {
                let content = store.get(digest).expect("stored");
                assert_eq!(content.len() as u64, *size);
                assert_eq!(file.checksum, Some(Checksum::of(&content)));
            }
            Node::Hardlink { to } => {
                let target: Option<&&PackagedFile> = before.get(to.as_str());
                let node = target.map(|target| &target.entry.node);
                assert!(matches!(node, Some(Node::File { .. })), "{path} to {to}");
            }
            Node::CharDevice { .. } | Node::BlockDevice { .. } => {
                assert!(path.as_str().starts_with("/dev/"), "{path}");
            }
            Node::Symlink { target } => assert!(!target.contains(char::is_control)),
            Node::Directory | Node::Fifo => {}
        }
        before.insert(path.as_str(), file);
    }
}

/// Reads bytes as a package, however they arrive; what follows a package changes nothing of its front, and is refused.
pub fn members(bytes: &[u8]) {
    let whole = read_control(&mut &*bytes, "fuzz");
    let dripped = read_control(&mut Dripping(bytes), "fuzz");
    // Of two faults in one archive, the way of arrival may decide which one is met first.
    assert_eq!(whole.as_ref().ok(), dripped.as_ref().ok());
    let vouched = verify_package(&mut &*bytes, &[key().1.clone()], "fuzz");
    assert!(verify_package(&mut &*bytes, &[], "fuzz").is_err());
    assert!(vouched.is_err() || whole.is_ok(), "{whole:#?}");
    let index = verify_index(bytes, &[key().1.clone()], "fuzz");
    for problem in [vouched.err(), index.err()].iter().flatten() {
        can_be_shown(problem);
    }
    match whole {
        Ok(control) => whole_package(bytes, control),
        Err(problem) => can_be_shown(&problem),
    }
}

fn whole_package(bytes: &[u8], control: PackageControl) {
    let (_folder, store) = archives::store();
    let longer = [bytes, b"more"].concat();
    let again = read_control(&mut longer.as_slice(), "fuzz");
    assert_eq!(again.as_ref(), Ok(&control), "a front ends where it ends");
    let expected = Expected {
        name: control.info.name.clone(),
        version: control.info.version.clone(),
        identity: Some(control.identity),
    };
    let refusal = unpack(&mut longer.as_slice(), &expected, &store);
    can_be_shown(&refusal.expect_err("bytes behind a package are refused"));
    assert!(!archives::holds_anything(&store));
    match unpack(&mut &*bytes, &expected, &store) {
        Ok(unpacked) => {
            assert_eq!(unpacked.archive_size, bytes.len() as u64);
            assert_eq!(unpacked.info, control.info);
            stay_inside(&unpacked, &store);
        }
        Err(problem) => {
            assert!(!archives::holds_anything(&store), "{problem:#?}");
            can_be_shown(&problem);
        }
    }
}

/// Bytes that arrive one by one.
struct Dripping<'a>(&'a [u8]);

impl Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(1);
        self.0.read(&mut buffer[..length])
    }
}

/// Verifies an index and a package with a signature of this name, in the first line, and content, behind it: only what the
/// key signed is accepted. The content as a key of that name vouches for nothing either.
pub fn signature(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let name = parts.next().unwrap_or_default();
    let content = parts.next().unwrap_or_default();
    let index = gzip(&entry(b"APKINDEX", b"C:Q1\nP:tool\nV:1-r0\n"));
    let control = gzip(&entry(b".PKGINFO", b"pkgname = tool\npkgver = 1-r0\n"));
    let before = |message: &[u8]| {
        let member = gzip(&entry(&[b".SIGN.", name].concat(), content));
        [member, message.to_vec()].concat()
    };
    let keys = [key().1.clone()];
    let signed = before(&index);
    is_genuine(verify_index(&signed, &keys, "fuzz"), name, content, &index);
    let opened = open_index(&signed, &keys, "fuzz");
    assert_eq!(opened.is_ok(), verify_index(&signed, &keys, "fuzz").is_ok());
    let package = verify_package(&mut before(&control).as_slice(), &keys, "fuzz");
    is_genuine(package, name, content, &control);
    let name = String::from_utf8_lossy(name);
    match Key::parse(&name, content) {
        Ok(odd) => {
            assert!(!odd.name().contains(|c: char| c == '/' || c.is_control()));
            let named = Key::parse(KEY_NAME, content).expect("a key under any name");
            let signed = [
                archives::vouching(SignatureAlgorithm::RsaSha256, &index),
                index,
            ]
            .concat();
            if let Err(problem) = verify_index(&signed, &[named], "fuzz") {
                can_be_shown(&problem);
            }
        }
        Err(problem) => can_be_shown(&problem),
    }
}

fn is_genuine(
    verified: Result<zosc::apk::VerifiedBy, zosc::diagnostic::Diagnostic>,
    name: &[u8],
    content: &[u8],
    message: &[u8],
) {
    match verified {
        Ok(by) => {
            assert_eq!(by.key, KEY_NAME);
            assert_eq!(content, archives::signature(by.algorithm, message));
            // A name ends at its first NUL.
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            assert_eq!(name, format!("{}.{KEY_NAME}", by.algorithm).as_bytes());
        }
        Err(problem) => can_be_shown(&problem),
    }
}
