//! The content-addressed store below the user's cache folder.
//!
//! Layout: `blobs/H/REST` for contents and encoded trees, `actions/H/REST` for action results by key, `roots/` for trees on
//! disk, `shells/` for sandboxes that stay, `builds/` for what builds tell of themselves, `notes/` for what only makes things faster or better explained, `logs/` for the
//! output of foreign commands, `temporary/` for what is being written. A file gets its final name by one rename, so readers
//! never see half of one and `kill -9` leaves only temporary files, in a folder that the next process finds unlocked and
//! removes. Content is hashed again when it is read: a damaged blob is removed and reported as missing rather than used.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::{NamedTempFile, TempPath};

use super::workplace::Workplace;
use super::{Digest, Hasher, Tree};
use crate::diagnostic::Diagnostic;

/// A content-addressed store in one folder; any number of processes may share it.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    workplace: Arc<Workplace>,
}

impl Store {
    /// Opens the store in `root` and makes it where it is missing.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, Diagnostic> {
        let root = root.into();
        for folder in [
            "blobs",
            "actions",
            "notes",
            "roots",
            "shells",
            "builds",
            "logs",
            "temporary",
        ] {
            let folder = root.join(folder);
            fs::create_dir_all(&folder).map_err(|error| unusable(&folder, &error))?;
        }
        let folder = root.join("temporary");
        Workplace::sweep(&folder);
        let workplace = Workplace::new(&folder).map_err(|error| unusable(&folder, &error))?;
        let workplace = Arc::new(workplace);
        Ok(Self { root, workplace })
    }

    /// The folder that the store occupies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where logs of foreign commands go.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Where sandboxes that stay are kept.
    pub fn shells(&self) -> PathBuf {
        self.root.join("shells")
    }

    /// Where builds leave their records.
    pub fn builds(&self) -> PathBuf {
        self.root.join("builds")
    }

    /// Where trees are that lie on disk to be looked at by many.
    pub fn roots(&self) -> PathBuf {
        self.root.join("roots")
    }

    /// A folder for this process's unfinished work, on the same filesystem as the blobs; gone with the last clone.
    pub fn temporary(&self) -> PathBuf {
        self.workplace.path.clone()
    }

    /// Stores bytes under their digest.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, Diagnostic> {
        let digest = Digest::of(bytes);
        if self.contains(&digest) {
            return Ok(digest);
        }
        let staged = self.stage(bytes);
        let staged = staged.map_err(|error| unusable(&self.root, &error))?;
        self.admit(&digest, staged)?;
        Ok(digest)
    }

    /// Stores everything a reader yields, in bounded memory, and returns its digest and size.
    pub fn put_reader(&self, reader: &mut dyn Read) -> Result<(Digest, u64), Diagnostic> {
        let mut writer = self.writer()?;
        io::copy(reader, &mut writer).map_err(|error| unusable(&self.root, &error))?;
        writer.finish()
    }

    /// Begins a blob whose content comes in pieces.
    pub fn writer(&self) -> Result<BlobWriter, Diagnostic> {
        let folder = self.temporary();
        let file = NamedTempFile::new_in(&folder).map_err(|error| unusable(&folder, &error))?;
        Ok(BlobWriter {
            file: io::BufWriter::with_capacity(1 << 16, file),
            hasher: Hasher::new(),
            size: 0,
            store: self.clone(),
        })
    }

    /// Whether a blob is there; its content is checked when it is read.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.blob_path(digest).is_file()
    }

    /// A blob's content, verified.
    pub fn get(&self, digest: &Digest) -> Result<Vec<u8>, Diagnostic> {
        let path = self.blob_path(digest);
        let bytes = fs::read(&path).map_err(|error| missing(digest, &error))?;
        if Digest::of(&bytes) != *digest {
            return Err(Self::discard(digest, &path));
        }
        Ok(bytes)
    }

    /// A blob opened for reading from its start, verified beforehand in one pass of bounded memory.
    pub fn reader(&self, digest: &Digest) -> Result<fs::File, Diagnostic> {
        use std::io::Seek as _;

        let path = self.blob_path(digest);
        let mut file = fs::File::open(&path).map_err(|error| missing(digest, &error))?;
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file
                .read(&mut buffer)
                .map_err(|error| unusable(&path, &error))?
            {
                0 => break,
                count => hasher.update(&buffer[..count]),
            }
        }
        if hasher.finish() != *digest {
            return Err(Self::discard(digest, &path));
        }
        file.rewind().map_err(|error| unusable(&path, &error))?;
        Ok(file)
    }

    /// A blob to be read once, from its start to its end, and verified on the way.
    pub fn stream(&self, digest: &Digest) -> Result<BlobReader, Diagnostic> {
        let path = self.blob_path(digest);
        let file = fs::File::open(&path).map_err(|error| missing(digest, &error))?;
        Ok(BlobReader {
            file,
            hasher: Hasher::new(),
            digest: *digest,
            path,
        })
    }

    /// Writes a blob's content, verified on the way; on an error, part of it may have been written.
    pub fn copy(&self, digest: &Digest, into: &mut dyn Write) -> Result<u64, Diagnostic> {
        let path = self.blob_path(digest);
        let mut file = fs::File::open(&path).map_err(|error| missing(digest, &error))?;
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; 1 << 16];
        let mut size = 0;
        loop {
            let count = file
                .read(&mut buffer)
                .map_err(|error| unusable(&path, &error))?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            into.write_all(&buffer[..count])
                .map_err(|error| unusable(&self.temporary(), &error))?;
            size += count as u64;
        }
        if hasher.finish() != *digest {
            return Err(Self::discard(digest, &path));
        }
        Ok(size)
    }

    /// Stores a tree's encoding; the digest is the tree's name.
    pub fn put_tree(&self, tree: &Tree) -> Result<Digest, Diagnostic> {
        self.put(&tree.encode())
    }

    /// Reads a tree back.
    pub fn get_tree(&self, digest: &Digest) -> Result<Tree, Diagnostic> {
        Tree::decode(&self.get(digest)?)
    }

    /// The stored result of the action with this key, if there is a sound one.
    pub fn action_result(&self, key: &Digest) -> Option<Vec<u8>> {
        fs::read(self.sharded("actions", key)).ok()
    }

    /// Remembers the result of the action with this key; replaces an older one.
    pub fn record_action(&self, key: &Digest, result: &[u8]) -> Result<(), Diagnostic> {
        self.write_named(&self.sharded("actions", key), result)
    }

    /// A small text kept under a name, where there is one; unlike a result, nothing depends on it.
    pub fn note(&self, name: &Digest) -> Option<Vec<u8>> {
        fs::read(self.sharded("notes", name)).ok()
    }

    /// Keeps a small text under a name; replaces an older one.
    pub fn write_note(&self, name: &Digest, text: &[u8]) -> Result<(), Diagnostic> {
        self.write_named(&self.sharded("notes", name), text)
    }

    fn write_named(&self, path: &Path, content: &[u8]) -> Result<(), Diagnostic> {
        let staged = self.stage(content);
        let staged = staged.map_err(|error| unusable(&self.temporary(), &error))?;
        Self::publish(staged, path)
    }

    /// Writes a file of the store whole, under a name that nobody has yet; says whether that was so.
    pub fn write_new(&self, path: &Path, content: &[u8]) -> Result<bool, Diagnostic> {
        let staged = self.stage(content);
        let staged = staged.map_err(|error| unusable(&self.temporary(), &error))?;
        match staged.persist_noclobber(path) {
            Ok(()) => Ok(true),
            Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(failed) => Err(unusable(path, &failed.error)),
        }
    }

    /// The file of a blob, which may not exist.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.sharded("blobs", digest)
    }

    /// Sixteen folders: a file system takes many files in one more quickly than it makes a folder for every few.
    fn sharded(&self, folder: &str, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.root.join(folder).join(&name[..1]).join(&name[1..])
    }

    /// Writes a small content whole, without giving it its name.
    pub(super) fn stage(&self, bytes: &[u8]) -> io::Result<TempPath> {
        let path = self.workplace.next_path();
        let mut options = fs::File::options();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        let staged = TempPath::try_from_path(path)?;
        file.write_all(bytes)?;
        Ok(staged)
    }

    /// Gives a staged content its name; where another process was quicker, it replaces the same bytes.
    pub(super) fn admit(&self, digest: &Digest, staged: TempPath) -> Result<(), Diagnostic> {
        Self::publish(staged, &self.blob_path(digest))
    }

    fn publish(staged: TempPath, path: &Path) -> Result<(), Diagnostic> {
        let staged = match staged.persist(path) {
            Ok(()) => return Ok(()),
            // The folder of a first blob; there are few folders and many blobs, so this comes second.
            Err(failed) if failed.error.kind() == io::ErrorKind::NotFound => failed.path,
            Err(failed) => return Err(unusable(path, &failed.error)),
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
        }
        staged
            .persist(path)
            .map_err(|error| unusable(path, &error.error))
    }

    /// The store itself cannot be used.
    pub(super) fn unusable(&self, error: &io::Error) -> Diagnostic {
        unusable(&self.root, error)
    }

    fn discard(digest: &Digest, path: &Path) -> Diagnostic {
        let removed = fs::remove_file(path).is_ok();
        Diagnostic::error(
            "zosc::store::damaged-blob",
            format!("the stored content {} is damaged", digest.short()),
        )
        .note(format!(
            "{} {}",
            if removed {
                "removed"
            } else {
                "could not remove"
            },
            path.display()
        ))
        .help("run the command again: what is missing is fetched or built anew")
    }
}

/// A blob being read; what comes before its end is not vouched for, and the end of a damaged one is an error.
#[derive(Debug)]
pub struct BlobReader {
    file: fs::File,
    hasher: Hasher,
    digest: Digest,
    path: PathBuf,
}

impl BlobReader {
    /// Reads what is left, and says whether the whole was sound; a damaged blob is removed.
    pub fn finish(mut self) -> Result<(), Diagnostic> {
        match io::copy(&mut self, &mut io::sink()) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(Store::discard(&self.digest, &self.path))
            }
            Err(error) => Err(unusable(&self.path, &error)),
        }
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        if count == 0 && !buffer.is_empty() && self.hasher.clone().finish() != self.digest {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(count)
    }
}

/// A blob being written; dropped unfinished, it leaves nothing behind.
pub struct BlobWriter {
    file: io::BufWriter<NamedTempFile>,
    hasher: Hasher,
    size: u64,
    store: Store,
}

impl BlobWriter {
    /// The digest of what has been written so far.
    pub fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }

    /// Names the blob by its digest and returns that and its size in bytes.
    pub fn finish(self) -> Result<(Digest, u64), Diagnostic> {
        self.finish_if(|_| true)
    }

    /// As [`BlobWriter::finish`], but keeps the content only where it has the expected digest; returns the one it has.
    pub fn finish_expecting(self, expected: Digest) -> Result<(Digest, u64), Diagnostic> {
        self.finish_if(|digest| *digest == expected)
    }

    /// Ends the content without giving it its name.
    pub(super) fn stage(self) -> Result<(Digest, u64, TempPath), Diagnostic> {
        let file = self
            .file
            .into_inner()
            .map_err(|error| unusable(&self.store.root, error.error()))?;
        Ok((self.hasher.finish(), self.size, file.into_temp_path()))
    }

    fn finish_if(self, keep: impl Fn(&Digest) -> bool) -> Result<(Digest, u64), Diagnostic> {
        let digest = self.hasher.finish();
        let file = self
            .file
            .into_inner()
            .map_err(|error| unusable(&self.store.root, error.error()))?;
        if keep(&digest) && !self.store.contains(&digest) {
            self.store.admit(&digest, file.into_temp_path())?;
        }
        Ok((digest, self.size))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn unusable(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error(
        "zosc::store::unusable",
        format!("cannot use `{}`: {error}", path.display()),
    )
    .help("the store lies below the cache folder; `--store DIR` or ZOSC_STORE names another place")
}

fn missing(digest: &Digest, error: &io::Error) -> Diagnostic {
    Diagnostic::error(
        "zosc::store::missing-blob",
        format!(
            "the content {} is not in the store: {error}",
            digest.short()
        ),
    )
    .help("run the command again without `--offline`: what is missing is fetched or built anew")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path()).expect("opens");
        (folder, store)
    }

    #[test]
    fn content_comes_back_under_its_digest() {
        let (_folder, store) = store();
        let digest = store.put(b"hello").expect("stored");
        assert_eq!(digest, Digest::of(b"hello"));
        assert_eq!(store.get(&digest).expect("there"), b"hello");
        let (streamed, size) = store.put_reader(&mut &b"hello"[..]).expect("stored");
        assert_eq!((streamed, size), (digest, 5));
    }

    #[test]
    fn damaged_content_is_never_used() {
        let (_folder, store) = store();
        let digest = store.put(b"hello").expect("stored");
        fs::write(store.blob_path(&digest), b"hullo").expect("damaged");
        assert_eq!(
            store.reader(&digest).expect_err("damaged").code,
            "zosc::store::damaged-blob"
        );
        assert_eq!(
            store.get(&digest).expect_err("gone").code,
            "zosc::store::missing-blob"
        );
    }

    #[test]
    fn what_a_killed_process_left_is_swept_and_the_living_are_left_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let (folder, store) = store();
        let abandoned = folder.path().join("temporary/work-x");
        fs::create_dir_all(abandoned.join("locked/inner")).expect("made");
        fs::set_permissions(abandoned.join("locked"), fs::Permissions::from_mode(0o500))
            .expect("changed");
        fs::write(store.temporary().join("mine"), "x").expect("written");
        let other = Store::open(folder.path()).expect("opens");
        assert!(!abandoned.exists());
        assert!(store.temporary().join("mine").exists());
        let (first, second) = (store.temporary(), other.temporary());
        drop((store, other));
        assert!(!first.exists() && !second.exists());
    }

    #[test]
    fn an_unfinished_blob_leaves_nothing() {
        let (_folder, store) = store();
        let mut writer = store.writer().expect("begins");
        writer.write_all(b"half").expect("writes");
        drop(writer);
        assert_eq!(fs::read_dir(store.temporary()).expect("lists").count(), 0);
    }
}
