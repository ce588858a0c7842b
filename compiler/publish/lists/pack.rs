//! Packs a folder: blocks go to stores, then the list gets its name.

use std::cell::Cell;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::flist::{self, BlockId, Head, Packed, Sink, Watch};
use crate::io::{Pending, disk_refusal, temporary_folder};
use crate::publish::blocks::{Blocks, Put, Routes, prove};

use super::Work;
use super::walk::{Owners, packables};

/// What is to be packed, and where it goes.
pub struct Packing<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// Whose its files are.
    pub owners: Owners,
    /// What the list says of itself.
    pub head: &'a Head,
    /// Where blocks are written.
    pub stores: &'a Routes<'a>,
    /// Where blocks must be found afterwards, where that is to be proven.
    pub public: Option<&'a Routes<'a>>,
    /// How many threads seal blocks; it changes no byte.
    pub threads: usize,
    /// The list.
    pub list: &'a Path,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// What the list holds.
    pub packed: Packed,
    /// Blocks that are new in the store.
    pub new: u64,
    /// Bytes that those take.
    pub new_bytes: u64,
}

/// Writes the blocks of a folder and its list; `total` is how many bytes there are to read.
///
/// The list gets its name when each block is in its store, and where asked for has been seen to be found through the routes.
///
/// # Errors
/// What cannot be read or changed meanwhile, refusals of the store, routes that lead elsewhere, an end that somebody asked for. There is no
/// list then, or the one that was there before.
pub fn pack(packing: &Packing<'_>, total: u64, work: Work<'_>) -> Result<Written, Diagnostics> {
    let scratch = tempfile::Builder::new()
        .prefix("zosc-list-")
        .tempdir_in(temporary_folder())
        .map_err(|error| unwritten(&temporary_folder(), &error))?;
    let unnamed = scratch.path().join("list.fl");
    let sending = Sending::new(packing.stores);
    let packed = sending.during(work.connections, |sink| {
        let last = Cell::new(0);
        let progress = |at: flist::Progress| {
            if last.replace(at.bytes) != at.bytes {
                (work.progress)(at.bytes, total);
            }
        };
        let watch = Watch {
            cancel: work.cancel,
            progress: &progress,
        };
        let entries = packables(packing.folder, packing.owners)?;
        flist::pack(
            entries,
            packing.head,
            packing.threads,
            sink,
            &unnamed,
            &watch,
        )
    })?;
    if let Some(public) = packing.public {
        prove(&packing.stores.address(), &sending.probes(), public)?;
    }
    name(&unnamed, packing.list)?;
    Ok(Written {
        packed,
        new: sending.new.into_inner(),
        new_bytes: sending.new_bytes.into_inner(),
    })
}

/// Gives a finished list its name, which may be on another disk.
fn name(unnamed: &Path, list: &Path) -> Result<(), Diagnostic> {
    let copy = || -> io::Result<()> {
        let folder = list.parent().unwrap_or(Path::new("."));
        if folder != Path::new("") {
            fs::create_dir_all(folder)?;
        }
        let mut file = Pending::new(folder)?;
        io::copy(&mut File::open(unnamed)?, &mut file)?;
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.file().sync_all()?;
        file.persist(list)
    };
    copy().map_err(|error| unwritten(list, &error))
}

fn unwritten(path: &Path, error: &io::Error) -> Diagnostic {
    disk_refusal(path, error).unwrap_or_else(|| {
        Diagnostic::error(
            "zosc::flist::write-failed",
            format!("the flist `{}` cannot be written: {error}", path.display()),
        )
        .help("make room where the flist goes, or name another place, then run the command again")
    })
}

/// Blocks on their way to the stores, by threads of their own: who seals does not wait for a server.
struct Sending<'a> {
    stores: &'a Routes<'a>,
    new: AtomicU64,
    new_bytes: AtomicU64,
    /// For each first byte a block with it, a new one where there is one.
    probes: Mutex<Vec<Option<(BlockId, Put)>>>,
    /// The first refusal.
    refused: Mutex<Option<Diagnostic>>,
}

type Block = (BlockId, Vec<u8>);

impl<'a> Sending<'a> {
    fn new(stores: &'a Routes<'a>) -> Self {
        Self {
            stores,
            new: AtomicU64::new(0),
            new_bytes: AtomicU64::new(0),
            probes: Mutex::new(vec![None; 256]),
            refused: Mutex::default(),
        }
    }

    /// Runs `act`, and sends what it puts into the sink; all of it is there when this returns.
    fn during<T>(
        &self,
        connections: usize,
        act: impl FnOnce(&dyn Sink) -> Result<T, Diagnostic>,
    ) -> Result<T, Diagnostic> {
        let (sender, receiver) = sync_channel(connections);
        let receiver = Mutex::new(receiver);
        let acted = std::thread::scope(|scope| {
            for _ in 0..connections.max(1) {
                scope.spawn(|| self.send_all(&receiver));
            }
            let queue = Queue {
                sending: self,
                sender,
            };
            act(&queue)
        });
        match self.refusal() {
            Some(refusal) => Err(refusal),
            None => acted,
        }
    }

    fn send_all(&self, receiver: &Mutex<Receiver<Block>>) {
        let next = || {
            receiver
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .recv()
        };
        while let Ok((id, bytes)) = next() {
            // After a refusal the queue is only emptied, so that nobody waits for room in it.
            if self.refusal().is_none()
                && let Err(problem) = self.send(&id, &bytes)
            {
                let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
                refused.get_or_insert(problem);
            }
        }
    }

    fn send(&self, id: &BlockId, bytes: &[u8]) -> Result<(), Diagnostic> {
        let put = self.stores.write(id, bytes)?;
        if put == Put::New {
            self.new.fetch_add(1, Ordering::Relaxed);
            self.new_bytes
                .fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(probe) = probes.get_mut(usize::from(id.prefix()))
            && probe.is_none_or(|(_, known)| known == Put::Present && put == Put::New)
        {
            *probe = Some((*id, put));
        }
        Ok(())
    }

    fn refusal(&self) -> Option<Diagnostic> {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Blocks to be read again, those first that were not there before.
    fn probes(&self) -> Vec<BlockId> {
        let probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut probes: Vec<_> = probes.iter().flatten().copied().collect();
        probes.sort_by_key(|(_, put)| *put == Put::Present);
        probes.into_iter().map(|(id, _)| id).collect()
    }
}

/// The end of the queue that blocks are put into.
struct Queue<'s> {
    sending: &'s Sending<'s>,
    sender: SyncSender<Block>,
}

impl Sink for Queue<'_> {
    fn put(&self, id: &BlockId, bytes: &[u8]) -> Result<(), Diagnostic> {
        // Who receives is there until this end is gone.
        let _ = self.sender.send((*id, bytes.to_vec()));
        self.sending.refusal().map_or(Ok(()), Err)
    }
}
