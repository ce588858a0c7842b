//! What a recipe asks for, once its parts are known to fit together.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::apk::{PackageInfo, ScriptKind};
use crate::source::{Span, Spanned};
use crate::tree::ImagePath;

/// A package to be made.
#[derive(Debug, Clone)]
pub struct PackageRequest {
    /// What it says of itself.
    pub info: PackageInfo,
    /// The folder of a repository that it goes to: an architecture.
    pub folder: String,
    /// Its scripts.
    pub scripts: BTreeMap<ScriptKind, Content>,
    /// Folders of this machine, and where in the package they go.
    pub overlays: Vec<(Spanned<PathBuf>, ImagePath)>,
    /// Directories, files and links that lie over those.
    pub entries: Vec<Placed>,
}

/// A content.
#[derive(Debug, Clone)]
pub enum Content {
    /// It is given.
    Bytes(Vec<u8>),
    /// It is in a file of this machine.
    Local(Spanned<PathBuf>),
}

/// Something at a path of a package.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Where it goes.
    pub path: ImagePath,
    /// Where the recipe says so.
    pub span: Span,
    /// What it is.
    pub what: What,
    /// Its permissions.
    pub mode: u32,
    /// Whose it is.
    pub owner: Owner,
}

/// What stands at a path.
#[derive(Debug, Clone)]
pub enum What {
    /// A directory.
    Directory,
    /// A file.
    File(Content),
    /// A symbolic link to this target.
    Link(String),
}

/// Whose something is: names count where the image knows them, else the numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The account's name; empty where only the number counts.
    pub user: String,
    /// The group's name; empty where only the number counts.
    pub group: String,
    /// The account's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

impl Default for Owner {
    fn default() -> Self {
        Self {
            user: "root".to_owned(),
            group: "root".to_owned(),
            uid: 0,
            gid: 0,
        }
    }
}
