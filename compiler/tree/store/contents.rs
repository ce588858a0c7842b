//! What a store holds, as lists, and how single things leave it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::Store;
use super::refusal::unusable;
use crate::diagnostic::Diagnostic;
use crate::tree::{Digest, Hasher};

/// A kind of file that is named by a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shelf {
    /// Contents, and trees among them, by their own digest.
    Blobs,
    /// What actions yielded, by their keys.
    Results,
    /// What only makes things faster or better explained.
    Notes,
}

impl Shelf {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Results, Self::Notes, Self::Blobs];

    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Blobs => "blobs",
            Self::Results => "actions",
            Self::Notes => "notes",
        }
    }
}

/// A file on a shelf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelved {
    /// Its name.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// Bytes that it takes on the disk.
    pub occupied: u64,
    /// When it was written, in milliseconds since 1970.
    pub written: i64,
}

/// A shelf's files, and what else lies there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Files, by their digests.
    pub files: Vec<Shelved>,
    /// Paths whose names are none that a store gives.
    pub strays: Vec<PathBuf>,
}

impl Store {
    /// Lists a shelf.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn list(&self, shelf: Shelf) -> Result<Listing, Diagnostic> {
        let top = self.root.join(shelf.folder());
        let mut listing = Listing::default();
        for folder in entries(&top)? {
            let first = name_of(&folder);
            if first.len() != 1 || !folder.is_dir() {
                listing.strays.push(folder);
                continue;
            }
            for path in entries(&folder)? {
                let digest = format!("{first}{}", name_of(&path)).parse::<Digest>();
                match (digest, path.symlink_metadata()) {
                    (Ok(digest), Ok(facts)) if facts.is_file() => listing.files.push(Shelved {
                        digest,
                        size: facts.len(),
                        occupied: facts.blocks() * 512,
                        written: facts.mtime() * 1000 + facts.mtime_nsec() / 1_000_000,
                    }),
                    // Somebody took it away meanwhile.
                    (_, Err(error)) if error.kind() == io::ErrorKind::NotFound => {}
                    _ => listing.strays.push(path),
                }
            }
        }
        Ok(listing)
    }

    /// Takes a file from a shelf. One that is gone already is no error.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn take_out(&self, shelf: Shelf, digest: &Digest) -> Result<(), Diagnostic> {
        let path = self.sharded(shelf.folder(), digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(&path, &error)),
            _ => Ok(()),
        }
    }

    /// Where a file on a shelf is, or would be.
    pub fn shelf_path(&self, shelf: Shelf, digest: &Digest) -> PathBuf {
        self.sharded(shelf.folder(), digest)
    }

    /// Removes a file or folder below the store that has no business there.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove_stray(&self, path: &Path) -> Result<(), Diagnostic> {
        let removed = match path.symlink_metadata() {
            Ok(facts) if facts.is_dir() => fs::remove_dir_all(path),
            Ok(_) => fs::remove_file(path),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(path, &error)),
            _ => Ok(()),
        }
    }

    /// Whether a blob is what its name says, `None` where there is none. Unlike [`Store::reader`], leaves a damaged one alone.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn is_sound(&self, digest: &Digest) -> Result<Option<bool>, Diagnostic> {
        let path = self.blob_path(digest);
        let mut file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(&path, &error)),
        };
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match io::Read::read(&mut file, &mut buffer) {
                Ok(0) => return Ok(Some(hasher.finish() == *digest)),
                Ok(count) => hasher.update(&buffer[..count]),
                // A disk that cannot read a file has lost it.
                Err(error) if error.raw_os_error() == Some(libc::EIO) => return Ok(Some(false)),
                Err(error) => return Err(unusable(&path, &error)),
            }
        }
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    let listing = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.map_err(|error| unusable(folder, &error))?,
    };
    let mut paths: Vec<PathBuf> = listing.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shelves_list_what_is_theirs_and_what_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        let digest = store.put(b"hello").expect("stored");
        store.record_action(&digest, b"result").expect("stored");
        fs::write(folder.path().join("blobs/stray"), "x").expect("written");
        let blobs = store.list(Shelf::Blobs).expect("lists");
        assert_eq!((blobs.files[0].digest, blobs.files[0].size), (digest, 5));
        assert_eq!(blobs.strays, [folder.path().join("blobs/stray")]);
        assert_eq!(store.list(Shelf::Notes), Ok(Listing::default()));
        assert_eq!(store.is_sound(&digest), Ok(Some(true)));
        fs::write(store.blob_path(&digest), "hullo").expect("damaged");
        assert_eq!(store.is_sound(&digest), Ok(Some(false)));
        store.take_out(Shelf::Blobs, &digest).expect("gone");
        store.take_out(Shelf::Blobs, &digest).expect("still gone");
        assert_eq!(store.is_sound(&digest), Ok(None));
        assert_eq!(store.list(Shelf::Results).expect("lists").files.len(), 1);
    }
}
