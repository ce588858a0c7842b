//! Trees become archives, archives become one initramfs.

use std::fs::File;
use std::io::{Cursor, Read};

use super::Context;
use super::contributors::contributors;
use super::select::segment_of;
use crate::archive::{self, Algorithm, Archive, Compression, LostAttribute, Piece};
use crate::build::ledger;
use crate::diagnostic::{Diagnostic, bytes};
use crate::plan::Input;
use crate::tree::{Digest, Tree};

/// The part of an image that goes into one segment; empty where the image has nothing for it.
pub(super) fn segment(tree: &Tree, name: &str) -> Tree {
    archive::split(tree, |_, entry| segment_of(entry))
        .into_iter()
        .find(|segment| segment.group == name)
        .map(|segment| segment.tree)
        .unwrap_or_default()
}

/// Packs a tree into one archive.
pub(super) fn cpio(
    context: &Context<'_>,
    tree: &Input,
    compression: Compression,
    epoch: u64,
) -> Result<Digest, Diagnostic> {
    let tree = context.tree(tree)?;
    if tree.is_empty() {
        // A segment for which the image has nothing adds nothing, not even an archive's end.
        return context.store.put(b"");
    }
    let archive = Archive::new(&tree, epoch)?;
    tell_lost(context, "an initramfs", &archive.lost());
    let pieces = archive.pieces(compression);
    if let [only] = pieces.as_slice() {
        return packed_alone(context, &archive, only, compression);
    }
    let largest = pieces.iter().map(Piece::size).max().unwrap_or(0);
    let keys: Vec<Digest> = pieces.iter().map(|piece| piece.key).collect();
    let files = context.each(compression.memory(largest), pieces, &|piece| {
        packed(context, &archive, &piece, compression)
    })?;
    let files = files.iter().map(|digest| context.store.reader(digest));
    let mut blob = context.store.writer()?;
    archive::join(compression, archive.size(), files, &mut blob)?;
    let (digest, _) = blob.finish()?;
    ledger::remember_pieces(context.store, &digest, &keys)?;
    Ok(digest)
}

/// One of several pieces of an archive, compressed; one that was compressed before is looked up.
fn packed(
    context: &Context<'_>,
    archive: &Archive,
    piece: &Piece,
    compression: Compression,
) -> Result<Digest, Diagnostic> {
    let store = context.store;
    // A damaged one is gone once it was read, and made again.
    let known = ledger::recorded(store, &piece.key);
    if let Some(known) = known.filter(|known| store.reader(known).is_ok()) {
        return Ok(known);
    }
    let mut blob = store.writer()?;
    archive::pack_piece(archive, piece, compression, 1, store, &mut blob)?;
    let (digest, _) = blob.finish()?;
    ledger::record(store, &piece.key, &digest)?;
    Ok(digest)
}

/// An archive that is one piece, by a compressor that may use several processors itself.
fn packed_alone(
    context: &Context<'_>,
    archive: &Archive,
    piece: &Piece,
    compression: Compression,
) -> Result<Digest, Diagnostic> {
    let store = context.store;
    let mut blob = store.writer()?;
    if compression.algorithm() == Algorithm::Xz {
        // Pieces of xz are small.
        let mut packed = Vec::new();
        archive::pack_piece(archive, piece, compression, 1, store, &mut packed)?;
        let only = [Ok(Cursor::new(packed))].into_iter();
        archive::join(compression, archive.size(), only, &mut blob)?;
        return blob.finish().map(|(digest, _)| digest);
    }
    let mut loans = Vec::new();
    while (loans.len() as u32 + 1) < compression.most_threads(piece.size())
        && let Some(loan) = context.budget.borrow(compression.memory(piece.size()))
    {
        loans.push(loan);
    }
    let threads = loans.len() as u32 + 1;
    let written = archive::pack_piece(archive, piece, compression, threads, store, &mut blob);
    for loan in loans {
        context.budget.give_back(loan);
    }
    written?;
    blob.finish().map(|(digest, _)| digest)
}

/// Says which attributes an archive or a list cannot hold.
pub(super) fn tell_lost(context: &Context<'_>, what: &str, lost: &[LostAttribute]) {
    let Some(first) = lost.first() else { return };
    let others = lost.len() - 1;
    let mut warning = Diagnostic::warning(
        "zosc::build::lost-attribute",
        format!(
            "{what} cannot hold `{}` of `{}`, from {}",
            first.name, first.path, first.origin
        ),
    )
    .help("set capabilities at boot, from a unit, or run the program as root");
    if others > 0 {
        warning = warning.note(format!("and {others} more"));
    }
    context.warn(&warning);
}

/// Joins archives; a result above the limit is refused.
pub(super) fn concat(
    context: &Context<'_>,
    parts: &[Input],
    limit: Option<u64>,
    content: Option<&Input>,
) -> Result<Digest, Diagnostic> {
    let mut files = parts
        .iter()
        .map(|part| context.store.reader(&context.digest(part)))
        .collect::<Result<Vec<File>, Diagnostic>>()?;
    let sizes: Vec<u64> = files
        .iter()
        .map(|file| file.metadata().map_or(0, |facts| facts.len()))
        .collect();
    let mut blob = context.store.writer()?;
    let readers = files.iter_mut().map(|file| file as &mut dyn Read);
    let size = archive::concatenate(readers, &mut blob)?;
    if let Some(limit) = limit.filter(|limit| size > *limit) {
        let mut refusal = Diagnostic::error(
            "zosc::build::too-large",
            format!(
                "the initramfs has {}, {} more than allowed",
                bytes(size),
                bytes(size - limit)
            ),
        )
        .help("drop files or packages, compress harder, or raise `max initramfs` in `size`");
        if sizes.len() > 1 {
            let sizes: Vec<String> = sizes.iter().map(|size| bytes(*size)).collect();
            refusal = refusal.note(format!("its segments have, in order: {}", sizes.join(", ")));
        }
        return Err(contributors(context, refusal, content)?);
    }
    blob.finish().map(|(digest, _)| digest)
}
