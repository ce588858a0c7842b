//! A folder of this machine, as if it were a bucket.
//!
//! A file gets its name by one rename, so nobody ever sees half of one. Conditions are kept by a lock on the folder itself, which everybody
//! takes who writes under one.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, ErrorKind, Read, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};

use super::key::key;
use super::{Condition, Object, Put, Source, Version, changed, too_large, unreadable};
use crate::diagnostic::Diagnostic;
use crate::io::{Pending, disk_refusal, sweep_pending};
use crate::publish::waiting::cancelled;
use crate::tree::{Digest, Hasher};

/// How files begin that are being written.
const UNFINISHED: &str = ".zosc-";

/// A folder with objects.
#[derive(Debug)]
pub(super) struct Folder<'a> {
    root: PathBuf,
    cancel: &'a AtomicBool,
}

impl<'a> Folder<'a> {
    pub(super) fn new(path: &Path, cancel: &'a AtomicBool) -> Self {
        Self {
            root: path.to_owned(),
            cancel,
        }
    }

    pub(super) fn name(&self) -> String {
        format!("`{}`", self.root.display())
    }

    fn path(&self, text: &str) -> Result<PathBuf, Diagnostic> {
        Ok(self.root.join(key(text)?))
    }

    pub(super) fn list(&self, prefix: &str) -> Result<Vec<Object>, Diagnostic> {
        let mut objects = Vec::new();
        // What is above the last slash is a folder, and only what is in it can have keys that begin so.
        let inside = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let folder = match inside {
            "" => self.root.clone(),
            inside => self.path(inside)?,
        };
        self.walk(&folder, inside, &mut objects)?;
        objects.retain(|object| object.key.starts_with(prefix));
        Ok(objects)
    }

    fn walk(&self, folder: &Path, inside: &str, found: &mut Vec<Object>) -> Result<(), Diagnostic> {
        let failed = |error: io::Error| unusable(folder, &error);
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if is_missing(&error) => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        self.look_up()?;
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name.starts_with(UNFINISHED) {
                continue;
            }
            let key = match inside {
                "" => name,
                inside => format!("{inside}/{name}"),
            };
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                self.walk(&entry.path(), &key, found)?;
            } else if let Some(facts) = facts(&entry.path()).map_err(failed)? {
                found.push(object(&key, &facts));
            }
        }
        Ok(())
    }

    pub(super) fn head(&self, key: &str) -> Result<Option<Object>, Diagnostic> {
        let path = self.path(key)?;
        let facts = facts(&path).map_err(|error| unusable(&path, &error))?;
        Ok(facts.map(|facts| object(key, &facts)))
    }

    /// Whether a file has these bytes; one that is gone has not.
    pub(super) fn holds(&self, key: &str, digest: &Digest) -> Result<bool, Diagnostic> {
        let path = self.path(key)?;
        let failed = |error: io::Error| unusable(&path, &error);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if is_missing(&error) => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            self.look_up()?;
            let read = file.read(&mut buffer).map_err(failed)?;
            if read == 0 {
                return Ok(hasher.finish() == *digest);
            }
            hasher.update(buffer.get(..read).unwrap_or_default());
        }
    }

    pub(super) fn get(
        &self,
        key: &str,
        limit: u64,
    ) -> Result<Option<(Vec<u8>, Version)>, Diagnostic> {
        let path = self.path(key)?;
        let failed = |error: io::Error| unusable(&path, &error);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let facts = file.metadata().map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() as u64 > limit {
            Err(too_large(&format!("`{}`", path.display()), limit))
        } else {
            Ok(Some((bytes, version(&facts))))
        }
    }

    pub(super) fn put(
        &self,
        key: &str,
        bytes: &[u8],
        condition: &Condition,
    ) -> Result<Put, Diagnostic> {
        let path = self.path(key)?;
        let failed = |error: io::Error| unusable(&path, &error);
        if *condition == Condition::Always {
            let write = |file: &mut Pending| file.write_all(bytes);
            write_file(&path, write).map_err(failed)?;
            return Ok(Put::Done);
        }
        fs::create_dir_all(&self.root).map_err(failed)?;
        let root = File::open(&self.root).map_err(failed)?;
        // A network's file system may know no such lock.
        let is_locked = flock(&root, FlockOperation::LockExclusive).is_ok();
        let there = facts(&path).map_err(failed)?;
        let holds = match condition {
            Condition::Always => true,
            Condition::Absent => there.is_none(),
            Condition::Matches(known) => there.is_some_and(|facts| version(&facts) == *known),
        };
        if !holds {
            return Ok(Put::Refused);
        }
        write_file(&path, |file| file.write_all(bytes)).map_err(failed)?;
        Ok(if is_locked {
            Put::Done
        } else {
            Put::Unconditional
        })
    }

    pub(super) fn upload(
        &self,
        key: &str,
        source: Source<'_>,
        progress: &dyn Fn(u64),
    ) -> Result<(), Diagnostic> {
        let path = self.path(key)?;
        let mut from = File::open(source.path).map_err(|error| unreadable(&source, &error))?;
        let mut hasher = Hasher::new();
        let mut problem = None;
        let written = write_file(&path, |file| {
            let mut done = 0;
            let mut buffer = vec![0; 1 << 20];
            loop {
                let read = match self.look_up().and_then(|()| {
                    from.read(&mut buffer)
                        .map_err(|error| unreadable(&source, &error))
                }) {
                    Ok(0) if done == source.size => break,
                    Ok(read) if read > 0 && done + read as u64 <= source.size => read,
                    Ok(_) => return Err(told(&mut problem, changed(&source))),
                    Err(failed) => return Err(told(&mut problem, failed)),
                };
                let bytes = buffer.get(..read).unwrap_or_default();
                hasher.update(bytes);
                file.write_all(bytes)?;
                done += read as u64;
                progress(done);
            }
            if std::mem::take(&mut hasher).finish() == source.digest {
                Ok(())
            } else {
                Err(told(&mut problem, changed(&source)))
            }
        });
        match (written, problem) {
            (_, Some(problem)) => Err(problem),
            (Err(error), None) => Err(unusable(&path, &error)),
            (Ok(()), None) => Ok(()),
        }
    }

    pub(super) fn copy(&self, from: &str, to: &str) -> Result<(), Diagnostic> {
        let (from, to) = (self.path(from)?, self.path(to)?);
        let mut source = File::open(&from).map_err(|error| unusable(&from, &error))?;
        let written = write_file(&to, |file| io::copy(&mut source, file).map(|_| ()));
        written.map_err(|error| unusable(&to, &error))
    }

    pub(super) fn delete(&self, keys: &[String]) -> Result<(), Diagnostic> {
        for key in keys {
            let path = self.path(key)?;
            match fs::remove_file(&path) {
                Err(error) if !is_missing(&error) => return Err(unusable(&path, &error)),
                _ => self.look_up()?,
            }
        }
        Ok(())
    }

    fn look_up(&self) -> Result<(), Diagnostic> {
        if self.cancel.load(Ordering::Relaxed) {
            Err(cancelled())
        } else {
            Ok(())
        }
    }
}

/// Writes a file beside its place and gives it its name; folders above it are made.
fn write_file(path: &Path, write: impl FnOnce(&mut Pending) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    sweep_pending(folder);
    let mut file = Pending::new(folder)?;
    write(&mut file)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.file().sync_all()?;
    file.persist(path)
}

/// Keeps a problem for later, and ends the writing meanwhile.
fn told(problem: &mut Option<Diagnostic>, found: Diagnostic) -> io::Error {
    *problem = Some(found);
    ErrorKind::Other.into()
}

/// A file that is there, behind links too.
fn facts(path: &Path) -> io::Result<Option<Metadata>> {
    match path.metadata() {
        Ok(facts) => Ok(facts.is_file().then_some(facts)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn object(key: &str, facts: &Metadata) -> Object {
    let modified = Timestamp::new(facts.mtime(), facts.mtime_nsec() as i32);
    Object {
        key: key.to_owned(),
        size: facts.len(),
        modified: modified.unwrap_or(Timestamp::UNIX_EPOCH),
        version: Some(version(facts)),
        digest: None,
    }
}

/// A file that was written anew is another one, so this tells states apart without reading it.
fn version(facts: &Metadata) -> Version {
    let (inode, size) = (facts.ino(), facts.len());
    let (seconds, rest) = (facts.mtime(), facts.mtime_nsec());
    Version(format!("{inode}-{size}-{seconds}.{rest}"))
}

/// A folder or a file in it that cannot be used.
pub(super) fn unusable(path: &Path, error: &io::Error) -> Diagnostic {
    if let Some(problem) = disk_refusal(path, error) {
        return problem;
    }
    Diagnostic::error(
        "zosc::publish::folder",
        format!("cannot use `{}`: {error}", path.display()),
    )
    .help("mend the permissions, or name another folder")
}

#[cfg(test)]
mod tests;
