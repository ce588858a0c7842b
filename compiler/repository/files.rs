//! Files of a repository, written so that nobody who reads them at the same time sees half of one.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::diagnostic::Diagnostic;
use crate::tree::{Digest, Hasher, Store};

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was not there.
    New,
    /// It was there with this content.
    Same,
    /// It was there with another content.
    Replaced,
}

/// Writes bytes to a file, unless they are there already.
pub(super) fn bytes(path: &Path, bytes: &[u8]) -> Result<Outcome, Diagnostic> {
    write(path, Digest::of(bytes), |file| file.write_all(bytes))
}

/// Writes a blob of the store to a file, unless it is there already.
pub(super) fn blob(path: &Path, digest: Digest, store: &Store) -> Result<Outcome, Diagnostic> {
    let mut reader = store.reader(&digest)?;
    write(path, digest, |file| {
        std::io::copy(&mut reader, file).map(|_| ())
    })
}

fn write(
    path: &Path,
    digest: Digest,
    fill: impl FnOnce(&mut std::fs::File) -> std::io::Result<()>,
) -> Result<Outcome, Diagnostic> {
    let outcome = match digest_of(path) {
        Some(found) if found == digest => return Ok(Outcome::Same),
        Some(_) => Outcome::Replaced,
        None => Outcome::New,
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| tempfile::NamedTempFile::new_in(folder))
        .and_then(|mut file| {
            fill(file.as_file_mut())?;
            // A temporary file is private; a repository is read by all.
            file.as_file()
                .set_permissions(PermissionsExt::from_mode(0o644))?;
            file.persist(path).map_err(|error| error.error)?;
            Ok(())
        });
    written.map_err(|error| unwritable(path, &error))?;
    Ok(outcome)
}

fn digest_of(path: &Path) -> Option<Digest> {
    let mut hasher = Hashing(Hasher::new());
    let mut file = std::fs::File::open(path).ok()?;
    std::io::copy(&mut file, &mut hasher).ok()?;
    Some(hasher.0.finish())
}

struct Hashing(Hasher);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Stops between two files where somebody asked for it.
pub(super) fn check_cancelled(cancel: &AtomicBool) -> Result<(), Diagnostic> {
    if !cancel.load(Ordering::Relaxed) {
        return Ok(());
    }
    let stopped = Diagnostic::error("zosc::repository::cancelled", "stopped");
    Err(stopped.help("run the command again to go on; nothing half-written stays"))
}

pub(super) fn unwritable(path: &Path, error: &std::io::Error) -> Diagnostic {
    if let Some(problem) = crate::io::disk_refusal(path, error) {
        return problem;
    }
    Diagnostic::error(
        "zosc::repository::cannot-write",
        format!("cannot write `{}`: {error}", path.display()),
    )
    .help("name a folder that you may write to")
}

/// A file or folder that cannot be read.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(
        "zosc::repository::cannot-read",
        format!("cannot read `{}`: {error}", path.display()),
    )
    .help("see that it exists and that you may read it")
}
