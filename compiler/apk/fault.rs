//! What goes wrong while an archive is read, before it is known whose archive it is.

use std::io;

use crate::diagnostic::Diagnostic;
use crate::io::{default_store, disk_refusal};

/// A reason to stop reading an archive.
#[derive(Debug)]
pub(super) enum Fault {
    /// It ends in the middle.
    Truncated,
    /// It breaks a rule of its format.
    Malformed(String),
    /// It inflates to more than this many bytes.
    TooLarge(u64),
    /// It cannot be read.
    Unreadable(io::Error),
    /// It breaks a rule that has a diagnostic of its own.
    Refused(Box<Diagnostic>),
}

impl Fault {
    pub(super) fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed(reason.into())
    }

    /// The diagnostic for `subject`: "the package `busybox-1.36.1-r15`", "the index".
    pub(super) fn about(self, subject: &str) -> Diagnostic {
        match self {
            Self::Truncated => {
                Diagnostic::error("zosc::apk::truncated", format!("{subject} ends too early"))
                    .help("fetch it again; if it stays short, the mirror holds a broken copy")
            }
            Self::Malformed(reason) => Diagnostic::error(
                "zosc::apk::malformed-archive",
                format!("{subject} is no sound package archive: {reason}"),
            )
            .help("zosc reads apk v2 archives, as Alpine's `abuild` makes them"),
            Self::TooLarge(limit) => Diagnostic::error(
                "zosc::apk::size-bomb",
                format!("{subject} inflates to more than {limit} bytes"),
            )
            .help("its `.PKGINFO` names a far smaller installed size: do not trust it"),
            Self::Unreadable(error) => {
                disk_refusal(&default_store(), &error).unwrap_or_else(|| {
                    Diagnostic::error(
                        "zosc::apk::unreadable",
                        format!("{subject} cannot be read: {error}"),
                    )
                    .help("run the command again; what is damaged in the store is fetched anew")
                })
            }
            Self::Refused(diagnostic) => *diagnostic,
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                Self::Malformed(error.to_string())
            }
            _ => Self::Unreadable(error),
        }
    }
}

impl From<Diagnostic> for Fault {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Refused(Box::new(diagnostic))
    }
}
