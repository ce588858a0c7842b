//! Who runs foreign code: the embedded sandbox, or a container of an engine that the user names.
//!
//! Comes in: a [`Sandbox`], the description of a command and of everything it may see. Goes out: how the command ended, and
//! its output line by line. Which executor runs an action never counts for its key: an engine gives a container (users,
//! processes, network, resources, a life), and in it zosc itself lays out what the command sees, by the code of the
//! embedded sandbox. So the command meets the same root, devices, environment, ids and umask, and leaves the same bytes.
//! No image is pulled, and nothing of the engine's own surroundings shows.

mod arguments;
mod container;
mod engine;
mod inside;
mod job;
mod probe;
mod program;
mod refusal;

use std::sync::atomic::AtomicBool;

use super::sandbox::{Outcome, Sandbox};
use crate::diagnostic::Diagnostic;
use crate::io::{self, Engine};
use crate::tree::Store;

pub use inside::inside_container;
pub use probe::try_out;
#[cfg(feature = "remote")]
pub(in crate::build) use {job::Refusal, program::Program};

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

    /// The engine whose containers it makes, where it makes any.
    fn engine(&self) -> Option<Engine>;

    /// Runs a command on the terminal that zosc itself was started from, without limits.
    fn interact(&self, sandbox: &Sandbox) -> Result<Outcome, Diagnostic>;
}

/// Which executor is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The embedded sandbox.
    Sandbox,
    /// Containers of podman, as root or as an ordinary user.
    Podman,
    /// Containers of docker.
    Docker,
    /// Workers of a server; what stays on this machine runs in the embedded sandbox.
    Remote,
}

impl Choice {
    /// The engine that is chosen, where one is.
    pub fn engine(self) -> Option<Engine> {
        match self {
            Self::Sandbox | Self::Remote => None,
            Self::Podman => Some(Engine::Podman),
            Self::Docker => Some(Engine::Docker),
        }
    }

    /// The choice with this name.
    fn named(name: &str) -> Result<Self, Diagnostic> {
        match name {
            "sandbox" => Ok(Self::Sandbox),
            "podman" => Ok(Self::Podman),
            "docker" => Ok(Self::Docker),
            #[cfg(feature = "remote")]
            "remote" => Ok(Self::Remote),
            _ => Err(refusal::unknown_executor(name)),
        }
    }
}

/// The executor that is wanted: the one that was typed, else that of `$ZOSC_EXECUTOR`, else the other one.
///
/// # Errors
/// Where the environment variable makes no sense.
pub fn wanted(typed: Option<Choice>, otherwise: Choice) -> Result<Choice, Diagnostic> {
    match (typed, io::environment("ZOSC_EXECUTOR")) {
        (Some(choice), _) => Ok(choice),
        (None, Some(name)) => Choice::named(&name),
        (None, None) => Ok(otherwise),
    }
}

/// Makes the executor that runs on this machine what is to run here.
///
/// Nothing is started yet: an engine that is missing fails the first command, and none where all results are stored.
///
/// # Errors
/// Where an environment variable makes no sense.
pub fn make(choice: Choice, store: &Store) -> Result<Box<dyn Executor>, Diagnostic> {
    let Some(engine) = choice.engine() else {
        return Ok(Box::new(Embedded));
    };
    let further = io::environment("ZOSC_CONTAINER_ARGS").unwrap_or_default();
    let further = shlex::split(&further).ok_or_else(|| refusal::unclosed_quote(&further))?;
    Ok(Box::new(container::Containers::new(engine, further, store)))
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

    fn engine(&self) -> Option<Engine> {
        None
    }

    fn interact(&self, sandbox: &Sandbox) -> Result<Outcome, Diagnostic> {
        sandbox.interact()
    }
}
