//! What must never happen to a store, and does not: kills, full disks, damage, several builds at once, clocks that go backwards.
//!
//! Needs a static busybox, and root to mount small disks. ZOSC_FAULTS_SEED repeats the moments of an earlier run.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

#[path = "support/mod.rs"]
mod support;

#[path = "faults/project.rs"]
mod project;

#[path = "faults/clock.rs"]
mod clock;
#[path = "faults/company.rs"]
mod company;
#[path = "faults/damage.rs"]
mod damage;
#[path = "faults/disks.rs"]
mod disks;
#[path = "faults/kills.rs"]
mod kills;
#[path = "faults/signals.rs"]
mod signals;
