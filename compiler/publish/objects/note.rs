//! Notes of uploads that are under way: what another process needs to go on with one.
//!
//! A note lies below zosc's store, one for each place and key, and only its owner may read it. Whoever uploads holds a lock beside it; a second one that
//! uploads the same meanwhile keeps no note. A note that is damaged, or from elsewhere, is as good as none.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::io::{Pending, sweep_pending};
use crate::tree::Digest;

/// What the notes of this zosc are.
const FORMAT: u32 = 1;

/// Most bytes of a note that are read: 10,000 parts with their names and checksums.
const LARGEST: u64 = 8 << 20;

/// An upload that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    format: u32,
    /// Endpoint and bucket.
    place: String,
    /// The whole key.
    key: String,
    /// What is uploaded.
    pub(super) sha256: Digest,
    pub(super) size: u64,
    pub(super) part_size: u64,
    /// What the server calls it.
    pub(super) upload: String,
    /// What it calls the parts that are there, by number from 0 on.
    pub(super) parts: BTreeMap<u64, String>,
}

/// The place of a note, held against other processes.
#[derive(Debug)]
pub(super) struct Slot {
    place: String,
    key: String,
    /// `None`: somebody else uploads the same, or nothing can be kept here.
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    path: PathBuf,
    lock: PathBuf,
    _file: File,
}

impl Slot {
    /// The slot of an object.
    pub(super) fn take(folder: &Path, place: &str, key: &str) -> Self {
        let name = Digest::of(format!("{place}\n{key}").as_bytes());
        let held = hold(folder, &name.to_string()).ok().flatten();
        Self {
            place: place.to_owned(),
            key: key.to_owned(),
            held,
        }
    }

    /// A note of an upload that begins.
    pub(super) fn begin(&self, sha256: Digest, size: u64, part_size: u64, upload: String) -> Note {
        Note {
            format: FORMAT,
            place: self.place.clone(),
            key: self.key.clone(),
            sha256,
            size,
            part_size,
            upload,
            parts: BTreeMap::new(),
        }
    }

    /// The note that another process left.
    pub(super) fn read(&self) -> Option<Note> {
        let path = &self.held.as_ref()?.path;
        let is_small = path.metadata().is_ok_and(|facts| facts.len() <= LARGEST);
        let text = is_small.then(|| fs::read(path).ok()).flatten()?;
        let note: Note = serde_json::from_slice(&text).ok()?;
        let is_ours = note.format == FORMAT && note.place == self.place && note.key == self.key;
        let parts = note.size.div_ceil(note.part_size.max(1));
        let fits = note.part_size > 0 && note.parts.keys().all(|part| *part < parts);
        (is_ours && fits).then_some(note)
    }

    /// Keeps a note. Where that fails, the upload goes on without.
    pub(super) fn write(&self, note: &Note) {
        if let Some(held) = &self.held {
            let _ = written(&held.path, note);
        }
    }

    /// Removes the note.
    pub(super) fn clear(&self) {
        if let Some(held) = &self.held {
            let _ = fs::remove_file(&held.path);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(held) = &self.held {
            // While it is locked: who opened it meanwhile sees that it is gone.
            let _ = fs::remove_file(&held.lock);
        }
    }
}

fn hold(folder: &Path, name: &str) -> io::Result<Option<Held>> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let lock = folder.join(format!("{name}.lock"));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    loop {
        let file = options.open(&lock)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        // The one before may have removed it before it was locked.
        if is_same(&file, &lock) {
            let path = folder.join(format!("{name}.json"));
            return Ok(Some(Held {
                path,
                lock,
                _file: file,
            }));
        }
    }
}

fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    let facts = |facts: fs::Metadata| (facts.dev(), facts.ino());
    let (own, there) = (file.metadata().map(facts), path.metadata().map(facts));
    matches!((own, there), (Ok(own), Ok(there)) if own == there)
}

fn written(path: &Path, note: &Note) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    sweep_pending(folder);
    // Files begin with the mode 0600.
    let mut file = Pending::new(folder)?;
    file.write_all(&serde_json::to_vec(note)?)?;
    file.persist(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn slot(folder: &Path) -> Slot {
        Slot::take(folder, "https://s3.example.org b", "kernel/a.efi")
    }

    fn note(slot: &Slot) -> Note {
        let mut note = slot.begin(Digest::of(b"a"), 20 << 20, 8 << 20, "id".to_owned());
        note.parts.insert(0, "\"tag\"".to_owned());
        note
    }

    #[test]
    fn a_note_outlives_its_process_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("uploads");
        let first = slot(&folder);
        assert_eq!(first.read(), None);
        first.write(&note(&first));
        // Meanwhile, another one keeps none.
        assert_eq!(slot(&folder).read(), None);
        let path = first.held.as_ref().expect("held").path.clone();
        drop(first);
        let mode = |path: &Path| path.metadata().expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&folder)), (0o600, 0o700));
        let second = slot(&folder);
        assert_eq!(second.read(), Some(note(&second)));
        second.clear();
        assert_eq!(second.read(), None);
        drop(second);
        assert_eq!(fs::read_dir(&folder).expect("listed").count(), 0);
    }

    #[test]
    fn damage_is_as_good_as_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let slot = slot(folder.path());
        let path = slot.held.as_ref().expect("held").path.clone();
        let good = serde_json::to_string(&note(&slot)).expect("text");
        let texts = [
            good.get(..good.len() / 2).expect("half").to_owned(),
            good.replace("\"part_size\":8388608", "\"part_size\":0"),
            good.replace("\"0\":", "\"3\":"),
            good.replace("s3.example.org", "s3.example.com"),
            good.replace("\"format\":1", "\"format\":2"),
        ];
        fs::write(&path, &good).expect("written");
        assert!(slot.read().is_some());
        for text in texts {
            assert_ne!(text, good);
            fs::write(&path, &text).expect("written");
            assert_eq!(slot.read(), None, "{text}");
        }
    }
}
