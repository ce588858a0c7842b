//! What this machine can do for builds, what it lacks, and what installs that.
//!
//! Comes in: a [`Machine`], and an image where one is to be built. Goes out: a [`Report`] of findings. Nothing is taken on trust that can be
//! tried: the sandbox and the container engines run a command, programs say their version, the store's folder gets a file and loses it
//! again. With an image only what counts for it is looked at. Nothing is installed or changed, and the network is not used.

mod boot;
mod engines;
mod looking;
mod machine;
mod needs;
mod programs;
mod report;
mod rust;
mod sandbox;
mod signing;
mod store;
mod toolchains;

use std::path::Path;

use crate::build::executor::Choice;
use crate::check::{Arch, Image};
use crate::tools::System;

use looking::Looking;

pub use machine::{Machine, Place, ThisMachine};
pub use report::{Finding, Report, Section, State};

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The image that is to be built; without one, everything counts.
    pub image: Option<&'a Image>,
    /// Whether what does not count for the image is told, too.
    pub everything: bool,
    /// Who is to run foreign code.
    pub executor: Choice,
    /// Where the store is or would be.
    pub store: &'a Path,
}

/// Looks at a machine; `further` is what others have found out about it.
pub fn look(machine: &dyn Machine, asked: &Asked<'_>, further: Vec<Finding>) -> Report {
    let system = machine
        .read("/etc/os-release")
        .and_then(|text| System::of(&text));
    let needs = asked.image.map(|image| needs::of(image, asked.executor));
    let mut looking = Looking::new(machine, system, needs, asked.everything);
    engines::look(&mut looking);
    sandbox::look(&mut looking, asked.executor);
    toolchains::look(&mut looking);
    signing::look(&mut looking);
    boot::look(
        &mut looking,
        asked.image.map_or(Arch::X86_64, |image| image.arch),
    );
    programs::editors(&mut looking);
    store::look(&mut looking, asked.store);
    looking.conclude(further)
}

#[cfg(test)]
mod tests;
