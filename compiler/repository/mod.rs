//! Signed repositories of one's own packages.
//!
//! Comes in: a recipe that describes packages by their files, a folder of finished packages, or a lock, and a private key. Goes out: `.apk`
//! files and `APKINDEX.tar.gz`, in the layout that apk and a manifest's `repository` node read. Whatever comes in again
//! gives the same bytes. Never runs a package's scripts, and asks the network for nothing but the indexes that a lock names.

mod files;
mod index;
mod keys;
mod pack;
mod recipe;
mod relation;
mod request;
mod vendor;

pub use files::Outcome;
pub use index::{Indexed, index};
pub use keys::{KeyFiles, make_key_pair, read_key};
pub use pack::{Packed, pack};
pub use recipe::{Settings, read_recipe};
pub use request::{Content, Owner, PackageRequest, Placed, What};
pub use vendor::{Vendored, vendor};

#[cfg(test)]
mod tests;
