//! Packs files: a list, and their contents as blocks.
//!
//! The caller's thread reads contents, one chunk at a time, and writes the list; further threads seal chunks and put them where they belong.
//! Whoever reads does not wait while all of those have enough to do, but seals a chunk as well. So memory holds a few chunks for
//! each thread, however large the tree is; rows are written in the order of the files, however the threads take turns.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::rows::{Rows, bad_entry};
use super::write::write_list;
use super::{Block, BlockId, CHUNK, Entry, Head, Kind, seal};
use crate::diagnostic::Diagnostic;
use crate::tree::ImagePath;

/// Most rows that may wait for a chunk that is not sealed yet.
const AHEAD: usize = 4096;

/// Something to be packed.
pub struct Packable<'a> {
    /// What the list says of it.
    pub entry: Entry,
    /// The content of a file; of all else nothing is read.
    pub content: Box<dyn Read + 'a>,
}

impl<'a> Packable<'a> {
    /// A file with its content, which is as long as the entry says.
    pub fn file(entry: Entry, content: impl Read + 'a) -> Self {
        Self {
            entry,
            content: Box::new(content),
        }
    }

    /// What has no content.
    pub fn bare(entry: Entry) -> Self {
        Self {
            entry,
            content: Box::new(io::empty()),
        }
    }
}

/// Takes blocks, from several threads at once.
pub trait Sink: Sync {
    /// Takes a block; called once for each that a run has.
    ///
    /// # Errors
    /// It cannot be kept; the run ends.
    fn put(&self, id: &BlockId, bytes: &[u8]) -> Result<(), Diagnostic>;
}

impl<F: Fn(&BlockId, &[u8]) -> Result<(), Diagnostic> + Sync> Sink for F {
    fn put(&self, id: &BlockId, bytes: &[u8]) -> Result<(), Diagnostic> {
        self(id, bytes)
    }
}

/// Who looks on, and may stop it.
pub struct Watch<'a> {
    /// Set, it ends the run.
    pub cancel: &'a AtomicBool,
    /// Hears of every chunk that was read.
    pub progress: &'a dyn Fn(Progress),
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Files that were read.
    pub files: u64,
    /// Bytes that were read.
    pub bytes: u64,
}

/// What was packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Packed {
    /// Regular files.
    pub files: u64,
    /// Bytes of their contents.
    pub bytes: u64,
    /// Different blocks.
    pub blocks: u64,
    /// Bytes that those take.
    pub stored_bytes: u64,
}

/// Writes a list of `entries`, which come in the order of their paths, and puts their contents into `sink`.
///
/// The list gets its name when all blocks are where they belong. Whatever `threads` is, the list and the blocks are the same.
///
/// # Errors
/// An entry cannot be packed or read, the sink refuses a block, the list cannot be written, or the run was stopped. No list is left then;
/// blocks may be.
pub fn pack<'a>(
    entries: impl IntoIterator<Item = Result<Packable<'a>, Diagnostic>>,
    head: &Head,
    threads: usize,
    sink: &dyn Sink,
    list: &Path,
    watch: &Watch<'_>,
) -> Result<Packed, Diagnostic> {
    let sealing = Sealing {
        sink,
        seen: Mutex::default(),
        stored_bytes: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
    };
    // With one thread there is no room in it, and the caller's seals every chunk.
    let (chunks, queue) = mpsc::sync_channel(threads.saturating_sub(1));
    let (done, sealed) = mpsc::channel();
    let queue = Mutex::new(queue);
    let progress = write_list(list, head, |rows| {
        thread::scope(|scope| {
            for _ in 1..threads {
                let done = done.clone();
                let (queue, sealing) = (&queue, &sealing);
                scope.spawn(move || sealing.work(queue, &done));
            }
            // The last one is dropped with the threads that hold the others: should one of them panic, nobody waits for it.
            drop(done);
            let mut packing = Packing {
                rows,
                sealing: &sealing,
                chunks,
                sealed,
                waiting: VecDeque::new(),
                ahead: BTreeMap::new(),
                ino: 0,
                read: 0,
                progress: Progress::default(),
                watch,
            };
            let result = packing.all(entries);
            sealing.is_over.store(true, Ordering::Relaxed);
            result.map(|()| packing.progress)
        })
    })?;
    let seen = sealing
        .seen
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    Ok(Packed {
        files: progress.files,
        bytes: progress.bytes,
        blocks: seen.len() as u64,
        stored_bytes: sealing.stored_bytes.into_inner(),
    })
}

/// A piece of a file's content.
struct Chunk {
    /// Which one it is, of all.
    number: u64,
    content: Vec<u8>,
}

/// A chunk that has become a block.
struct Done {
    number: u64,
    block: Result<Block, Diagnostic>,
}

/// What the threads share.
struct Sealing<'a> {
    sink: &'a dyn Sink,
    seen: Mutex<BTreeSet<BlockId>>,
    stored_bytes: AtomicU64,
    is_over: AtomicBool,
}

impl Sealing<'_> {
    fn work(&self, queue: &Mutex<Receiver<Chunk>>, done: &mpsc::Sender<Done>) {
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        while let Ok(chunk) = next() {
            if self.is_over.load(Ordering::Relaxed) || done.send(self.seal(&chunk)).is_err() {
                return;
            }
        }
    }

    fn seal(&self, chunk: &Chunk) -> Done {
        let sealed = seal(&chunk.content);
        let is_new = self
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(sealed.block.id);
        let put = if is_new {
            self.stored_bytes
                .fetch_add(sealed.bytes.len() as u64, Ordering::Relaxed);
            self.sink.put(&sealed.block.id, &sealed.bytes)
        } else {
            Ok(())
        };
        Done {
            number: chunk.number,
            block: put.map(|()| sealed.block),
        }
    }
}

/// Something to be written.
enum Row {
    Entry(Entry),
    /// The block that this chunk becomes.
    Block(u64),
}

/// The caller's thread.
struct Packing<'a, 'c> {
    rows: &'a mut Rows<'c>,
    sealing: &'a Sealing<'a>,
    chunks: SyncSender<Chunk>,
    sealed: Receiver<Done>,
    /// What is still to be written, in order. SQLite gives out pages as rows come, so nothing may overtake.
    waiting: VecDeque<Row>,
    /// Blocks whose turn has not come.
    ahead: BTreeMap<u64, Block>,
    /// The entry that was written last.
    ino: i64,
    /// How many chunks were read.
    read: u64,
    progress: Progress,
    watch: &'a Watch<'a>,
}

impl Packing<'_, '_> {
    fn all<'e>(
        &mut self,
        entries: impl IntoIterator<Item = Result<Packable<'e>, Diagnostic>>,
    ) -> Result<(), Diagnostic> {
        for packable in entries {
            self.go_on()?;
            let Packable { entry, mut content } = packable?;
            let (path, kind) = (entry.path.clone(), entry.kind.clone());
            self.waiting.push_back(Row::Entry(entry));
            self.settle(AHEAD)?;
            if let Kind::File { size } = kind {
                self.file(&path, size, &mut content)?;
            }
        }
        self.settle(0)
    }

    fn file(
        &mut self,
        path: &ImagePath,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<(), Diagnostic> {
        let unreadable = |error: io::Error| bad_entry(path, format!("cannot be read: {error}"));
        let mut left = size;
        while left > 0 {
            self.go_on()?;
            let wanted = left.min(CHUNK as u64);
            let mut piece = Vec::with_capacity(wanted as usize);
            content
                .take(wanted)
                .read_to_end(&mut piece)
                .map_err(unreadable)?;
            if piece.len() as u64 != wanted {
                return Err(bad_entry(
                    path,
                    format!("has become shorter than {size} bytes while it was packed"),
                ));
            }
            left -= wanted;
            self.progress.bytes += wanted;
            self.chunk(Chunk {
                number: self.read,
                content: piece,
            })?;
            (self.watch.progress)(self.progress);
        }
        if content.read(&mut [0]).map_err(unreadable)? > 0 {
            return Err(bad_entry(
                path,
                format!("has become longer than {size} bytes while it was packed"),
            ));
        }
        self.progress.files += 1;
        Ok(())
    }

    fn chunk(&mut self, chunk: Chunk) -> Result<(), Diagnostic> {
        self.read += 1;
        self.waiting.push_back(Row::Block(chunk.number));
        match self.chunks.try_send(chunk) {
            Ok(()) => {}
            Err(TrySendError::Full(chunk) | TrySendError::Disconnected(chunk)) => {
                let done = self.sealing.seal(&chunk);
                self.ahead.insert(done.number, done.block?);
            }
        }
        self.settle(AHEAD)
    }

    /// Writes the rows whose turn it is, and waits until no more than `most` are left.
    fn settle(&mut self, most: usize) -> Result<(), Diagnostic> {
        while let Ok(done) = self.sealed.try_recv() {
            self.ahead.insert(done.number, done.block?);
        }
        self.write()?;
        while self.waiting.len() > most {
            // Where every thread has ended, one has panicked, which comes up where they are joined.
            let Ok(done) = self.sealed.recv() else { break };
            self.ahead.insert(done.number, done.block?);
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), Diagnostic> {
        while let Some(row) = self.waiting.front() {
            match row {
                Row::Entry(entry) => self.ino = self.rows.entry(entry)?,
                Row::Block(number) => match self.ahead.remove(number) {
                    Some(block) => self.rows.block(self.ino, &block)?,
                    None => break,
                },
            }
            self.waiting.pop_front();
        }
        Ok(())
    }

    fn go_on(&self) -> Result<(), Diagnostic> {
        if self.watch.cancel.load(Ordering::Relaxed) {
            return Err(Diagnostic::error("zosc::flist::cancelled", "stopped").help(
                "run the command again; blocks that are in the store already are found there",
            ));
        }
        Ok(())
    }
}
