//! The `initramfs` section.

use crate::archive::Compression;
use crate::diagnostic::Diagnostic;
use crate::manifest::initramfs::Compress;
use crate::source::{Span, Spanned};

use super::Ctx;

/// How the initramfs is compressed, and whether it has segments.
pub(super) fn resolve(ctx: &mut Ctx<'_>) -> (Compression, bool) {
    let manifest = ctx.manifest;
    let initramfs = manifest.initramfs.as_ref();
    let segments = initramfs.and_then(|initramfs| initramfs.segments.as_ref());
    let segments = segments.is_none_or(|segments| segments.value);
    let compress = initramfs.and_then(|initramfs| initramfs.compress.as_ref());
    let level = initramfs.and_then(|initramfs| initramfs.level.as_ref());
    let compression = match compress.map_or(Compress::Xz, |compress| compress.value) {
        Compress::None => {
            no_level(ctx, level, "nothing is compressed");
            Compression::None
        }
        Compress::Gzip => {
            no_level(ctx, level, "gzip always compresses as hard as it can");
            Compression::Gzip
        }
        Compress::Xz => Compression::Xz {
            level: level_in(ctx, level, 0, 9, 6, "xz"),
        },
        Compress::Zstd => Compression::Zstd {
            level: level_in(ctx, level, 1, 19, 15, "zstd"),
        },
    };
    (compression, segments)
}

/// The compression that a manifest asks for, by name.
pub(super) fn ending(ctx: &Ctx<'_>) -> &'static str {
    let initramfs = ctx.manifest.initramfs.as_ref();
    let compress = initramfs.and_then(|initramfs| initramfs.compress.as_ref());
    match compress.map_or(Compress::Xz, |compress| compress.value) {
        Compress::None => "",
        Compress::Gzip => ".gz",
        Compress::Xz => ".xz",
        Compress::Zstd => ".zst",
    }
}

fn no_level(ctx: &mut Ctx<'_>, level: Option<&Spanned<u32>>, fact: &str) {
    if let Some(level) = level {
        bad(
            ctx,
            level.span,
            &format!("`level` has no meaning here: {fact}"),
            "remove it",
        );
    }
}

fn level_in(
    ctx: &mut Ctx<'_>,
    level: Option<&Spanned<u32>>,
    least: u32,
    most: u32,
    otherwise: u32,
    name: &str,
) -> u32 {
    let Some(level) = level else { return otherwise };
    if (least..=most).contains(&level.value) {
        return level.value;
    }
    let help = format!("write a number from {least} to {most}");
    bad(
        ctx,
        level.span,
        &format!("{name} has no level {}", level.value),
        &help,
    );
    otherwise
}

fn bad(ctx: &mut Ctx<'_>, span: Span, message: &str, help: &str) {
    ctx.push(
        Diagnostic::error("zosc::check::compression-level", message)
            .at(span)
            .help(help),
    );
}
