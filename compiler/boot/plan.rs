//! A machine to be, whatever runs it.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::disks::Disk;
use super::network::{Forward, Network};
use super::tools::{self, Tool};
use super::{cloud_hypervisor, qemu};
use crate::check::Arch;

/// What runs a machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Hypervisor {
    /// QEMU, which emulates where there is no KVM.
    #[default]
    Qemu,
    /// cloud-hypervisor, with KVM alone.
    CloudHypervisor,
}

impl Hypervisor {
    /// Its program.
    pub(super) fn tool(self, arch: Arch) -> Tool {
        match (self, arch) {
            (Self::Qemu, Arch::X86_64) => tools::QEMU,
            (Self::Qemu, Arch::Aarch64) => tools::QEMU_AARCH64,
            (Self::CloudHypervisor, _) => tools::CLOUD_HYPERVISOR,
        }
    }
}

impl fmt::Display for Hypervisor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Qemu => "QEMU",
            Self::CloudHypervisor => "cloud-hypervisor",
        })
    }
}

/// What runs the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Accelerator {
    /// The machine's own processor, through `/dev/kvm`.
    Kvm,
    /// QEMU's emulation: works everywhere, some ten times slower.
    Emulation,
}

impl fmt::Display for Accelerator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Kvm => "KVM",
            Self::Emulation => "emulation",
        })
    }
}

/// What the machine boots, by the hypervisor that boots it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// In QEMU.
    Qemu(Source<Flash>),
    /// In cloud-hypervisor.
    CloudHypervisor(Source<Bare>),
}

/// What a machine starts from, with firmware of this form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source<F> {
    /// A kernel, without firmware's help.
    Kernel {
        kernel: PathBuf,
        initramfs: Option<PathBuf>,
        cmdline: String,
    },
    /// UEFI firmware and what it finds.
    Firmware(F),
}

/// UEFI firmware, with a folder that it sees as a FAT disk and variables of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flash {
    pub code: PathBuf,
    pub variables: PathBuf,
    pub disk: PathBuf,
    /// Whether only the firmware itself may write its variables, as firmware with Secure Boot demands.
    pub guarded: bool,
}

/// UEFI firmware in one file without variables, and a FAT disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bare {
    pub code: PathBuf,
    pub disk: PathBuf,
}

/// A machine to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// The hypervisor's program.
    pub program: PathBuf,
    /// The processor that the image is for.
    pub arch: Arch,
    /// What it boots, in what.
    pub start: Start,
    /// Bytes of memory.
    pub memory: u64,
    /// Processors.
    pub cpus: u32,
    /// Disks, in order.
    pub disks: Vec<Disk>,
    /// What its network card is connected to.
    pub network: Network,
    /// Ports that lead into it.
    pub forwards: Vec<Forward>,
    /// Where it is asked about its network; QEMU's alone.
    pub control: Option<PathBuf>,
}

impl Plan {
    /// What runs it.
    pub(super) fn hypervisor(&self) -> Hypervisor {
        match self.start {
            Start::Qemu(_) => Hypervisor::Qemu,
            Start::CloudHypervisor(_) => Hypervisor::CloudHypervisor,
        }
    }

    /// The arguments of its program.
    pub(super) fn arguments(&self, accelerator: Accelerator) -> Vec<OsString> {
        let mut list = Arguments::default();
        match &self.start {
            Start::Qemu(from) => qemu::arguments(self, from, accelerator, &mut list),
            Start::CloudHypervisor(from) => cloud_hypervisor::arguments(self, from, &mut list),
        }
        list.0
    }

    /// Whole MiB of memory, rounded up.
    pub(super) fn mebibytes(&self) -> u64 {
        self.memory.div_ceil(1 << 20).max(1)
    }
}

/// Arguments as they are gathered.
#[derive(Default)]
pub(super) struct Arguments(Vec<OsString>);

impl Arguments {
    /// Adds one.
    pub(super) fn word(&mut self, word: impl Into<OsString>) -> &mut Self {
        self.0.push(word.into());
        self
    }

    /// Adds an option and its value.
    pub(super) fn pair(&mut self, name: &str, value: &str) -> &mut Self {
        self.word(name).word(value)
    }
}
