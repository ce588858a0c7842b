//! Tries an image out: a virtual machine boots it, and what its console says is judged.
//!
//! In comes an image and what is expected of it ([`Boot`], the manifest's `boot` section resolved); out comes a
//! [`Verdict`]: each expectation met or missed, when, and why the machine stopped. [`judge`](Judge) is pure: lines and times
//! in, results out. [`run`] starts QEMU, by the kernel directly or through UEFI firmware, with Secure Boot where that is asked
//! for, and never outlives a deadline; the machine is killed on every way out.
//!
//! It never builds anything, and changes neither the image nor anything else of the user's but the log.

mod console;
mod firmware;
mod judge;
mod machine;
mod run;
mod uki;
mod variables;
mod verdict;

pub use crate::check::{Boot, Expectation, Expected, UnitState};
pub use judge::Judge;
pub use machine::Accelerator;
pub use run::{Event, Image, Settings, run};
pub use verdict::{Ending, Outcome, Result as ExpectationResult, Verdict};

/// The UEFI firmware that a machine would start with, where there is any here; with Secure Boot where that is asked for.
pub fn uefi_firmware(secure: bool) -> Option<std::path::PathBuf> {
    let found = if secure {
        firmware::find_secure()
    } else {
        firmware::find()
    };
    found.ok().map(|firmware| firmware.code)
}

#[cfg(test)]
mod tests;
