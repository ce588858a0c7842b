//! Initramfs archives: newc CPIO, compressed or not, one or several after another.
//!
//! Comes in: a [`Tree`](crate::tree::Tree) with its blobs in the [`Store`](crate::tree::Store), or the bytes of an
//! archive. Goes out: the bytes that the kernel's `unpack_to_rootfs` accepts, or the tree it would make of them.
//! Never reads the clock, the file system or a manifest; the same tree gives the same bytes on every machine.
//!
//! [`Archive`] lays a tree out as one archive, which [`pack`] writes, or [`pack_piece`] and [`join`] piece by piece; [`split`] cuts a tree into segments that are packed and cached on their own,
//! [`concatenate`] joins packed segments to one initramfs, and [`read`] takes any of these apart again.
//! [`Unpacking`] makes a tree of an archive of another kind, as releases and root filesystems come in.

mod compression;
mod debian;
mod frames;
mod inflate;
mod members;
mod newc;
mod order;
mod pack;
mod pieces;
mod read;
mod segments;
mod tar_headers;
mod unpack;
mod xz;

pub use compression::{Algorithm, Compression, Encoder};
pub use debian::debian_files;
pub use frames::{Frame, frames};
pub use members::{Member, MemberKind, members};
pub use newc::{Archive, LostAttribute};
pub use pack::{Packed, join, pack, pack_piece};
pub use pieces::Piece;
pub use read::{Contents, FrameFacts, Limits, read};
pub use segments::{Segment, concatenate, split};
pub use tar_headers::{BoundedHeaders, EntryEnds};
pub use unpack::Unpacking;

use crate::diagnostic::Diagnostic;
use crate::io::{default_store, disk_refusal};

fn write_failed(error: &std::io::Error) -> Diagnostic {
    if let Some(problem) = disk_refusal(&default_store(), error) {
        return problem;
    }
    Diagnostic::error(
        "zosc::archive::write-failed",
        format!("the archive cannot be written: {error}"),
    )
    .help("make room where the archive goes, then run the command again")
}

#[cfg(test)]
mod tests;
