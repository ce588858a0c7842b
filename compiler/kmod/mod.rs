//! Kernel modules: what a kernel's module folder holds, what some modules need, and the index files for them.
//!
//! Comes in: a [`Tree`](crate::tree::Tree) with `/lib/modules/RELEASE` and its blobs. Goes out: the closure of named
//! modules in load order with the firmware they ask for, and the files that `depmod` would write for it. Never loads a
//! module, never looks at the running kernel, knows nothing of manifests.
//!
//! [`Kernel::read`] indexes the folder, [`Kernel::select`] computes a closure, [`depmod`] writes the index files,
//! [`Kernel::tree_of`] makes the tree of all that, and [`select_firmware`] picks firmware from a pool.

mod depmod;
mod firmware;
mod index;
mod kernel;
mod module;
mod name;
mod packing;
mod select;

pub use depmod::{DepmodFile, depmod};
pub use firmware::{FirmwareSelection, no_firmware, select_firmware};
pub use kernel::{Kernel, Meaning};
pub use module::ModuleFacts;
pub use name::{alias_matches, module_name, normal_alias};
pub use packing::{Opened, Packing, open};
pub use select::{BuiltIn, Missing, SelectError, Selected, Selection, WantedFirmware, Why};

#[cfg(test)]
pub(crate) mod tests;
