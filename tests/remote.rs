//! Builds on servers of remote execution: what they yield, what a fleet shares, what happens when a server dies.
//!
//! Needs buildbox-casd (see support/casd.rs) and a static busybox; parts need BuildGrid (see support/buildgrid.rs), cargo and
//! crates, Debian's linux-source-6.12. What is missing is said aloud.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

#[path = "support/busybox.rs"]
mod busybox;

#[path = "support/casd.rs"]
mod casd;

#[path = "support/buildgrid.rs"]
mod buildgrid;

#[path = "support/linux_source.rs"]
mod linux_source;

#[path = "remote/project.rs"]
mod project;

#[path = "remote/builds.rs"]
mod builds;
#[path = "remote/demo.rs"]
mod demo;
#[path = "remote/engines.rs"]
mod engines;
#[path = "remote/fleet.rs"]
mod fleet;
#[path = "remote/kernel.rs"]
mod kernel;
#[path = "remote/outages.rs"]
mod outages;
