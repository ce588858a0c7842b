//! Accounts and groups.

use serde::Serialize;

use crate::source::Spanned;
use crate::tree::Digest;

/// An account.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Account {
    /// The login name.
    pub name: Spanned<String>,
    /// User number.
    pub uid: Option<u32>,
    /// Number of the main group.
    pub gid: Option<u32>,
    /// How one logs in.
    pub password: Password,
    /// Login shell.
    pub shell: Option<String>,
    /// Home folder.
    pub home: Option<String>,
    /// The name that people see.
    pub title: Option<String>,
    /// Further groups.
    pub groups: Vec<String>,
}

/// How one logs in to an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Password {
    /// As the package left it; locked for a new account.
    Unchanged,
    /// Without a password: an empty field in `/etc/shadow`.
    Empty,
    /// By a hash of `crypt(3)`.
    #[serde(serialize_with = "by_digest")]
    Hash(String),
}

/// A hash invites guessing, so it is told apart from others by its digest alone.
fn by_digest<S: serde::Serializer>(hash: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("sha256:{}", Digest::of(hash.as_bytes())))
}

/// A group.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Group {
    /// Its name.
    pub name: Spanned<String>,
    /// Its number.
    pub gid: Option<u32>,
}
