//! The `source` section.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Spanned;

/// A component from outside Alpine.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Source {
    /// The component's name.
    #[schemars(extend("x-kdl" = "arg"), extend("x-names" = "source"), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"), extend("x-message" = "a name starts with a letter or digit and goes on with letters, digits, `.`, `_`, `+`, `-`"), example = &"zinit")]
    pub name: Spanned<String>,
    /// A revision of a Git repository.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub git: Option<Git>,
    /// A package of the Cargo registry.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    #[serde(rename = "crate")]
    pub registry: Option<Crate>,
    /// A folder, relative to the manifest.
    #[schemars(extend("x-kdl" = "child"), extend("x-complete" = "path"), example = &"../agent")]
    #[serde(default)]
    pub path: Option<Spanned<String>>,
    /// A file to download.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub release: Option<Spanned<Release>>,
    /// Patches for its files, applied in order (`patch -p1`); paths relative to the manifest.
    #[schemars(extend("x-kdl" = "words"), extend("x-complete" = "path"), example = ["patches/0001-paths.patch"])]
    #[serde(default)]
    pub patch: Vec<Spanned<String>>,
    /// How it is built. Without it, the files are installed as they came.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub build: Option<Spanned<Build>>,
    /// Which files go where in the image.
    #[schemars(extend("x-kdl" = "list"))]
    #[serde(default)]
    pub install: Vec<InstallFile>,
    /// What must be true of every installed program. Without it: `arch`, `interpreter` and `libraries`; words take their place.
    #[schemars(extend("x-kdl" = "words"), extend("default" = ["arch", "interpreter", "libraries"]))]
    #[serde(default)]
    pub verify: Vec<Spanned<Property>>,
}

/// A revision of a Git repository: exactly one of `rev`, `tag` and `branch`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Git {
    /// Its address: `https://`, `ssh://`, `file://`, or `git@HOST:PATH`.
    #[schemars(extend("x-kdl" = "arg"), example = &"https://github.com/threefoldtech/zinit")]
    pub url: Spanned<String>,
    /// A commit, or whatever else names one. The 40 digits of a commit are exact by themselves; anything else is looked up once and kept in the lock.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^[A-Za-z0-9_][A-Za-z0-9_./+-]*$"), extend("x-message" = "a revision is a commit, a tag or a branch, as `git` names it"), example = &"5f3a9c1d2b4e6f708192a3b4c5d6e7f8091a2b3c")]
    #[serde(default)]
    pub rev: Option<Spanned<String>>,
    /// A tag. The commit that it names is kept in the lock.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^[A-Za-z0-9_][A-Za-z0-9_./+-]*$"), extend("x-message" = "this is no name of a tag"), example = &"v0.2.14")]
    #[serde(default)]
    pub tag: Option<Spanned<String>>,
    /// A branch. Its newest commit is looked up once and kept in the lock.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^[A-Za-z0-9_][A-Za-z0-9_./+-]*$"), extend("x-message" = "this is no name of a branch"), example = &"main")]
    #[serde(default)]
    pub branch: Option<Spanned<String>>,
    /// Whether its submodules come along.
    #[schemars(extend("x-kdl" = "prop"), extend("default" = false))]
    #[serde(default)]
    pub submodules: Option<Spanned<bool>>,
    /// Whether the build sees a `.git` folder, with the commit and the tags before it, for builds that ask `git describe`.
    #[schemars(extend("x-kdl" = "prop"), extend("default" = false))]
    #[serde(default)]
    pub keep_git: Option<Spanned<bool>>,
}

/// A package of the Cargo registry, taken with all its dependencies.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Crate {
    /// The package's name.
    #[schemars(extend("x-kdl" = "arg"), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"), extend("x-message" = "a name starts with a letter or digit and goes on with letters, digits, `.`, `_`, `+`, `-`"), example = &"ripgrep")]
    pub name: Spanned<String>,
    /// An exact version, such as `"=14.1.1"`.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^=?[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*$"), extend("x-message" = "an exact version has three numbers, such as \"=14.1.1\""), example = &"=14.1.1")]
    pub version: Spanned<String>,
}

/// A file to download, pinned by digest; or one file for each architecture.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Release {
    /// Its address: `https://`, `http://` or `file://`.
    #[schemars(extend("x-kdl" = "arg"), regex(pattern = r"^(https?|file)://"), extend("x-message" = "a download starts with `https://`, `http://` or `file://`"), example = &"https://example.org/corex-2.1.4-amd64-linux-static")]
    #[serde(default)]
    pub url: Option<Spanned<String>>,
    /// The digest that it must have; or `lock`: that of the first download, which nobody has checked, and which the lock keeps from then on.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "digest"), regex(pattern = r"^([0-9a-f]{64}|lock)$"), extend("x-message" = "a SHA-256 digest is 64 lowercase hexadecimal digits, or `lock` for that of the first download"), example = &"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    #[serde(default)]
    pub sha256: Option<Spanned<String>>,
    /// The name that a file has from here on, whatever it is called where it comes from. For files that are not unpacked.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^[A-Za-z0-9_][A-Za-z0-9._+-]*$"), extend("x-message" = "a file's name has letters, digits, `.`, `_`, `+`, `-`, and no `/`"), example = &"corex")]
    #[serde(default)]
    pub rename: Option<Spanned<String>>,
    /// Whether an archive (tar, tar.gz, tar.xz, tar.zst, zip, deb, apk) is unpacked. Without it: yes, where the name ends like one.
    #[schemars(extend("x-kdl" = "prop"))]
    #[serde(default)]
    pub unpack: Option<Spanned<bool>>,
    /// How many leading folders of the paths inside an archive are dropped.
    #[schemars(extend("x-kdl" = "prop"), example = 1, extend("default" = 0))]
    #[serde(default)]
    pub strip_components: Option<Spanned<u32>>,
    /// The file for one architecture; that of the image is taken.
    #[schemars(extend("x-kdl" = "list"))]
    #[serde(default)]
    pub asset: Vec<Asset>,
}

/// The file of a release for one architecture.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Asset {
    /// The architecture.
    #[schemars(extend("x-kdl" = "arg"))]
    pub arch: Spanned<AssetArch>,
    /// Its address: `https://`, `http://` or `file://`.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^(https?|file)://"), extend("x-message" = "a download starts with `https://`, `http://` or `file://`"), example = &"https://example.org/tool-x86_64.tar.gz")]
    pub url: Spanned<String>,
    /// The digest that it must have; or `lock`: that of the first download, which nobody has checked, and which the lock keeps from then on.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "digest"), regex(pattern = r"^([0-9a-f]{64}|lock)$"), extend("x-message" = "a SHA-256 digest is 64 lowercase hexadecimal digits, or `lock` for that of the first download"), example = &"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    #[serde(default)]
    pub sha256: Option<Spanned<String>>,
}

/// An architecture that a release may have a file for, as Alpine names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum AssetArch {
    /// 64-bit x86, also called amd64.
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM, also called arm64.
    #[serde(rename = "aarch64")]
    Aarch64,
    /// 32-bit ARM with hardware floating point.
    #[serde(rename = "armv7")]
    Armv7,
    /// 64-bit RISC-V.
    #[serde(rename = "riscv64")]
    Riscv64,
}

impl AssetArch {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
            Self::Armv7 => "armv7",
            Self::Riscv64 => "riscv64",
        }
    }
}

/// How a component is built.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Build {
    /// The build system.
    #[schemars(extend("x-kdl" = "arg"))]
    #[serde(default)]
    pub recipe: Option<Spanned<Recipe>>,
    /// A shell command that builds it, instead of a recipe; in one line, or in several as a `"""` text.
    #[schemars(extend("x-kdl" = "prop"), example = &"make static")]
    #[serde(default)]
    pub script: Option<Spanned<String>>,
    /// The toolchain to build in. Without it: the only one there is.
    #[schemars(extend("x-kdl" = "prop"), extend("x-refers" = "toolchain"), example = &"rust")]
    #[serde(default)]
    pub toolchain: Option<Spanned<String>>,
    /// The folder inside the source to build in.
    #[schemars(extend("x-kdl" = "prop"), example = &"myceliumd")]
    #[serde(default)]
    pub subdir: Option<Spanned<String>>,
    /// With `cargo`: the Rust target triple; `{arch}` in it is the processor of the image. Without it: that of the toolchain, for the image's processor.
    #[schemars(extend("x-kdl" = "prop"), extend("x-template" = ["arch"]), example = &"x86_64-unknown-linux-musl")]
    #[serde(default)]
    pub target: Option<Spanned<String>>,
    /// With `cargo`: the profile. Without it: `release`.
    #[schemars(extend("x-kdl" = "prop"), extend("default" = "release"))]
    #[serde(default)]
    pub profile: Option<Spanned<String>>,
    /// With `cargo`: the release of Rust that the source insists on, where it is not that of the toolchain.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^1\.[0-9]+(\.[0-9]+)?$"), extend("x-message" = "a release of Rust is two or three numbers in quotes, such as \"1.74.0\""), example = &"1.74.0")]
    #[serde(default)]
    pub rust: Option<Spanned<String>>,
    /// With `cargo`: programs to build. Without any: all.
    #[schemars(extend("x-kdl" = "words"), extend("x-declares" = "source.program"), example = ["zinit"])]
    #[serde(default)]
    pub bin: Vec<Spanned<String>>,
    /// With `cargo`: features to turn on.
    #[schemars(extend("x-kdl" = "words"), example = ["client", "server"])]
    #[serde(default)]
    pub features: Vec<Spanned<String>>,
    /// With `cargo`: leave the default features off.
    #[schemars(extend("x-kdl" = "flag"))]
    #[serde(default)]
    pub no_default_features: Option<Spanned<bool>>,
    /// With `cargo`: link the C library in (`+crt-static`).
    #[schemars(extend("x-kdl" = "flag"))]
    #[serde(default)]
    pub r#static: Option<Spanned<bool>>,
    /// With `make`: the targets to make. Without any: the first of the makefile.
    #[schemars(extend("x-kdl" = "words"), inner(regex(pattern = r"^[^-=\s][^=\s]*$")), extend("x-message" = "a target of make has no space and no `=`; variables go into `set`"), example = ["static"])]
    #[serde(default)]
    pub targets: Vec<Spanned<String>>,
    /// With `make`: variables, as on its command line.
    #[schemars(extend("x-kdl" = "pairs"), example = serde_json::json!({ "PREFIX": "/usr" }))]
    #[serde(default)]
    pub set: IndexMap<String, Spanned<String>>,
    /// With `go`: packages whose programs are built. Without any: that of the folder.
    #[schemars(extend("x-kdl" = "words"), inner(regex(pattern = r"^[A-Za-z0-9_.][A-Za-z0-9_./-]*$")), extend("x-message" = "this is no path of a Go package"), example = ["./cmd/agent"])]
    #[serde(default)]
    pub package: Vec<Spanned<String>>,
    /// With `go`: build tags.
    #[schemars(extend("x-kdl" = "words"), inner(regex(pattern = r"^[A-Za-z0-9_.]+$")), extend("x-message" = "a build tag has letters, digits, `_` and `.`"), example = ["netgo"])]
    #[serde(default)]
    pub tags: Vec<Spanned<String>>,
    /// With `go`: flags for its linker.
    #[schemars(extend("x-kdl" = "prop"), example = &"-s -w")]
    #[serde(default)]
    pub ldflags: Option<Spanned<String>>,
    /// With `go`: let it call C. Without it, programs are static.
    #[schemars(extend("x-kdl" = "flag"))]
    #[serde(default)]
    pub cgo: Option<Spanned<bool>>,
    /// Environment variables of the build.
    #[schemars(extend("x-kdl" = "pairs"), example = serde_json::json!({ "CFLAGS": "-Os" }))]
    #[serde(default)]
    pub env: IndexMap<String, Spanned<String>>,
}

/// A build system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Recipe {
    /// `cargo build`, offline, with vendored dependencies.
    Cargo,
    /// `make`.
    Make,
    /// `go build`, offline, with the modules that the lock names.
    Go,
}

impl Recipe {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::Make => "make",
            Self::Go => "go",
        }
    }
}

/// A file that goes into the image.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct InstallFile {
    /// A program that the recipe built, or a path inside the source or build folder.
    #[schemars(extend("x-kdl" = "arg"), extend("x-refers" = "source.program"), example = &"zinit")]
    pub file: Spanned<String>,
    /// Where it goes.
    #[schemars(extend("x-kdl" = "prop"), extend("x-declares" = "file"), regex(pattern = r"^/"), extend("x-message" = "a path inside the image starts with `/`"), example = &"/usr/bin/tool")]
    pub to: Spanned<String>,
    /// Its permissions. Without it: 0755.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^0?[0-7]{3,4}$"), extend("x-message" = "a mode is three or four octal digits in quotes, such as \"0755\""), extend("default" = "0755"))]
    #[serde(default)]
    pub mode: Option<Spanned<String>>,
}

/// Something that can be verified of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Property {
    /// It needs no shared library and no interpreter.
    Static,
    /// It is for the image's processor.
    Arch,
    /// The loader or script interpreter that it names is in the image.
    Interpreter,
    /// The shared libraries that it needs are in the image, where its loader looks.
    Libraries,
    /// It holds no path of the machine that built it.
    NoBuildPaths,
}

impl Property {
    /// What is verified where nothing is named: what no program can start without.
    pub const DEFAULT: [Self; 3] = [Self::Arch, Self::Interpreter, Self::Libraries];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Arch => "arch",
            Self::Interpreter => "interpreter",
            Self::Libraries => "libraries",
            Self::NoBuildPaths => "no-build-paths",
        }
    }
}
