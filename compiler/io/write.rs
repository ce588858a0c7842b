//! Writing several files: all of them or none.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{Pending, sweep_pending};

/// What happens to files that exist already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// They are kept, and nothing is written.
    Keep,
    /// They are replaced.
    Replace,
}

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Whether it is a program.
    pub executable: bool,
}

/// Why nothing was written.
#[derive(Debug)]
pub enum Unwritten {
    /// These exist already.
    Exists(Vec<PathBuf>),
    /// The system refused.
    Failed(PathBuf, io::Error),
}

/// Writes files by their paths below a folder, which is made where it is missing.
///
/// Everything is written under temporary names first; where a later step fails, what was made is removed again.
pub fn write_all(
    folder: &Path,
    files: &BTreeMap<String, NewFile>,
    existing: Existing,
) -> Result<(), Unwritten> {
    let targets: Vec<(PathBuf, &NewFile)> = files
        .iter()
        .map(|(name, file)| (folder.join(name), file))
        .collect();
    if existing == Existing::Keep {
        let there = targets.iter().map(|(path, _)| path);
        let there: Vec<PathBuf> = there
            .filter(|path| path.symlink_metadata().is_ok())
            .cloned()
            .collect();
        if !there.is_empty() {
            return Err(Unwritten::Exists(there));
        }
    }
    let mut made = Made::default();
    let mut written = Vec::new();
    for (path, file) in &targets {
        let temporary = made.temporary(path, file);
        written.push(temporary.map_err(|error| Unwritten::Failed(path.clone(), error))?);
    }
    for ((path, _), temporary) in targets.iter().zip(written) {
        let was_there = path.symlink_metadata().is_ok();
        let kept = match existing {
            Existing::Keep => temporary.persist_new(path),
            Existing::Replace => temporary.persist(path),
        };
        kept.map_err(|error| Unwritten::Failed(path.clone(), error))?;
        if !was_there {
            made.paths.push(path.clone());
        }
    }
    made.paths.clear();
    Ok(())
}

/// Files and folders made so far, removed when something fails.
#[derive(Default)]
struct Made {
    paths: Vec<PathBuf>,
}

impl Made {
    fn temporary(&mut self, path: &Path, file: &NewFile) -> io::Result<Pending> {
        let folder = path.parent().unwrap_or(Path::new("."));
        self.folder(folder)?;
        sweep_pending(folder);
        let mut temporary = Pending::new(folder)?;
        temporary.write_all(&file.bytes)?;
        let mode = if file.executable { 0o755 } else { 0o644 };
        temporary.set_permissions(std::fs::Permissions::from_mode(mode))?;
        Ok(temporary)
    }

    fn folder(&mut self, folder: &Path) -> io::Result<()> {
        if folder == Path::new("") || folder.is_dir() {
            return Ok(());
        }
        if let Some(parent) = folder.parent() {
            self.folder(parent)?;
        }
        std::fs::create_dir(folder)?;
        self.paths.push(folder.to_owned());
        Ok(())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in self.paths.iter().rev() {
            // What cannot be removed is not ours any more: somebody put something into the folder.
            let _ = if path.is_dir() {
                std::fs::remove_dir(path)
            } else {
                std::fs::remove_file(path)
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> BTreeMap<String, NewFile> {
        let file = |name: &&str| {
            let file = NewFile {
                bytes: name.as_bytes().to_vec(),
                executable: name.ends_with("run"),
            };
            ((*name).to_owned(), file)
        };
        names.iter().map(file).collect()
    }

    #[test]
    fn all_are_written_with_their_folders_and_modes() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("new");
        write_all(&place, &files(&["a", "b/c/run"]), Existing::Keep).unwrap();
        let mode = |name: &str| place.join(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("a"), mode("b/c/run")), (0o644, 0o755));
    }

    #[test]
    fn what_exists_stops_everything_unless_it_may_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("b"), "mine").unwrap();
        let refused = write_all(folder.path(), &files(&["a", "b"]), Existing::Keep).unwrap_err();
        assert!(matches!(refused, Unwritten::Exists(there) if there == [folder.path().join("b")]));
        assert!(!folder.path().join("a").exists());
        write_all(folder.path(), &files(&["a", "b"]), Existing::Replace).unwrap();
        assert_eq!(std::fs::read(folder.path().join("b")).unwrap(), b"b");
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("z"), "a file, no folder").unwrap();
        let failed = write_all(
            folder.path(),
            &files(&["a", "new/b", "z/c"]),
            Existing::Replace,
        );
        assert!(matches!(failed, Err(Unwritten::Failed(..))));
        let left: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["z"]);
    }
}
