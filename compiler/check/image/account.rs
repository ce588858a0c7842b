//! Accounts and groups.

use crate::source::Spanned;

/// An account.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// As the package left it; locked for a new account.
    Unchanged,
    /// Without a password: an empty field in `/etc/shadow`.
    Empty,
    /// By a hash of `crypt(3)`.
    Hash(String),
}

/// A group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name.
    pub name: Spanned<String>,
    /// Its number.
    pub gid: Option<u32>,
}
