//! What the lock pass hands on: the [`Lock`] that is written to `zos.lock`, and the [`Inputs`] that add this machine's files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::check::Alpine;
use crate::tree::{Digest, ImagePath};

/// Exact versions and digests of everything that comes from elsewhere: the content of `zos.lock`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lock {
    /// What the packages of the image answer to, as apk writes it in `world`, sorted.
    pub wishes: Vec<String>,
    /// Package indexes that were read, in the order of the manifest's repositories.
    pub indexes: Vec<LockedIndex>,
    /// Packages: those of the image in the order of installation, then kernel, stub and firmware packages, and those of flists.
    pub packages: Vec<LockedPackage>,
    /// Toolchains by name, those of this machine left out.
    pub toolchains: BTreeMap<String, LockedToolchain>,
    /// Sources by name.
    pub sources: BTreeMap<String, LockedSource>,
    /// What sources are built from beside their own files, by the sources' names.
    pub vendored: BTreeMap<String, LockedVendor>,
    /// The kernel.
    pub kernel: Option<LockedKernel>,
    /// The sources of a kernel that is built.
    pub kernel_source: Option<LockedKernelSource>,
}

/// Who brings what a source is built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vendor {
    /// `cargo`: crates.
    Cargo,
    /// `go`: modules.
    Go,
}

impl Vendor {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::Go => "go",
        }
    }
}

/// Crates or modules that a source's own lock file names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedVendor {
    /// Who brings them.
    pub by: Vendor,
    /// Digest of the lock file, or files, that name them.
    pub from: Digest,
    /// Digest of the tree with them.
    pub tree: Digest,
}

impl Lock {
    /// Packages of the image and of toolchains that come from these repositories, each once.
    pub fn packages_of<'a>(&'a self, alpine: &Alpine) -> Vec<&'a LockedPackage> {
        let toolchains = self.toolchains.values().flat_map(LockedToolchain::packages);
        // Those of a toolchain of another release come from elsewhere.
        let is_here = |package: &&LockedPackage| {
            let url = package.urls.first().map_or("", String::as_str);
            let mut addresses = alpine
                .repositories
                .iter()
                .flat_map(|repository| &repository.urls);
            addresses.any(|address| {
                let rest = url.strip_prefix(address.as_str());
                rest.is_some_and(|rest| rest.starts_with('/'))
            })
        };
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let all = self.packages.iter().chain(toolchains.filter(is_here));
        all.filter(|package| seen.insert(&package.identity))
            .collect()
    }
}

/// A package index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedIndex {
    /// The repository's first address, without architecture.
    pub url: String,
    /// The repository's tag, where it has one.
    pub tag: Option<String>,
    /// Digest of `APKINDEX.tar.gz`.
    pub sha256: Digest,
}

/// What a package is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It is installed in the image.
    Image,
    /// It holds the kernel and its modules.
    Kernel,
    /// It holds the EFI stub.
    Stub,
    /// It holds firmware.
    Firmware,
    /// It holds microcode.
    Microcode,
    /// It holds firmware that an flist packs whole.
    Flist,
}

/// One package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedPackage {
    /// What it is for.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Addresses of the `.apk` file, tried in order (the first is written to the lock; mirrors are added from the manifest).
    pub urls: Vec<String>,
    /// Its identity as the index gives it: `Q1…`.
    pub identity: String,
    /// Digest of the `.apk` file.
    pub sha256: Digest,
    /// Bytes of the `.apk` file.
    pub size: u64,
    /// When it was built, in seconds since 1970; 0 where it does not say.
    pub built: u64,
    /// Names of its scripts: `pre-install`, `post-install`, `trigger`.
    pub scripts: BTreeSet<String>,
    /// Patterns of directories that its trigger watches.
    pub triggers: Vec<String>,
    /// Who asked for it first (a wish, a package, or the conditions of its `install_if`), or what it is for; of an flist's package, the
    /// packages that stand for the sets that it is in.
    pub because: Vec<String>,
}

impl LockedPackage {
    /// `busybox-1.36.1-r15`
    pub fn full_name(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

/// A toolchain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LockedToolchain {
    /// Packages of Alpine.
    Alpine {
        /// What they answer to, as apk writes it in `world`, sorted.
        wishes: Vec<String>,
        /// Package indexes that were read, in the order of the repositories.
        indexes: Vec<LockedIndex>,
        /// The packages in the order of installation.
        packages: Vec<LockedPackage>,
    },
    /// An archive with a root filesystem.
    Download {
        /// Its address.
        url: String,
        /// Digest of the file.
        sha256: Digest,
        /// Bytes of the file.
        size: u64,
    },
    /// A container image.
    Image {
        /// Its name with the registry's host.
        reference: String,
        /// Digest of its manifest, or of the list of its manifests.
        sha256: Digest,
        /// Digest of the tree with its files.
        tree: Digest,
        /// The environment that it asks for.
        environment: BTreeMap<String, String>,
    },
}

impl LockedToolchain {
    /// The package indexes that were read for it.
    pub fn indexes(&self) -> &[LockedIndex] {
        match self {
            Self::Alpine { indexes, .. } => indexes,
            Self::Download { .. } | Self::Image { .. } => &[],
        }
    }

    /// The packages that it consists of, where it does.
    pub fn packages(&self) -> &[LockedPackage] {
        match self {
            Self::Alpine { packages, .. } => packages,
            Self::Download { .. } | Self::Image { .. } => &[],
        }
    }
}

/// A source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LockedSource {
    /// A package of the Cargo registry with its vendored dependencies.
    Crate {
        /// The package's name.
        name: String,
        /// Its version.
        version: String,
        /// Digest of the tree: the package's files, with its dependencies below `vendor/` and `Cargo.lock` beside them.
        tree: Digest,
    },
    /// A commit of a Git repository.
    Git {
        /// The repository's address.
        url: String,
        /// What the manifest asks for: `commit HASH`, `tag NAME`, `branch NAME` or `rev TEXT`.
        revision: String,
        /// The commit's hash.
        commit: String,
        /// Whether its submodules are part of the tree.
        submodules: bool,
        /// Whether a `.git` folder is part of the tree.
        keep_git: bool,
        /// Digest of the tree with its files.
        tree: Digest,
    },
    /// A download.
    Release {
        /// Its address.
        url: String,
        /// Digest of the file.
        sha256: Digest,
        /// Bytes of the file.
        size: u64,
    },
}

/// The kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedKernel {
    /// What `uname -r` prints, and the name of the folder below `/lib/modules`.
    pub release: String,
    /// The kernel's path inside its package, or inside the tree of [`Inputs::kernel`].
    pub image: ImagePath,
}

/// The sources of a kernel that is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedKernelSource {
    /// Addresses of the download, tried in order (the first is written to the lock; mirrors are added from the manifest).
    pub urls: Vec<String>,
    /// Digest of the download.
    pub sha256: Digest,
    /// Bytes of the download.
    pub size: u64,
    /// The sources' path inside the download, where that is a package.
    pub archive: Option<String>,
    /// When the sources were made, in seconds since 1970: the time stamp of a kernel that is built from them.
    pub made: u64,
    /// A signature that is a download of its own.
    pub signature: Option<LockedSignature>,
}

/// A detached signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedSignature {
    /// Its address.
    pub url: String,
    /// Digest of the file.
    pub sha256: Digest,
    /// Bytes of the file.
    pub size: u64,
}

/// A file of this machine, copied into the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalFile {
    /// Its content.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
}

/// Everything that a plan needs to know about inputs.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// What comes from elsewhere.
    pub lock: Lock,
    /// The time stamp of everything, in seconds since 1970.
    pub epoch: u64,
    /// Files of this machine by absolute path.
    pub files: BTreeMap<PathBuf, LocalFile>,
    /// Digests of the trees of this machine's folders (overlays, path sources) by absolute path; owners are root, times 0, modes
    /// 0755 for folders and programs, else 0644.
    pub folders: BTreeMap<PathBuf, Digest>,
    /// The tree of a prebuilt kernel: `/boot/vmlinuz-RELEASE` and `/lib/modules/RELEASE`.
    pub kernel: Option<Digest>,
    /// The EFI stub of a path.
    pub stub: Option<LocalFile>,
    /// The building machine's toolchain, where a source uses it.
    pub host: Option<HostToolchain>,
    /// As `host`, with the release of Rust that some source insists on, by that release.
    pub rusts: BTreeMap<String, HostToolchain>,
}

/// The building machine's own compilers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostToolchain {
    /// What `rustc -vV` and `cc --version` print: a build runs again when it changes.
    pub facts: String,
    /// Folders with programs, in order of search; becomes `PATH`.
    pub path: Vec<String>,
    /// Absolute folders of the machine that the sandbox shows read-only at the same place.
    pub folders: Vec<String>,
}
