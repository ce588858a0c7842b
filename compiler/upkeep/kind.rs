//! What things in a store are, for people.

use std::fmt;

use serde::Serialize;

use crate::build::ActionRecord;

/// A kind of thing that a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Packages, unpacked and as they came.
    Packages,
    /// Sources, their toolchains, and what was built of them.
    Sources,
    /// Kernels that are built, and their sources.
    Kernels,
    /// Archives and EFI programs.
    Images,
    /// Lists of flists and the blobs that they lead to.
    Flists,
    /// Files of manifests and images put together.
    Trees,
    /// Contents that no build names: fetched by `zosc lock`, or left by builds that failed.
    Unnamed,
    /// Which action yielded what.
    Results,
    /// What makes things faster and better explained.
    Notes,
    /// Records of builds.
    Builds,
    /// Root filesystems of toolchains, on disk.
    Roots,
    /// Sandboxes that stay.
    Shells,
    /// What commands wrote.
    Logs,
    /// What is being written, and what killed processes left.
    Temporary,
}

impl Kind {
    /// Kinds of contents that actions bring, the narrowest first: what two kinds share counts for the first.
    pub(super) const OF_ACTIONS: [Self; 6] = [
        Self::Packages,
        Self::Sources,
        Self::Kernels,
        Self::Images,
        Self::Flists,
        Self::Trees,
    ];

    /// The kind of what an action brings.
    pub(super) fn of(action: &ActionRecord) -> Self {
        let is_image = ["cpio", "concat", "uki", "sign", "limit"].contains(&action.kind.as_str());
        match action.stage.as_str() {
            _ if is_image => Self::Images,
            "alpine_extract" | "alpine_packages" | "alpine_firmware" => Self::Packages,
            "components_build" => Self::Sources,
            "kernel_build" => Self::Kernels,
            _ if action.kind == "flist" => Self::Flists,
            _ => Self::Trees,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Packages => "packages",
            Self::Sources => "sources",
            Self::Kernels => "kernels",
            Self::Images => "images",
            Self::Flists => "flists",
            Self::Trees => "trees",
            Self::Unnamed => "of no build",
            Self::Results => "results",
            Self::Notes => "notes",
            Self::Builds => "records",
            Self::Roots => "roots",
            Self::Shells => "shells",
            Self::Logs => "logs",
            Self::Temporary => "temporary",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}
