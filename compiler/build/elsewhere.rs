//! Machines elsewhere that run commands and share results, as the engine sees them.
//!
//! A command that goes there takes none of this machine's processors: it has a slot of its own. Where it ran counts for no key, and what came
//! back is in the store like everything else.

use super::perform::Context;
use super::perform::run::Request;
use crate::diagnostic::Diagnostic;
use crate::tree::Digest;

/// Machines elsewhere.
///
/// Asked only about actions that [go there](crate::plan::Action::goes_remote), from several threads at once.
pub trait Fleet: Sync {
    /// Whether they run commands; else they only share results.
    fn executes(&self) -> bool;

    /// How many actions may be there at once.
    fn slots(&self) -> usize;

    /// The result of an action that somebody has shared, brought into the store; `None` where there is none to be had.
    ///
    /// `is_there` is told as soon as there seems to be one, before it is brought.
    ///
    /// # Errors
    /// What fails the action.
    fn found(
        &self,
        context: &Context<'_>,
        is_there: &dyn Fn(),
    ) -> Result<Option<Digest>, Diagnostic>;

    /// Runs a command there, and brings what it leaves into the store; `None` where it did not get there, and is to run on this machine.
    ///
    /// # Errors
    /// What fails the action.
    fn run(&self, context: &Context<'_>, request: &Request) -> Result<Option<Digest>, Diagnostic>;

    /// Shares what an action that was performed has yielded. That others have to perform it as well fails nothing.
    fn share(&self, context: &Context<'_>, output: &Digest);
}

/// What goes on elsewhere for an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere<'a> {
    /// What it needs is sent.
    Uploading {
        /// Bytes that are there.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// It waits for somebody to run it.
    Queued,
    /// It runs, or has run, there; told of every action that is performed there.
    Executing {
        /// Who runs it, as far as that is known.
        worker: Option<&'a str>,
    },
    /// What it left is brought.
    Downloading {
        /// Bytes that are here.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// Nothing more, for now.
    Ended,
}
