//! Programs of this machine that run virtual machines, and what to install where one is missing.

use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::io;

/// A program and where to get it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tool {
    /// What it is called.
    pub name: &'static str,
    code: &'static str,
    help: &'static str,
}

/// QEMU.
pub(super) const QEMU: Tool = Tool {
    name: "qemu-system-x86_64",
    code: "zosc::boot::no-qemu",
    help: "install it: `apt-get install qemu-system-x86` on Debian, `apk add qemu-system-x86_64` on Alpine, `dnf install qemu-system-x86` on Fedora",
};

/// QEMU for 64-bit Arm.
pub(super) const QEMU_AARCH64: Tool = Tool {
    name: "qemu-system-aarch64",
    code: "zosc::boot::no-qemu",
    help: "install it: `apt-get install qemu-system-arm` on Debian, `apk add qemu-system-aarch64` on Alpine, `dnf install qemu-system-aarch64` on Fedora",
};

/// cloud-hypervisor.
pub(super) const CLOUD_HYPERVISOR: Tool = Tool {
    name: "cloud-hypervisor",
    code: "zosc::boot::no-cloud-hypervisor",
    help: "install it: `apk add cloud-hypervisor` on Alpine; Debian and Fedora have no package of it: put the static program of its releases into a folder of `$PATH`; or use `--hypervisor qemu`",
};

/// What makes a FAT disk without being root.
pub(super) const MTOOLS: [Tool; 3] = [mtool("mformat"), mtool("mmd"), mtool("mcopy")];

const fn mtool(name: &'static str) -> Tool {
    Tool {
        name,
        code: "zosc::boot::no-mtools",
        help: "install `mtools`, its name on Debian, Alpine and Fedora; or boot without firmware: `--firmware direct`",
    }
}

impl Tool {
    /// Where it is.
    pub(super) fn find(self) -> Result<PathBuf, Diagnostic> {
        let path = io::environment("PATH").unwrap_or_default();
        let mut candidates = path
            .split(':')
            .map(|folder| Path::new(folder).join(self.name));
        candidates.find(|file| file.is_file()).ok_or_else(|| {
            Diagnostic::error(self.code, format!("`{}` is not installed", self.name))
                .help(self.help)
        })
    }

    /// That it is there and does not start.
    pub(super) fn cannot_start(self, path: &Path, error: &std::io::Error) -> Diagnostic {
        Diagnostic::error(
            self.code,
            format!("`{}` cannot be started: {error}", path.display()),
        )
        .help(self.help)
    }
}
