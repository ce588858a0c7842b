//! What the pass may do.

use crate::io::Engine;

/// What the pass may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mode<'a> {
    /// Fail where `zos.lock` would change.
    pub locked: bool,
    /// Leave `zos.lock` as it is, also where it would change.
    pub dry: bool,
    /// Do not use the network.
    pub offline: bool,
    /// What may move although `zos.lock` names it.
    pub update: Update<'a>,
    /// Who pulls container images. `None`: the engine that `$ZOSC_EXECUTOR` names, else podman, else docker.
    pub engine: Option<Engine>,
}

/// What is looked up anew although `zos.lock` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Update<'a> {
    /// Nothing: only what the manifest newly asks for.
    #[default]
    Nothing,
    /// Packages, sources and toolchains of these names, and what cannot stay beside them.
    Only(&'a [String]),
    /// Everything.
    Everything,
}

impl Update<'_> {
    /// Whether something of this name is looked up anew.
    pub(super) fn moves(self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Only(names) => names.iter().any(|moving| moving == name),
            Self::Everything => true,
        }
    }
}
