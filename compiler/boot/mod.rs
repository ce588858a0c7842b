//! Runs an image in a virtual machine: for a person at its console, or tried out and judged by what the console says.
//!
//! In comes an image and what its manifest says of the machine ([`Boot`]), beside what the command line says ([`Settings`]); out comes a
//! [`Verdict`]: each expectation met or missed, when, and why the machine stopped. [`judge`](Judge) is pure: lines, answers and times
//! in, results out. [`test`] judges and never outlives a deadline, [`attend`] runs for as long as a person likes; both start QEMU or
//! cloud-hypervisor, by the kernel directly or through UEFI firmware, with Secure Boot where that is asked for. The machine is killed on every
//! way out.
//!
//! `plan` is a machine to be as data; `qemu` and `cloud_hypervisor` alone know how that is told to either. `prepare` lays out what it starts
//! from, `disks` what it keeps, `network` what it is connected to; `machine` is the running process, `keys` its keyboard, `probe` asks it from
//! outside. `symptom` and `blocked` say why a boot goes wrong.
//!
//! It never builds anything, and changes neither the image nor anything else of the user's but the log and the disks of the project.

mod blocked;
mod cloud_hypervisor;
mod console;
mod disks;
mod firmware;
mod folder;
mod judge;
mod keys;
mod machine;
mod network;
mod plan;
mod prepare;
mod probe;
mod qcow2;
mod qemu;
mod report;
mod run;
mod settings;
mod symptom;
mod tools;
mod uki;
mod variables;
mod verdict;

pub use crate::check::{Boot, Expectation, Expected, UnitState};
pub use blocked::Words;
pub use disks::{Disks, Kept, folder_of, kept_in, remove as remove_disks};
pub use judge::Judge;
pub use network::{Forward, Network, Protocol};
pub use plan::{Accelerator, Hypervisor};
pub use prepare::free_port;
pub use report::{BootRecord, OutcomeRecord, Record};
pub use run::{Event, attend, command_line, test};
pub use settings::{Image, Settings};
pub use symptom::Cause;
pub use verdict::{Ending, Outcome, Result as ExpectationResult, Verdict};

/// The UEFI firmware that a machine for a processor would start with, where there is any here; with Secure Boot where that is asked for.
pub fn uefi_firmware(arch: crate::check::Arch, secure: bool) -> Option<std::path::PathBuf> {
    let found = if secure {
        firmware::find_secure()
    } else {
        firmware::find(arch)
    };
    found.ok().map(|firmware| firmware.code)
}

#[cfg(test)]
mod tests;
