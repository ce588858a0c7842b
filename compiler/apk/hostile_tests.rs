//! Packages and indexes that somebody made to do harm: each is refused with its code, and leaves nothing in the store.

mod archives;
mod names;
mod tars;

use std::collections::BTreeMap;
use std::path::Path;

use super::packages::{self, Content, Item, Recipe, SignatureHash, index};
use super::tar_writer::TarWriter;
use super::tarball::TarHeader;
use super::tests::{key, store, trusted};
use super::*;
use crate::diagnostic::Diagnostic;
use crate::tree::Digest;

/// The parts of a package, to be put together wrongly.
struct Parts {
    info: String,
    scripts: Vec<(String, Vec<u8>)>,
    data: Vec<u8>,
}

impl Parts {
    /// A package of which everything but `data` is sound; the tar `data` is compressed and hashed here.
    fn of(data: &[u8]) -> Self {
        let data = packages::gzip(data);
        let hash = Digest::of(&data);
        Self {
            info: format!(
                "pkgname = tool\npkgver = 1.2-r3\nsize = 4096\narch = x86_64\ndatahash = {hash}\n"
            ),
            scripts: Vec::new(),
            data,
        }
    }

    /// Another text for `.PKGINFO`.
    fn info(mut self, change: impl FnOnce(&str) -> String) -> Self {
        self.info = change(&self.info);
        self
    }

    fn control(&self) -> Vec<u8> {
        let mut entries = vec![(".PKGINFO".to_owned(), self.info.clone().into_bytes())];
        entries.extend(self.scripts.iter().cloned());
        packages::gzip(&tar(
            entries
                .iter()
                .map(|(name, content)| (plain(name, content.len()), content.as_slice())),
            false,
        ))
    }

    fn pack(&self) -> Vec<u8> {
        [self.control(), self.data.clone()].concat()
    }
}

fn plain(name: &str, size: usize) -> TarHeader {
    TarHeader::plain_file(name, 0o644, 0, size as u64)
}

fn tar<'a>(entries: impl IntoIterator<Item = (TarHeader, &'a [u8])>, ends: bool) -> Vec<u8> {
    let mut writer = TarWriter::new(Vec::new());
    for (header, mut content) in entries {
        writer.append(&header, &mut content).expect("into memory");
    }
    if ends {
        writer.finish().expect("into memory")
    } else {
        writer.into_inner()
    }
}

/// The data of a package with one entry, whatever it is.
fn one(header: TarHeader, content: &[u8]) -> Vec<u8> {
    Parts::of(&tar([(header, content)], true)).pack()
}

/// An entry whose PAX records say something else than its header.
fn with_records(records: &str, content: &[u8]) -> Vec<u8> {
    let header = TarHeader::plain_file("PaxHeaders/x", 0o644, 0, records.len() as u64);
    let mut bytes = tar([(header, records.as_bytes())], false);
    bytes[156] = b'x';
    mend(&mut bytes);
    bytes.extend(tar([(plain("file", content.len()), content)], true));
    Parts::of(&bytes).pack()
}

/// One PAX record.
fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let length = (rest..rest + 20).find(|length| rest + length.to_string().len() == *length);
    format!("{} {key}={value}\n", length.expect("there is one"))
}

/// Writes the checksum of the first header anew.
fn mend(tar: &mut [u8]) {
    tar[148..156].fill(b' ');
    let sum: u32 = tar[..512].iter().map(|byte| u32::from(*byte)).sum();
    tar[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// A header changed by hand, its checksum mended.
fn forged(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = tar([(plain("file", 4), b"text".as_slice())], true);
    change(&mut bytes);
    mend(&mut bytes);
    Parts::of(&bytes).pack()
}

fn recipe() -> Recipe {
    Recipe::new("tool", "1.2-r3")
}

fn packed(recipe: &Recipe) -> Vec<u8> {
    recipe.pack(None).bytes
}

fn refusal(bytes: &[u8], identity: Option<Checksum>, store: &crate::tree::Store) -> Diagnostic {
    let expected = Expected {
        name: "tool".to_owned(),
        version: "1.2-r3".to_owned(),
        identity,
    };
    unpack(&mut &*bytes, &expected, store).expect_err("refused")
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// An attack, the package that makes it, and the code that it is refused with.
type Attack = (&'static str, Vec<u8>, &'static str);

/// Bytes of the control member of an unsigned package.
fn control_length(bytes: &[u8]) -> usize {
    let mut members = members::Members::new(bytes);
    let read = members.next::<_, ()>(1 << 20, |_| Ok(()));
    read.expect("sound");
    members.consumed() as usize
}

#[test]
fn every_attack_is_refused_and_leaves_nothing_behind() {
    for (attack, bytes, code) in names::names()
        .into_iter()
        .chain(names::links())
        .chain(archives::archives())
        .chain(tars::tars())
    {
        let (folder, store) = store();
        let refusal = refusal(&bytes, None, &store);
        assert_eq!(
            refusal.code,
            format!("zosc::apk::{code}"),
            "{attack}: {}",
            refusal.message
        );
        let left: Vec<_> = files(folder.path())
            .into_iter()
            .filter(|path| path.metadata().is_ok_and(|facts| facts.len() > 0))
            .collect();
        assert!(left.is_empty(), "{attack} leaves {left:?}");
        assert!(
            !refusal.message.chars().any(char::is_control),
            "{attack} reaches the terminal"
        );
    }
}

#[test]
fn an_identity_that_lies_is_refused() {
    let (_folder, store) = store();
    let bytes = packed(&recipe().file("etc/x", "x"));
    let refusal = refusal(&bytes, Some(Checksum::of(b"another")), &store);
    assert_eq!(refusal.code, "zosc::apk::wrong-identity");
}

/// A signature member with this name in it.
fn signed_by(name: &str, index: &[u8]) -> Vec<u8> {
    let header = plain(&format!(".SIGN.RSA256.{name}"), 256);
    let member = packages::gzip(&tar([(header, [1; 256].as_slice())], false));
    [member, index.to_vec()].concat()
}

#[test]
fn signatures_and_their_names_play_no_tricks() {
    let keys = [trusted(&key())];
    let plain_index = index(&[], "test", None);
    let signed = index(&[], "test", Some((&key(), SignatureHash::Sha1)));
    let code = |bytes: &[u8]| {
        verify_index(bytes, &keys, "main")
            .expect_err("refused")
            .code
    };
    let mut codes = BTreeMap::new();
    for name in ["../test.rsa.pub", "/etc/passwd", ".", "..", "a/b", "a\nb"] {
        codes.insert(name, code(&signed_by(name, &plain_index)));
    }
    assert!(
        codes
            .values()
            .all(|code| *code == "zosc::apk::strange-key-name"),
        "{codes:?}"
    );
    assert_eq!(
        code(&plain_index),
        "zosc::apk::unsigned",
        "the signature was stripped"
    );
    let forged = signed_by(key().name(), &plain_index);
    assert_eq!(code(&forged), "zosc::apk::bad-signature");
    let swapped = [&signed[..], b"more"].concat();
    assert_eq!(code(&swapped), "zosc::apk::bad-signature");
    // A good signature over something else does not help.
    let other = index(&[recipe().pack(None)], "test", None);
    let first = control_length(&signed);
    assert_eq!(
        code(&[&signed[..first], &other].concat()),
        "zosc::apk::bad-signature"
    );
}

#[test]
fn an_index_without_its_text_is_refused() {
    let text = tar([(plain("DESCRIPTION", 1), b"x".as_slice())], true);
    let bytes = packages::gzip(&text);
    let signed = key().signature_member(SignatureHash::Sha256, &bytes);
    let refusal = open_index(&[signed, bytes].concat(), &[trusted(&key())], "main");
    assert_eq!(
        refusal.expect_err("refused").code,
        "zosc::apk::malformed-archive"
    );
}
