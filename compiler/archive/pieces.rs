//! Cutting an archive into pieces that are compressed side by side, and remembered one by one.
//!
//! Where the cuts are depends on the entries and the compression only, never on who packs or with how many threads. A cut is made
//! before the entry whose path has the least digest of all that come into question, so entries that come or go move few cuts.

use std::ops::Range;

use super::newc::{Archive, Record};
use super::{Algorithm, Compression};
use crate::tree::{Digest, Hasher};

/// A part of an archive that is compressed by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The bytes of the archive that it holds.
    pub range: Range<u64>,
    /// What it is made of and how it is compressed: with the same key, it is the same.
    pub key: Digest,
}

impl Piece {
    /// Bytes before compression.
    pub fn size(&self) -> u64 {
        self.range.end - self.range.start
    }
}

/// How many bytes a piece may have before compression; the last ones of a run may have fewer, and large files more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) least: u64,
    pub(super) most: u64,
}

impl Archive {
    /// The pieces of the archive, in order. Of the compressions only xz can join pieces to one stream.
    pub fn pieces(&self, compression: Compression) -> Vec<Piece> {
        let cuts = match compression.algorithm() {
            Algorithm::Xz => cuts(&self.records, compression.bounds()),
            Algorithm::None | Algorithm::Gzip | Algorithm::Zstd => Vec::new(),
        };
        let starts = [0].into_iter().chain(cuts.iter().copied());
        let ends = cuts.iter().copied().chain([self.size()]);
        let ranges = starts.zip(ends).map(|(start, end)| start..end);
        ranges.map(|range| self.piece(range, compression)).collect()
    }

    fn piece(&self, range: Range<u64>, compression: Compression) -> Piece {
        let mut hasher = Hasher::new();
        hasher.update(format!("piece 1\n{compression:?}\n").as_bytes());
        hasher.update(self.digest(&range).as_bytes());
        Piece {
            range,
            key: hasher.finish(),
        }
    }
}

/// Where an archive is cut. Directories and apk's database, which change whenever a package does, are not in one piece with packages.
fn cuts(records: &[Record], bounds: Bounds) -> Vec<u64> {
    let end = records.last().map_or(0, Record::end);
    let packages = records
        .iter()
        .position(|record| record.origin().kind() == "package");
    let packages = packages.filter(|_| end > bounds.most).unwrap_or(0);
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
            // It has its pieces for itself, so nothing before it moves its own cuts. They are larger: no other file is in them.
            let step = 2 * bounds.most as usize;
            cuts.extend((record.start..record.end()).step_by(step));
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
