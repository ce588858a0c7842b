//! Trees become archives, archives become one initramfs.

use std::fs::File;
use std::io::Read;

use super::Context;
use super::contributors::contributors;
use super::select::segment_of;
use crate::archive::{self, Compression};
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
    let mut blob = context.store.writer()?;
    let packed = archive::pack(&tree, context.store, epoch, compression, &mut blob)?;
    if let Some(first) = packed.lost.first() {
        let others = packed.lost.len() - 1;
        let mut warning = Diagnostic::warning(
            "zosc::build::lost-attribute",
            format!(
                "an initramfs cannot hold `{}` of `{}`, from {}",
                first.name, first.path, first.origin
            ),
        )
        .help("set capabilities at boot, from a unit, or run the program as root");
        if others > 0 {
            warning = warning.note(format!("and {others} more"));
        }
        context.warn(&warning);
    }
    blob.finish().map(|(digest, _)| digest)
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
