//! Where finished images go.

use std::path::PathBuf;

use serde::Serialize;

use crate::manifest::secret::Secret;
use crate::source::{Span, Spanned};

/// A place that finished images go to.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Publish {
    /// The place.
    pub to: Destination,
    /// The folder of EFI programs there, without slashes at its ends; may be empty.
    pub kernels: String,
    /// The folder of the lists of flists, likewise.
    pub flists: String,
    /// Whether `kernels.txt`, `kernels.json` and `index.html` are kept there.
    pub index_kernels: bool,
    /// The section's place in the manifest.
    pub span: Span,
}

/// A kind of place.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Destination {
    /// A bucket.
    S3(Bucket),
    /// A folder of the building machine, which need not exist yet.
    Folder(Spanned<PathBuf>),
    /// A repository of a container registry.
    Registry {
        /// Registry, repository and tag; variables checked by name.
        reference: Spanned<String>,
        /// How one logs in.
        login: Option<AccessKey>,
    },
}

/// A bucket of a server that speaks S3.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Bucket {
    /// The server without trailing slash; `None`: Amazon's.
    pub endpoint: Option<String>,
    /// The bucket's name.
    pub name: String,
    /// What the names of objects start with, without slashes at its ends; may be empty.
    pub prefix: String,
    /// The region.
    pub region: String,
    /// The key, where the manifest names one.
    pub key: Option<AccessKey>,
}

/// Two names under which a key is found at the moment of use.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AccessKey {
    /// The key's id, or the user's name.
    pub id: Spanned<Secret>,
    /// The secret, or the password.
    pub secret: Spanned<Secret>,
}
