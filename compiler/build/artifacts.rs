//! Writes the outputs: all of them or none, and only those that differ.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::engine::digest_of;
use super::{Artifact, Job, disk};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::{Pending, start_of_machine, sweep_pending};
use crate::plan::{Input, Plan};
use crate::tree::{Digest, Hasher, Store, is_file_name};

/// Outputs that are about to get their names.
pub(super) struct Prepared {
    /// What there will be.
    pub(super) artifacts: Vec<Artifact>,
    /// Those that are not there yet.
    pending: Vec<(Pending, PathBuf, Digest)>,
}

impl Prepared {
    /// Whether some are not there yet.
    pub(super) fn differ(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Gives all of them their names.
    pub(super) fn publish(self, store: &Store) -> Result<Vec<Artifact>, Diagnostic> {
        for (file, path, digest) in self.pending {
            file.persist(&path).map_err(|error| disk(&path, &error))?;
            remember(store, &path, &digest);
        }
        Ok(self.artifacts)
    }
}

/// Each file that images are to write has one image that writes it.
pub(super) fn check_places(jobs: &[Job<'_>]) -> Result<(), Diagnostics> {
    let mut owners: BTreeMap<PathBuf, &str> = BTreeMap::new();
    let mut problems = Diagnostics::new();
    for job in jobs {
        let name = job.subject.as_ref().map_or("", |subject| &subject.name);
        for output in &job.plan.outputs {
            let path = place(&job.outputs, &output.name)?;
            let path = std::path::absolute(&path).unwrap_or(path);
            let Some(other) = owners.insert(path.clone(), name) else {
                continue;
            };
            problems.push(
                Diagnostic::error(
                    "zosc::build::same-output",
                    format!("the images `{other}` and `{name}` would both write `{}`", path.display()),
                )
                .help(if other == name {
                    "give the images different names: `--output DIR` makes a folder for each by its name"
                } else {
                    "give their outputs other names, or write `--output DIR`: each image then has a folder of its own below it, by the image's name"
                }),
            );
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(problems)
}

/// Writes those of a plan's outputs that differ into a folder, under temporary names.
pub(super) fn prepare(
    plan: &Plan,
    results: &[Option<Digest>],
    store: &Store,
    folder: &Path,
) -> Result<Prepared, Diagnostic> {
    sweep_pending(folder);
    let mut artifacts = Vec::new();
    let mut pending = Vec::new();
    for output in &plan.outputs {
        let path = place(folder, &output.name)?;
        let Some(digest) = digest_of(&output.content, results) else {
            continue;
        };
        let pcr11 = spelt(output.pcr11, results, store)?;
        let there = holds(store, &path, &digest);
        let size = if let Some(size) = there {
            size
        } else {
            let (file, size) = staged(store, folder, &digest)?;
            pending.push((file, path.clone(), digest));
            size
        };
        artifacts.push(Artifact {
            kind: output.kind,
            path,
            digest,
            size,
            pcr11,
            written: there.is_none(),
        });
    }
    Ok(Prepared { artifacts, pending })
}

/// The digest that a blob spells out, where it does.
pub(super) fn spelt(
    blob: Option<Input>,
    results: &[Option<Digest>],
    store: &Store,
) -> Result<Option<Digest>, Diagnostic> {
    let Some(blob) = blob.and_then(|blob| digest_of(&blob, results)) else {
        return Ok(None);
    };
    let bytes = store.get(&blob)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.trim().parse().ok())
}

fn place(folder: &Path, name: &str) -> Result<PathBuf, Diagnostic> {
    if !is_file_name(name) {
        return Err(Diagnostic::error(
            "zosc::build::output-name",
            format!("`{name}` is no file name for an output"),
        )
        .help("an output is a plain file name without `/`; `--output DIR` chooses the folder"));
    }
    Ok(folder.join(name))
}

/// Writes a blob into a temporary file beside its later place, so that one rename puts it there.
fn staged(store: &Store, folder: &Path, digest: &Digest) -> Result<(Pending, u64), Diagnostic> {
    fs::create_dir_all(folder).map_err(|error| disk(folder, &error))?;
    let mut file = Pending::new(folder).map_err(|error| disk(folder, &error))?;
    let size = store.copy(digest, &mut file)?;
    let mode = fs::Permissions::from_mode(0o644);
    file.flush()
        .and_then(|()| file.set_permissions(mode))
        .map_err(|error| disk(folder, &error))?;
    Ok((file, size))
}

/// How an output looked when it was last known to be sound, so that it need not be hashed every time.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    digest: Digest,
    size: u64,
    inode: u64,
    mtime: (i64, i64),
    ctime: (i64, i64),
    /// Since when the machine runs: where its power has failed since, the disk may hold less than it was given.
    machine: Option<String>,
}

fn seen(path: &Path, digest: &Digest) -> Option<Seen> {
    let facts = fs::symlink_metadata(path)
        .ok()
        .filter(fs::Metadata::is_file)?;
    Some(Seen {
        digest: *digest,
        size: facts.len(),
        inode: facts.ino(),
        mtime: (facts.mtime(), facts.mtime_nsec()),
        ctime: (facts.ctime(), facts.ctime_nsec()),
        machine: start_of_machine(),
    })
}

/// The size of the file at a path if its content has this digest.
fn holds(store: &Store, path: &Path, digest: &Digest) -> Option<u64> {
    let now = seen(path, digest)?;
    if !store.contains_sized(digest, now.size) {
        return None;
    }
    let note = store.note(&note(path));
    let known: Option<Seen> = note.and_then(|note| serde_json::from_slice(&note).ok());
    if known.as_ref() == Some(&now) {
        return Some(now.size);
    }
    let mut hasher = Hasher::new();
    let mut file = fs::File::open(path).ok()?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match std::io::Read::read(&mut file, &mut buffer).ok()? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    if hasher.finish() != *digest {
        return None;
    }
    remember(store, path, digest);
    Some(now.size)
}

fn remember(store: &Store, path: &Path, digest: &Digest) {
    if let Some(seen) = seen(path, digest) {
        let bytes = serde_json::to_vec(&seen).expect("numbers and digests are always JSON");
        // Without the note, the file is hashed next time.
        let _ = store.write_note(&note(path), &bytes);
    }
}

fn note(path: &Path) -> Digest {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Digest::of(format!("output\n{}", absolute.display()).as_bytes())
}
