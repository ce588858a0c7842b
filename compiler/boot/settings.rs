//! How an image is booted, beyond what its manifest says.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::disks::Disks;
use super::network::{Forward, Network};
use super::plan::{Accelerator, Hypervisor};
use crate::check::Arch;
use crate::diagnostic::Diagnostic;
use crate::manifest::boot::Firmware;
use crate::zinit::BootOrder;

/// What is booted.
#[derive(Debug, Clone, Copy)]
pub enum Image<'a> {
    /// A unified kernel image.
    Uki(&'a Path),
    /// A kernel and an initramfs of their own; without firmware only.
    Kernel {
        /// The kernel, a bzImage.
        kernel: &'a Path,
        /// The initramfs.
        initramfs: &'a Path,
        /// The kernel's command line.
        cmdline: &'a str,
    },
}

/// How it is booted.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What runs the machine.
    pub hypervisor: Hypervisor,
    /// The processor that the manifest says; where that is known, an image for another one is refused.
    pub arch: Option<Arch>,
    /// Its program; `None` looks for the usual one in `$PATH`.
    pub program: Option<PathBuf>,
    /// Words in front of the program's name: another program that sees to it that the machine does not outlive this one.
    pub through: Vec<OsString>,
    /// Where the console is written to.
    pub log: PathBuf,
    /// The certificate, in DER, that firmware with Secure Boot trusts.
    pub trusted: Option<Vec<u8>>,
    /// Set from elsewhere to stop the machine.
    pub stop: Option<Arc<AtomicBool>>,
    /// The accelerator; `None` tries KVM and falls back to emulation.
    pub accelerator: Option<Accelerator>,
    /// What the network card is connected to; `None` is what the hypervisor can do without being root.
    pub network: Option<Network>,
    /// Ports of this machine that lead into the guest.
    pub forwards: Vec<Forward>,
    /// Where the disks are.
    pub disks: Disks,
    /// A port of this machine that leads to the guest's ssh, to say when it answers.
    pub ssh: Option<u16>,
    /// The order of the image's units, which tells what one that is not up waits for.
    pub order: Option<BootOrder>,
}

impl Settings {
    /// A machine as it comes, with its console in this file.
    pub fn new(log: impl Into<PathBuf>) -> Self {
        Self {
            hypervisor: Hypervisor::default(),
            arch: None,
            program: None,
            through: Vec::new(),
            log: log.into(),
            trusted: None,
            stop: None,
            accelerator: None,
            network: None,
            forwards: Vec::new(),
            disks: Disks::default(),
            ssh: None,
            order: None,
        }
    }

    /// The network that the machine gets.
    pub(super) fn wiring(&self) -> Network {
        let usual = match self.hypervisor {
            Hypervisor::Qemu => Network::User,
            Hypervisor::CloudHypervisor => Network::None,
        };
        self.network.clone().unwrap_or(usual)
    }

    /// Refuses what the hypervisor cannot do, and what contradicts itself.
    pub(super) fn possible(
        &self,
        firmware: Firmware,
        has_probes: bool,
        arch: Arch,
    ) -> Result<(), Diagnostic> {
        if arch == Arch::Aarch64 && firmware == Firmware::SecureBoot {
            let fact = "Secure Boot is tried out in machines for x86_64 alone, and this image is for aarch64";
            return Err(Diagnostic::error("zosc::boot::not-for-arm", fact)
                .help("boot it without: `--firmware uefi`"));
        }
        if self.hypervisor == Hypervisor::CloudHypervisor && !is_native(arch) {
            let fact =
                format!("cloud-hypervisor runs no {arch} on this machine: it does not emulate");
            return Err(
                Diagnostic::error("zosc::boot::not-with-cloud-hypervisor", fact)
                    .help("use `--hypervisor qemu`, which does"),
            );
        }
        if self.hypervisor == Hypervisor::CloudHypervisor {
            self.possible_for_cloud_hypervisor(firmware)?;
        }
        let needs_ports = has_probes || !self.forwards.is_empty() || self.ssh.is_some();
        if needs_ports && self.wiring() != Network::User {
            let what = if has_probes {
                "`expect \"tcp …\"` and `expect \"http …\"` come"
            } else {
                "ports lead"
            };
            let help = match self.hypervisor {
                Hypervisor::Qemu => {
                    "take the network that has them: `--user-net`; on a bridge or a tap device the machine has an address of its own"
                }
                Hypervisor::CloudHypervisor => {
                    "use `--hypervisor qemu`, which has such a network; on a tap device the machine has an address of its own"
                }
            };
            return Err(Diagnostic::error(
                "zosc::boot::needs-user-net",
                format!(
                    "{what} into a machine through a network of its own, and this one has {}",
                    self.wiring()
                ),
            )
            .help(help));
        }
        Ok(())
    }

    fn possible_for_cloud_hypervisor(&self, firmware: Firmware) -> Result<(), Diagnostic> {
        let snapshot = matches!(&self.disks, Disks::Kept(kept) if kept.snapshot);
        let (what, instead) = match (&self.network, firmware) {
            (Some(Network::User), _) => (
                "no network that works without being root".to_owned(),
                "make a tap device and name it with `--tap NAME`, or use `--hypervisor qemu`"
                    .to_owned(),
            ),
            (Some(Network::Bridge(name)), _) => (
                "no way to make a tap device on a bridge".to_owned(),
                format!(
                    "make it, as root: `ip tuntap add zos0 mode tap user \"$USER\" && ip link set zos0 master {name} up`, then use `--tap zos0`"
                ),
            ),
            (_, Firmware::SecureBoot) => (
                "no firmware with variables, which Secure Boot needs".to_owned(),
                "use `--hypervisor qemu`, or boot without Secure Boot: `--firmware uefi`"
                    .to_owned(),
            ),
            _ if self.accelerator == Some(Accelerator::Emulation) => (
                "no emulation of a processor".to_owned(),
                "leave `--emulate` out, or use `--hypervisor qemu`".to_owned(),
            ),
            _ if snapshot => (
                "no disks that forget what is written to them".to_owned(),
                "use `--hypervisor qemu`, or a copy of the disks".to_owned(),
            ),
            _ => return Ok(()),
        };
        Err(Diagnostic::error(
            "zosc::boot::not-with-cloud-hypervisor",
            format!("cloud-hypervisor has {what}"),
        )
        .help(instead))
    }
}

/// Whether this machine's own processor can run an image.
pub(super) fn is_native(arch: Arch) -> bool {
    arch.to_string() == std::env::consts::ARCH
}
