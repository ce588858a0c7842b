//! The scripts a package may carry.

use serde::{Deserialize, Serialize};

/// When a script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScriptKind {
    /// Before the package's files are there.
    PreInstall,
    /// After the package's files are there.
    PostInstall,
    /// Before the package's files are removed.
    PreDeinstall,
    /// After the package's files are removed.
    PostDeinstall,
    /// Before an older version's files are replaced.
    PreUpgrade,
    /// After an older version's files are replaced.
    PostUpgrade,
    /// Once at the end, for directories that match the package's triggers.
    Trigger,
}

impl ScriptKind {
    /// Every kind, in the order in which `scripts.tar` lists them.
    pub const ALL: [Self; 7] = [
        Self::PreInstall,
        Self::PostInstall,
        Self::PreDeinstall,
        Self::PostDeinstall,
        Self::PreUpgrade,
        Self::PostUpgrade,
        Self::Trigger,
    ];

    /// The name that apk gives it, also as the script's `argv[0]`.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreInstall => "pre-install",
            Self::PostInstall => "post-install",
            Self::PreDeinstall => "pre-deinstall",
            Self::PostDeinstall => "post-deinstall",
            Self::PreUpgrade => "pre-upgrade",
            Self::PostUpgrade => "post-upgrade",
            Self::Trigger => "trigger",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
