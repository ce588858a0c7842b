//! Options that say what the machine is.

use std::num::NonZeroU32;

use crate::boot::{Accelerator, Boot, Forward, Hypervisor, Network, Settings};
use crate::check::{LARGEST_DISK, size_of};
use crate::diagnostic::Diagnostic;
use crate::manifest::boot::Firmware;

use super::{How, forward};

/// The size of a disk that nobody has named one for.
const USUAL_SIZE: u64 = 8 << 30;

/// What the machine is, instead of what the manifest says.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The machine")]
pub(super) struct MachineArguments {
    /// What runs the machine.
    #[arg(long, value_name = "PROGRAM", default_value = "qemu")]
    hypervisor: Program,
    /// Emulate the processor, though there is KVM: slower, and the same everywhere.
    #[arg(long)]
    emulate: bool,
    /// Its memory, such as `2GiB`.
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    memory: Option<u64>,
    /// Its processors.
    #[arg(long, value_name = "N")]
    cpus: Option<NonZeroU32>,
    /// How it starts.
    #[arg(long, value_name = "HOW")]
    firmware: Option<How>,
    /// Short for `--firmware secure-boot`.
    #[arg(long, conflicts_with = "firmware")]
    secure_boot: bool,
    /// How many disks it has.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=24))]
    disks: Option<u8>,
    /// The size of each disk. Default: what the manifest says, else 8GiB.
    #[arg(long, value_name = "SIZE", value_parser = disk)]
    disk_size: Option<u64>,
    /// Make all disks anew first, and lose what is on them. With `--test`, together with `--keep-disks`.
    #[arg(long)]
    pub(super) reset: bool,
    /// With `--test`: use the disks that stay, rather than empty ones.
    #[arg(long, requires = "test")]
    pub(super) keep_disks: bool,
    /// Forget what the machine writes to its disks. With `--test`, together with `--keep-disks`.
    #[arg(long)]
    pub(super) snapshot: bool,
    /// Give it a network of its own, in which this machine is 10.0.2.2; needs no privileges, and is what it has anyway.
    #[arg(long, conflicts_with_all = ["bridge", "tap", "no_net"])]
    user_net: bool,
    /// Connect it to a bridge of this machine.
    #[arg(long, value_name = "BRIDGE", conflicts_with_all = ["tap", "no_net"])]
    bridge: Option<String>,
    /// Connect it to a tap device of this machine.
    #[arg(long, value_name = "NAME", conflicts_with = "no_net")]
    tap: Option<String>,
    /// Give it no network card.
    #[arg(long)]
    no_net: bool,
    /// Lead a port of this machine to one of the guest: `8080:80`, `0.0.0.0:8080:80`, `5353:53/udp`. May be repeated.
    #[arg(long = "port", value_name = "HOST:GUEST", value_parser = forward)]
    ports: Vec<Forward>,
    /// Lead a free port to the guest's ssh, and say how to log in once it answers.
    #[arg(long, conflicts_with = "test")]
    pub(super) ssh: bool,
}

/// What runs the machine.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Program {
    /// QEMU: with KVM where that is usable, else by emulation.
    Qemu,
    /// cloud-hypervisor, with KVM alone.
    CloudHypervisor,
}

/// The disks that the machine gets.
pub(super) struct Sizes {
    /// How many.
    pub(super) count: usize,
    /// How many of the last disks may have another size.
    pub(super) unsized_last: usize,
}

impl MachineArguments {
    /// Puts the options in the places of what the manifest says.
    pub(super) fn apply(&self, boot: &mut Boot, settings: &mut Settings) -> Sizes {
        settings.hypervisor = match self.hypervisor {
            Program::Qemu => Hypervisor::Qemu,
            Program::CloudHypervisor => Hypervisor::CloudHypervisor,
        };
        settings.accelerator = self.emulate.then_some(Accelerator::Emulation);
        boot.memory = self.memory.unwrap_or(boot.memory);
        boot.cpus = self.cpus.map_or(boot.cpus, NonZeroU32::get);
        boot.firmware = self.firmware.map_or(boot.firmware, Firmware::from);
        if self.secure_boot {
            boot.firmware = Firmware::SecureBoot;
        }
        settings.network = self.network();
        settings.forwards.clone_from(&self.ports);
        self.sizes(&mut boot.disks)
    }

    /// Refuses what is said of the disks that stay where the machine gets others.
    pub(super) fn sensible(&self, test: bool) -> Result<(), Diagnostic> {
        let said = [("--reset", self.reset), ("--snapshot", self.snapshot)];
        let Some((option, _)) = said.into_iter().find(|(_, is_said)| *is_said) else {
            return Ok(());
        };
        if !test || self.keep_disks {
            return Ok(());
        }
        Err(Diagnostic::error(
            "zosc::cli::disks-not-kept",
            format!("`{option}` is about the disks that stay, and a test gets empty ones that nobody keeps"),
        )
        .help(format!(
            "add `--keep-disks` to test with those that stay, or leave `{option}` out"
        )))
    }

    fn network(&self) -> Option<Network> {
        let bridge = self.bridge.clone().map(Network::Bridge);
        let tap = self.tap.clone().map(Network::Tap);
        let plain = if self.no_net {
            Some(Network::None)
        } else {
            self.user_net.then_some(Network::User)
        };
        bridge.or(tap).or(plain)
    }

    fn sizes(&self, disks: &mut Vec<u64>) -> Sizes {
        let written = disks.len();
        let least = usize::from(self.disk_size.is_some());
        let count = self.disks.map_or(written.max(least), usize::from);
        disks.resize(count, USUAL_SIZE);
        if let Some(size) = self.disk_size {
            disks.fill(size);
            return Sizes {
                count,
                unsized_last: 0,
            };
        }
        Sizes {
            count,
            unsized_last: count.saturating_sub(written),
        }
    }
}

fn memory(text: &str) -> Result<u64, &'static str> {
    const LEAST: u64 = 64 << 20;
    match size(text)? {
        size if size < LEAST => Err("a machine needs at least `64MiB`"),
        size => Ok(size),
    }
}

fn disk(text: &str) -> Result<u64, &'static str> {
    match size(text)? {
        size if size > LARGEST_DISK => Err("a disk has at most `1048576GiB`"),
        size => Ok(size),
    }
}

fn size(text: &str) -> Result<u64, &'static str> {
    let size = size_of(text).filter(|size| *size > 0);
    size.ok_or("write a number with a unit: `512MiB`, `20GiB`")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[arg(long)]
        test: bool,
        #[command(flatten)]
        machine: MachineArguments,
    }

    fn read(words: &[&str]) -> Result<Line, clap::Error> {
        Line::try_parse_from([&["boot"], words].concat())
    }

    #[test]
    fn a_test_with_fresh_disks_takes_nothing_that_is_about_others() {
        let refused = |words: &[&str]| {
            let line = read(words).unwrap();
            line.machine.sensible(line.test).err()
        };
        for option in ["--reset", "--snapshot"] {
            let problem = refused(&["--test", option]).expect("means nothing");
            assert!(problem.message.contains(option), "{problem:?}");
            assert_eq!(refused(&["--test", "--keep-disks", option]), None);
            assert_eq!(refused(&[option]), None);
        }
        assert_eq!(refused(&["--test"]), None);
    }

    #[test]
    fn a_disk_is_as_large_as_is_asked_for_or_refused() {
        let size = |text| read(&["--disk-size", text]).map(|line| line.machine.disk_size);
        assert_eq!(size("1048576GiB").unwrap(), Some(LARGEST_DISK));
        assert!(size("1048577GiB").is_err());
    }
}
