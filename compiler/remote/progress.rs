//! How far a transfer is, told while several parts of it go on.

use std::cell::{Cell, RefCell};

/// Counts bytes for somebody who wants to be told.
pub(super) struct Progress<'p> {
    done: Cell<u64>,
    total: u64,
    tell: RefCell<&'p mut dyn FnMut(u64, u64)>,
}

impl<'p> Progress<'p> {
    /// Nothing of so many bytes is done.
    pub(super) fn new(total: u64, tell: &'p mut dyn FnMut(u64, u64)) -> Self {
        let progress = Self {
            done: Cell::new(0),
            total,
            tell: RefCell::new(tell),
        };
        progress.add(0);
        progress
    }

    /// So many more bytes are done.
    pub(super) fn add(&self, bytes: u64) {
        self.done.set(self.done.get() + bytes);
        (self.tell.borrow_mut())(self.done.get(), self.total);
    }
}

/// The part of a content that was counted: what is sent twice counts once.
pub(super) struct Mark<'p, 'q> {
    progress: &'q Progress<'p>,
    reached: u64,
}

impl<'p, 'q> Mark<'p, 'q> {
    /// Nothing of a content was counted.
    pub(super) fn new(progress: &'q Progress<'p>) -> Self {
        Self {
            progress,
            reached: 0,
        }
    }

    /// A content is done up to here.
    pub(super) fn reach(&mut self, offset: u64) {
        if offset > self.reached {
            self.progress.add(offset - self.reached);
            self.reached = offset;
        }
    }
}
