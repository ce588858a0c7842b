//! apk's database of installed packages, byte for byte as apk-tools 2.14 writes it.

use std::fmt::Write as _;

use sha1::Digest as _;

use super::checksum::Checksum;
use super::contents::PackagedFile;
use super::journal::Record;
use super::ownership::Ownership;
use super::package::UnpackedPackage;
use super::script::ScriptKind;
use crate::diagnostic::Diagnostic;
use crate::tree::{Entry, ImagePath, Store};

/// `/lib/apk/db/installed`: one record a package, sorted by name.
pub(super) fn installed(
    packages: &[UnpackedPackage],
    records: &[Record],
    arch: &str,
    tag: impl Fn(&str) -> Option<String>,
) -> Result<String, Diagnostic> {
    let ownership = Ownership::replay(packages)?;
    let mut sorted: Vec<_> = packages.iter().zip(records).enumerate().collect();
    sorted.sort_by_key(|(_, (package, _))| sort_key(&package.info.name));
    let mut text = String::new();
    for (index, (package, record)) in sorted {
        header(&mut text, package, arch);
        field(&mut text, "r", &package.info.replaces.join(" "));
        if package.info.replaces_priority > 0 {
            field(&mut text, "q", &package.info.replaces_priority.to_string());
        }
        field(&mut text, "s", &tag(&package.info.name).unwrap_or_default());
        if package.info.installed_size > 0 {
            let owned = |path: &ImagePath| ownership.owns(index, path);
            files(&mut text, package, record, owned);
        }
        text.push('\n');
    }
    Ok(text)
}

/// apk orders names without regard to case, then with it.
pub(super) fn sort_key(name: &str) -> (String, String) {
    (name.to_ascii_lowercase(), name.to_owned())
}

/// The fields that an index has too, in the order in which apk writes them.
fn header(text: &mut String, package: &UnpackedPackage, arch: &str) {
    let info = &package.info;
    // Alpine's indexes name the repository's architecture for packages that run anywhere.
    let arch = if info.arch == "noarch" {
        arch
    } else {
        &info.arch
    };
    for (letter, value) in [
        ("C", package.identity.to_string()),
        ("P", info.name.clone()),
        ("V", info.version.clone()),
        ("A", arch.to_owned()),
        ("S", package.archive_size.to_string()),
        ("I", info.installed_size.to_string()),
        ("T", info.description.clone()),
        ("U", info.url.clone()),
        ("L", info.license.clone()),
    ] {
        writeln!(text, "{letter}:{value}").expect("into memory");
    }
    let number = |number: u64| {
        if number == 0 {
            String::new()
        } else {
            number.to_string()
        }
    };
    field(text, "o", info.origin.as_deref().unwrap_or_default());
    field(text, "m", info.maintainer.as_deref().unwrap_or_default());
    field(text, "t", &number(info.build_date));
    field(text, "c", info.commit.as_deref().unwrap_or_default());
    field(text, "k", &number(info.provider_priority));
    field(text, "D", &info.depends.join(" "));
    field(text, "p", &info.provides.join(" "));
    field(text, "i", &info.install_if.join(" "));
}

/// A field that is left out where it is empty.
fn field(text: &mut String, letter: &str, value: &str) {
    if !value.is_empty() {
        writeln!(text, "{letter}:{value}").expect("into memory");
    }
}

/// Directories in the package's order, each with the files in it that the package owns in the end.
fn files(
    text: &mut String,
    package: &UnpackedPackage,
    record: &Record,
    owned: impl Fn(&ImagePath) -> bool,
) {
    let mut folders: Vec<(ImagePath, Option<&PackagedFile>, Vec<&PackagedFile>)> = Vec::new();
    let mut places = std::collections::BTreeMap::new();
    for file in &package.files {
        let is_directory = file.entry.is_directory();
        let folder = if is_directory {
            file.path.clone()
        } else {
            file.path.parent().unwrap_or_else(ImagePath::root)
        };
        let place = *places.entry(folder.clone()).or_insert_with(|| {
            folders.push((folder, None, Vec::new()));
            folders.len() - 1
        });
        if let Some((_, directory, files)) = folders.get_mut(place) {
            if is_directory {
                *directory = Some(file);
            } else if owned(&file.path) && !files.iter().any(|other| other.path == file.path) {
                files.push(file);
            }
        }
    }
    for (folder, directory, files) in folders {
        writeln!(text, "F:{}", folder.relative()).expect("into memory");
        if let Some(directory) = directory {
            permissions(text, 'M', directory, record, 0o755);
        }
        for file in files {
            writeln!(text, "R:{}", file.path.file_name()).expect("into memory");
            permissions(text, 'a', file, record, 0o644);
            if let Some(checksum) = file.checksum {
                writeln!(text, "Z:{checksum}").expect("into memory");
            }
        }
    }
}

/// `M:` or `a:` with owner, group and mode, left out where they are root's and usual.
fn permissions(text: &mut String, letter: char, file: &PackagedFile, record: &Record, usual: u32) {
    let (uid, gid) = record.owner(file);
    let mode = file.entry.mode;
    if (uid, gid, mode) == (0, 0, usual) && file.entry.xattrs.is_empty() {
        return;
    }
    write!(text, "{letter}:{uid}:{gid}:{mode:o}").expect("into memory");
    if !file.entry.xattrs.is_empty() {
        write!(text, ":{}", attributes_checksum(&file.entry)).expect("into memory");
    }
    text.push('\n');
}

/// SHA-1 over the attributes sorted by name, each name and value behind its length in four big-endian bytes.
fn attributes_checksum(entry: &Entry) -> Checksum {
    let mut hash = sha1::Sha1::new();
    for (name, value) in &entry.xattrs {
        for bytes in [name.as_bytes(), value] {
            hash.update((bytes.len() as u32).to_be_bytes());
            hash.update(bytes);
        }
    }
    Checksum::from_bytes(hash.finalize().into())
}

/// `/lib/apk/db/triggers`: a line for each package that has any, in the order of installation.
pub(super) fn triggers(packages: &[UnpackedPackage]) -> String {
    let mut text = String::new();
    for package in packages
        .iter()
        .filter(|package| package.info.installed_size > 0)
    {
        if !package.info.triggers.is_empty() {
            let patterns = package.info.triggers.join(" ");
            writeln!(text, "{} {patterns}", package.identity).expect("into memory");
        }
    }
    text
}

/// `/lib/apk/db/scripts.tar`: every script of every package, in the order of installation.
pub(super) fn scripts(packages: &[UnpackedPackage], store: &Store) -> Result<Vec<u8>, Diagnostic> {
    let mut tar = Vec::new();
    for package in packages {
        for kind in ScriptKind::ALL {
            if let Some(digest) = package.scripts.get(&kind) {
                let content = store.get(digest)?;
                let name = format!(
                    "{}.{}.{}",
                    package.info.full_name(),
                    package.identity,
                    kind.name()
                );
                tar.extend(tar_header(&name, content.len(), package.info.build_date));
                tar.extend(&content);
                tar.resize(tar.len().next_multiple_of(512), 0);
            }
        }
    }
    tar.resize(tar.len() + 1024, 0);
    Ok(tar)
}

/// A header as apk's own writer makes it: GNU magic, names cut to fit, times of 12 digits.
fn tar_header(name: &str, size: usize, mtime: u64) -> [u8; 512] {
    let mut header = [0; 512];
    let mut put = |at: usize, bytes: &[u8]| {
        for (to, from) in header.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    };
    put(0, name.as_bytes().get(..99).unwrap_or(name.as_bytes()));
    put(100, b"0000755\x000000000\x000000000\0");
    put(124, format!("{size:012o}{mtime:012o}").as_bytes());
    put(148, b"        0");
    put(257, b"ustar  \0root");
    put(297, b"root");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    for (to, from) in header
        .iter_mut()
        .skip(148)
        .zip(format!("{sum:06o}\0").bytes())
    {
        *to = from;
    }
    header
}
