//! Files of this machine that are known by how they look from outside, so that each is read once and not at every build.
//!
//! Size, times, inode and device of a file are kept beside its digest in a note of the store. Nobody can set `ctime`, so whoever
//! changes a file and gives it its old time back is found out. A file that changed just before it was read is not remembered:
//! it may change again without looking any different (git calls such an entry racy).

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Digest, Store, Tree};
use crate::diagnostic::Diagnostic;
use crate::io::{start_of_machine, unix_milliseconds};

/// The kernel's clock for files ticks a hundred times a second or more.
const TICK: i128 = 100;
/// Some file systems count in two seconds.
const COARSE: i128 = 2_000;

/// What changes whenever a file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    device: u64,
    inode: u64,
    size: u64,
    mtime: (i64, i64),
    ctime: (i64, i64),
}

impl Look {
    /// How a file looks.
    pub fn of(facts: &Metadata) -> Self {
        Self {
            device: facts.dev(),
            inode: facts.ino(),
            size: facts.len(),
            mtime: (facts.mtime(), facts.mtime_nsec()),
            ctime: (facts.ctime(), facts.ctime_nsec()),
        }
    }

    /// All of it as bytes.
    pub fn bytes(&self) -> [u8; 56] {
        let mut bytes = [0; 56];
        let numbers = [
            self.device,
            self.inode,
            self.size,
            self.mtime.0.cast_unsigned(),
            self.mtime.1.cast_unsigned(),
            self.ctime.0.cast_unsigned(),
            self.ctime.1.cast_unsigned(),
        ];
        for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// Whether whatever happens to the file after this moment, in milliseconds since 1970, makes it look different.
    pub fn is_settled(&self, moment: u64) -> bool {
        let changed = self.mtime.max(self.ctime);
        let milliseconds = i128::from(changed.0) * 1000 + i128::from(changed.1) / 1_000_000;
        let tick = if changed.1 == 0 { COARSE } else { TICK };
        milliseconds + tick < i128::from(moment)
    }
}

/// The files below one place, with their digests.
#[derive(Debug)]
pub struct Known<'s> {
    store: &'s Store,
    note: Digest,
    /// What was known before.
    before: Files,
    /// What is known now, of the files that were asked for.
    now: Files,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Files {
    /// Since when the machine runs: where its power has failed since, files may hold less than they were given.
    machine: Option<String>,
    files: BTreeMap<String, (Look, Digest)>,
}

impl<'s> Known<'s> {
    /// What is known of the files at or below a place.
    pub fn at(store: &'s Store, place: &Path) -> Self {
        let absolute = std::path::absolute(place).unwrap_or_else(|_| place.to_owned());
        let note = Digest::of(format!("files\n{}", absolute.display()).as_bytes());
        let machine = start_of_machine();
        let before = store
            .note(&note)
            .and_then(|note| serde_json::from_slice(&note).ok());
        let before = before.filter(|before: &Files| before.machine == machine);
        let now = Files {
            machine,
            ..Files::default()
        };
        Self {
            store,
            note,
            before: before.unwrap_or_default(),
            now,
        }
    }

    /// A file's content in the store, by its digest and size: read now, where it is not known already.
    ///
    /// # Errors
    /// The inner one where the file cannot be read, the outer one where the store cannot take it.
    pub fn file(&mut self, path: &Path) -> Result<io::Result<(Digest, u64)>, Diagnostic> {
        match fs::metadata(path) {
            Ok(facts) => self.file_with(path, &facts),
            Err(error) => Ok(Err(error)),
        }
    }

    /// As [`Known::file`], where the file was looked at already.
    pub fn file_with(
        &mut self,
        path: &Path,
        facts: &Metadata,
    ) -> Result<io::Result<(Digest, u64)>, Diagnostic> {
        let name = path.to_string_lossy().into_owned();
        let look = Look::of(facts);
        if let Some((known, digest)) = self.before.files.get(&name)
            && *known == look
            && self.store.need_not_write(digest, look.size)
        {
            self.now.files.insert(name, (look, *digest));
            return Ok(Ok((*digest, look.size)));
        }
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        };
        // The file that is read, which may be another than the one looked at above.
        let look = file.metadata().map(|facts| Look::of(&facts));
        let moment = unix_milliseconds();
        let (digest, size) = self.store.put_reader(&mut file)?;
        let after = file.metadata().map(|facts| Look::of(&facts));
        if let (Ok(look), Ok(after)) = (look, after)
            && look == after
            && look.is_settled(moment)
        {
            self.now.files.insert(name, (look, digest));
        }
        Ok(Ok((digest, size)))
    }

    /// How a file looked when its content was what is known of it; nothing of one that may change without looking different.
    pub fn look(&self, path: &Path) -> Option<Look> {
        let (look, _) = self.now.files.get(&*path.to_string_lossy())?;
        Some(*look)
    }

    /// Keeps what is known for the next time. A store that cannot keep it goes without.
    pub fn keep(self) {
        if self.now != self.before {
            let note = serde_json::to_vec(&self.now).expect("names and numbers are always JSON");
            let _ = self.store.write_note(&self.note, &note);
        }
    }
}

/// A tree made of files, remembered by how all of them look.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Made {
    machine: Option<String>,
    tree: Digest,
}

/// The stored tree that `make` yields, without asking it where it yielded one for this name before.
///
/// The name holds the looks of all files that the tree is made of. Beside the tree, `make` says whether these are sure to look different
/// once they change; else nothing is remembered. Contents are in the store when the tree is remembered, and are not looked for again: whoever misses one
/// asks again with a store that [distrusts](Store::distrusting).
///
/// # Errors
/// Those of `make`, and of a store that cannot take the tree.
pub fn made_of(
    store: &Store,
    name: &str,
    make: impl FnOnce() -> Result<(Tree, bool), Diagnostic>,
) -> Result<Digest, Diagnostic> {
    let note = Digest::of(format!("made 1\n{name}").as_bytes());
    let machine = start_of_machine();
    let known = store.note(&note);
    let known = known.and_then(|note| serde_json::from_slice(&note).ok());
    if let Some(known) = known.filter(|known: &Made| known.machine == machine)
        && store.believes(&known.tree)
    {
        return Ok(known.tree);
    }
    let (tree, is_settled) = make()?;
    let tree = store.put_tree(&tree)?;
    if is_settled {
        let made = serde_json::to_vec(&Made { machine, tree });
        // A store that cannot keep it goes without.
        let _ = store.write_note(&note, &made.expect("digests are always JSON"));
    }
    Ok(tree)
}

#[cfg(test)]
mod tests;
