//! The closed set of things a build can do.

mod key;
mod meaning;
mod yields;

pub use yields::Yield;

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    AccountEdit, Arguments, BuiltFrom, Capture, GroupEdit, InstalledFile, Linked, Mount, OwnedFile,
    Root, Stripping, Verified,
};
use crate::archive::Compression;
use crate::check::SigningKey;
use crate::lock::{LockedSource, Vendor};
use crate::sbom::{Bill, Format};
use crate::tree::{Conflict, Digest, ImagePath};

/// The index of an action in its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ActionId(pub u32);

/// Content that an action needs: a blob, or a tree by the digest of its encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Input {
    /// Content whose digest is known; it is in the store.
    #[serde(rename = "$digest")]
    Known(Digest),
    /// What another action yields.
    #[serde(rename = "$output")]
    Output(ActionId),
}

/// One step of a build; it yields exactly one blob or tree.
///
/// The key of an action is the digest of its serialised form with every input replaced by its digest, so every field
/// counts, and nothing else does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Downloads a file of known digest → blob.
    Fetch {
        /// Addresses, tried in order. They do not count for the key.
        #[serde(skip)]
        urls: Vec<String>,
        /// The digest that it must have.
        sha256: Digest,
        /// Bytes that it must have.
        size: u64,
    },
    /// Fetches a package of the Cargo registry with its dependencies → tree of known digest.
    Vendor {
        /// The package.
        name: String,
        /// Its exact version.
        version: String,
        /// The digest that the tree must have.
        tree: Digest,
    },
    /// Fetches the files of a commit of a Git repository → tree of known digest.
    Git {
        /// The source that they are of.
        source: String,
        /// The repository's address. It does not count for the key.
        #[serde(skip)]
        url: String,
        /// The commit.
        commit: String,
        /// Whether its submodules come along.
        submodules: bool,
        /// Whether a `.git` folder comes along.
        keep_git: bool,
        /// The digest that the tree must have.
        tree: Digest,
    },
    /// Fetches the crates or modules that a source's own lock file names → tree of known digest.
    Dependencies {
        /// The source.
        source: String,
        /// Who brings them.
        by: Vendor,
        /// The folder inside the source that is built.
        subdir: String,
        /// The source's files; they are there, or come from `git`. What they ask for is in `tree`.
        #[serde(skip)]
        from: Digest,
        /// Where those come from.
        #[serde(skip)]
        git: Option<LockedSource>,
        /// Patches by name.
        #[serde(skip)]
        patches: Vec<(String, Digest)>,
        /// The digest that the tree must have.
        tree: Digest,
    },
    /// Pulls a container image → tree of known digest.
    Pull {
        /// The toolchain that it is.
        toolchain: String,
        /// Its name with the registry's host. It does not count for the key.
        #[serde(skip)]
        reference: String,
        /// The digest of its manifest.
        sha256: Digest,
        /// The digest that the tree must have.
        tree: Digest,
    },
    /// Applies a patch to the files of a source → tree.
    Patch {
        /// The source's files.
        tree: Input,
        /// The text of the patch.
        patch: Input,
        /// Its file name, for errors.
        name: String,
        /// Who the changed files are from.
        origin: String,
    },
    /// Unpacks an archive → tree, owned by root, with times 0.
    Unpack {
        /// The archive's bytes.
        archive: Input,
        /// Its file name, whose ending tells the format.
        name: String,
        /// Leading folders to drop.
        strip_components: u32,
        /// Who the files are from.
        origin: String,
    },
    /// Unpacks an archive with a root filesystem → tree, owned by root, with times 0, without devices.
    UnpackRoot {
        /// The archive's bytes.
        archive: Input,
        /// Its file name, whose ending tells the format.
        name: String,
        /// Who the files are from.
        origin: String,
    },
    /// Verifies and unpacks a package → blob with its `apk::UnpackedPackage` as JSON.
    UnpackPackage {
        /// The `.apk` file.
        package: Input,
        /// The name that it must have.
        name: String,
        /// The version that it must have.
        version: String,
        /// The identity that it must have.
        identity: String,
    },
    /// The files of an unpacked package → tree.
    PackageFiles {
        /// The unpacked package.
        package: Input,
    },
    /// One script of an unpacked package → blob.
    PackageScript {
        /// The unpacked package.
        package: Input,
        /// The script's name, such as `post-install`.
        script: String,
    },
    /// Installs packages in order → tree.
    InstallPackages {
        /// The root so far; without one, the empty root that apk starts from.
        root: Option<Input>,
        /// Packages that are in the root already.
        installed: Vec<Input>,
        /// Packages to install, in order.
        packages: Vec<Input>,
    },
    /// Gives directories the owners and modes that the packages agree on, once all are installed → tree.
    SettleDirectories {
        /// The root with all packages.
        root: Input,
        /// All packages, in the order of installation.
        packages: Vec<Input>,
    },
    /// The directories of a root that a trigger watches → blob with a JSON list of paths.
    TriggerDirectories {
        /// The root with all packages.
        root: Input,
        /// All packages, in the order of installation.
        packages: Vec<Input>,
        /// The package whose trigger it is.
        package: Input,
    },
    /// Writes apk's database and settings into a root → tree.
    FinishPackages {
        /// The root.
        root: Input,
        /// Packages in the order of installation.
        packages: Vec<Input>,
        /// Lines of `/etc/apk/world`.
        world: Vec<String>,
        /// Lines of `/etc/apk/repositories`.
        repositories: Vec<String>,
        /// Architecture.
        arch: String,
        /// Key files by name.
        keys: BTreeMap<String, String>,
    },
    /// Runs foreign code in a sandbox → tree.
    Run {
        /// The root filesystem.
        root: Root,
        /// Trees that are laid into it.
        mounts: Vec<Mount>,
        /// Files that are laid into it while the command runs, by path; mode 0755.
        files: BTreeMap<ImagePath, Input>,
        /// The command.
        arguments: Arguments,
        /// The whole environment.
        environment: BTreeMap<String, String>,
        /// The working directory.
        directory: ImagePath,
        /// What becomes the tree.
        capture: Capture,
        /// Who the files are from.
        origin: String,
        /// The time stamp of what it writes.
        epoch: u64,
    },
    /// Files of one tree, at new places → tree.
    InstallFiles {
        /// The tree that they are in.
        from: Input,
        /// Which, and where to.
        files: Vec<InstalledFile>,
        /// Who they are from.
        origin: String,
        /// Their time stamp.
        epoch: u64,
    },
    /// Fails unless something is true of every program and library of a source → the same tree.
    Verify {
        /// The tree.
        tree: Input,
        /// The source it is of, for errors.
        source: String,
        /// What is verified.
        wanted: Vec<Verified>,
    },
    /// Fails unless the programs of some sources find their loaders and libraries in the image → the same tree.
    VerifyLinks {
        /// The whole image.
        tree: Input,
        /// The sources.
        sources: Vec<Linked>,
    },
    /// Files from contents that are known → tree.
    WriteFiles {
        /// The files.
        files: Vec<OwnedFile>,
        /// Their time stamp.
        epoch: u64,
    },
    /// Another place for a whole tree → tree.
    Move {
        /// The tree.
        tree: Input,
        /// The directory that becomes its root.
        to: ImagePath,
        /// Who the files are from.
        origin: String,
        /// Their time stamp.
        epoch: u64,
    },
    /// Merges trees, the first at the bottom → tree.
    Merge {
        /// The trees.
        trees: Vec<Input>,
        /// What happens where they differ.
        conflict: Conflict,
    },
    /// Adds and changes accounts and groups → tree.
    Accounts {
        /// The root.
        root: Input,
        /// Groups, in order.
        groups: Vec<GroupEdit>,
        /// Accounts, in order.
        accounts: Vec<AccountEdit>,
        /// The time stamp of changed files.
        epoch: u64,
    },
    /// Selects modules, writes the indexes that `modprobe` reads and the load lists → tree.
    Modules {
        /// The tree with `/lib/modules/RELEASE`.
        kernel: Input,
        /// The kernel's release.
        release: String,
        /// Names of stage 1, and whether each is optional.
        stage1: Vec<(String, bool)>,
        /// Names of stage 2, and whether each is optional.
        stage2: Vec<(String, bool)>,
        /// Names of stage 2 that stay out of the image, since an flist has them, and whether each is optional.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        flist: Vec<(String, bool)>,
        /// The time stamp of written files.
        epoch: u64,
    },
    /// Selects firmware → tree below `/lib/firmware`.
    Firmware {
        /// Trees of firmware packages.
        pool: Vec<Input>,
        /// The tree with `/lib/modules/RELEASE`, where modules decide.
        kernel: Option<Input>,
        /// The kernel's release.
        release: String,
        /// Module names whose firmware is taken.
        modules: Vec<String>,
        /// Patterns that are taken too.
        keep: Vec<String>,
        /// Take everything.
        all: bool,
    },
    /// All modules of a kernel, what else the image has in their folder, and the indexes of them all → tree.
    AllModules {
        /// The tree with `/lib/modules/RELEASE`.
        kernel: Input,
        /// What the image has in that folder, which wins.
        image: Input,
        /// The time stamp of written files.
        epoch: u64,
    },
    /// What lies in a folder of some trees → tree with that folder as its root, and hard links as files of their own.
    Folder {
        /// The trees.
        trees: Vec<Input>,
        /// Where the folder may be; what lies in each of these is joined.
        at: Vec<ImagePath>,
        /// The flist that it is the content of, which may not be empty and may not have two contents for one file.
        flist: Option<String>,
    },
    /// Takes everything out of a folder; the folder itself stays → tree.
    Leave {
        /// The tree.
        tree: Input,
        /// The folder.
        folder: ImagePath,
    },
    /// Packs a tree for a store that `rfs` reads → tree with `/list.fl`, and every blob below `/blobs/HH/HEX`.
    Flist {
        /// The tree.
        tree: Input,
        /// The flist's name.
        name: String,
        /// The address that the blobs are read from.
        route: String,
        /// Tags of the list.
        tags: BTreeMap<String, String>,
        /// The latest time stamp that is kept; later ones become this.
        epoch: u64,
    },
    /// Leaves out what matches → tree.
    Drop {
        /// The tree.
        tree: Input,
        /// Patterns over absolute paths.
        patterns: Vec<String>,
    },
    /// Takes symbols and debugging information out of files → tree.
    Strip {
        /// The tree.
        tree: Input,
        /// Out of which files.
        what: Stripping,
    },
    /// The programs that patterns of paths name → tree with each content under its digest.
    Programs {
        /// The tree.
        tree: Input,
        /// Patterns over absolute paths. One with wildcards reaches no kernel modules and no first process.
        patterns: Vec<String>,
        /// A pattern of those that stay out.
        except: Option<String>,
    },
    /// Puts smaller contents into the place of programs → tree.
    Exchange {
        /// The tree.
        tree: Input,
        /// The programs, as [`Action::Programs`] yields them.
        programs: Input,
        /// What they became, under the same names; under `NAME.why`, why one stays as it is.
        packed: Input,
    },
    /// Refuses an image that cannot boot: no `/init`, dangling interpreters of units, … → the same tree.
    Validate {
        /// The whole image.
        tree: Input,
        /// Programs that units start, by path or by name, with the unit's name.
        programs: Vec<(String, String)>,
        /// Folders that have left the image, with the flists that took them.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        left: Vec<(ImagePath, String)>,
    },
    /// The part of a tree that goes into one segment → tree.
    Segment {
        /// The whole image.
        tree: Input,
        /// The segment's name: `packages`, `components`, `modules`, `firmware`, `flists`, `units`, `files`.
        name: String,
    },
    /// Writes a compressed newc archive → blob.
    Cpio {
        /// The tree.
        tree: Input,
        /// How it is compressed.
        compression: Compression,
        /// The latest time stamp that is kept; later ones become this.
        epoch: u64,
    },
    /// Joins archives, each padded to four bytes → blob.
    Concat {
        /// The archives in order.
        parts: Vec<Input>,
        /// The most bytes that the result may have.
        limit: Option<u64>,
        /// What is in the archives, for the message where they are too large.
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<Input>,
    },
    /// One file of a tree → blob.
    PickFile {
        /// The tree.
        tree: Input,
        /// The file.
        path: ImagePath,
    },
    /// Unpacks a kernel that gzip has packed; any other is left as it is → blob.
    UnpackKernel {
        /// The kernel's image.
        kernel: Input,
    },
    /// Fails unless Kconfig took what was asked for and the kernel will boot the image → blob with the configuration.
    KernelConfig {
        /// The kernel's sources.
        source: Input,
        /// The tree with `/config`, as Kconfig left it, and `/release`.
        made: Input,
        /// What was asked for, by symbol.
        wanted: BTreeMap<String, String>,
        /// Symbols that must be `y`, each with why.
        needs: BTreeMap<String, String>,
        /// The release that the kernel must have.
        release: String,
        /// The processor.
        arch: String,
    },
    /// The image's digest → blob with it as a line: the key of this action.
    Identify {
        /// The whole image, without the places that hold the digest.
        tree: Input,
        /// The kernel.
        #[serde(skip_serializing_if = "Option::is_none")]
        kernel: Option<Input>,
        /// The EFI stub.
        #[serde(skip_serializing_if = "Option::is_none")]
        stub: Option<Input>,
        /// Microcode.
        #[serde(skip_serializing_if = "Option::is_none")]
        microcode: Option<Input>,
        /// The command line.
        cmdline: String,
        /// The kernel's release.
        release: String,
        /// The text of os-release, without the digest.
        os_release: String,
        /// How archives are compressed.
        compression: Compression,
        /// Whether there are several.
        segments: bool,
        /// The latest time stamp that is kept.
        epoch: u64,
    },
    /// Writes the image's digest into the image → tree.
    Stamp {
        /// The whole image.
        tree: Input,
        /// The digest.
        identity: Input,
        /// A file that gets it.
        build_id: Option<ImagePath>,
        /// The os-release that gets it as `BUILD_ID`.
        os_release: Option<ImagePath>,
        /// Texts in which `{build-id}` becomes it.
        texts: Vec<ImagePath>,
        /// The time stamp of the file.
        epoch: u64,
    },
    /// Joins the archives of microcode packages → blob.
    Microcode {
        /// The files of the packages.
        packages: Vec<Input>,
    },
    /// Writes a unified kernel image → blob.
    Uki {
        /// The EFI stub.
        stub: Input,
        /// The kernel.
        kernel: Input,
        /// The initramfs.
        initramfs: Input,
        /// Microcode.
        #[serde(skip_serializing_if = "Option::is_none")]
        microcode: Option<Input>,
        /// The command line.
        cmdline: String,
        /// The text of os-release, without the image's digest.
        os_release: String,
        /// The image's digest, as a line.
        identity: Input,
        /// The kernel's release.
        release: String,
    },
    /// Fails where an EFI program is too large → the same blob.
    Limit {
        /// The program, as it is written out.
        program: Input,
        /// The most bytes that it may have.
        limit: u64,
        /// The initramfs in it.
        initramfs: Input,
        /// What is in the initramfs.
        content: Input,
    },
    /// What the stub of a unified kernel image will measure into PCR 11 → blob: the register in hexadecimal digits; empty where
    /// the stub measures nothing.
    Measure {
        /// The image.
        image: Input,
    },
    /// Writes the list of what the image is made of → blob.
    Sbom {
        /// The form of the list.
        format: Format,
        /// What is known before anything is built.
        bill: Box<Bill>,
        /// The image's digest, as a line; without it, the list is about what is locked.
        #[serde(skip_serializing_if = "Option::is_none")]
        identity: Option<Input>,
        /// The files that the image is written to, by name.
        outputs: BTreeMap<String, Input>,
        /// Unpacked packages by their references in the list; those together that are installed together.
        packages: Vec<BTreeMap<String, Input>>,
        /// Sources that name crates or modules.
        sources: Vec<BuiltFrom>,
        /// The configuration of a kernel that is built.
        #[serde(skip_serializing_if = "Option::is_none")]
        kernel_config: Option<Input>,
    },
    /// Signs an EFI program for Secure Boot → blob.
    ///
    /// Of the key pair only the certificate counts: the private key that fits it can give one signature alone.
    Sign {
        /// The program.
        program: Input,
        /// The certificate in PEM.
        certificate: String,
        /// Where the private key is read.
        #[serde(skip)]
        key: SigningKey,
    },
}
