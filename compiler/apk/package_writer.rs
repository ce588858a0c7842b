//! Writing packages: the other direction of [`unpack`](super::unpack).
//!
//! Comes in: what a package says of itself, its scripts, and its files by digest. Goes out: the `.apk` file as a blob of the
//! store. The same package and key give the same bytes: files are sorted, times are those of the entries, nothing of the
//! machine comes in.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek as _, Write};

use sha1::Digest as _;

use super::checksum::Checksum;
use super::contents::PackagedFile;
use super::gzip::{gzip, gzip_into};
use super::package_info::PackageInfo;
use super::private_key::Signer;
use super::script::ScriptKind;
use super::tar_writer::TarWriter;
use super::tarball::{TarHeader, TarKind};
use crate::diagnostic::Diagnostic;
use crate::tree::{Digest, Hasher, Node, Store};

/// A package to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPackage {
    /// What it says of itself; installed size and hash are computed.
    pub info: PackageInfo,
    /// Its scripts.
    pub scripts: BTreeMap<ScriptKind, Vec<u8>>,
    /// Its files in any order, with every directory that they lie in; contents are in the store.
    pub files: Vec<PackagedFile>,
}

/// A package that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedPackage {
    /// What it says of itself, complete.
    pub info: PackageInfo,
    /// SHA-1 of its compressed control member.
    pub identity: Checksum,
    /// The blob with the `.apk` file.
    pub digest: Digest,
    /// Bytes of that file.
    pub size: u64,
}

/// Writes a package into the store; without a signer only an index can vouch for it.
///
/// # Errors
/// `zosc::apk::unwritable-field`, `zosc::apk::bad-private-key`, and those of the store.
pub fn write_package(
    package: &NewPackage,
    signer: Option<Signer<'_>>,
    store: &Store,
) -> Result<PackedPackage, Diagnostic> {
    let mut info = package.info.clone();
    info.installed_size = installed_size(package);
    let (mut data, data_hash) = data_member(&package.files, store)?;
    info.data_hash = Some(data_hash);
    let control = control_member(&info, &package.scripts)?;
    let signature = signer.map(|signer| signer.member(&control)).transpose()?;
    let mut blob = store.writer()?;
    let parts = [signature.as_deref().unwrap_or_default(), &control];
    parts
        .iter()
        .try_for_each(|part| blob.write_all(part))
        .and_then(|()| io::copy(&mut data, &mut blob))
        .map_err(|error| store.unusable(&error))?;
    let (digest, size) = blob.finish()?;
    Ok(PackedPackage {
        info,
        identity: Checksum::of(&control),
        digest,
        size,
    })
}

/// Bytes of content. Of a package with size 0 apk installs nothing at all, so one with a file or a script has at least 1.
fn installed_size(package: &NewPackage) -> u64 {
    let sizes = package.files.iter().map(|file| match file.entry.node {
        Node::File { size, .. } => size,
        _ => 0,
    });
    let least = !package.files.is_empty() || !package.scripts.is_empty();
    sizes.sum::<u64>().max(u64::from(least))
}

fn control_member(
    info: &PackageInfo,
    scripts: &BTreeMap<ScriptKind, Vec<u8>>,
) -> Result<Vec<u8>, Diagnostic> {
    let text = info.emit()?;
    let scripts = scripts
        .iter()
        .map(|(kind, script)| (format!(".{}", kind.name()), 0o755, script.as_slice()));
    let mut tar = TarWriter::new(Vec::new());
    for (path, mode, content) in
        std::iter::once((".PKGINFO".to_owned(), 0o644, text.as_bytes())).chain(scripts)
    {
        let header = TarHeader::plain_file(&path, mode, info.build_date, content.len() as u64);
        let written = tar.append(&header, &mut &*content);
        written.expect("memory takes what is written");
    }
    Ok(gzip(&tar.into_inner()))
}

/// The data member, in a file without a name, ready to be read, and its SHA-256.
fn data_member(
    files: &[PackagedFile],
    store: &Store,
) -> Result<(std::fs::File, Digest), Diagnostic> {
    let failed = |error: io::Error| store.unusable(&error);
    let file = tempfile::tempfile_in(store.temporary()).map_err(failed)?;
    let hashing = Hashing {
        output: io::BufWriter::new(file),
        hasher: Hasher::new(),
    };
    let mut tar = TarWriter::new(gzip_into(hashing));
    for file in in_order(files) {
        let (header, mut content) = entry(file, store)?;
        tar.append(&header, &mut *content).map_err(failed)?;
    }
    let finished = tar.finish().and_then(flate2::write::GzEncoder::finish);
    let Hashing { output, hasher } = finished.map_err(failed)?;
    let mut file = output
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    file.rewind().map_err(failed)?;
    Ok((file, hasher.finish()))
}

/// By path, so that directories come before what they hold; hard links last, since they follow their target.
fn in_order(files: &[PackagedFile]) -> Vec<&PackagedFile> {
    let is_link = |file: &PackagedFile| matches!(file.entry.node, Node::Hardlink { .. });
    let sorted: BTreeSet<_> = files
        .iter()
        .enumerate()
        .map(|(number, file)| (is_link(file), &file.path, number))
        .collect();
    sorted
        .into_iter()
        .filter_map(|(.., number)| files.get(number))
        .collect()
}

/// An entry's header and its content.
fn entry(file: &PackagedFile, store: &Store) -> Result<(TarHeader, Box<dyn Read>), Diagnostic> {
    let entry = &file.entry;
    let mut header = TarHeader {
        uid: entry.uid,
        gid: entry.gid,
        user: file.user.clone(),
        group: file.group.clone(),
        xattrs: entry.xattrs.clone(),
        checksum: file.checksum,
        ..TarHeader::plain_file(file.path.relative(), entry.mode, entry.mtime, 0)
    };
    let mut content: Box<dyn Read> = Box::new(io::empty());
    match &entry.node {
        Node::File { digest, size } => {
            header.size = *size;
            header.checksum = Some(match file.checksum {
                Some(checksum) => checksum,
                None => checksum_of(digest, store)?,
            });
            content = Box::new(store.reader(digest)?);
        }
        Node::Directory => {
            header.kind = TarKind::Directory;
            header.path.push('/');
        }
        Node::Symlink { target } => {
            header.kind = TarKind::Symlink;
            header.link.clone_from(target);
            header.checksum = Some(Checksum::of(target.as_bytes()));
        }
        Node::Hardlink { to } => {
            header.kind = TarKind::HardLink;
            to.relative().clone_into(&mut header.link);
        }
        Node::CharDevice { major, minor } => {
            header.kind = TarKind::CharDevice;
            (header.major, header.minor) = (*major, *minor);
        }
        Node::BlockDevice { major, minor } => {
            header.kind = TarKind::BlockDevice;
            (header.major, header.minor) = (*major, *minor);
        }
        Node::Fifo => header.kind = TarKind::Fifo,
    }
    Ok((header, content))
}

fn checksum_of(digest: &Digest, store: &Store) -> Result<Checksum, Diagnostic> {
    let mut sha1 = sha1::Sha1::new();
    let mut content = store.reader(digest)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = content
            .read(&mut buffer)
            .map_err(|error| store.unusable(&error))?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        sha1.update(bytes);
    }
    Ok(Checksum::from_bytes(sha1.finalize().into()))
}

/// A writer that hashes what goes through it.
struct Hashing<W> {
    output: W,
    hasher: Hasher,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.output.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or(bytes));
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}
