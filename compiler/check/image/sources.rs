//! Resolved toolchains and sources.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::manifest::source::Property;
use crate::source::{Span, Spanned};
use crate::tree::{Digest, ImagePath};

/// A root filesystem in which sources are built.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Toolchain {
    /// What it consists of.
    pub root: ToolchainRoot,
    /// Its place.
    pub span: Span,
}

/// What a toolchain consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum ToolchainRoot {
    /// Alpine packages, from the repositories of [`Image::alpine`].
    Alpine {
        /// Their names, each once.
        packages: Vec<Spanned<String>>,
        /// The release to take them from, where it is another than that of [`Image::alpine`].
        release: Option<Spanned<String>>,
    },
    /// A container image.
    Container {
        /// Its name with the registry's host.
        reference: Spanned<String>,
        /// The digest of its manifest.
        digest: Digest,
    },
    /// An archive to download.
    Download {
        /// Its address.
        url: Spanned<String>,
        /// The digest that it must have.
        sha256: Digest,
    },
    /// A root filesystem of this machine.
    Local(LocalRoot),
    /// The building machine's own compilers.
    Host,
}

/// A root filesystem of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LocalRoot {
    /// An archive, and the digest that it must have where one is given.
    Archive(Spanned<PathBuf>, Option<Digest>),
    /// A folder.
    Folder(Spanned<PathBuf>),
}

/// A component from outside Alpine.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Source {
    /// Its name.
    pub name: Spanned<String>,
    /// Where it comes from.
    pub from: SourceOrigin,
    /// Patches for its files, in order.
    pub patches: Vec<Spanned<PathBuf>>,
    /// How it is built; `None`: its files are installed as they came.
    pub build: Option<Build>,
    /// Which files go where.
    pub install: Vec<InstallFile>,
    /// What must be true of every installed program, each once.
    pub verify: Vec<Spanned<Property>>,
}

impl Source {
    /// Whether something must be true of every installed program: what the manifest names, or else what no program can do
    /// without.
    pub fn verifies(&self, property: Property) -> bool {
        if self.verify.is_empty() {
            return Property::DEFAULT.contains(&property);
        }
        self.verify.iter().any(|wanted| wanted.value == property)
    }
}

/// Where a component comes from.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum SourceOrigin {
    /// A revision of a Git repository.
    Git {
        /// Its address.
        url: Spanned<String>,
        /// Which revision.
        revision: Spanned<GitRevision>,
        /// Whether its submodules come along.
        submodules: bool,
        /// Whether the build sees a `.git` folder.
        keep_git: bool,
    },
    /// A package of the Cargo registry.
    Crate {
        /// Its name.
        name: Spanned<String>,
        /// Its exact version, without `=`.
        version: Spanned<String>,
    },
    /// A folder.
    Path(Spanned<PathBuf>),
    /// A download.
    Release {
        /// Its address.
        url: Spanned<String>,
        /// The digest that it must have; `None`: the one that the lock keeps, whatever it was when it was first locked.
        sha256: Option<Digest>,
        /// The file's name; for an archive, what tells its format.
        file_name: String,
        /// Whether it is unpacked.
        unpack: bool,
        /// How many leading folders are dropped.
        strip_components: u32,
    },
}

/// A revision of a Git repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GitRevision {
    /// A commit by its whole hash: exact without a lock.
    Commit(String),
    /// A tag.
    Tag(String),
    /// A branch.
    Branch(String),
    /// A text that names a commit in one way or another.
    Named(String),
}

/// How a component is built.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Build {
    /// The steps.
    pub recipe: Recipe,
    /// The toolchain's name, a key of [`Image::toolchains`].
    pub toolchain: String,
    /// The folder inside the source; empty for the source itself.
    pub subdir: String,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// The section's place.
    pub span: Span,
}

/// The steps of a build.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Recipe {
    /// `cargo build`.
    Cargo {
        /// Target triple.
        target: Option<String>,
        /// Profile.
        profile: String,
        /// Programs; empty means all.
        bins: Vec<String>,
        /// Features.
        features: Vec<String>,
        /// Leave default features off.
        no_default_features: bool,
        /// Link the C library in.
        crt_static: bool,
        /// The release of Rust, where it is not that of the toolchain.
        rust: Option<Spanned<String>>,
    },
    /// `make`.
    Make {
        /// Targets; empty means the first of the makefile.
        targets: Vec<String>,
        /// Variables for its command line.
        variables: BTreeMap<String, String>,
    },
    /// `go build`.
    Go {
        /// Packages; empty means that of the folder.
        packages: Vec<String>,
        /// Build tags.
        tags: Vec<String>,
        /// Flags for the linker.
        ldflags: Option<String>,
        /// Whether it may call C.
        cgo: bool,
    },
    /// A shell command.
    Script(String),
}

/// A file of a component that goes into the image.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct InstallFile {
    /// A program's name or a path inside the source or build folder.
    pub file: Spanned<String>,
    /// Its path in the image.
    pub to: Spanned<ImagePath>,
    /// Its permissions.
    pub mode: u32,
}
