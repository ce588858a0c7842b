//! Tables of names in which a name that ends another one takes no room of its own.

use std::collections::BTreeMap;

use crate::elf::headers::{DAMAGED, Reason};

/// Names of an old table that a new one shall have.
pub(super) struct Names<'a> {
    table: &'a [u8],
    /// Where the names of the old table end.
    ends: Vec<usize>,
    /// By such an end: the first byte of the longest name that is wanted.
    wanted: BTreeMap<usize, usize>,
}

/// The new table, and where names of the old one are in it.
pub(super) struct Packed {
    pub(super) bytes: Vec<u8>,
    ends: Vec<usize>,
    /// By the end in the old table: how the new place follows from the old one.
    moved: BTreeMap<usize, (usize, usize)>,
}

impl<'a> Names<'a> {
    pub(super) fn new(table: &'a [u8]) -> Self {
        let ends = table.iter().enumerate().filter(|(_, byte)| **byte == 0);
        Self {
            table,
            ends: ends.map(|(at, _)| at).collect(),
            wanted: BTreeMap::new(),
        }
    }

    /// Wants the name at a place of the old table.
    pub(super) fn want(&mut self, at: u32) -> Result<(), Reason> {
        let start = at as usize;
        let end = end_of(&self.ends, start).ok_or(DAMAGED)?;
        let longest = self.wanted.entry(end).or_insert(start);
        *longest = start.min(*longest);
        Ok(())
    }

    /// The new table. Names that end alike come to stand behind each other when they are sorted from their ends.
    pub(super) fn pack(self) -> Packed {
        let text = |(end, start): &(usize, usize)| self.table.get(*start..*end).unwrap_or(&[]);
        let mut names: Vec<(usize, usize)> = self.wanted.into_iter().collect();
        names.sort_by(|one, other| text(other).iter().rev().cmp(text(one).iter().rev()));
        let mut bytes = vec![0];
        let mut moved = BTreeMap::new();
        let mut last: (&[u8], usize) = (&[], 0);
        for name in names {
            let content = text(&name);
            if !last.0.ends_with(content) {
                last = (content, bytes.len());
                bytes.extend(content);
                bytes.push(0);
            }
            let (end, start) = name;
            moved.insert(end, (start, last.1 + last.0.len() - content.len()));
        }
        Packed {
            bytes,
            ends: self.ends,
            moved,
        }
    }
}

impl Packed {
    /// The place of a name that was wanted, by its place in the old table.
    pub(super) fn place(&self, at: u32) -> u32 {
        let moved = end_of(&self.ends, at as usize).and_then(|end| self.moved.get(&end));
        moved.map_or(0, |(start, place)| (place + at as usize - start) as u32)
    }
}

/// The end of the name that begins at a place.
fn end_of(ends: &[usize], start: usize) -> Option<usize> {
    let index = ends.partition_point(|end| *end < start);
    ends.get(index).copied()
}
