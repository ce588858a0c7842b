//! What this machine's caches know of a manifest's project: packages, modules, firmware, Kconfig symbols, and what `zos.lock` says.
//!
//! Comes in: an image and the folder of the store. Goes out: [`Knowledge`], which is read once, on a thread of its own ([`load`]), and then only
//! looked up; [`Basis`] tells when it has to be read again. Sizes are bounded, and thousands of names take a few megabytes. Never uses the
//! network, never writes into a manifest's folder, and never keeps a request waiting.

mod arena;
mod firmware;
mod load;
mod locked;
mod modules;
mod packages;
mod symbols;

pub use firmware::{Firmware, FirmwareFacts, Matched};
pub use load::{Basis, load};
pub use locked::{Locked, Share};
pub use modules::{ModuleFacts, Modules, Reading};
pub use packages::{Offered, PackageFacts, Packages};
pub use symbols::{SymbolFacts, Symbols};

use std::sync::Arc;

use crate::check::OutputKind;

/// Something that a cache may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<T> {
    /// It does.
    Ready(T),
    /// It does not; this command changes that.
    Missing {
        /// The command.
        command: &'static str,
    },
    /// It is being looked up.
    Loading,
}

impl<T> Known<T> {
    /// What is known, where something is.
    pub fn ready(self) -> Option<T> {
        match self {
            Self::Ready(known) => Some(known),
            Self::Missing { .. } | Self::Loading => None,
        }
    }
}

impl<T> Known<Arc<T>> {
    fn as_known(&self) -> Known<&T> {
        match self {
            Self::Ready(known) => Known::Ready(known),
            Self::Missing { command } => Known::Missing { command },
            Self::Loading => Known::Loading,
        }
    }
}

/// What is known of a project. Copies share it.
#[derive(Debug, Clone)]
pub struct Knowledge {
    packages: Known<Arc<Packages>>,
    modules: Known<Arc<Modules>>,
    firmware: Known<Arc<Firmware>>,
    symbols: Known<Arc<Symbols>>,
    locked: Option<Arc<Locked>>,
    outcomes: Arc<[Outcome]>,
}

/// A file that the last build has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// What it is.
    pub kind: OutputKind,
    /// Its bytes.
    pub size: u64,
}

impl Default for Knowledge {
    fn default() -> Self {
        Self {
            packages: Known::Loading,
            modules: Known::Loading,
            firmware: Known::Loading,
            symbols: Known::Loading,
            locked: None,
            outcomes: Arc::default(),
        }
    }
}

impl Knowledge {
    /// The packages that the manifest's repositories offer.
    pub fn packages(&self) -> Known<&Packages> {
        self.packages.as_known()
    }

    /// The modules of the image's kernel.
    pub fn modules(&self) -> Known<&Modules> {
        self.modules.as_known()
    }

    /// The files of the firmware packages that the manifest names.
    pub fn firmware(&self) -> Known<&Firmware> {
        self.firmware.as_known()
    }

    /// The symbols of a kernel that is built.
    pub fn symbols(&self) -> Known<&Symbols> {
        self.symbols.as_known()
    }

    /// What the last build of the manifest has written.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// What `zos.lock` says, where there is one.
    pub fn locked(&self) -> Option<&Locked> {
        self.locked.as_deref()
    }
}

#[cfg(test)]
pub mod made;
#[cfg(test)]
mod tests;
