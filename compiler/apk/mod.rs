//! Alpine's package format: archives, signatures, and what installing them leaves in a tree.
//!
//! Comes in: the bytes of `.apk` archives and of public keys. Goes out: [`UnpackedPackage`]s whose contents lie in the
//! [`Store`](crate::tree::Store), and the [`Tree`](crate::tree::Tree) that apk-tools would have made of them.
//! Every byte is hostile until a hash or a signature vouches for it; sizes are bounded, paths stay inside. Nothing here
//! runs a script, touches the network or writes a file outside the store.

mod checksum;
mod contents;
mod control;
pub mod dependency;
mod fault;
pub mod index;
mod keys;
mod members;
mod package;
mod package_info;
mod script;
mod signature;
pub mod solver;
mod tarball;
pub mod version;

pub use checksum::{Checksum, NotAChecksum};
pub use contents::PackagedFile;
pub use control::{PackageControl, read_control};
pub use keys::Key;
pub use package::{Expected, UnpackedPackage, unpack};
pub use package_info::PackageInfo;
pub use script::ScriptKind;
pub use signature::{SignatureAlgorithm, VerifiedBy, verify_index, verify_package};

/// The maker of test packages that integration tests use too.
#[cfg(test)]
#[path = "../../tests/support/packages.rs"]
mod packages;
#[cfg(test)]
mod tests;
