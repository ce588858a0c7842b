//! What kinds of actions there are: where their content comes from, and what they yield.

use super::Action;

/// What an action yields: a blob, and what else that leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Yield {
    /// Bytes.
    Blob,
    /// A file tree, by the digest of its encoding.
    Tree,
    /// What a package holds, as JSON, with its files and scripts.
    Package,
}

impl Action {
    /// Whether it brings content from elsewhere that is locked by digest. Such an action needs no other.
    pub fn is_from_elsewhere(&self) -> bool {
        matches!(
            self,
            Self::Fetch { .. }
                | Self::Vendor { .. }
                | Self::Git { .. }
                | Self::Dependencies { .. }
                | Self::Pull { .. }
        )
    }

    /// What the action yields.
    pub fn yields(&self) -> Yield {
        match self {
            Self::UnpackPackage { .. } => Yield::Package,
            Self::Fetch { .. }
            | Self::PackageScript { .. }
            | Self::TriggerDirectories { .. }
            | Self::Cpio { .. }
            | Self::Concat { .. }
            | Self::PickFile { .. }
            | Self::UnpackKernel { .. }
            | Self::KernelConfig { .. }
            | Self::Uki { .. }
            | Self::Limit { .. }
            | Self::Identify { .. }
            | Self::Microcode { .. }
            | Self::Measure { .. }
            | Self::Sbom { .. }
            | Self::Sign { .. } => Yield::Blob,
            Self::Vendor { .. }
            | Self::Stamp { .. }
            | Self::Git { .. }
            | Self::Patch { .. }
            | Self::Dependencies { .. }
            | Self::Pull { .. }
            | Self::Unpack { .. }
            | Self::UnpackRoot { .. }
            | Self::PackageFiles { .. }
            | Self::InstallPackages { .. }
            | Self::SettleDirectories { .. }
            | Self::FinishPackages { .. }
            | Self::Run { .. }
            | Self::InstallFiles { .. }
            | Self::Verify { .. }
            | Self::VerifyLinks { .. }
            | Self::WriteFiles { .. }
            | Self::Move { .. }
            | Self::Merge { .. }
            | Self::Accounts { .. }
            | Self::Modules { .. }
            | Self::Firmware { .. }
            | Self::AllModules { .. }
            | Self::Folder { .. }
            | Self::Leave { .. }
            | Self::Flist { .. }
            | Self::Drop { .. }
            | Self::Strip { .. }
            | Self::Programs { .. }
            | Self::Exchange { .. }
            | Self::Validate { .. }
            | Self::Segment { .. } => Yield::Tree,
        }
    }

    /// The version of a kind's meaning: raised when its performer starts to yield something else for the same parameters.
    pub fn kind_version(&self) -> u32 {
        match self {
            // Entries stand by origin, and large archives are compressed in pieces that have seen what is before them.
            Self::Cpio { .. } => 3,
            _ => 1,
        }
    }
}
