//! From a described package to an `.apk` file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::apk::{self, NewPackage, PackagedFile, Signer};
use crate::diagnostic::Diagnostic;
use crate::io::{self, Files as _};
use crate::lock::{Walk, folder_tree};
use crate::tree::{Digest, Entry, Origin, Store, Tree};

use super::files::{self, Outcome, unreadable};
use super::recipe::{bad_path, fault};
use super::request::{Content, Owner, PackageRequest, Placed, What};

/// The largest script that is read.
const LARGEST_SCRIPT: u64 = 1 << 20;

/// A package that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Its name with its version.
    pub full_name: String,
    /// The `.apk` file.
    pub path: PathBuf,
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// What became of the file.
    pub outcome: Outcome,
}

/// Makes a package and writes it below a repository's folder.
///
/// # Errors
/// `zosc::repository::cannot-read`, `zosc::repository::cannot-write`, `zosc::repository::bad-path`, and those of folders, keys
/// and the store.
pub fn pack(
    request: &PackageRequest,
    folder: &Path,
    signer: Signer<'_>,
    store: &Store,
    cancel: &AtomicBool,
) -> Result<Packed, Diagnostic> {
    files::check_cancelled(cancel)?;
    let package = gather(request, store)?;
    let packed = apk::write_package(&package, Some(signer), store)?;
    let full_name = packed.info.full_name();
    let path = folder
        .join(&request.folder)
        .join(format!("{full_name}.apk"));
    Ok(Packed {
        outcome: files::blob(&path, packed.digest, store)?,
        full_name,
        path,
        digest: packed.digest,
        size: packed.size,
    })
}

/// Brings everything that a package is made of into the store.
fn gather(request: &PackageRequest, store: &Store) -> Result<NewPackage, Diagnostic> {
    let mut scripts = BTreeMap::new();
    for (kind, content) in &request.scripts {
        let bytes = match content {
            Content::Bytes(bytes) => bytes.clone(),
            Content::Local(path) => io::System
                .read(&path.value, LARGEST_SCRIPT)
                .map_err(|error| unreadable(&path.value, &error).at(path.span))?,
        };
        scripts.insert(*kind, bytes);
    }
    let tree = tree(request, store)?;
    let owners: BTreeMap<_, _> = request
        .entries
        .iter()
        .map(|placed| (&placed.path, &placed.owner))
        .collect();
    let root = Owner::default();
    let packaged = tree.iter().map(|(path, entry)| {
        let owner = owners.get(path).copied().unwrap_or(&root);
        PackagedFile {
            path: path.clone(),
            entry: entry.clone(),
            user: owner.user.clone(),
            group: owner.group.clone(),
            checksum: None,
        }
    });
    Ok(NewPackage {
        files: packaged.collect(),
        info: request.info.clone(),
        scripts,
    })
}

/// Overlays, then directories and files over them, all of one time.
fn tree(request: &PackageRequest, store: &Store) -> Result<Tree, Diagnostic> {
    let origin = Origin::new(format!("package {}", request.info.full_name()));
    let epoch = request.info.build_date;
    let mut tree = Tree::new();
    for (from, to) in &request.overlays {
        let found = folder_tree(store, &from.value, Walk::Everything, origin.as_str());
        for (path, entry) in found.map_err(|problem| problem.at(from.span))?.iter() {
            let place = to
                .join(path.relative())
                .map_err(|error| bad_path(path.as_str(), &error.to_string()).at(from.span))?;
            if let Some(fault) = fault(&place) {
                return Err(bad_path(place.as_str(), fault).at(from.span));
            }
            let mut entry = entry.clone();
            entry.mtime = epoch;
            tree.insert_with_parents(place, entry);
        }
    }
    for placed in &request.entries {
        let entry = match &placed.what {
            What::Directory => Entry::directory(placed.mode, epoch, origin.clone()),
            What::Link(target) => Entry::symlink(target, epoch, origin.clone()),
            What::File(content) => {
                let (digest, size) = stored(content, store)?;
                Entry::file(digest, size, placed.mode, epoch, origin.clone())
            }
        };
        let Owner { uid, gid, .. } = placed.owner;
        tree.insert_with_parents(placed.path.clone(), entry.owned_by(uid, gid));
    }
    for placed in &request.entries {
        clash(&tree, placed)?;
    }
    Ok(tree)
}

/// Brings a file's content into the store.
fn stored(content: &Content, store: &Store) -> Result<(Digest, u64), Diagnostic> {
    match content {
        Content::Bytes(bytes) => Ok((store.put(bytes)?, bytes.len() as u64)),
        Content::Local(path) => {
            let mut file = std::fs::File::open(&path.value)
                .map_err(|error| unreadable(&path.value, &error).at(path.span))?;
            store.put_reader(&mut file)
        }
    }
}

/// What a recipe's file or link covers must be no directory that holds something.
fn clash(tree: &Tree, placed: &Placed) -> Result<(), Diagnostic> {
    if matches!(placed.what, What::Directory) {
        return Ok(());
    }
    match tree
        .iter()
        .map(|(path, _)| path)
        .find(|path| **path != placed.path && path.starts_with(&placed.path))
    {
        Some(below) => Err(Diagnostic::error(
            "zosc::repository::path-clash",
            format!(
                "`{below}` would lie in `{}`, which is a file here",
                placed.path
            ),
        )
        .at(placed.span)
        .help("give one of the two another place")),
        None => Ok(()),
    }
}
