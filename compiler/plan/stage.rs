//! Names over actions, kept from the builder that zosc replaces so that its users find their way.

use std::fmt;

/// A stage of the build; it groups and labels, and never decides what runs again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Packages are fetched and unpacked.
    AlpineExtract,
    /// Accounts, branding, files and overlays.
    AlpineConfigure,
    /// Packages are installed and their scripts run.
    AlpinePackages,
    /// Firmware is selected.
    AlpineFirmware,
    /// Components are fetched and built.
    ComponentsBuild,
    /// Built programs are verified.
    ComponentsVerify,
    /// The kernel's modules are resolved.
    KernelModules,
    /// `/init`.
    InitScript,
    /// Components go into the image.
    ComponentsCopy,
    /// Units are written.
    ZinitSetup,
    /// Module lists are written.
    ModulesSetup,
    /// Modules go into the image.
    ModulesCopy,
    /// What is not wanted is left out.
    Cleanup,
    /// Flists are packed.
    RfsFlists,
    /// The whole tree is validated.
    Validation,
    /// The initramfs is written.
    InitramfsCreate,
    /// The initramfs is read back and tested.
    InitramfsTest,
    /// Kernel and initramfs become one file.
    KernelBuild,
}

impl Stage {
    /// All stages in the order in which people think of them.
    pub const ALL: [Self; 18] = [
        Self::AlpineExtract,
        Self::AlpineConfigure,
        Self::AlpinePackages,
        Self::AlpineFirmware,
        Self::ComponentsBuild,
        Self::ComponentsVerify,
        Self::KernelModules,
        Self::InitScript,
        Self::ComponentsCopy,
        Self::ZinitSetup,
        Self::ModulesSetup,
        Self::ModulesCopy,
        Self::Cleanup,
        Self::RfsFlists,
        Self::Validation,
        Self::InitramfsCreate,
        Self::InitramfsTest,
        Self::KernelBuild,
    ];

    /// The stage that users call so.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }

    /// The name as users type it.
    pub fn name(self) -> &'static str {
        match self {
            Self::AlpineExtract => "alpine_extract",
            Self::AlpineConfigure => "alpine_configure",
            Self::AlpinePackages => "alpine_packages",
            Self::AlpineFirmware => "alpine_firmware",
            Self::ComponentsBuild => "components_build",
            Self::ComponentsVerify => "components_verify",
            Self::KernelModules => "kernel_modules",
            Self::InitScript => "init_script",
            Self::ComponentsCopy => "components_copy",
            Self::ZinitSetup => "zinit_setup",
            Self::ModulesSetup => "modules_setup",
            Self::ModulesCopy => "modules_copy",
            Self::Cleanup => "cleanup",
            Self::RfsFlists => "rfs_flists",
            Self::Validation => "validation",
            Self::InitramfsCreate => "initramfs_create",
            Self::InitramfsTest => "initramfs_test",
            Self::KernelBuild => "kernel_build",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
