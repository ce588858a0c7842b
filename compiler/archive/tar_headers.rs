//! A bound for what a tar archive says of an entry before its content: long names, and what pax adds.
//!
//! Whoever reads entries has all of that in memory, and an archive of a few kilobytes can unpack to gigabytes of it.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// Most bytes of headers before one entry.
const MOST: u64 = 1 << 20;

/// The content of a tar archive, which is read no further than headers may reach.
pub struct BoundedHeaders<R> {
    content: R,
    position: u64,
    limit: Rc<Cell<u64>>,
}

/// Says where entries end, so that the headers of the next one may begin there.
pub struct EntryEnds(Rc<Cell<u64>>);

impl<R: Read> BoundedHeaders<R> {
    /// Bounds the headers of an archive from its first byte on.
    pub fn new(content: R) -> (Self, EntryEnds) {
        let limit = Rc::new(Cell::new(MOST));
        let bounded = Self {
            content,
            position: 0,
            limit: Rc::clone(&limit),
        };
        (bounded, EntryEnds(limit))
    }
}

impl EntryEnds {
    /// Lets reading go on over an entry, up to the headers behind it; to be called for each entry, before it is read.
    pub fn pass(&self, entry: &tar::Entry<'_, impl Read>) {
        // A sparse file is larger than what the archive has of it.
        let stored = match entry.header().entry_type() {
            tar::EntryType::GNUSparse => entry.header().entry_size().unwrap_or(0),
            _ => entry.size(),
        };
        let end = entry.raw_file_position().saturating_add(stored);
        self.0.set(end.saturating_add(MOST));
    }
}

impl<R: Read> Read for BoundedHeaders<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        self.position += count as u64;
        if self.position > self.limit.get() {
            let why = format!("an entry has more than {MOST} bytes of headers");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(count)
    }
}
