//! Lists of files whose contents lie elsewhere, in the format of `rfs`: what `rfs mount` and `rfs unpack` read.
//!
//! Comes in: entries in the order of their paths with readers of their contents, or the bytes of a list from anywhere. Goes out: an SQLite
//! file that is the same on every machine, and each block of content once, sealed, to a [`Sink`]; or the entries, blocks, routes and tags
//! of a list. Never fetches or stores a block itself, never trusts a list that it reads, never changes one in place.
//!
//! [`seal`] and [`open`] are the two directions of a block. [`pack`] writes a list and its blocks, [`List`] reads a list, and [`List::write`]
//! writes it again with other routes or tags. docs/flist.md has the format.

mod block;
mod entry;
mod list;
mod pack;
mod rows;
mod tables;
mod write;

pub use block::{Block, BlockId, CHUNK, SEALED_LIMIT, Sealed, open, seal};
pub use entry::{Device, Entry, Head, Kind, Route};
pub use list::List;
pub use pack::{Packable, Packed, Progress, Sink, Watch, pack};

use crate::diagnostic::Diagnostic;

/// Most entries of a list.
const ENTRIES: usize = 1_000_000;
/// Most blocks of a list: 2 TiB of content. What packing remembers of them takes 32 bytes each.
const BLOCKS: usize = 1 << 22;
/// Most bytes of a list.
const BYTES: u64 = 1 << 30;
/// Most routes, and most tags.
const HEADS: usize = 1024;
/// Most bytes of a link's text, an address, or a tag.
const TEXT: usize = 4096;

fn too_large(what: impl std::fmt::Display) -> Diagnostic {
    Diagnostic::error("zosc::flist::too-large", what.to_string()).help(
        "split it: several flists, each with a part of the files, can be mounted at several places",
    )
}

#[cfg(test)]
mod tests;
