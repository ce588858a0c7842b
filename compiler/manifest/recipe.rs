//! Recipes: packages of one's own, described by their files. They are files of their own, beside a manifest or elsewhere.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;

/// A recipe, as `zosc repo pack` reads it: one package or several.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Recipe {
    /// The edition of the language that the file is written in. There is one: 1.
    #[schemars(extend("x-kdl" = "child"), range(min = 1, max = 1), extend("x-message" = "the only edition is 1"))]
    pub edition: Option<Spanned<u32>>,
    /// The time stamp of the packages and of every file in them, in UTC. Without it: the environment variable `SOURCE_DATE_EPOCH`, else 1970.
    #[schemars(extend("x-kdl" = "child"), example = &"2026-11-01T00:00:00Z")]
    pub epoch: Option<Spanned<String>>,
    /// Packages to make.
    #[schemars(extend("x-kdl" = "list"))]
    pub package: Vec<Package>,
    /// Sections of which something is missing here because it was wrong and has been reported.
    #[serde(skip)]
    #[schemars(skip)]
    pub damaged: BTreeSet<String>,
}

/// One package: what it says of itself, what it needs, and its files.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Package {
    /// Its name.
    #[schemars(extend("x-kdl" = "arg"), regex(pattern = r"^[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}$"), extend("x-message" = "a package's name starts with a letter, digit or `_` and goes on with letters, digits, `.`, `_`, `+`, `-`"), example = &"site-agent")]
    pub name: Spanned<String>,
    /// Its version, with the release behind `-r`. Raise the release whenever the content changes: locks name packages by version.
    #[schemars(extend("x-kdl" = "prop"), example = &"1.4.0-r0")]
    pub version: Spanned<String>,
    /// The processor it is for. Without it: that of `zosc repo pack --arch`, else `x86_64`.
    #[schemars(extend("x-kdl" = "prop"))]
    #[serde(default)]
    pub arch: Option<Spanned<PackageArch>>,
    /// What it is, in one line.
    #[schemars(extend("x-kdl" = "child"), regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]+$"), extend("x-message" = "write one line without control characters"))]
    #[serde(default)]
    pub description: Option<Spanned<String>>,
    /// Where it comes from.
    #[schemars(extend("x-kdl" = "child"), regex(pattern = r"^[^\x00-\x20\x7f-\x9f]+$"), extend("x-message" = "write an address without spaces"))]
    #[serde(default)]
    pub url: Option<Spanned<String>>,
    /// Its licence, as an SPDX expression.
    #[schemars(extend("x-kdl" = "child"), regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]+$"), extend("x-message" = "write one line without control characters"), example = &"Apache-2.0")]
    #[serde(default)]
    pub license: Option<Spanned<String>>,
    /// Who looks after it.
    #[schemars(extend("x-kdl" = "child"), regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]+$"), extend("x-message" = "write one line without control characters"), example = &"Site team <site@example.org>")]
    #[serde(default)]
    pub maintainer: Option<Spanned<String>>,
    /// The source package. Packages of the same origin may replace each other's files.
    #[schemars(extend("x-kdl" = "child"), regex(pattern = r"^[A-Za-z0-9_][A-Za-z0-9._+-]*$"), extend("x-message" = "an origin is written like a package's name"))]
    #[serde(default)]
    pub origin: Option<Spanned<String>>,
    /// What it needs, each in quotes where it holds a version.
    #[schemars(extend("x-kdl" = "words"), example = &["busybox", "openssl>=3"])]
    #[serde(default)]
    pub depends: Vec<Spanned<String>>,
    /// What it is besides its name, such as `cmd:agent=1.4.0-r0`.
    #[schemars(extend("x-kdl" = "words"), example = &["cmd:site-agent=1.4.0-r0"])]
    #[serde(default)]
    pub provides: Vec<Spanned<String>>,
    /// Which provider is taken where several could be: the highest. Without it: never by itself.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub provider_priority: Option<Spanned<u32>>,
    /// Install it by itself once all of these are there.
    #[schemars(extend("x-kdl" = "words"), example = &["site-base", "docs"])]
    #[serde(default)]
    pub install_if: Vec<Spanned<String>>,
    /// Packages whose files it may take over.
    #[schemars(extend("x-kdl" = "words"))]
    #[serde(default)]
    pub replaces: Vec<Spanned<String>>,
    /// Which package's file stays where several replace it: the highest.
    #[schemars(extend("x-kdl" = "child"))]
    #[serde(default)]
    pub replaces_priority: Option<Spanned<u32>>,
    /// Directories whose changes run its `trigger` script; `*` and `?` stop at slashes.
    #[schemars(extend("x-kdl" = "words"), inner(regex(pattern = r"^\+?/[^\x00-\x20\x7f-\x9f]*$")), extend("x-message" = "a pattern of directories starts with `/` and holds no spaces"))]
    #[serde(default)]
    pub triggers: Vec<Spanned<String>>,
    /// Scripts that run while the package is installed.
    #[schemars(extend("x-kdl" = "list"))]
    #[serde(default)]
    pub script: Vec<Script>,
    /// Folders whose files are part of the package.
    #[schemars(extend("x-kdl" = "list"))]
    #[serde(default)]
    pub overlay: Vec<Overlay>,
    /// Directories with an owner or mode of their own, and empty ones.
    #[schemars(extend("x-kdl" = "list"))]
    #[serde(default)]
    pub directory: Vec<Directory>,
    /// Single files and links. They win over those of overlays.
    #[schemars(extend("x-kdl" = "list"))]
    #[serde(default)]
    pub file: Vec<File>,
}

/// The processor that a package is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PackageArch {
    /// 64-bit x86.
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM.
    #[serde(rename = "aarch64")]
    Aarch64,
    /// Any: it holds no programs that depend on the processor.
    Noarch,
}

/// A script of a package. It runs with the image as its root; `#!/bin/sh` needs a shell in the image.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Script {
    /// When it runs.
    #[schemars(extend("x-kdl" = "arg"))]
    pub kind: Spanned<Kind>,
    /// Its text.
    #[schemars(extend("x-kdl" = "prop"))]
    #[serde(default)]
    pub text: Option<Spanned<String>>,
    /// A file with its text, relative to the recipe.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "path"))]
    #[serde(default)]
    pub from: Option<Spanned<String>>,
}

/// When a script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ScriptKind")]
pub enum Kind {
    /// Before the files are there: the place to make users and groups.
    PreInstall,
    /// After the files are there.
    PostInstall,
    /// Before an older version's files are replaced.
    PreUpgrade,
    /// After an older version's files were replaced.
    PostUpgrade,
    /// Before the files are removed.
    PreDeinstall,
    /// After the files were removed.
    PostDeinstall,
    /// Once at the end, with the directories that match `triggers` as its arguments.
    Trigger,
}

/// A folder whose files go into the package, with times of the recipe; modes are 0755 for folders and programs, else 0644.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "PackageOverlay")]
pub struct Overlay {
    /// The folder, relative to the recipe.
    #[schemars(extend("x-kdl" = "arg"), extend("x-complete" = "path"))]
    pub from: Spanned<String>,
    /// Where it goes. Without it: `/`.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^/"), extend("x-message" = "a path inside the image starts with `/`"))]
    #[serde(default)]
    pub to: Option<Spanned<String>>,
}

/// A directory of a package.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Directory {
    /// Its path in the image.
    #[schemars(extend("x-kdl" = "arg"), regex(pattern = r"^/"), extend("x-message" = "a path inside the image starts with `/`"))]
    pub path: Spanned<String>,
    /// Its permissions. Without it: 0755.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^0?[0-7]{3,4}$"), extend("x-message" = "a mode is three or four octal digits in quotes, such as \"0755\""))]
    #[serde(default)]
    pub mode: Option<Spanned<String>>,
    /// Its owner's name, as the image's `/etc/passwd` has it. Without it: root.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^[A-Za-z_][A-Za-z0-9._-]{0,30}$"), extend("x-message" = "an account's name starts with a letter and has at most 31 letters, digits, `.`, `_`, `-`"))]
    #[serde(default)]
    pub user: Option<Spanned<String>>,
    /// Its group's name, as the image's `/etc/group` has it. Without it: root.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^[A-Za-z_][A-Za-z0-9._-]{0,30}$"), extend("x-message" = "a group's name starts with a letter and has at most 31 letters, digits, `.`, `_`, `-`"))]
    #[serde(default)]
    pub group: Option<Spanned<String>>,
    /// Its owner's number, for names that the image does not know.
    #[schemars(extend("x-kdl" = "prop"))]
    #[serde(default)]
    pub uid: Option<Spanned<u32>>,
    /// Its group's number, for names that the image does not know.
    #[schemars(extend("x-kdl" = "prop"))]
    #[serde(default)]
    pub gid: Option<Spanned<u32>>,
}

/// A file of a package.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "PackageFile")]
pub struct File {
    /// Its path in the image.
    #[schemars(extend("x-kdl" = "arg"), regex(pattern = r"^/"), extend("x-message" = "a path inside the image starts with `/`"))]
    pub to: Spanned<String>,
    /// Its content.
    #[schemars(extend("x-kdl" = "prop"))]
    #[serde(default)]
    pub text: Option<Spanned<String>>,
    /// A file with its content, relative to the recipe.
    #[schemars(extend("x-kdl" = "prop"), extend("x-complete" = "path"))]
    #[serde(default)]
    pub from: Option<Spanned<String>>,
    /// Make it a symbolic link to this path.
    #[schemars(extend("x-kdl" = "prop"))]
    #[serde(default)]
    pub link: Option<Spanned<String>>,
    /// Its permissions. Without it: 0644.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^0?[0-7]{3,4}$"), extend("x-message" = "a mode is three or four octal digits in quotes, such as \"0755\""))]
    #[serde(default)]
    pub mode: Option<Spanned<String>>,
    /// Its owner's name, as the image's `/etc/passwd` has it. Without it: root.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^[A-Za-z_][A-Za-z0-9._-]{0,30}$"), extend("x-message" = "an account's name starts with a letter and has at most 31 letters, digits, `.`, `_`, `-`"))]
    #[serde(default)]
    pub user: Option<Spanned<String>>,
    /// Its group's name, as the image's `/etc/group` has it. Without it: root.
    #[schemars(extend("x-kdl" = "prop"), regex(pattern = r"^[A-Za-z_][A-Za-z0-9._-]{0,30}$"), extend("x-message" = "a group's name starts with a letter and has at most 31 letters, digits, `.`, `_`, `-`"))]
    #[serde(default)]
    pub group: Option<Spanned<String>>,
    /// Its owner's number, for names that the image does not know.
    #[schemars(extend("x-kdl" = "prop"))]
    #[serde(default)]
    pub uid: Option<Spanned<u32>>,
    /// Its group's number, for names that the image does not know.
    #[schemars(extend("x-kdl" = "prop"))]
    #[serde(default)]
    pub gid: Option<Spanned<u32>>,
}
