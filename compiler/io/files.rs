//! Reading files behind a trait.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What a path names; links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file with its size in bytes.
    File(u64),
    /// A directory.
    Directory,
    /// Anything else.
    Other,
}

/// Read access to files.
pub trait Files: Sync {
    /// The content of a file of at most `limit` bytes; a larger one is an error of kind `FileTooLarge`.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;

    /// The first bytes of a file, at most so many.
    fn read_start(&self, path: &Path, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = self.read(path, u64::MAX - 1)?;
        bytes.truncate(most);
        Ok(bytes)
    }

    /// What a path names, or `None` where there is nothing.
    fn kind(&self, path: &Path) -> Option<FileKind>;

    /// Names in a directory, sorted.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;

    /// Whether a path names a symbolic link, whatever that points to.
    fn is_link(&self, _path: &Path) -> bool {
        false
    }
}

/// The machine's own files.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Files for System {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?
            .take(limit + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(too_large(limit));
        }
        Ok(bytes)
    }

    fn read_start(&self, path: &Path, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?
            .take(most as u64)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn kind(&self, path: &Path) -> Option<FileKind> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(match () {
            () if metadata.is_file() => FileKind::File(metadata.len()),
            () if metadata.is_dir() => FileKind::Directory,
            () => FileKind::Other,
        })
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = std::fs::read_dir(path)?
            .map(|entry| {
                entry?.file_name().into_string().map_err(|name| {
                    io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!("{} is not UTF-8", name.display()),
                    )
                })
            })
            .collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    fn is_link(&self, path: &Path) -> bool {
        path.is_symlink()
    }
}

/// Files that exist in memory only.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Memory {
    /// Files from paths and contents.
    pub fn new<P: Into<PathBuf>, C: Into<Vec<u8>>>(
        files: impl IntoIterator<Item = (P, C)>,
    ) -> Self {
        Self {
            files: files
                .into_iter()
                .map(|(path, content)| (path.into(), content.into()))
                .collect(),
        }
    }
}

impl Files for Memory {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let content = self
            .files
            .get(path)
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        if content.len() as u64 > limit {
            return Err(too_large(limit));
        }
        Ok(content.clone())
    }

    fn kind(&self, path: &Path) -> Option<FileKind> {
        if let Some(content) = self.files.get(path) {
            return Some(FileKind::File(content.len() as u64));
        }
        self.files
            .keys()
            .any(|file| file.starts_with(path))
            .then_some(FileKind::Directory)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names: Vec<String> = self
            .files
            .keys()
            .filter_map(|file| {
                file.strip_prefix(path)
                    .ok()?
                    .iter()
                    .next()?
                    .to_str()
                    .map(str::to_owned)
            })
            .collect();
        names.sort();
        names.dedup();
        if names.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(names)
    }
}

/// Files some of which have another content than they have below: edited and not yet written.
#[derive(Clone)]
pub struct Overlay<'a> {
    below: &'a dyn Files,
    edited: Memory,
}

impl<'a> Overlay<'a> {
    /// The files as they are.
    pub fn new(below: &'a dyn Files) -> Self {
        Self {
            below,
            edited: Memory::default(),
        }
    }

    /// Gives a file another content.
    pub fn put(&mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) {
        self.edited.files.insert(path.into(), content.into());
    }
}

impl Files for Overlay<'_> {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        match self.edited.read(path, limit) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.below.read(path, limit),
            read => read,
        }
    }

    fn kind(&self, path: &Path) -> Option<FileKind> {
        match self.edited.kind(path) {
            Some(file @ FileKind::File(_)) => Some(file),
            _ => self.below.kind(path),
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.below.list(path)
    }

    fn is_link(&self, path: &Path) -> bool {
        self.below.is_link(path)
    }
}

fn too_large(limit: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("larger than {limit} bytes"),
    )
}
