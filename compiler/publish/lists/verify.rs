//! Verifies that the blocks of a list can be read, and are what the list says.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::diagnostic::Diagnostics;
use crate::flist::{Block, List};
use crate::publish::blocks::Blocks;
use crate::tree::ImagePath;

use super::faults::{Fault, Trouble, fetch, problems};
use super::{Distinct, Work, each};

/// So many blocks are tried at a store that has not answered once.
const PATIENCE: usize = 8;

/// Which blocks are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// So many, spread evenly over all of them by their names: the same ones each time.
    Sample(usize),
    /// Each one.
    All,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Verified {
    /// Different blocks of the list.
    pub blocks: usize,
    /// Those that were looked at.
    pub checked: usize,
    /// Bytes that those hold.
    pub bytes: u64,
    /// Those that are not as they should be.
    pub faults: Vec<Fault>,
    /// Whether somebody asked for an end before all were looked at.
    pub stopped: bool,
    /// The store.
    store: String,
}

impl Verified {
    /// What is wrong, one problem for each kind of trouble.
    pub fn problems(&self) -> Diagnostics {
        problems(&self.faults, self.checked, &self.store)
    }
}

/// Reads blocks of a list from a store and opens them.
pub fn verify(list: &List, store: &dyn Blocks, selection: Selection, work: Work<'_>) -> Verified {
    let distinct = Distinct::of(list);
    let all: Vec<(&Block, &ImagePath)> = distinct.iter().collect();
    let chosen = match selection {
        Selection::Sample(count) if count < all.len() => spread(&all, count),
        _ => all,
    };
    let (bytes, answers) = (AtomicU64::new(0), AtomicUsize::new(0));
    let (done, silences) = (AtomicU64::new(0), AtomicUsize::new(0));
    let is_stopped = || work.cancel.load(Ordering::Relaxed);
    let goes_on = || {
        let answered = answers.load(Ordering::Relaxed) > 0;
        !is_stopped() && (answered || silences.load(Ordering::Relaxed) < PATIENCE)
    };
    let (checked, faults) = each(&chosen, work.connections, &goes_on, &|(block, path)| {
        let fetched = fetch(block, path, store);
        let count = match &fetched {
            Err(fault) if fault.trouble == Trouble::Unread => &silences,
            _ => &answers,
        };
        count.fetch_add(1, Ordering::Relaxed);
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        (work.progress)(done, chosen.len() as u64);
        bytes.fetch_add(fetched?.content.len() as u64, Ordering::Relaxed);
        Ok(())
    });
    Verified {
        blocks: distinct.len(),
        checked,
        bytes: bytes.into_inner(),
        faults,
        stopped: is_stopped() && checked < chosen.len(),
        store: store.address(),
    }
}

/// So many of some items, at even distances.
fn spread<T: Copy>(items: &[T], count: usize) -> Vec<T> {
    (0..count)
        .filter_map(|at| items.get(at * items.len() / count).copied())
        .collect()
}
