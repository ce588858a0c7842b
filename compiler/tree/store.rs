//! The content-addressed store below the user's cache folder.
//!
//! Layout: `blobs/H/REST` for contents and encoded trees, `actions/H/REST` for action results by key, `roots/` for trees on
//! disk, `shells/` for sandboxes that stay, `builds/` for what builds tell of themselves, `notes/` for what only makes things faster or better explained, `logs/` for the
//! output of foreign commands, `temporary/` for what is being written, `lock` for who is using it. A file gets its final name by
//! one rename, so readers never see half of one and `kill -9` leaves only temporary files, in a folder that the next process
//! finds unlocked and removes. Content is hashed when a process reads it first: a damaged blob is removed and reported as missing rather
//! than used. docs/store.md says what that promises, also where the power fails.

mod blobs;
mod contents;
mod hold;
mod opening;
mod refusal;
mod results;
mod vouched;

pub use blobs::{BlobReader, BlobWriter};
pub use contents::{Listing, Shelf, Shelved};
pub use hold::{Access, Holder};

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempPath;

use super::workplace::Workplace;
use super::{Digest, Hasher, Tree};
use crate::diagnostic::Diagnostic;
use hold::Hold;
use refusal::{damaged, missing, unusable};
use vouched::Vouched;

/// A content-addressed store in one folder; any number of processes may share it.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    /// What this process has not finished yet; before the lock, which is given up last.
    workplace: Arc<Workplace>,
    hold: Arc<Hold>,
    vouched: Arc<Vouched>,
    is_read_only: bool,
    /// Whether contents that are there are written again rather than believed.
    distrusts: bool,
}

impl Store {
    /// The same store for those who have met damage: what is put there is written, whatever has its name already.
    pub fn distrusting(&self) -> Self {
        Self {
            distrusts: true,
            ..self.clone()
        }
    }

    /// Lets somebody else take things out of the store while `work` is done, which must not touch it.
    pub fn stand_aside<T>(&self, work: impl FnOnce() -> T) -> Result<T, Diagnostic> {
        let done = self.hold.stand_aside(work);
        done.map_err(|error| unusable(&self.root, &error))
    }

    /// Whether nothing can be added to it.
    pub fn is_read_only(&self) -> bool {
        self.is_read_only
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
        if self.need_not_write(&digest, bytes.len() as u64) {
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

    /// Whether a blob is there; its content is checked when it is read.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.blob_path(digest).is_file()
    }

    /// Whether a blob is there with this many bytes: one that a power failure cut short has fewer.
    pub fn contains_sized(&self, digest: &Digest, size: u64) -> bool {
        let facts = self.blob_path(digest).metadata();
        facts.is_ok_and(|facts| facts.is_file() && facts.len() == size)
    }

    /// Whether a content is there and believed to be what its name says.
    pub(super) fn need_not_write(&self, digest: &Digest, size: u64) -> bool {
        !self.distrusts && self.contains_sized(digest, size)
    }

    /// Whether a content is there and need not be made sure of.
    pub(super) fn believes(&self, digest: &Digest) -> bool {
        !self.distrusts && self.contains(digest)
    }

    /// A blob's content, verified.
    pub fn get(&self, digest: &Digest) -> Result<Vec<u8>, Diagnostic> {
        let mut bytes = Vec::new();
        self.copy(digest, &mut bytes)?;
        Ok(bytes)
    }

    /// The first bytes of a blob, which nobody vouches for: enough to see of what kind it is.
    pub fn head(&self, digest: &Digest, most: u64) -> Result<Vec<u8>, Diagnostic> {
        let path = self.blob_path(digest);
        let file = fs::File::open(&path).map_err(|error| missing(digest, &error))?;
        let mut head = Vec::new();
        let read = file.take(most).read_to_end(&mut head);
        read.map_err(|error| unusable(&path, &error))?;
        Ok(head)
    }

    /// A blob opened for reading from its start, verified beforehand in one pass of bounded memory.
    pub fn reader(&self, digest: &Digest) -> Result<fs::File, Diagnostic> {
        use std::io::Seek as _;

        let (mut file, facts) = self.opened(digest)?;
        if !self.is_vouched_for(digest, &facts) {
            self.hashed(digest, &mut file, &facts, &mut io::sink())?;
            let rewound = file.rewind();
            rewound.map_err(|error| unusable(&self.blob_path(digest), &error))?;
        }
        Ok(file)
    }

    /// Writes a blob's content, verified on the way; on an error, part of it may have been written.
    pub fn copy(&self, digest: &Digest, into: &mut dyn Write) -> Result<u64, Diagnostic> {
        let (mut file, facts) = self.opened(digest)?;
        if self.is_vouched_for(digest, &facts) {
            return pass(&mut file, &self.blob_path(digest), &mut |bytes| {
                let written = into.write_all(bytes);
                written.map_err(|error| unusable(&self.temporary(), &error))
            });
        }
        self.hashed(digest, &mut file, &facts, into)
    }

    fn opened(&self, digest: &Digest) -> Result<(fs::File, fs::Metadata), Diagnostic> {
        let file = fs::File::open(self.blob_path(digest));
        let opened = file.and_then(|file| file.metadata().map(|facts| (file, facts)));
        opened.map_err(|error| missing(digest, &error))
    }

    fn is_vouched_for(&self, digest: &Digest, facts: &fs::Metadata) -> bool {
        !self.distrusts && self.vouched.holds(digest, facts)
    }

    /// Passes a blob on, and says whether it was sound; a damaged one is removed.
    fn hashed(
        &self,
        digest: &Digest,
        file: &mut fs::File,
        facts: &fs::Metadata,
        into: &mut dyn Write,
    ) -> Result<u64, Diagnostic> {
        let path = self.blob_path(digest);
        let mut hasher = Hasher::new();
        let size = pass(file, &path, &mut |bytes| {
            hasher.update(bytes);
            let written = into.write_all(bytes);
            written.map_err(|error| unusable(&self.temporary(), &error))
        })?;
        if hasher.finish() != *digest {
            return Err(Self::discard(digest, &path));
        }
        self.vouched.add(digest, facts);
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
        if self.is_read_only {
            return Err(self.read_only());
        }
        let path = self.blob_path(digest);
        Self::publish(staged, &path)?;
        self.vouched.add_at(digest, &path);
        Ok(())
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

    /// Removes a content that is not what its name says.
    fn discard(digest: &Digest, path: &Path) -> Diagnostic {
        let is_removed = fs::remove_file(path).is_ok();
        damaged(digest, path, is_removed)
    }
}

/// Passes on what a file at a path has from here on, and counts it.
fn pass(
    file: &mut fs::File,
    path: &Path,
    each: &mut dyn FnMut(&[u8]) -> Result<(), Diagnostic>,
) -> Result<u64, Diagnostic> {
    let mut buffer = vec![0; 1 << 16];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer);
        let count = read.map_err(|error| unusable(path, &error))?;
        if count == 0 {
            return Ok(size);
        }
        each(&buffer[..count])?;
        size += count as u64;
    }
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
    fn large_content_that_was_written_here_is_hashed_again_once_it_looks_different() {
        let (folder, store) = store();
        let content = vec![7; 2 << 20];
        let digest = store.put(&content).expect("stored");
        assert!(store.vouched.holds(
            &digest,
            &store.blob_path(&digest).metadata().expect("there")
        ));
        assert_eq!(store.get(&digest).expect("sound"), content);
        let other = Store::open(folder.path()).expect("opens");
        let facts = store.blob_path(&digest).metadata().expect("there");
        assert!(!other.vouched.holds(&digest, &facts));
        other.reader(&digest).expect("sound");
        assert!(other.vouched.holds(&digest, &facts));
        assert!(!other.distrusting().is_vouched_for(&digest, &facts));
        // The clock for files has to go on.
        std::thread::sleep(std::time::Duration::from_millis(30));
        let mut damaged = content;
        damaged[1 << 20] = 8;
        fs::write(store.blob_path(&digest), damaged).expect("damaged");
        for known in [&store, &other] {
            let damaged = known.copy(&digest, &mut io::sink());
            assert!(damaged.is_err());
        }
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
