//! The budget of memory, for actions whose need is known: compressors. It decides what runs side by side, never what comes out.

use crate::io::available_memory;
use crate::plan::Action;

/// What is taken where nobody says how much: three quarters of what is available now.
pub fn default_memory() -> u64 {
    available_memory().map_or(u64::MAX, |bytes| bytes / 4 * 3)
}

/// Bytes that actions may take together.
#[derive(Debug)]
pub(super) struct Memory {
    most: u64,
    taken: u64,
}

impl Memory {
    pub(super) fn new(most: u64) -> Self {
        Self { most, taken: 0 }
    }

    /// Takes some, where there is enough; whoever needs more than there is gets it when nobody else has any.
    pub(super) fn take(&mut self, bytes: u64) -> bool {
        let taken = self.taken.saturating_add(bytes);
        let fits = bytes == 0 || self.taken == 0 || taken <= self.most;
        if fits {
            self.taken = taken;
        }
        fits
    }

    /// Takes back what somebody had.
    pub(super) fn give_back(&mut self, bytes: u64) {
        self.taken = self.taken.saturating_sub(bytes);
    }
}

/// About what an action needs on one processor, where that is much.
pub(super) fn needed(action: &Action) -> u64 {
    match action {
        // How much there is to compress is not known before its tree is read.
        Action::Cpio { compression, .. } => compression.memory(u64::MAX),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_waits_and_the_first_never_does() {
        let mut memory = Memory::new(100);
        assert!(memory.take(400), "it is alone");
        assert!(!memory.take(1));
        assert!(memory.take(0), "it needs nothing");
        memory.give_back(400);
        assert!(memory.take(60) && memory.take(40));
        assert!(!memory.take(1));
        memory.give_back(40);
        assert!(memory.take(30));
    }
}
