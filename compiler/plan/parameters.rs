//! What actions are parameterised with; every field counts for their keys.

use serde::Serialize;

use super::Input;
use crate::lock::{HostToolchain, Vendor};
use crate::tree::ImagePath;

/// The root filesystem of a [`Action::Run`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Root {
    /// The building machine's toolchain, read-only.
    Host(HostToolchain),
    /// A tree, read-only: it is on disk once, for all commands that run in it.
    Toolchain(Input),
    /// A tree, writable; what the command changes is captured.
    Tree(Input),
}

/// The files of a source, for the crates or modules that they name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BuiltFrom {
    /// The source's reference in the list.
    pub reference: String,
    /// Who builds it.
    pub by: Vendor,
    /// The folder inside the source that is built.
    pub subdir: String,
    /// The source's files, patches applied.
    pub files: Input,
    /// The crates or modules that are vendored for it.
    pub vendored: Option<Input>,
}

/// A tree inside the root of a [`Action::Run`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mount {
    /// The tree.
    pub tree: Input,
    /// Where it is.
    pub at: ImagePath,
    /// Whether the command may write there; what it writes is lost unless captured.
    pub writable: bool,
}

/// The command of a [`Action::Run`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Arguments {
    /// The program and its first arguments.
    pub fixed: Vec<String>,
    /// A blob with a JSON list of further arguments; where that list is empty, nothing runs and the root stays as it is.
    pub further: Option<Input>,
}

/// What a [`Action::Run`] yields.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capture {
    /// The root tree with all changes.
    Root,
    /// What is in this directory at the end, with paths relative to it.
    Directory(ImagePath),
}

/// What an [`Action::Strip`] takes symbols and debugging information from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stripping {
    /// Programs and shared libraries.
    Binaries,
    /// Kernel modules.
    Modules,
}

/// What an [`Action::Verify`] verifies of each program and library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verified {
    /// It is static.
    Static,
    /// It is for this processor.
    Arch(String),
    /// It holds no paths of a build machine.
    NoBuildPaths {
        /// Whether the image loses debugging information later, so that paths there do not count.
        stripped: bool,
    },
}

/// A source whose files an [`Action::VerifyLinks`] looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Linked {
    /// Its name.
    pub source: String,
    /// Whether loaders and interpreters must be there.
    pub interpreter: bool,
    /// Whether shared libraries must be there.
    pub libraries: bool,
}

/// A file of [`Action::InstallFiles`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InstalledFile {
    /// Its path in the source tree.
    pub file: ImagePath,
    /// Its path in the image.
    pub to: ImagePath,
    /// Its permissions.
    pub mode: u32,
}

/// A file of [`Action::WriteFiles`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OwnedFile {
    /// Its path in the image.
    pub path: ImagePath,
    /// Its content.
    pub body: FileBody,
    /// Its permissions.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Who it is from.
    pub origin: String,
}

/// The content of an [`OwnedFile`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileBody {
    /// UTF-8 text.
    Text(String),
    /// A blob and its bytes.
    Blob(Input, u64),
    /// A symbolic link.
    Link(String),
    /// A directory.
    Directory,
    /// A character device by major and minor number.
    CharDevice(u32, u32),
}

/// A group of [`Action::Accounts`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupEdit {
    /// Its name.
    pub name: String,
    /// Its number, where it is fixed.
    pub gid: Option<u32>,
}

/// An account of [`Action::Accounts`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AccountEdit {
    /// The login name.
    pub name: String,
    /// User number, where it is fixed.
    pub uid: Option<u32>,
    /// Number of the main group, where it is fixed.
    pub gid: Option<u32>,
    /// The field in `/etc/shadow`; `None` leaves it (and locks a new account).
    pub password: Option<String>,
    /// Login shell, where it is fixed.
    pub shell: Option<String>,
    /// Home folder, where it is fixed.
    pub home: Option<String>,
    /// The name that people see, where it is fixed.
    pub title: Option<String>,
    /// Further groups.
    pub groups: Vec<String>,
}
