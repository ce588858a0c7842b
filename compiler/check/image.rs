//! The resolved manifest: names looked up, imports merged, defaults filled in, nothing left to guess.
//!
//! Spans stay where a later pass can still find fault (a package that no repository has, a module the kernel lacks).
//! Serialised, it is everything that a manifest asks for, with the places of its words, and nothing of where the manifest lies.

mod account;
mod boot;
mod flist;
mod kernel;
mod processor;
mod publish;
mod sources;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub use account::*;
pub use boot::*;
pub use flist::*;
pub use kernel::*;
pub use publish::*;
pub use sources::*;

use serde::Serialize;

use crate::archive::Compression;
pub use crate::manifest::image::Arch;
use crate::manifest::size::Strippable;
use crate::sbom::Format;
use crate::source::{Span, Spanned};
use crate::tree::{Digest, ImagePath};
use crate::zinit;

/// Everything a manifest asks for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Image {
    /// The image's name.
    pub name: String,
    /// The version that people see; empty where none is given.
    pub version: String,
    /// The name that people see.
    pub title: String,
    /// The processor.
    pub arch: Arch,
    /// The time stamp of everything, in seconds since 1970, where the manifest or `SOURCE_DATE_EPOCH` fixes it.
    pub epoch: Option<u64>,
    /// The folder of the manifest; `dist/` and `zos.lock` lie beside it.
    #[serde(skip)]
    pub directory: PathBuf,
    /// The manifest file itself.
    #[serde(skip)]
    pub manifest: PathBuf,
    /// Where packages come from.
    pub alpine: Option<Alpine>,
    /// What is installed.
    pub packages: Packages,
    /// Toolchains by name.
    pub toolchains: BTreeMap<String, Toolchain>,
    /// Components in the manifest's order.
    pub sources: Vec<Source>,
    /// The kernel.
    pub kernel: Option<Kernel>,
    /// Modules loaded first, in order.
    pub stage1: Vec<ModuleRequest>,
    /// Modules loaded once the network is up, in order.
    pub stage2: Vec<ModuleRequest>,
    /// Firmware.
    pub firmware: Firmware,
    /// The form in which zinit reads its units; `None` where the image has no units.
    pub dialect: Option<zinit::Dialect>,
    /// Units in the manifest's order, without disabled ones.
    pub units: Vec<ResolvedUnit>,
    /// Accounts in the manifest's order.
    pub accounts: Vec<Account>,
    /// Groups in the manifest's order.
    pub groups: Vec<Group>,
    /// The host name.
    pub hostname: Option<String>,
    /// `/etc/os-release` as name and value, in order of writing.
    pub os_release: Option<Vec<(String, String)>>,
    /// The file that gets the digest of everything that went into the image.
    pub build_id: Option<ImagePath>,
    /// Single files (those of `file` nodes, branding texts, authorized keys), in the manifest's order.
    pub files: Vec<FileRequest>,
    /// Folders laid over the image, in the manifest's order.
    pub overlays: Vec<Overlay>,
    /// Files that stay out of the image, in the manifest's order.
    pub flists: Vec<Flist>,
    /// What loses its symbols.
    pub strip: Vec<Spanned<Strippable>>,
    /// What is packed with UPX.
    pub upx: Vec<Packing>,
    /// What is left out, each word once.
    pub drop: Vec<Dropping>,
    /// The largest initramfs in bytes.
    pub max_initramfs: Option<Spanned<u64>>,
    /// The largest EFI program in bytes.
    pub max_efi: Option<Spanned<u64>>,
    /// How the initramfs is compressed.
    pub compression: Compression,
    /// Whether the initramfs is written in segments.
    pub segments: bool,
    /// The files that a build yields, by what they are.
    pub outputs: Vec<OutputRequest>,
    /// Where finished images go, in the manifest's order.
    pub publish: Vec<Publish>,
    /// How the image is tried out.
    pub boot: Boot,
    /// What the environment and then `--set` changed, in order.
    #[serde(skip)]
    pub overrides: Vec<Override>,
}

/// A setting that the environment or the command line changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Its path, such as `kernel.version`.
    pub path: String,
    /// Its value now.
    pub value: String,
    /// The environment variable that changed it; `None`: the command line did.
    pub variable: Option<&'static str>,
    /// Where the manifest gives the value that it replaces.
    pub replaced: Option<Span>,
}

/// Where packages come from.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Alpine {
    /// `3.22` or `edge`.
    pub release: String,
    /// Repositories in order of preference.
    pub repositories: Vec<Repository>,
    /// Keys that may sign.
    pub keys: Vec<Key>,
    /// The section's place.
    pub span: Span,
}

/// One repository: the same content at one or several addresses.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Repository {
    /// Addresses without the architecture, tried in order: `https://…/alpine/v3.22/main`.
    pub urls: Vec<String>,
    /// Its tag, where it has one.
    pub tag: Option<String>,
    /// Whether it is one of the section's release: `v3.22` in its addresses is that and nothing else.
    pub follows_release: bool,
    /// Its place.
    pub span: Span,
}

/// A public key.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Key {
    /// The file's name, by which signatures refer to it.
    pub name: String,
    /// The PEM text.
    pub pem: String,
    /// Its place.
    pub span: Span,
}

/// What is installed.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Packages {
    /// Requests in the manifest's order.
    pub install: Vec<PackageRequest>,
    /// Names that must not be installed.
    pub exclude: Vec<Spanned<String>>,
    /// Whether scripts run where no exception says otherwise.
    pub run_scripts: bool,
    /// Exceptions by package name.
    pub script_exceptions: BTreeMap<String, bool>,
}

impl Packages {
    /// Whether the scripts of a package run.
    pub fn runs_scripts_of(&self, package: &str) -> bool {
        let exception = self.script_exceptions.get(package);
        exception.copied().unwrap_or(self.run_scripts)
    }
}

/// A package that is asked for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PackageRequest {
    /// Its name.
    pub name: Spanned<String>,
    /// A version constraint with its operator, such as `~6.14` or `=1.2-r0`.
    pub version: Option<Spanned<String>>,
    /// The tag whose repositories may also serve it.
    pub tag: Option<Spanned<String>>,
}

/// A kernel module that is asked for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ModuleRequest {
    /// Its name as written.
    pub name: Spanned<String>,
    /// Whether a kernel without it is fine.
    pub optional: bool,
    /// The flist that it is in, where the image itself is not to carry it.
    pub flist: Option<Spanned<String>>,
}

/// Firmware.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Firmware {
    /// Take what stage 1 modules ask for.
    pub for_stage1: bool,
    /// Take what stage 2 modules ask for.
    pub for_stage2: bool,
    /// Packages that hold firmware.
    pub packages: Vec<Spanned<String>>,
    /// The tag whose repositories may also serve a package, by the package's name.
    pub tags: BTreeMap<String, String>,
    /// Patterns relative to `/lib/firmware`.
    pub keep: Vec<Spanned<String>>,
}

/// A unit and where it was written.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ResolvedUnit {
    /// The unit.
    pub unit: zinit::Unit,
    /// The place of its name.
    pub span: Span,
    /// The place of its command.
    pub command: Option<Span>,
    /// The place of its test.
    pub test: Option<Span>,
    /// The place of its folder.
    pub folder: Option<Span>,
}

/// A single file.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileRequest {
    /// Its path in the image.
    pub to: Spanned<ImagePath>,
    /// Its content.
    pub content: FileContent,
    /// Its permissions.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// The content of a single file.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileContent {
    /// Given in the manifest, or by a file that ships with zosc.
    #[serde(rename = "text", serialize_with = "as_text")]
    Bytes(Arc<[u8]>),
    /// A file of the building machine.
    #[serde(rename = "from")]
    Local(Spanned<PathBuf>),
    /// A symbolic link to this target.
    Link(String),
}

/// Text as such, anything else by its digest.
fn as_text<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => serializer.serialize_str(text),
        Err(_) => serializer.collect_str(&format_args!("sha256:{}", Digest::of(bytes))),
    }
}

/// A folder laid over the image.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Overlay {
    /// The folder.
    pub from: Spanned<PathBuf>,
    /// Where it goes.
    pub to: ImagePath,
}

/// Files that are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Dropping {
    /// The word of the manifest: the name of a set, or a pattern.
    pub word: Spanned<String>,
    /// The patterns of paths that it stands for (globs over absolute paths, `*` within a component, `**` across).
    pub patterns: Vec<String>,
}

/// Programs that are packed with UPX.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Packing {
    /// Patterns of paths, as of [`Dropping`].
    pub patterns: Vec<Spanned<String>>,
    /// A pattern of those that stay as they are.
    pub except: Option<Spanned<String>>,
    /// The name of the toolchain that has `upx`, a key of [`Image::toolchains`].
    pub toolchain: String,
}

/// What an output file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputKind {
    /// The EFI program.
    Efi,
    /// The initramfs.
    Initramfs,
    /// The kernel as it came.
    Kernel,
    /// The list of what the image is made of, in this form.
    Sbom(Format),
}

impl OutputKind {
    /// Its name in records and lists of files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Efi => "efi",
            Self::Initramfs => "initramfs",
            Self::Kernel => "kernel",
            Self::Sbom(_) => "sbom",
        }
    }
}

/// A file that a build yields.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct OutputRequest {
    /// What it is.
    pub kind: OutputKind,
    /// Its name below `dist/`; variables checked by name, filled in once the lock knows their values.
    pub name: Spanned<String>,
    /// Whether the name is meant to be another one for another image: the second name of an EFI program.
    #[serde(skip)]
    pub is_versioned: bool,
}
