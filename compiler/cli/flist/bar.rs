//! A bar for work whose end is known.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::session::Session;

/// Drawn on a terminal, and nowhere else.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// Counts bytes.
    pub(super) fn of_bytes(session: &Session) -> Self {
        Self::new(
            session,
            "  {bar:40} {binary_bytes} of {binary_total_bytes}, {eta} left",
        )
    }

    /// Counts blocks.
    pub(super) fn of_blocks(session: &Session) -> Self {
        Self::new(session, "  {bar:40} {pos} of {len} blocks, {eta} left")
    }

    fn new(session: &Session, template: &str) -> Self {
        let bar = ProgressBar::new(0);
        if !session.draws() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// So much is done, of so much.
    pub(super) fn set(&self, done: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(done);
    }

    /// Takes it away.
    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}
