//! Signed repositories of one's own packages.
//!
//! Comes in: a recipe that describes packages by their files, or a folder of finished packages, and a private key. Goes out: `.apk`
//! files and `APKINDEX.tar.gz`, in the layout that apk and a manifest's `repository` node read. Whatever comes in again
//! gives the same bytes. Never runs a package's scripts and never touches the network.

mod index;
mod keys;
mod pack;
mod publish;
mod recipe;
mod relation;
mod request;
mod vendor;

pub use index::{Indexed, index};
pub use keys::{KeyFiles, make_key_pair, read_key};
pub use pack::{Packed, pack};
pub use publish::Outcome;
pub use recipe::{Settings, read_recipe};
pub use request::{Content, Owner, PackageRequest, Placed, What};
pub use vendor::{Vendored, vendor};

#[cfg(test)]
mod tests;
