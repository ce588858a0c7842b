//! What servers of remote execution get wrong, and what becomes of it here: a server within the test fails on demand.
//!
//! Parts need root, for commands that are run in sandboxes of their own, and openssl.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

#[path = "support/busybox.rs"]
mod busybox;
#[path = "support/reapi/mod.rs"]
mod reapi;

#[path = "remote_faults/visitor.rs"]
mod visitor;
#[path = "remote_faults/works.rs"]
mod works;

#[path = "remote_faults/builds.rs"]
mod builds;
#[path = "remote_faults/downloads.rs"]
mod downloads;
#[path = "remote_faults/execution.rs"]
mod execution;
#[path = "remote_faults/interruptions.rs"]
mod interruptions;
#[path = "remote_faults/results.rs"]
mod results;
#[path = "remote_faults/sharing.rs"]
mod sharing;
#[path = "remote_faults/silence.rs"]
mod silence;
#[path = "remote_faults/trust.rs"]
mod trust;
#[path = "remote_faults/uploads.rs"]
mod uploads;
