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

/// How many bytes a piece may have before compression; the last ones of a run may have fewer.
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

/// Where an archive is cut.
fn cuts(records: &[Record], bounds: Bounds) -> Vec<u64> {
    let mut cuts = Vec::new();
    let mut last = 0;
    let mut rest = records;
    while let Some(record) = rest.first() {
        if record.end() - record.start > bounds.most {
            // A file that fills pieces has them for itself, so nothing before it moves its own cuts.
            cuts.extend((record.start..record.end()).step_by(bounds.most as usize));
            (last, rest) = (record.end(), &rest[1..]);
            cuts.push(last);
            continue;
        }
        let run = rest.partition_point(|next| next.end() - last <= bounds.most);
        let after = rest.get(run);
        let is_large = |next: &Record| next.end() - next.start > bounds.most;
        if after.is_none_or(is_large) {
            rest = &rest[run..];
            continue;
        }
        let least = rest[..=run].partition_point(|next| next.start - last < bounds.least);
        let choice =
            (least..=run).min_by_key(|index| Digest::of(rest[*index].path.as_str().as_bytes()));
        let choice = choice.unwrap_or(run);
        last = rest[choice].start;
        cuts.push(last);
        rest = &rest[choice..];
    }
    let end = records.last().map_or(0, Record::end);
    cuts.retain(|cut| *cut > 0 && *cut < end);
    cuts
}
