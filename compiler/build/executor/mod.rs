//! Who runs foreign code: the embedded sandbox, or a container of an engine that the user names.
//!
//! Comes in: a [`Sandbox`], the description of a command and of everything it may see. Goes out: how the command ended, and
//! its output line by line. Which executor runs an action never counts for its key: whatever a command sees is laid out
//! by the same code, so it leaves the same bytes.

use std::sync::atomic::AtomicBool;

use super::sandbox::{Outcome, Sandbox};
use crate::diagnostic::Diagnostic;

/// Runs commands apart from the machine.
pub trait Executor: Sync {
    /// Runs a command to its end; `line` gets every line of its output, without the line break.
    ///
    /// Setting `cancel` kills it and everything that it started.
    ///
    /// # Errors
    /// Where its surroundings cannot be made or the program cannot be started. A program that fails is an [`Outcome`].
    fn run(
        &self,
        sandbox: &Sandbox,
        cancel: &AtomicBool,
        line: &mut dyn FnMut(&[u8]),
    ) -> Result<Outcome, Diagnostic>;

    /// Runs a command on the terminal that zosc itself was started from, without limits.
    fn interact(&self, sandbox: &Sandbox) -> Result<Outcome, Diagnostic>;
}

/// The sandbox that zosc brings along; see [`sandbox`](super::sandbox).
#[derive(Debug, Clone, Copy)]
pub struct Embedded;

impl Executor for Embedded {
    fn run(
        &self,
        sandbox: &Sandbox,
        cancel: &AtomicBool,
        line: &mut dyn FnMut(&[u8]),
    ) -> Result<Outcome, Diagnostic> {
        sandbox.run(cancel, line)
    }

    fn interact(&self, sandbox: &Sandbox) -> Result<Outcome, Diagnostic> {
        sandbox.interact()
    }
}
