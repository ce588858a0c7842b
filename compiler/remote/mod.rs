//! Remote execution: a client of the Bazel Remote Execution API, version 2.
//!
//! Comes in: [`Settings`], contents with their digests, and commands. Goes out: contents that were verified, and what became of a command.
//! Knows no plans and believes nothing that a server says: every content is hashed as it comes, every answer is bounded, and whoever
//! waits can be stopped. No type of the protocol leaves the module, and no secret is in a message.

mod abilities;
mod action;
mod attempts;
mod capabilities;
mod client;
mod connection;
mod content;
mod download;
mod endpoint;
mod execution;
mod failure;
mod folder;
mod operation;
mod output_tree;
mod parcel;
mod progress;
mod read_stream;
mod result;
mod settings;
mod upload;
mod verdict;
mod waiting;
mod write_stream;

#[cfg(test)]
mod tests;

pub use abilities::Abilities;
pub use action::{Command, Prepared, action};
pub use client::Client;
pub use content::{Blob, Content};
pub use execution::{Executed, Lookup};
pub use failure::{Failure, Kind};
pub use folder::Folder;
pub use operation::Stage;
pub use output_tree::files_of;
pub use result::{ActionResult, Output};
pub use settings::{Secret, Settings, Tls};
pub use upload::Uploaded;
