//! zosc's own program, which goes to workers with every command.
//!
//! It is large, so a note in the store has its name for as long as the file looks the same; whoever sends it hashes it once more.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::super::disk;
use super::super::executor::Program;
use super::job::{COMMAND, LIBRARIES, PROGRAM};
use crate::diagnostic::Diagnostic;
use crate::io;
use crate::remote::Blob;
use crate::tree::{Digest, Hasher, Look, Store};

/// The program of this process, with its names.
#[derive(Debug)]
pub(super) struct Own {
    /// Its file.
    pub(super) program: (PathBuf, Blob),
    /// Its libraries and their loader.
    pub(super) libraries: Vec<(PathBuf, Blob)>,
    /// The command that starts it in an input root.
    pub(super) start: Vec<String>,
}

impl Own {
    /// Reads the files of this process's program.
    pub(super) fn read(store: &Store) -> Result<Self, Diagnostic> {
        let program = Program::own()?;
        let (file, libraries) = program.files();
        let named = |path: &Path| Ok((path.to_owned(), name(path, store)?));
        Ok(Self {
            program: named(file)?,
            libraries: libraries.map(named).collect::<Result<_, Diagnostic>>()?,
            start: program.command(PROGRAM, LIBRARIES),
        })
    }

    /// The command that does a job for the action of this label.
    pub(super) fn command(&self, label: &str) -> Vec<String> {
        let mut command = self.start.clone();
        command.extend([COMMAND.to_owned(), label.to_owned()]);
        command
    }
}

/// The name of a file that looks as it did when it was hashed last, or what it is now.
fn name(path: &Path, store: &Store) -> Result<Blob, Diagnostic> {
    let note = Digest::of(format!("program 1 {}", path.display()).as_bytes());
    let look = path.metadata().ok().map(|facts| Look::of(&facts));
    let known = store.note(&note);
    let known = known.and_then(|note| serde_json::from_slice::<(Look, Digest, u64)>(&note).ok());
    if let Some((_, digest, size)) = known.filter(|known| look == Some(known.0)) {
        return Ok(Blob { digest, size });
    }
    let moment = io::unix_milliseconds();
    let blob = hash(path)?;
    if let Some(look) = look.filter(|look| look.is_settled(moment)) {
        let text = serde_json::to_vec(&(look, blob.digest, blob.size));
        // A store that cannot keep it goes without.
        let _ = store.write_note(&note, &text.expect("numbers are always JSON"));
    }
    Ok(blob)
}

fn hash(path: &Path) -> Result<Blob, Diagnostic> {
    let refuse = |error| disk(path, &error);
    let mut file = File::open(path).map_err(refuse)?;
    let mut hasher = Hasher::new();
    let mut size = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(refuse)? {
            0 => break,
            count => {
                hasher.update(&buffer[..count]);
                size += count as u64;
            }
        }
    }
    let digest = hasher.finish();
    Ok(Blob { digest, size })
}
