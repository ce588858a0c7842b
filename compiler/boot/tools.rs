//! Programs of this machine that run virtual machines, and what to do where one is missing.

use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::io;
use crate::tools;

/// A program of this machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tool {
    /// What it is called.
    pub name: &'static str,
    code: &'static str,
    /// What may be done instead of installing it.
    instead: &'static str,
}

/// QEMU.
pub(super) const QEMU: Tool = qemu("qemu-system-x86_64");

/// QEMU for 64-bit Arm.
pub(super) const QEMU_AARCH64: Tool = qemu("qemu-system-aarch64");

/// cloud-hypervisor.
pub(super) const CLOUD_HYPERVISOR: Tool = Tool {
    name: "cloud-hypervisor",
    code: "zosc::boot::no-cloud-hypervisor",
    instead: "elsewhere, put the static program of its releases into a folder of `$PATH`; or use `--hypervisor qemu`",
};

/// What makes a FAT disk without being root.
pub(super) const MTOOLS: [Tool; 3] = [mtool("mformat"), mtool("mmd"), mtool("mcopy")];

const fn qemu(name: &'static str) -> Tool {
    Tool {
        name,
        code: "zosc::boot::no-qemu",
        instead: "",
    }
}

const fn mtool(name: &'static str) -> Tool {
    Tool {
        name,
        code: "zosc::boot::no-mtools",
        instead: "or boot without firmware: `--firmware direct`",
    }
}

impl Tool {
    fn help(self) -> String {
        let installing = format!("install it: {}", tools::installing(self.name));
        match self.instead {
            "" => installing,
            instead => format!("{installing}; {instead}"),
        }
    }

    /// Where it is.
    pub(super) fn find(self) -> Result<PathBuf, Diagnostic> {
        let path = io::environment("PATH").unwrap_or_default();
        let mut candidates = path
            .split(':')
            .map(|folder| Path::new(folder).join(self.name));
        candidates.find(|file| file.is_file()).ok_or_else(|| {
            Diagnostic::error(self.code, format!("`{}` is not installed", self.name))
                .help(self.help())
        })
    }

    /// That it is there and does not start.
    pub(super) fn cannot_start(self, path: &Path, error: &std::io::Error) -> Diagnostic {
        Diagnostic::error(
            self.code,
            format!("`{}` cannot be started: {error}", path.display()),
        )
        .help(self.help())
    }
}
