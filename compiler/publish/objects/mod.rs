//! Objects by their keys: in a bucket that speaks S3, or in a folder, with the same face.
//!
//! Everything here is synchronous and may be used from several threads at once. A key is a path of names between single slashes, below the
//! prefix of the bucket or the folder itself. What a server says is bounded and believed only as far as it can be checked: what was
//! read is hashed, what was sent is looked at again. Secrets are read at the moment of use and shown nowhere.

mod answers;
mod aws_files;
mod bucket;
mod conditions;
mod copy;
mod credentials;
mod folder;
mod key;
mod note;
mod parts;
mod trouble;
mod upload;

pub use credentials::Credentials;

use std::fmt;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use jiff::Timestamp;

use crate::check;
use crate::diagnostic::Diagnostic;
use crate::tree::Digest;

use bucket::Bucket;
use folder::Folder;

/// What a server, or a file system, calls one state of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(String);

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An object, as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key, below the prefix of the place.
    pub key: String,
    /// Its bytes.
    pub size: u64,
    /// When it was written.
    pub modified: Timestamp,
    /// The state that it is in, where the place has a name for that.
    pub version: Option<Version>,
    /// Its digest, where zosc wrote it to a bucket: `head` alone knows it.
    pub digest: Option<Digest>,
}

/// When an object is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// In any case.
    Always,
    /// If there is none with this key.
    Absent,
    /// If it is still in this state.
    Matches(Version),
}

/// What came of writing an object under a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is written, and the condition held.
    Done,
    /// It is not written, since the condition does not hold.
    Refused,
    /// It is written; the condition held a moment before, and the server knows none. Look again.
    Unconditional,
}

/// What readers of an object are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its media type.
    pub content_type: String,
    /// How long it may be kept by who reads it: `no-cache`.
    pub cache_control: Option<String>,
}

impl Facts {
    /// Nothing but bytes.
    pub fn bytes() -> Self {
        Self::of("application/octet-stream")
    }

    /// Something of this media type.
    pub fn of(content_type: &str) -> Self {
        Self {
            content_type: content_type.to_owned(),
            cache_control: None,
        }
    }

    /// The same, which is to be asked for anew each time.
    pub fn volatile(mut self) -> Self {
        self.cache_control = Some("no-cache".to_owned());
        self
    }
}

/// A file of this machine that is to become an object.
#[derive(Debug, Clone, Copy)]
pub struct Source<'s> {
    /// Where it is.
    pub path: &'s Path,
    /// What it must turn out to be.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
}

/// A place with objects.
pub struct Objects<'a>(Place<'a>);

enum Place<'a> {
    Bucket(Box<Bucket<'a>>),
    Folder(Folder<'a>),
}

impl<'a> Objects<'a> {
    /// A bucket, with the key to it. Nobody is asked anything yet.
    ///
    /// Below `store`, zosc's own folder, notes are kept of what is being uploaded. Setting `cancel` stops whatever is under way.
    ///
    /// # Errors
    /// `zosc::publish::bad-certificates` and `zosc::publish::bad-endpoint`.
    pub fn bucket(
        bucket: &check::Bucket,
        credentials: Credentials,
        store: &Path,
        cancel: &'a AtomicBool,
    ) -> Result<Self, Diagnostic> {
        let bucket = Bucket::new(bucket, credentials, store, cancel)?;
        Ok(Self(Place::Bucket(Box::new(bucket))))
    }

    /// A folder, which is made when the first object is written.
    pub fn folder(path: &Path, cancel: &'a AtomicBool) -> Self {
        Self(Place::Folder(Folder::new(path, cancel)))
    }

    /// Where it is, for people.
    pub fn name(&self) -> String {
        match &self.0 {
            Place::Bucket(bucket) => bucket.name(),
            Place::Folder(folder) => folder.name(),
        }
    }

    /// All objects whose keys begin with `prefix`, sorted by key.
    pub fn list(&self, prefix: &str) -> Result<Vec<Object>, Diagnostic> {
        let mut objects = match &self.0 {
            Place::Bucket(bucket) => bucket.list(prefix)?,
            Place::Folder(folder) => folder.list(prefix)?,
        };
        objects.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(objects)
    }

    /// The object with this key, where there is one.
    pub fn head(&self, key: &str) -> Result<Option<Object>, Diagnostic> {
        match &self.0 {
            Place::Bucket(bucket) => bucket.head(key),
            Place::Folder(folder) => folder.head(key),
        }
    }

    /// Whether an object that was seen has the bytes of this digest, as far as its place can tell: a bucket by what zosc has left with the object,
    /// a folder by its content.
    pub fn holds(&self, object: &Object, digest: &Digest) -> Result<bool, Diagnostic> {
        match &self.0 {
            Place::Bucket(_) => Ok(object.digest == Some(*digest)),
            Place::Folder(folder) => folder.holds(&object.key, digest),
        }
    }

    /// The content of an object of at most `limit` bytes, and the state that it is of.
    pub fn get(&self, key: &str, limit: u64) -> Result<Option<(Vec<u8>, Version)>, Diagnostic> {
        match &self.0 {
            Place::Bucket(bucket) => bucket.get(key, limit),
            Place::Folder(folder) => folder.get(key, limit),
        }
    }

    /// Writes an object at once.
    pub fn put(
        &self,
        key: &str,
        bytes: &[u8],
        condition: &Condition,
        facts: &Facts,
    ) -> Result<Put, Diagnostic> {
        match &self.0 {
            Place::Bucket(bucket) => bucket.put(key, bytes, condition, facts),
            Place::Folder(folder) => folder.put(key, bytes, condition),
        }
    }

    /// Writes a file, in parts where it is large; `progress` hears how many bytes are there.
    ///
    /// A process that was killed meanwhile is gone on with by the next one that uploads the same file to the same place.
    pub fn upload(
        &self,
        key: &str,
        source: Source<'_>,
        facts: &Facts,
        progress: &dyn Fn(u64),
    ) -> Result<(), Diagnostic> {
        match &self.0 {
            Place::Bucket(bucket) => bucket.upload(key, source, facts, progress),
            Place::Folder(folder) => folder.upload(key, source, progress),
        }
    }

    /// Writes an object with the content of another one.
    pub fn copy(&self, from: &str, to: &str) -> Result<(), Diagnostic> {
        match &self.0 {
            Place::Bucket(bucket) => bucket.copy(from, to),
            Place::Folder(folder) => folder.copy(from, to),
        }
    }

    /// Removes objects; those that are gone already are no problem.
    pub fn delete(&self, keys: &[String]) -> Result<(), Diagnostic> {
        match &self.0 {
            Place::Bucket(bucket) => bucket.delete(keys),
            Place::Folder(folder) => folder.delete(keys),
        }
    }
}

impl fmt::Debug for Objects<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Objects({})", self.name())
    }
}

/// An object is larger than it may be.
fn too_large(place: &str, limit: u64) -> Diagnostic {
    Diagnostic::error(
        "zosc::publish::too-large",
        format!("{place} is larger than the {limit} bytes that it may have"),
    )
    .help("something else was written there: look at it, and remove it")
}

/// A file is not what it was said to be.
fn changed(source: &Source<'_>) -> Diagnostic {
    Diagnostic::error(
        "zosc::publish::changed",
        format!(
            "`{}` is not what was built any more: its digest or its size is another one",
            source.path.display()
        ),
    )
    .help("`zosc build` writes it again; nothing of it was published")
}

/// A file cannot be read.
fn unreadable(source: &Source<'_>, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(
        "zosc::publish::unreadable",
        format!("cannot read `{}`: {error}", source.path.display()),
    )
    .help("`zosc build` writes it again")
}
