//! The files that ship with zosc, imported as `std:NAME`.
//!
//! `std:zero-os/base` is `runtime-units/zero-os/base.kdl`. What such a file names with `from=` lies beside it and ships too.
//! So do keys that sign packages: `std:alpine/6165ee59`.

use std::collections::BTreeMap;

use include_dir::{Dir, File, include_dir};

use super::{FileContent, FileRequest, Image, ResolvedUnit};
use crate::zinit::Command;

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/runtime-units");

/// The prefix of an import that names a file of the library.
pub(super) const PREFIX: &str = "std:";

/// The bytes of a file by its path in the library.
pub(super) fn read(path: &str) -> Option<&'static [u8]> {
    FILES.get_file(path).map(File::contents)
}

/// Every manifest of the library as an import names it (`std:zero-os/base`), sorted.
pub fn names() -> Vec<String> {
    let mut names = Vec::new();
    collect(&FILES, &mut names);
    names.sort();
    names
}

/// The text of a manifest of the library as an import names it (`std:zero-os/base`).
pub fn text(name: &str) -> Option<&'static str> {
    let path = format!("{}.kdl", name.strip_prefix(PREFIX)?);
    std::str::from_utf8(read(&path)?).ok()
}

/// Public keys that sign packages, by the name that a manifest gives them behind [`PREFIX`]: `alpine/6165ee59` is the one in
/// `alpine/…-6165ee59.rsa.pub`. With each its file name, which is the one in signatures.
pub(super) fn keys() -> BTreeMap<String, (&'static str, &'static [u8])> {
    let folders = FILES.dirs();
    folders.flat_map(Dir::files).filter_map(key).collect()
}

/// Every such key as a manifest names it (`std:alpine/6165ee59`), sorted.
pub fn key_names() -> Vec<String> {
    let names = keys().into_keys();
    names.map(|name| format!("{PREFIX}{name}")).collect()
}

/// The unit of `std:boot-report`, where an image has it with the script that ships. The script asks [`CLIENT`](crate::zinit::CLIENT), which its unit does not
/// name.
pub fn boot_report(image: &Image) -> Option<&ResolvedUnit> {
    let script = read("boot-report.sh")?;
    let is_shipped = |file: &&FileRequest| matches!(&file.content, FileContent::Bytes(bytes) if **bytes == *script);
    let path = image.files.iter().find(is_shipped)?.to.value.as_str();
    let runs = |unit: &&ResolvedUnit| match &unit.unit.command {
        Some(Command::Argv(argv)) => argv.first().is_some_and(|program| program == path),
        Some(Command::Shell(_)) | None => false,
    };
    image.units.iter().find(runs)
}

fn key(file: &'static File<'static>) -> Option<(String, (&'static str, &'static [u8]))> {
    let path = file.path();
    let folder = path.parent()?.to_str()?;
    let name = path.file_name()?.to_str()?;
    let id = name.strip_suffix(".rsa.pub")?.rsplit('-').next()?;
    Some((format!("{folder}/{id}"), (name, file.contents())))
}

fn collect(folder: &Dir<'_>, names: &mut Vec<String>) {
    for file in folder.files() {
        let name = file
            .path()
            .to_str()
            .and_then(|path| path.strip_suffix(".kdl"));
        names.extend(name.map(|name| format!("{PREFIX}{name}")));
    }
    for inner in folder.dirs() {
        collect(inner, names);
    }
}
