//! Lists together with their blocks: packed from a folder, verified, unpacked, copied to another store.
//!
//! Comes in: a folder or a list, and stores. Goes out: a list whose blocks are where its routes lead, files, or everything that
//! is missing or wrong. A list never gets its name, and a folder never its place, before all that belongs to it is there.

mod copy;
mod draft;
mod faults;
mod pack;
mod unpack;
mod verify;
mod walk;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::flist::{Block, List};
use crate::tree::ImagePath;

pub use copy::{Copied, copy};
pub use draft::Ownership;
pub use faults::{Fault, Trouble};
pub use pack::{Packing, Written, pack};
pub use unpack::{Unpacked, Unpacking, unpack};
pub use verify::{Selection, Verified, verify};
pub use walk::{Owners, Scanned, left_out, scan};

/// How long work is done, and who is told.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// How many blocks are under way at a time.
    pub connections: usize,
    /// Set, it ends the work.
    pub cancel: &'a AtomicBool,
    /// Hears how much is done, and of how much.
    pub progress: &'a (dyn Fn(u64, u64) + Sync),
}

/// The blocks of a list, each once and by name, with a file that has it.
pub struct Distinct {
    paths: Vec<ImagePath>,
    blocks: Vec<(Block, usize)>,
}

impl Distinct {
    /// Reads them from a list.
    pub fn of(list: &List) -> Self {
        let (mut paths, mut blocks) = (Vec::new(), Vec::new());
        for (number, entry) in list.entries() {
            let own = list.blocks(number);
            if own.is_empty() {
                continue;
            }
            blocks.extend(own.iter().map(|block| (*block, paths.len())));
            paths.push(entry.path);
        }
        blocks.sort_unstable();
        blocks.dedup_by_key(|(block, _)| *block);
        Self { paths, blocks }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Each with the first file that has it.
    pub fn iter(&self) -> impl Iterator<Item = (&Block, &ImagePath)> {
        self.blocks
            .iter()
            .map(|(block, path)| (block, &self.paths[*path]))
    }
}

/// Does something with each of some items on several threads, while `goes_on` says so. What went wrong is in the order of the items, with how
/// many items were done.
fn each<T: Sync, E: Send>(
    items: &[T],
    threads: usize,
    goes_on: &(dyn Fn() -> bool + Sync),
    act: &(dyn Fn(&T) -> Result<(), E> + Sync),
) -> (usize, Vec<E>) {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                while goes_on() {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { break };
                    if let Err(error) = act(item)
                        && let Ok(mut wrong) = wrong.lock()
                    {
                        wrong.push((at, error));
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap_or_default();
    wrong.sort_by_key(|(at, _)| *at);
    let wrong = wrong.into_iter().map(|(_, error)| error).collect();
    (done.into_inner(), wrong)
}

/// Somebody asked for an end.
fn cancelled(what_stays: &str) -> Diagnostics {
    Diagnostic::error("zosc::publish::cancelled", "stopped")
        .help(format!("run the command again to go on; {what_stays}"))
        .into()
}

#[cfg(test)]
mod tests;
