//! Files that stay out of the image and are read from a store when they are first used.

use std::path::PathBuf;

use serde::Serialize;

use crate::source::{Span, Spanned};

use super::Bucket;

/// An flist.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Flist {
    /// Its name; the unit that mounts it is `rfs-NAME`.
    pub name: Spanned<String>,
    /// What is in it.
    pub pack: Packed,
    /// Where its list lies in the image; of its variables only `{kernel}` is left.
    pub embed: Spanned<String>,
    /// Where its files appear in the running system; of its variables only `{kernel}` is left.
    pub mount: Option<Spanned<String>>,
    /// Which release of its content it is.
    pub tag: Option<Spanned<String>>,
    /// Where a build writes its contents.
    pub write: BlobStore,
    /// The address that `rfs` reads them from, for the list's one route.
    pub read: Spanned<String>,
}

/// What is in an flist.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Packed {
    /// A folder of the image, with `{kernel}` as its only variable.
    Folder(Spanned<String>),
    /// `/lib/firmware` of a package and of all that it depends on.
    Firmware(Spanned<String>),
}

impl Packed {
    /// The place in the manifest that says it.
    pub fn span(&self) -> Span {
        let (Self::Folder(named) | Self::Firmware(named)) = self;
        named.span
    }
}

/// Where the contents of an flist are written.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlobStore {
    /// A bucket.
    S3(Bucket),
    /// A folder of the building machine, which need not exist yet.
    Folder(Spanned<PathBuf>),
}
