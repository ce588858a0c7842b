//! What each kind of action does, in a sentence for people, and where it may be done.

use super::super::{Capture, Root};
use super::Action;

impl Action {
    /// Whether another machine may perform it: a command on a toolchain that leaves a folder, and whose inputs do not lie in one another's way.
    ///
    /// Scripts that change the image's own tree stay here: no protocol carries owners and devices.
    pub fn goes_remote(&self) -> bool {
        let Self::Run {
            root: Root::Host(_) | Root::Toolchain(_),
            capture: Capture::Directory(_),
            mounts,
            files,
            ..
        } = self
        else {
            return false;
        };
        let mounted = || mounts.iter().map(|mount| &mount.at).chain(files.keys());
        let mut written = mounts.iter().filter(|mount| mount.writable);
        written.all(|mount| mounted().filter(|at| at.starts_with(&mount.at)).count() == 1)
    }

    /// What it does.
    pub fn meaning(&self) -> &'static str {
        match self {
            Self::Fetch { .. } => "downloads a file whose digest is locked",
            Self::Vendor { .. } => "fetches a package of the Cargo registry with its dependencies",
            Self::Git { .. } => "fetches the files of a commit",
            Self::Dependencies { .. } => "fetches what a source's own lock file names",
            Self::Pull { .. } => "pulls a container image whose digest is locked",
            Self::Patch { .. } => "applies a patch to the files of a source",
            Self::Unpack { .. } => "unpacks an archive",
            Self::UnpackRoot { .. } => "unpacks a root filesystem",
            Self::UnpackPackage { .. } => "verifies a package and unpacks it",
            Self::PackageFiles { .. } => "takes the files of a package",
            Self::PackageScript { .. } => "takes a script of a package",
            Self::InstallPackages { .. } => "installs packages in order",
            Self::SettleDirectories { .. } => {
                "gives directories the owners and modes that the packages agree on"
            }
            Self::TriggerDirectories { .. } => "finds the directories that a trigger watches",
            Self::FinishPackages { .. } => "writes apk's database and settings",
            Self::Run { .. } => "runs a command in the sandbox and keeps what it writes",
            Self::InstallFiles { .. } => "puts files of a source at their places in the image",
            Self::Verify { .. } => "fails unless the source's programs are as they must be",
            Self::VerifyLinks { .. } => {
                "fails unless programs find their loaders and libraries in the image"
            }
            Self::WriteFiles { .. } => "writes files whose content the manifest gives",
            Self::Move { .. } => "puts a folder at its place in the image",
            Self::Merge { .. } => "lays trees over one another",
            Self::Accounts { .. } => "adds and changes accounts and groups",
            Self::Modules { .. } => {
                "selects kernel modules with all that they need, and writes their indexes and lists"
            }
            Self::Firmware { .. } => "selects firmware",
            Self::AllModules { .. } => {
                "takes all modules of the kernel, and writes the indexes of them all"
            }
            Self::Folder { .. } => "takes what lies in a folder",
            Self::Leave { .. } => "takes everything out of a folder",
            Self::Flist { .. } => "packs files for a store, and writes their list",
            Self::Drop { .. } => "leaves files out",
            Self::Strip { .. } => "takes symbols and debugging information out of files",
            Self::Programs { .. } => "picks out the programs that are to be packed",
            Self::Exchange { .. } => "puts packed programs back in place",
            Self::Validate { .. } => "fails unless the image can start",
            Self::Segment { .. } => "picks out the part of the image that one segment holds",
            Self::Cpio { .. } => "writes an archive and compresses it",
            Self::Concat { .. } => "joins archives to one initramfs",
            Self::PickFile { .. } => "takes one file of a tree",
            Self::UnpackKernel { .. } => "makes a program of a packed kernel",
            Self::KernelConfig { .. } => "fails unless the kernel is configured as asked for",
            Self::Identify { .. } => "computes the image's digest",
            Self::Stamp { .. } => "writes the image's digest into the image",
            Self::Microcode { .. } => "joins the archives of microcode packages",
            Self::Sbom { .. } => "lists what the image is made of",
            Self::Uki { .. } => "joins stub, kernel and initramfs to an EFI program",
            Self::Limit { .. } => "fails where an EFI program is too large",
            Self::Measure { .. } => "computes what the stub will measure into PCR 11",
            Self::Sign { .. } => "signs an EFI program for Secure Boot",
        }
    }
}
