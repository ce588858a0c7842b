//! Copies the blocks of a list to another store.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::flist::{Block, BlockId, List};
use crate::publish::blocks::{Blocks, Put};
use crate::tree::ImagePath;

use super::faults::{Fault, fetch, problems};
use super::{Distinct, Work, cancelled, each};

/// After so many blocks that cannot be copied the rest is not tried.
const MOST_FAULTS: u64 = 64;

/// What was copied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    /// Blocks that are new in the store.
    pub new: u64,
    /// Bytes that those take.
    pub new_bytes: u64,
    /// Blocks that were there already.
    pub present: u64,
    /// The list's blocks, by name.
    pub ids: Vec<BlockId>,
}

enum Wrong {
    From(Fault),
    To(Diagnostic),
}

/// Brings every block of a list from one store to another, unless it is there; what comes is opened first.
///
/// # Errors
/// Blocks that the first store does not have, refusals of the second one, and `zosc::publish::cancelled`.
pub fn copy(
    list: &List,
    from: &dyn Blocks,
    to: &dyn Blocks,
    work: Work<'_>,
) -> Result<Copied, Diagnostics> {
    let distinct = Distinct::of(list);
    let items: Vec<(&Block, &ImagePath)> = distinct.iter().collect();
    let (new, new_bytes) = (AtomicU64::new(0), AtomicU64::new(0));
    let (done, wrong) = (AtomicU64::new(0), AtomicU64::new(0));
    let is_stopped = || work.cancel.load(Ordering::Relaxed);
    let goes_on = || !is_stopped() && wrong.load(Ordering::Relaxed) < MOST_FAULTS;
    let copy_one = |block: &Block, path: &ImagePath| -> Result<(), Wrong> {
        if to.has(&block.id).map_err(Wrong::To)? {
            return Ok(());
        }
        // Opened as well, so that nothing is copied that nobody can use.
        let sealed = fetch(block, path, from).map_err(Wrong::From)?.sealed;
        if to.write(&block.id, &sealed).map_err(Wrong::To)? == Put::New {
            new.fetch_add(1, Ordering::Relaxed);
            new_bytes.fetch_add(sealed.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    };
    let (checked, wrong) = each(&items, work.connections, &goes_on, &|(block, path)| {
        let copied = copy_one(block, path);
        if copied.is_err() {
            wrong.fetch_add(1, Ordering::Relaxed);
        }
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        (work.progress)(done, items.len() as u64);
        copied
    });
    let mut refused = Diagnostics::new();
    let mut faults = Vec::new();
    for wrong in wrong {
        match wrong {
            Wrong::From(fault) => faults.push(fault),
            Wrong::To(problem) => refused.push(problem),
        }
    }
    refused.extend(problems(&faults, checked, &from.address()));
    refused.into_result()?;
    if checked < items.len() {
        return Err(cancelled("blocks that were copied are found in the store"));
    }
    let new = new.into_inner();
    Ok(Copied {
        new,
        new_bytes: new_bytes.into_inner(),
        present: items.len() as u64 - new,
        ids: items.iter().map(|(block, _)| block.id).collect(),
    })
}
