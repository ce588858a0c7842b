//! Cutting an archive into pieces that are compressed side by side, and remembered one by one.
//!
//! Before each piece lies some of what comes before it, which its compressor has seen, and its decompressor will have. So a piece may be
//! small and yet be compressed about as well as in one go; in return, a change also costs the piece behind it where it lies that near.
//!
//! Where the cuts are depends on the entries and the compression only, never on who packs or with how many threads. A cut is made
//! before the entry whose path has the least digest of all that come into question, so entries that come or go move few cuts.

use std::ops::Range;

use super::Compression;
use super::newc::{Archive, Record};
use crate::tree::{Digest, Hasher};

/// A part of an archive that is compressed by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The bytes of the archive that it holds.
    pub range: Range<u64>,
    /// What its compressor has seen, right before it; nothing where there are no pieces before it.
    pub(super) seen: Range<u64>,
    /// What it and what it has seen is made of and how it is compressed: with the same key, it is the same.
    pub key: Digest,
}

impl Piece {
    /// Bytes before compression.
    pub fn size(&self) -> u64 {
        self.range.end - self.range.start
    }
}

/// How many bytes a piece may have before compression; the last ones of a run may have fewer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) least: u64,
    pub(super) most: u64,
    /// How many bytes before a piece its compressor sees.
    pub(super) seen: u64,
}

impl Archive {
    /// The pieces of the archive, in order. Of the compressions only xz can join pieces to one stream.
    pub fn pieces(&self, compression: Compression) -> Vec<Piece> {
        let Some(bounds) = compression.bounds() else {
            return vec![self.piece(0..self.size(), 0..0, compression)];
        };
        let packages = packages(&self.records, bounds);
        let cuts = cuts(&self.records, packages, bounds);
        let start = self.records.get(packages).map_or(0, |first| first.start);
        let starts = [0].into_iter().chain(cuts.iter().copied());
        let ends = cuts.iter().copied().chain([self.size()]);
        let pieces = starts.zip(ends).map(|(from, to)| {
            // What changes whenever a package does is not seen by those that hold packages.
            let first = if from >= start { start } else { 0 };
            let seen = from.saturating_sub(bounds.seen).max(first)..from;
            self.piece(from..to, seen, compression)
        });
        pieces.collect()
    }

    fn piece(&self, range: Range<u64>, seen: Range<u64>, compression: Compression) -> Piece {
        let mut hasher = Hasher::new();
        hasher.update(format!("piece 2\n{compression:?}\n").as_bytes());
        for part in [&seen, &range] {
            hasher.update(self.digest(part).as_bytes());
        }
        Piece {
            range,
            seen,
            key: hasher.finish(),
        }
    }
}

/// The first entry of a package in an archive of several pieces. Directories and apk's database, which change whenever a package does,
/// come before it and are in no piece with it.
fn packages(records: &[Record], bounds: Bounds) -> usize {
    let end = records.last().map_or(0, Record::end);
    let is_packaged = |record: &Record| record.origin().kind() == "package";
    let packages = records.iter().position(is_packaged);
    packages.filter(|_| end > bounds.most).unwrap_or(0)
}

/// Where an archive is cut.
fn cuts(records: &[Record], packages: usize, bounds: Bounds) -> Vec<u64> {
    let end = records.last().map_or(0, Record::end);
    let (front, packages) = records.split_at(packages);
    let mut cuts = Vec::new();
    cut(front, bounds, &mut cuts);
    cuts.extend(packages.first().map(|first| first.start));
    cut(packages, bounds, &mut cuts);
    cuts.retain(|cut| *cut > 0 && *cut < end);
    cuts.dedup();
    cuts
}

/// Cuts a run of entries.
fn cut(mut rest: &[Record], bounds: Bounds, cuts: &mut Vec<u64>) {
    let mut last = rest.first().map_or(0, |first| first.start);
    let is_large = |record: &Record| record.end() - record.start > bounds.most;
    while let Some(record) = rest.first() {
        if is_large(record) {
            // It has its pieces for itself, so nothing before it moves its own cuts.
            cuts.extend((record.start..record.end()).step_by(bounds.most as usize));
            (last, rest) = (record.end(), &rest[1..]);
            cuts.push(last);
            continue;
        }
        let run = rest.partition_point(|next| next.end() - last <= bounds.most);
        if rest.get(run).is_none_or(is_large) {
            rest = &rest[run..];
            continue;
        }
        let least = rest[..=run].partition_point(|next| next.start - last < bounds.least);
        let choice = (least..=run)
            .min_by_key(|index| Digest::of(rest[*index].path.as_str().as_bytes()))
            .unwrap_or(run);
        last = rest[choice].start;
        cuts.push(last);
        rest = &rest[choice..];
    }
}
