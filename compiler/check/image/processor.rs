//! What differs from processor to processor: names that kernels, stubs, compilers and registries have for them.

use super::Arch;

impl Arch {
    /// Systemd's EFI stub in packages of Alpine and Debian.
    pub fn stub(self) -> &'static str {
        match self {
            Self::X86_64 => "/usr/lib/systemd/boot/efi/linuxx64.efi.stub",
            Self::Aarch64 => "/usr/lib/systemd/boot/efi/linuxaa64.efi.stub",
        }
    }

    /// The first serial port of a virtual machine, as the kernel names it.
    pub fn console(self) -> &'static str {
        match self {
            Self::X86_64 => "ttyS0",
            Self::Aarch64 => "ttyAMA0",
        }
    }

    /// The compiler that links for it on machines with another processor, as distributions call it; none for x86, which machines that build
    /// have themselves.
    pub fn cross_compiler(self) -> Option<&'static str> {
        match self {
            Self::X86_64 => None,
            Self::Aarch64 => Some("aarch64-linux-gnu-gcc"),
        }
    }

    /// The processor in the words of Go and of container registries.
    pub fn go_name(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }
}
