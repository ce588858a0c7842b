//! The front of a package: its signatures and its control member.

use std::collections::BTreeMap;
use std::io::Read;

use sha1::Digest as _;

use super::checksum::Checksum;
use super::fault::Fault;
use super::members::{Members, Meter};
use super::package_info::PackageInfo;
use super::script::ScriptKind;
use super::signature::{Signature, SignatureAlgorithm};
use super::tarball::{TarHeader, TarKind, TarReader};
use crate::diagnostic::Diagnostic;
use crate::tree::is_file_name;

/// The most a signature or control member may inflate to.
const CONTROL_LIMIT: u64 = 16 << 20;
/// The most one signature may measure; 8192-bit RSA makes 1024 bytes.
const SIGNATURE_LIMIT: u64 = 4096;

/// What stands before a package's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageControl {
    /// `.PKGINFO`
    pub info: PackageInfo,
    /// SHA-1 of the compressed control member.
    pub identity: Checksum,
    /// The scripts it carries.
    pub scripts: BTreeMap<ScriptKind, Vec<u8>>,
}

/// A control member with what is needed to check its signatures.
pub(super) struct Front<M> {
    pub(super) signatures: Vec<Signature>,
    info: PackageInfo,
    scripts: BTreeMap<ScriptKind, Vec<u8>>,
    /// What has seen the compressed control member.
    pub(super) signed: M,
}

/// Reads a package's control member and nothing behind it; `subject` names the package in errors.
///
/// Nothing vouches for what comes out: compare [`PackageControl::identity`] or call
/// [`verify_package`](super::verify_package).
pub fn read_control(apk: &mut dyn Read, subject: &str) -> Result<PackageControl, Diagnostic> {
    read_identified(&mut Members::new(apk))
        .map_err(|fault| fault.about(&format!("the package `{subject}`")))
}

/// Reads a package's signatures and its control member, and what identifies it.
pub(super) fn read_identified<R: Read>(members: &mut Members<R>) -> Result<PackageControl, Fault> {
    let front: Front<sha1::Sha1> = read_front(members)?;
    Ok(PackageControl {
        info: front.info,
        identity: Checksum::from_bytes(front.signed.finalize().into()),
        scripts: front.scripts,
    })
}

/// One member at the front: it holds signatures only, or it is the control member.
enum Part {
    Signatures(Vec<Signature>),
    Control(Box<PackageInfo>, BTreeMap<ScriptKind, Vec<u8>>),
}

pub(super) fn read_front<R: Read, M: Meter>(members: &mut Members<R>) -> Result<Front<M>, Fault> {
    let mut signatures = Vec::new();
    for _ in 0..2 {
        let (part, signed) = members.next(CONTROL_LIMIT, read_part)?;
        match part {
            Part::Signatures(list) => signatures.extend(list),
            Part::Control(info, scripts) => {
                return Ok(Front {
                    signatures,
                    info: *info,
                    scripts,
                    signed,
                });
            }
        }
    }
    Err(Fault::malformed("no control member follows its signatures"))
}

/// Reads the signatures of an archive's first member; none where it holds anything else.
pub(super) fn read_signatures(content: &mut dyn Read) -> Result<Vec<Signature>, Fault> {
    let mut tar = TarReader::new(content);
    let mut signatures = Vec::new();
    while let Some(header) = tar.next()? {
        let Some(name) = header.path.strip_prefix(".SIGN.") else {
            return Ok(Vec::new());
        };
        signatures.extend(read_signature(name, &header, &mut tar)?);
    }
    Ok(signatures)
}

fn read_part(content: &mut dyn Read) -> Result<Part, Fault> {
    let mut tar = TarReader::new(content);
    let mut signatures = Vec::new();
    let mut info = None;
    let mut scripts = BTreeMap::new();
    let mut signed = false;
    while let Some(header) = tar.next()? {
        if let Some(name) = header.path.strip_prefix(".SIGN.") {
            signed = true;
            signatures.extend(read_signature(name, &header, &mut tar)?);
        } else if signed {
            return Err(Fault::malformed("its signature member holds other entries"));
        } else {
            read_control_entry(&header, &mut tar, &mut info, &mut scripts)?;
        }
    }
    match info {
        _ if signed => Ok(Part::Signatures(signatures)),
        Some(info) => Ok(Part::Control(Box::new(info), scripts)),
        None => Err(Fault::malformed("it holds no `.PKGINFO`")),
    }
}

fn read_control_entry(
    header: &TarHeader,
    tar: &mut dyn Read,
    info: &mut Option<PackageInfo>,
    scripts: &mut BTreeMap<ScriptKind, Vec<u8>>,
) -> Result<(), Fault> {
    let Some(name) = header.path.strip_prefix('.') else {
        return Ok(());
    };
    if header.kind != TarKind::File {
        return Ok(());
    }
    if name == "PKGINFO" {
        *info = Some(PackageInfo::parse(&content(tar)?)?);
    } else if let Some(kind) = ScriptKind::from_name(name) {
        scripts.insert(kind, content(tar)?);
    }
    Ok(())
}

/// A signature entry; `None` for an algorithm that is not known (the obsolete `DSA`).
fn read_signature(
    name: &str,
    header: &TarHeader,
    tar: &mut dyn Read,
) -> Result<Option<Signature>, Fault> {
    let Some((algorithm, key)) = name.split_once('.') else {
        return Ok(None);
    };
    let Some(algorithm) = SignatureAlgorithm::from_name(algorithm) else {
        return Ok(None);
    };
    // apk opens the file of this name in its folder of keys.
    if !is_file_name(key) || key.starts_with('.') {
        return Err(strange_key_name(key).into());
    }
    if header.size > SIGNATURE_LIMIT {
        return Err(Fault::malformed("one of its signatures is too long"));
    }
    Ok(Some(Signature {
        algorithm,
        key: key.to_owned(),
        bytes: content(tar)?,
    }))
}

fn content(tar: &mut dyn Read) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    tar.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn strange_key_name(key: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::apk::strange-key-name",
        format!(
            "a signature names its key `{}`, which is no plain file name",
            key.escape_debug()
        ),
    )
    .help("do not use this archive: the name would lead a reader out of its folder of keys")
}
