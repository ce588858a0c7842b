//! Stores of blocks, and the routes that lead to them.
//!
//! Comes in: where blocks lie, the name of a block, and for writing its sealed bytes. Goes out: bytes that have the hash that
//! the name is, or everything that was tried. Never opens a block, never believes a store: whatever one hands out is hashed.
//!
//! Blocks lie in folders, in buckets, and on web servers, which can only be read. What a list's route leads to is
//! read as `rfs` reads it, without any key, so that whoever reads through [`Routes`] sees what every machine sees.

mod bucket;
mod folder;
mod proof;
mod routes;
mod web;

use std::fmt;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::check::{BlobStore, ReadStore, RoutePlace};
use crate::diagnostic::Diagnostic;
use crate::flist::{BlockId, SEALED_LIMIT};
use crate::io::{Failure, Network};
use crate::publish::objects::{Credentials, Objects};

pub use bucket::BucketStore;
pub use folder::FolderStore;
pub use proof::prove;
pub use routes::Routes;
pub use web::WebStore;

/// Where blocks can be had from, and perhaps put.
pub trait Blocks: Sync + Send {
    /// The address, for people.
    fn address(&self) -> String;

    /// The sealed bytes of a block, which have been seen to be its own.
    ///
    /// # Errors
    /// Each place that was looked at, and what was there.
    fn read(&self, id: &BlockId) -> Result<Vec<u8>, Vec<Tried>>;

    /// Puts a block there, unless it is there.
    ///
    /// # Errors
    /// The store does not take it.
    fn write(&self, id: &BlockId, bytes: &[u8]) -> Result<Put, Diagnostic>;

    /// Whether a block is there already; where that costs as much as reading it, `false`.
    ///
    /// # Errors
    /// The store does not answer.
    fn has(&self, id: &BlockId) -> Result<bool, Diagnostic>;
}

/// What became of a block that was put into a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It was not there.
    New,
    /// It was there already.
    Present,
}

/// A place where a block was looked for in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Its path or address.
    pub place: String,
    /// What was there.
    pub found: Found,
}

/// What was found instead of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A server that refuses to say, with this status.
    Refused(u16),
    /// Bytes with another hash.
    Other(BlockId),
    /// More bytes than a block has.
    TooMuch,
    /// No answer, or one that says nothing about the block.
    Failed(String),
}

impl fmt::Display for Tried {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.found)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => formatter.write_str("nothing there"),
            Self::Refused(status) => write!(formatter, "refused with status {status}"),
            Self::Other(id) => write!(formatter, "other bytes, with the hash {id}"),
            Self::TooMuch => formatter.write_str("more bytes than a block has"),
            Self::Failed(why) => formatter.write_str(why),
        }
    }
}

impl From<Failure> for Found {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotFound => Self::Nothing,
            Failure::Status(status) => Self::Refused(status),
            Failure::TooLarge { .. } => Self::TooMuch,
            other => Self::Failed(other.to_string()),
        }
    }
}

/// How blocks lie in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `HH/HEX`: below folders of the first two digits, where `rfs` looks first over HTTP and in folders.
    Sharded,
    /// `HEX`: the only place where `rfs` looks in buckets.
    Flat,
}

impl Layout {
    /// Where `rfs` looks first at a route's address.
    pub fn of_route(url: &str) -> Self {
        match url.split_once("://") {
            Some(("s3" | "s3s", _)) => Self::Flat,
            _ => Self::Sharded,
        }
    }

    /// The name of a block below its store's address.
    pub fn name(self, id: &BlockId) -> String {
        let name = id.to_string();
        match self {
            Self::Flat => name,
            Self::Sharded => format!("{:02x}/{name}", id.prefix()),
        }
    }
}

/// Opens a store that blocks are written to. `notes` is zosc's own store; setting `cancel` stops what is under way.
///
/// # Errors
/// There is no key for a bucket.
pub fn open<'c>(
    store: &BlobStore,
    layout: Layout,
    notes: &Path,
    cancel: &'c AtomicBool,
) -> Result<Box<dyn Blocks + 'c>, Diagnostic> {
    match store {
        BlobStore::Folder(folder) => Ok(Box::new(FolderStore::new(folder, layout))),
        BlobStore::S3(bucket) => {
            let key = Credentials::find(bucket.key.as_ref())?;
            let objects = Objects::bucket(bucket, key, notes, cancel)?;
            Ok(Box::new(BucketStore::new(objects, layout)))
        }
    }
}

/// Opens a store that blocks are only read from: a bucket without a key where there is none, since everyone may read many.
///
/// # Errors
/// Keys that cannot be read.
pub fn open_to_read<'n>(
    store: &ReadStore,
    network: &'n dyn Network,
    notes: &Path,
    cancel: &'n AtomicBool,
) -> Result<Box<dyn Blocks + 'n>, Diagnostic> {
    match store {
        ReadStore::Public(place) => Ok(open_place(place, network)),
        ReadStore::Own(BlobStore::S3(bucket)) => {
            let key = match Credentials::find(bucket.key.as_ref()) {
                Err(problem) if problem.code == "zosc::publish::no-credentials" => {
                    Credentials::anonymous()
                }
                found => found?,
            };
            let objects = Objects::bucket(bucket, key, notes, cancel)?;
            Ok(Box::new(BucketStore::new(objects, Layout::Sharded)))
        }
        ReadStore::Own(store) => open(store, Layout::Sharded, notes, cancel),
    }
}

/// Opens what a route leads to.
fn open_place<'n>(place: &RoutePlace, network: &'n dyn Network) -> Box<dyn Blocks + 'n> {
    match place {
        RoutePlace::Folder(folder) => Box::new(FolderStore::new(folder, Layout::Sharded)),
        RoutePlace::Web(base) => Box::new(WebStore::new(base, Layout::Sharded, network)),
        RoutePlace::Bucket(base) => Box::new(WebStore::new(base, Layout::Flat, network)),
    }
}

/// Bytes that a store handed out for a block, where they are the block's.
fn checked(id: &BlockId, bytes: Vec<u8>) -> Result<Vec<u8>, Found> {
    if bytes.len() > SEALED_LIMIT {
        return Err(Found::TooMuch);
    }
    match BlockId::of(&bytes) {
        found if found == *id => Ok(bytes),
        found => Err(Found::Other(found)),
    }
}

#[cfg(test)]
mod tests;
