//! Unpacking one package.

use std::collections::BTreeMap;
use std::io::Read;

use serde::{Deserialize, Serialize};

use super::checksum::Checksum;
use super::contents::{PackagedFile, read_contents};
use super::control::{PackageControl, read_identified};
use super::fault::Fault;
use super::members::Members;
use super::package_info::PackageInfo;
use super::script::ScriptKind;
use crate::diagnostic::Diagnostic;
use crate::tree::{Batch, Digest, Hasher, Store, Tree};

/// What a package's data may inflate to beside its files: headers, padding, empty files.
const OVERHEAD: u64 = 64 << 20;
/// What no package's data may exceed.
const DATA_LIMIT: u64 = 8 << 30;

/// What an archive must turn out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The package's name.
    pub name: String,
    /// Its version with the release.
    pub version: String,
    /// Its identity as a verified index or a lock has it; `None` where a signature was checked instead.
    pub identity: Option<Checksum>,
}

/// A package whose hashes have been checked and whose contents lie in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnpackedPackage {
    /// What it says about itself.
    pub info: PackageInfo,
    /// SHA-1 of its compressed control member: the `C:` field of indexes.
    pub identity: Checksum,
    /// Bytes of the whole archive: the `S:` field of indexes.
    pub archive_size: u64,
    /// Its scripts, in the store.
    pub scripts: BTreeMap<ScriptKind, Digest>,
    /// Its files in archive order, each directory before what lies in it.
    pub files: Vec<PackagedFile>,
}

impl UnpackedPackage {
    /// Whether it is the one that is expected.
    pub fn is(&self, expected: &Expected) -> bool {
        (&self.info.name, &self.info.version) == (&expected.name, &expected.version)
            && expected
                .identity
                .is_none_or(|identity| identity == self.identity)
    }

    /// Its files alone, with the owners' numbers that the archive has.
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        for file in &self.files {
            tree.insert_with_parents(file.path.clone(), file.entry.clone());
        }
        tree
    }
}

/// Reads a package, checks every hash it has, and puts its contents into the store.
///
/// Of a package with installed size 0 only what it says about itself is kept, as apk does. A failure leaves nothing in the store.
///
/// # Errors
/// The `zosc::apk::*` codes of broken archives, wrong hashes, unsafe names and size bombs.
pub fn unpack(
    apk: &mut dyn Read,
    expected: &Expected,
    store: &Store,
) -> Result<UnpackedPackage, Diagnostic> {
    let full_name = format!("{}-{}", expected.name, expected.version);
    let subject = format!("the package `{full_name}`");
    let mut members = Members::new(apk);
    let control = read_identified(&mut members).map_err(|fault| fault.about(&subject))?;
    check_control(&control, expected, &subject)?;
    let mut batch = Batch::new(store);
    let files = read_data(&mut members, &control.info, &full_name, &mut batch)
        .map_err(|fault| fault.about(&subject))?;
    let mut scripts = BTreeMap::new();
    if control.info.installed_size > 0 {
        for (kind, script) in &control.scripts {
            scripts.insert(*kind, batch.put(script)?);
        }
    }
    batch.publish()?;
    Ok(UnpackedPackage {
        identity: control.identity,
        archive_size: members.consumed(),
        info: control.info,
        scripts,
        files,
    })
}

fn check_control(
    control: &PackageControl,
    expected: &Expected,
    subject: &str,
) -> Result<(), Diagnostic> {
    if let Some(identity) = expected.identity
        && identity != control.identity
    {
        return Err(Diagnostic::error(
            "zosc::apk::wrong-identity",
            format!("{subject} is not the one that was locked"),
        )
        .note(format!("expected {identity}, found {}", control.identity))
        .help(
            "the repository replaced it under the same version: `zosc update` takes the new one",
        ));
    }
    if (&control.info.name, &control.info.version) != (&expected.name, &expected.version) {
        return Err(Diagnostic::error(
            "zosc::apk::wrong-package",
            format!("{subject} says that it is `{}`", control.info.full_name()),
        )
        .help("the file bears another package's name: rename it, or fetch it again"));
    }
    Ok(())
}

/// Reads and checks the last member; nothing may follow it.
fn read_data<R: Read>(
    members: &mut Members<R>,
    info: &PackageInfo,
    full_name: &str,
    batch: &mut Batch<'_>,
) -> Result<Vec<PackagedFile>, Fault> {
    let promised = info
        .data_hash
        .ok_or_else(|| Fault::malformed("its `.PKGINFO` holds no `datahash`"))?;
    if info.installed_size > DATA_LIMIT {
        return Err(too_large(full_name, info.installed_size).into());
    }
    let limit = info
        .installed_size
        .saturating_mul(4)
        .saturating_add(OVERHEAD)
        .min(DATA_LIMIT);
    let (files, hasher): (_, Hasher) = members.next(limit, |content| {
        if info.installed_size == 0 {
            return Ok(Vec::new());
        }
        read_contents(content, full_name, batch)
    })?;
    let found = hasher.finish();
    if found != promised {
        return Err(Diagnostic::error(
            "zosc::apk::wrong-content-hash",
            format!("the files of the package `{full_name}` are not what its `datahash` promises"),
        )
        .note(format!("promised {promised}, found {found}"))
        .help("fetch it again; if it stays so, the mirror holds a damaged or a changed copy")
        .into());
    }
    if !members.at_end()? {
        return Err(Diagnostic::error(
            "zosc::apk::trailing-data",
            format!("bytes follow the end of the package `{full_name}`"),
        )
        .help("fetch it again; no hash covers those bytes, so they are refused rather than ignored")
        .into());
    }
    Ok(files)
}

fn too_large(full_name: &str, size: u64) -> Diagnostic {
    Diagnostic::error(
        "zosc::apk::too-large",
        format!("the package `{full_name}` says that it installs {size} bytes"),
    )
    .note(format!("zosc takes packages of at most {DATA_LIMIT} bytes"))
    .help("no image in memory has room for that: do not use this package")
}
