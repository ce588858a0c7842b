//! What goes to another machine and what comes back, as files below the action's input root.
//!
//! All paths are relative to the input root, since nobody here knows where a worker puts that.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::capture::Mark;
use super::super::executor::Refusal;
use super::super::sandbox::End;
use crate::lock::HostToolchain;
use crate::tree::{Digest, ImagePath, Origin};

// Everything that zosc puts there besides what the command sees is in one folder.

/// The job.
pub(super) const JOB: &str = ".zosc/job.json";
/// The program that does the job.
pub(super) const PROGRAM: &str = ".zosc/zosc";
/// Its loader and libraries.
pub(super) const LIBRARIES: &str = ".zosc/libraries";
/// Stores of the trees that are laid into the root, numbered.
pub(super) const TREES: &str = ".zosc/trees";
/// Unfinished work of the worker's side.
pub(super) const STORE: &str = ".zosc/store";
/// The folder that comes back.
pub(super) const OUT: &str = ".zosc/out";
/// In it: how it went.
pub(super) const REPORT: &str = "report.json";
/// In it: the tree that was captured, encoded.
pub(super) const TREE: &str = "tree";
/// In it: the contents of the tree's files, by their digests.
pub(super) const CONTENTS: &str = "contents";

/// The command of zosc that does a job.
pub(super) const COMMAND: &str = "inside-worker";

/// A command with all that another machine needs to know about it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Job {
    /// Whose programs it uses.
    pub(super) programs: Programs,
    /// Trees that are laid into the root, in order.
    pub(super) mounts: Vec<JobMount>,
    /// Files that are laid into the root.
    pub(super) files: Vec<ImagePath>,
    /// The command.
    pub(super) arguments: Vec<String>,
    /// The whole environment.
    pub(super) environment: BTreeMap<String, String>,
    /// The working directory.
    pub(super) directory: ImagePath,
    /// The folder that becomes the tree.
    pub(super) capture: ImagePath,
    /// Who the files are from.
    pub(super) origin: String,
    /// The time stamp of what it writes.
    pub(super) epoch: u64,
}

/// Whose programs a command uses.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Programs {
    /// The worker's own, which must be those of the machine at home.
    Worker(HostToolchain),
    /// Those of the input root, whose uppermost entries are these.
    Root(Vec<String>),
}

/// A tree that is laid into the root.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct JobMount {
    /// Where.
    pub(super) at: ImagePath,
    /// The tree, which is in the store of the mount's number.
    pub(super) tree: Digest,
    /// Whether the command may change it; its contents are in that store, too. Else they lie in their places.
    pub(super) writable: bool,
}

impl Job {
    /// How entries are marked that the command makes.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            origin: Origin::new(&self.origin),
            epoch: self.epoch,
        }
    }
}

/// How it went.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Report {
    /// The command ran.
    Ended(End),
    /// It could not be started, or what it left could not be read back.
    Refused(Refusal),
}
