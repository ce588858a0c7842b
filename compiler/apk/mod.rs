//! Alpine's package format: archives, signatures, and what installing them leaves in a tree.
//!
//! Comes in: the bytes of `.apk` archives and of public keys. Goes out: [`UnpackedPackage`]s whose contents lie in the
//! [`Store`](crate::tree::Store), and the [`Tree`](crate::tree::Tree) that apk-tools would have made of them.
//! Every byte is hostile until a hash or a signature vouches for it; sizes are bounded, paths stay inside. Nothing here
//! runs a script, touches the network or writes a file outside the store.
//!
//! An installation is a chain of trees: [`initial_root`], then [`install`] and the packages' scripts in the order of
//! [`installation_steps`], [`settle_directories`], triggers, and [`finish`]. The other way, [`write_package`] and [`write_index`] make
//! what such an installation reads.

mod checksum;
mod contents;
mod control;
mod database;
pub mod dependency;
mod directories;
mod fault;
mod finish;
mod gzip;
mod identities;
pub mod index;
mod index_archive;
mod index_writer;
mod install;
mod installed;
mod journal;
mod keys;
mod members;
mod ownership;
mod package;
mod package_info;
mod package_writer;
mod private_key;
mod script;
mod signature;
pub mod solver;
mod steps;
mod tar_writer;
mod tarball;
mod trigger_glob;
mod triggers;
pub mod version;

pub use checksum::{Checksum, NotAChecksum};
pub use contents::PackagedFile;
pub use control::{PackageControl, read_control};
pub use directories::settle_directories;
pub use finish::{DatabaseSettings, finish};
pub use index_archive::open_index;
pub use index_writer::{IndexEntry, write_index};
pub use install::{initial_root, install};
pub use installed::{INSTALLED, InstalledPackage, read_installed};
pub use keys::Key;
pub use package::{Expected, UnpackedPackage, unpack};
pub use package_info::PackageInfo;
pub use package_writer::{NewPackage, PackedPackage, write_package};
pub use private_key::{PrivateKey, Randomness, Signer};
pub use script::ScriptKind;
pub use signature::{SignatureAlgorithm, VerifiedBy, verify_index, verify_package};
pub use steps::{Step, installation_steps};
pub use triggers::trigger_directories;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod install_tests;
/// The maker of test packages that integration tests use too.
#[cfg(test)]
#[path = "../../tests/support/packages.rs"]
pub(crate) mod packages;
#[cfg(test)]
mod tests;
