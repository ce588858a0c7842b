//! How often something is asked again, and what is worth asking again.

use std::time::Duration;

use tonic::{Code, Status};

use super::Settings;
use crate::io;

/// The longest pause between two attempts.
const LONGEST: Duration = Duration::from_secs(10);

/// Attempts that are left.
#[derive(Debug)]
pub(super) struct Attempts {
    left: u32,
    pause: Duration,
}

impl Attempts {
    /// All of them, before the first.
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            left: settings.attempts.max(1),
            pause: settings.pause,
        }
    }

    /// A few of them: whoever comes for the first time may have the wrong address.
    pub(super) fn few(settings: &Settings) -> Self {
        const FEW: u32 = 3;
        let all = Self::of(settings);
        Self {
            left: all.left.min(FEW),
            ..all
        }
    }

    /// Whether another attempt is due after one that failed; waits until then.
    pub(super) async fn again(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            return false;
        }
        tokio::time::sleep(spread(self.pause)).await;
        self.pause = (self.pause * 2).min(LONGEST);
        true
    }
}

/// A pause of half to all of its length: many who were cut off at once shall not come back at once.
fn spread(pause: Duration) -> Duration {
    let mut chance = [0];
    // Without randomness, everybody takes the whole pause.
    let drawn = io::random(&mut chance).is_ok();
    let part = if drawn { u32::from(chance[0]) } else { 255 };
    pause / 2 + pause * part / (2 * 255)
}

/// Whether a refusal may be another answer a moment later.
pub(super) fn is_passing(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::DeadlineExceeded
            | Code::Internal
            | Code::Unknown
            | Code::Cancelled
    )
}

/// Whether a connection broke or never came about, rather than that somebody answered.
pub(super) fn is_broken(status: &Status) -> bool {
    std::error::Error::source(status).is_some() || status.code() == Code::Unavailable
}
