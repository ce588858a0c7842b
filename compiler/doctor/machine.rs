//! The machine as it is asked: everything that a look at it may do, so that tests can be a machine, too.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::boot::uefi_firmware;
use crate::build::executor::{Choice, try_out};
use crate::build::sandbox::Identity;
use crate::check::Arch;
use crate::diagnostic::Diagnostic;
use crate::io::{
    Disk, Finished, Running, disk_of, environment, file_system_of, find_program, run_briefly,
    runs_programs_of,
};
use crate::tree::Store;

/// How long a program may take to say what it is.
const ANSWER: Duration = Duration::from_secs(10);
/// How long an executor may take for a command that does nothing.
const COMMAND: Duration = Duration::from_secs(30);

/// What a program is asked with: its own words, and nothing that it would install for the answer.
const SURROUNDINGS: [(&str, &str); 3] = [
    ("LC_ALL", "C"),
    ("RUSTUP_AUTO_INSTALL", "0"),
    ("GOTOOLCHAIN", "local"),
];

/// A machine that can be asked.
pub trait Machine {
    /// Where a program is.
    fn program(&self, name: &str) -> Option<PathBuf>;
    /// What a program says, within some seconds.
    fn ask(&self, program: &str, arguments: &[&str]) -> io::Result<Finished>;
    /// The text of a file.
    fn read(&self, path: &str) -> Option<String>;
    /// Whether there is such a file or folder.
    fn is_there(&self, path: &Path) -> bool;
    /// Whether a file can be opened for reading and writing.
    fn opens(&self, path: &Path) -> io::Result<()>;
    /// Whether an environment variable is set.
    fn is_set(&self, variable: &str) -> bool;
    /// Whether this is root.
    fn is_root(&self) -> bool;
    /// Has an executor run a command.
    fn run(&self, choice: Choice, identity: Identity) -> Result<(), Diagnostic>;
    /// The firmware that virtual machines start with.
    fn firmware(&self, arch: Arch, secure: bool) -> Option<PathBuf>;
    /// Whether its own processor is this one.
    fn is_native(&self, arch: Arch) -> bool;
    /// How it runs programs for a processor.
    fn running(&self, arch: Arch) -> Running;
    /// What a folder is like, or would be like once it is made.
    fn place(&self, folder: &Path) -> Place;
}

/// What a folder is like.
#[derive(Debug)]
pub struct Place {
    /// Whether files and links can be made in it.
    pub writing: io::Result<()>,
    /// The disk.
    pub disk: Option<Disk>,
    /// What its file system is called.
    pub file_system: Option<&'static str>,
}

/// The machine that zosc runs on.
#[derive(Debug, Clone, Copy)]
pub struct ThisMachine<'a> {
    /// Set from elsewhere to stop.
    pub cancel: &'a AtomicBool,
}

impl Machine for ThisMachine<'_> {
    fn program(&self, name: &str) -> Option<PathBuf> {
        find_program(name)
    }

    fn ask(&self, program: &str, arguments: &[&str]) -> io::Result<Finished> {
        run_briefly(program, arguments, &SURROUNDINGS, ANSWER, self.cancel)
    }

    fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }

    fn is_there(&self, path: &Path) -> bool {
        path.exists()
    }

    fn opens(&self, path: &Path) -> io::Result<()> {
        let mut options = std::fs::File::options();
        options.read(true).write(true).open(path).map(|_| ())
    }

    fn is_set(&self, variable: &str) -> bool {
        environment(variable).is_some()
    }

    fn is_root(&self) -> bool {
        rustix::process::geteuid().is_root()
    }

    fn run(&self, choice: Choice, identity: Identity) -> Result<(), Diagnostic> {
        let refused = |error: io::Error| {
            let message = format!("there is no folder for temporary files: {error}");
            Diagnostic::error("zosc::build::sandbox-setup", message)
                .help("`TMPDIR` names another one")
        };
        let folder = tempfile::tempdir().map_err(refused)?;
        let store = Store::open(folder.path())?;
        try_out(choice, identity, &store, COMMAND, self.cancel)
    }

    fn firmware(&self, arch: Arch, secure: bool) -> Option<PathBuf> {
        uefi_firmware(arch, secure)
    }

    fn is_native(&self, arch: Arch) -> bool {
        arch.name() == std::env::consts::ARCH
    }

    fn running(&self, arch: Arch) -> Running {
        runs_programs_of(arch.name())
    }

    fn place(&self, folder: &Path) -> Place {
        let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let there = absolute.ancestors().find(|above| above.is_dir());
        Place {
            writing: try_writing(there.unwrap_or(Path::new("/"))),
            disk: disk_of(folder),
            file_system: file_system_of(folder),
        }
    }
}

/// Makes in a folder what a store needs to make, and takes it away again.
fn try_writing(folder: &Path) -> io::Result<()> {
    let own = tempfile::tempdir_in(folder)?;
    let (file, link) = (own.path().join("file"), own.path().join("link"));
    std::fs::write(&file, "zosc doctor")?;
    std::os::unix::fs::symlink("file", &link)?;
    std::fs::rename(&link, own.path().join("other"))?;
    own.close()
}
