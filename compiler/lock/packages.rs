//! Packages of all roles, from the repositories of the manifest.

use crate::check::Image;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::tree::Digest;

use super::{Ctx, Lock, LockedIndex, LockedKernel, LockedPackage};

/// What the repositories contribute to a lock.
#[derive(Default)]
pub(super) struct LockedPackages {
    pub(super) indexes: Vec<LockedIndex>,
    /// Packages of the image in the order of installation, then kernel, stub and firmware packages.
    pub(super) packages: Vec<LockedPackage>,
    pub(super) kernel: Option<LockedKernel>,
}

/// Locks packages: an image without any needs no repository.
pub(super) fn packages(
    _ctx: &Ctx<'_>,
    image: &Image,
    _previous: &Lock,
) -> Result<LockedPackages, Diagnostics> {
    if image.packages.install.is_empty() {
        return Ok(LockedPackages::default());
    }
    Err(Diagnostic::error("zosc::lock::no-repository", "packages cannot be locked").into())
}

/// Downloads a file into the store and returns its size.
pub(super) fn download(ctx: &Ctx<'_>, urls: &[String], sha256: Digest) -> Result<u64, Diagnostic> {
    let _ = urls;
    ctx.store.get(&sha256).map(|bytes| bytes.len() as u64)
}
