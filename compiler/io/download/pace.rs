//! How slow a server may be, and whether one is slower: times and counts of bytes go in, and a verdict comes out.

use std::time::Duration;

/// How slow a server may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long it has for the least bytes.
    pub window: Duration,
    /// How many those are.
    pub least: u64,
}

/// A server that never falls silent and never gets done is given up.
pub(super) const PATIENCE: Patience = Patience {
    window: Duration::from_mins(2),
    least: 16 << 10,
};

/// How fast a content comes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    patience: Patience,
    /// When the window began, and what had come by then.
    since: Duration,
    received: u64,
}

impl Pace {
    pub(super) fn new(patience: Patience, received: u64) -> Self {
        Self {
            patience,
            since: Duration::ZERO,
            received,
        }
    }

    /// Whether too little has come, by the time since the start and the bytes of all.
    pub(super) fn is_too_slow(&mut self, now: Duration, received: u64) -> bool {
        if now.saturating_sub(self.since) < self.patience.window {
            return false;
        }
        let came = received.saturating_sub(self.received);
        (self.since, self.received) = (now, received);
        came < self.patience.least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slowness_is_measured_again_and_again() {
        let mut pace = Pace::new(PATIENCE, 0);
        let minutes = |number| Duration::from_mins(number);
        assert!(!pace.is_too_slow(minutes(1), 60));
        assert!(pace.is_too_slow(minutes(2), 120), "a byte a second");
        let mut pace = Pace::new(PATIENCE, 1000);
        let least = PATIENCE.least;
        assert!(!pace.is_too_slow(minutes(2), 1000 + least));
        assert!(!pace.is_too_slow(minutes(3), 1000 + least));
        assert!(pace.is_too_slow(minutes(4), 1001 + least));
    }
}
