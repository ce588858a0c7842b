//! Unpacks a list into a folder.
//!
//! Each block is fetched once, however many files have it, and written where it belongs in each. A failure leaves nothing behind.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::flist::{Block, CHUNK, Entry, Kind, List};
use crate::publish::blocks::Blocks;
use crate::tree::ImagePath;

use super::draft::{Draft, Ownership, Place};
use super::faults::{Fault, fetch, problems};
use super::{Work, cancelled, each};

/// After so many blocks that cannot be had the rest is not tried.
const MOST_FAULTS: u64 = 64;

/// What is to be unpacked, and where it goes.
pub struct Unpacking<'a> {
    /// The list.
    pub list: &'a List,
    /// Where its blocks are.
    pub store: &'a dyn Blocks,
    /// The folder.
    pub folder: &'a Path,
    /// Whose the files are.
    pub ownership: Ownership,
    /// Whether a folder that is there, with all that is in it, gives way.
    pub replaces: bool,
}

/// What was unpacked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Regular files.
    pub files: u64,
    /// Bytes of their contents.
    pub bytes: u64,
    /// Devices, pipes and sockets, which stay out, as with `rfs`.
    pub left_out: Vec<ImagePath>,
}

/// Writes the files of a list into a folder, which is new, empty, or replaced as a whole.
///
/// # Errors
/// `zosc::publish::not-empty`, blocks that are missing or wrong, contents that are not as long as the list says, refusals of the disk, and
/// `zosc::publish::cancelled`. The folder is as it was then.
pub fn unpack(unpacking: &Unpacking<'_>, work: Work<'_>) -> Result<Unpacked, Diagnostics> {
    let place = Place::new(unpacking.folder, unpacking.replaces)?;
    let mut draft = Draft::new(&place)?;
    let outline = Outline::of(unpacking.list);
    let filled = fill(&mut draft, &place, &outline, unpacking, work);
    if filled.is_err() {
        let entries = outline.entries.iter();
        entries.for_each(|(_, entry)| draft.undress(entry));
    }
    filled.map(|()| outline.unpacked())
}

fn fill(
    draft: &mut Draft,
    place: &Place,
    outline: &Outline,
    unpacking: &Unpacking<'_>,
    work: Work<'_>,
) -> Result<(), Diagnostics> {
    let go_on = || {
        let is_stopped = work.cancel.load(Ordering::Relaxed);
        if is_stopped { Err(stopped()) } else { Ok(()) }
    };
    for (_, entry) in &outline.entries {
        go_on()?;
        draft.make(entry)?;
    }
    Contents {
        draft,
        outline,
        list: unpacking.list,
        store: unpacking.store,
    }
    .fetch(work)?;
    for (_, entry) in outline.entries.iter().rev() {
        go_on()?;
        draft.dress(entry, unpacking.ownership)?;
    }
    go_on()?;
    Ok(draft.name(place)?)
}

fn stopped() -> Diagnostics {
    cancelled("nothing was unpacked")
}

/// What a list wants to be written where.
struct Outline {
    /// Entries that are made, with their numbers.
    entries: Vec<(u64, Entry)>,
    left_out: Vec<ImagePath>,
    tasks: Vec<Task>,
}

/// Work for one thread.
enum Task {
    /// A block, and where it belongs.
    Block(Block, Vec<Piece>),
    /// A file with blocks shorter than chunks in its middle, where only contents say what comes where.
    Uneven(usize),
}

/// A piece of a file.
struct Piece {
    /// The file, among the entries.
    entry: usize,
    offset: u64,
    length: u64,
}

impl Outline {
    fn of(list: &List) -> Self {
        let is_made = |kind: &Kind| {
            matches!(
                kind,
                Kind::Directory | Kind::File { .. } | Kind::Symlink { .. }
            )
        };
        let (entries, special): (Vec<_>, Vec<_>) =
            list.entries().partition(|(_, entry)| is_made(&entry.kind));
        let mut blocks: BTreeMap<Block, Vec<Piece>> = BTreeMap::new();
        let mut tasks = Vec::new();
        for (at, (number, entry)) in entries.iter().enumerate() {
            let (own, size) = (list.blocks(*number), size(entry));
            if own.len() as u64 != size.div_ceil(CHUNK as u64) {
                tasks.push(Task::Uneven(at));
                continue;
            }
            for (block, offset) in own.iter().zip((0..).step_by(CHUNK)) {
                blocks.entry(*block).or_default().push(Piece {
                    entry: at,
                    offset,
                    length: (size - offset).min(CHUNK as u64),
                });
            }
        }
        let whole = blocks.into_iter();
        tasks.extend(whole.map(|(block, pieces)| Task::Block(block, pieces)));
        Self {
            entries,
            left_out: special.into_iter().map(|(_, entry)| entry.path).collect(),
            tasks,
        }
    }

    fn unpacked(self) -> Unpacked {
        let is_file = |entry: &&Entry| matches!(entry.kind, Kind::File { .. });
        let entries = self.entries.iter().map(|(_, entry)| entry);
        let sizes = entries.filter(is_file).map(size);
        let (files, bytes) = sizes.fold((0, 0), |(files, bytes), size| (files + 1, bytes + size));
        Unpacked {
            files,
            bytes,
            left_out: self.left_out,
        }
    }
}

fn size(entry: &Entry) -> u64 {
    match entry.kind {
        Kind::File { size } => size,
        _ => 0,
    }
}

/// Brings contents from a store into files that are there.
struct Contents<'a> {
    draft: &'a Draft,
    outline: &'a Outline,
    list: &'a List,
    store: &'a dyn Blocks,
}

enum Wrong {
    Fault(Fault),
    Other(Diagnostic),
}

impl Contents<'_> {
    fn fetch(&self, work: Work<'_>) -> Result<(), Diagnostics> {
        let tasks = &self.outline.tasks;
        let (done, wrong) = (AtomicU64::new(0), AtomicU64::new(0));
        let is_stopped = || work.cancel.load(Ordering::Relaxed);
        let goes_on = || !is_stopped() && wrong.load(Ordering::Relaxed) < MOST_FAULTS;
        let (checked, wrongs) = each(tasks, work.connections, &goes_on, &|task| {
            let result = match task {
                Task::Block(block, pieces) => self.block(block, pieces),
                Task::Uneven(entry) => self.file(*entry),
            };
            if result.is_err() {
                wrong.fetch_add(1, Ordering::Relaxed);
            }
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            (work.progress)(done, tasks.len() as u64);
            result
        });
        let (mut faults, mut others) = (Vec::new(), Diagnostics::new());
        for wrong in wrongs {
            match wrong {
                Wrong::Fault(fault) => faults.push(fault),
                Wrong::Other(problem) => others.push(problem),
            }
        }
        others.extend(problems(&faults, checked, &self.store.address()));
        others.into_result()?;
        if checked < tasks.len() {
            return Err(stopped());
        }
        Ok(())
    }

    fn block(&self, block: &Block, pieces: &[Piece]) -> Result<(), Wrong> {
        let Some(first) = pieces.first() else {
            return Ok(());
        };
        let (_, entry) = &self.outline.entries[first.entry];
        let content = fetch(block, &entry.path, self.store);
        let content = content.map_err(Wrong::Fault)?.content;
        for piece in pieces {
            let (_, entry) = &self.outline.entries[piece.entry];
            let length = content.len() as u64;
            if length != piece.length {
                let whole = size(entry) - piece.length + length;
                entry.check_length(whole).map_err(Wrong::Other)?;
            }
            let written = self.draft.write(&entry.path, piece.offset, &content);
            written.map_err(Wrong::Other)?;
        }
        Ok(())
    }

    fn file(&self, entry: usize) -> Result<(), Wrong> {
        let (number, entry) = &self.outline.entries[entry];
        let mut offset = 0;
        for block in self.list.blocks(*number) {
            let content = fetch(block, &entry.path, self.store);
            let content = content.map_err(Wrong::Fault)?.content;
            let written = self.draft.write(&entry.path, offset, &content);
            written.map_err(Wrong::Other)?;
            offset += content.len() as u64;
        }
        entry.check_length(offset).map_err(Wrong::Other)
    }
}
