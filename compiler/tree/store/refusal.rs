//! Why a store does not do what it was asked for.

use std::io;
use std::path::Path;

use super::Store;
use crate::diagnostic::Diagnostic;
use crate::io::disk_refusal;
use crate::tree::Digest;

impl Store {
    pub(super) fn read_only(&self) -> Diagnostic {
        Diagnostic::error(
            "zosc::store::read-only",
            format!(
                "the store `{}` cannot be written to, and what is to be done needs that",
                self.root.display()
            ),
        )
        .help("`--store DIR` or ZOSC_STORE names another place; what is in a store already can be looked at and built again")
    }

    /// The store itself cannot be used, of which those are told who read and write it in pieces.
    pub fn unusable(&self, error: &io::Error) -> Diagnostic {
        unusable(&self.root, error)
    }
}

/// A store where everybody may put one, and somebody else has: what is in it would be believed.
pub(super) fn strange(root: &Path, user: u32) -> Diagnostic {
    Diagnostic::error(
        "zosc::store::unusable",
        format!(
            "`{}` belongs to another user ({user}) and lies where everybody may put things",
            root.display()
        ),
    )
    .help("name a folder of your own: `--store DIR`, or ZOSC_STORE")
}

/// Something at a path of the store cannot be read or written.
pub(super) fn unusable(path: &Path, error: &io::Error) -> Diagnostic {
    if let Some(problem) = disk_refusal(path, error) {
        return problem;
    }
    Diagnostic::error(
        "zosc::store::unusable",
        format!("cannot use `{}`: {error}", path.display()),
    )
    .help("the store lies below the cache folder; `--store DIR` or ZOSC_STORE names another place")
}

/// A content is not there.
pub(super) fn missing(digest: &Digest, error: &io::Error) -> Diagnostic {
    Diagnostic::error(
        "zosc::store::missing-blob",
        format!(
            "the content {} is not in the store: {error}",
            digest.short()
        ),
    )
    .help("run the command again without `--offline`: what is missing is fetched or built anew")
}

/// A content is not what its name says.
pub(super) fn damaged(digest: &Digest, path: &Path, is_removed: bool) -> Diagnostic {
    let done = if is_removed {
        "removed"
    } else {
        "could not remove"
    };
    Diagnostic::error(
        "zosc::store::damaged-blob",
        format!("the stored content {} is damaged", digest.short()),
    )
    .note(format!("{done} {}", path.display()))
    .help("run the command again: what is missing is fetched or built anew")
}
