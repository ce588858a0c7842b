//! The embedded sandbox: where foreign code runs, but on a worker that has a root of its own for each command.
//!
//! Comes in: a [`Sandbox`], which is plain data (a root filesystem, what is visible in it, a command). Goes out: how the
//! command ended, and every line it wrote on the way. The command sees namespaces of its own (users, mounts,
//! processes, network, IPC, hostname, cgroups), only the files declared here, a fixed environment and no network unless
//! asked; when it ends, so does everything it started. No daemon and no setuid helper of ours takes part; an ordinary user
//! needs `newuidmap` and `newgidmap` only where files must have owners other than root.
//!
//! Why no crate: the kept ones run ordinary (allocating) code between fork and exec of a threaded process, know no
//! ownership hand-over for full id maps, or come under another licence. What is here is data prepared by the parent and
//! a child that only makes system calls.

mod crowd;
mod filter;
mod give_back;
mod identity;
mod inside;
mod kernel;
mod lines;
mod owners;
mod refusal;
mod setup;
mod take_back;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::diagnostic::Diagnostic;

pub(in crate::build) use identity::subordinate_ids;
pub(in crate::build) use lines::Lines;
pub(in crate::build) use refusal::{namespaces, no_map_helper, no_other_owner, unreadable};
#[cfg(feature = "remote")]
pub(in crate::build) use refusal::{no_directory, no_program, resources};
pub(in crate::build) use take_back::take_back;

/// Files beside the machine's own programs that name nothing of this machine.
pub(in crate::build) const HOST_FILES: [(&str, &str); 3] = [
    ("/etc/passwd", "root:x:0:0:root:/tmp:/bin/sh\n"),
    ("/etc/group", "root:x:0:\n"),
    ("/etc/hosts", "127.0.0.1 localhost zosc\n"),
];

/// What stands at `/` in the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootFs {
    /// Nothing but the binds, links and files of the sandbox; read-only.
    Empty,
    /// The content of a host directory, read-only.
    ReadOnly(PathBuf),
    /// A host directory that the command may change.
    Writable(PathBuf),
}

/// Whether the command may change what it sees through a [`Bind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// It may only look.
    Read,
    /// It may write.
    Write,
}

/// A file or directory of the host that the command sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// Where it is on the host; symlinks are followed.
    pub host: PathBuf,
    /// Where the command sees it: an absolute path.
    pub guest: String,
    /// What the command may do.
    pub access: Access,
}

/// What network the command has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// A loopback of its own and nothing else.
    None,
    /// The host's; only for what a locked digest checks afterwards.
    Host,
}

/// Which user and group ids exist in the sandbox; the command always starts as root of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// Root is enough: an ordinary user of the host sees one id, the host's root sees all of them.
    Root,
    /// Ids 0 to 65535 exist, so that files can be given to other users.
    Accounts,
}

/// When the command is ended from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Longest run.
    pub time: Duration,
    /// Most bytes of output.
    pub output: u64,
    /// Most processes and threads at a time.
    #[serde(default = "processes")]
    pub processes: u64,
}

/// Room for what compilers start on any machine, and none for what only multiplies.
fn processes() -> u64 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (64 * cores as u64).max(4096)
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_hours(2),
            output: 256 << 20,
            processes: processes(),
        }
    }
}

/// Whom a file below a writable part of the sandbox belongs to, as the command sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The path in the sandbox.
    pub path: String,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission, setuid, setgid and sticky bits.
    pub mode: u32,
}

/// A command and everything it may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// What stands at `/`.
    pub root: RootFs,
    /// Further files and directories, laid over the root in this order.
    pub binds: Vec<Bind>,
    /// Symlinks to make before the command starts, from path to target; only where the root is not a writable one.
    pub links: BTreeMap<String, String>,
    /// Files to make before the command starts; only where the root is not a writable one.
    pub files: BTreeMap<String, String>,
    /// Owners to give to files of writable places before the command starts.
    ///
    /// Needed where the host's user may not do so itself; see [`gives_owners`].
    pub owners: Vec<Owner>,
    /// Network.
    pub network: Network,
    /// User and group ids.
    pub identity: Identity,
    /// The whole environment.
    pub environment: BTreeMap<String, String>,
    /// The directory that the command starts in.
    pub directory: String,
    /// The name that `uname` shows.
    pub hostname: String,
    /// The program, looked for in the environment's `PATH` unless it holds a slash, and its arguments.
    pub arguments: Vec<String>,
    /// When it is ended from outside.
    pub limits: Limits,
    /// The processors that the command may use, so that it starts as many jobs; all of them where this is empty.
    pub cores: Vec<usize>,
}

impl Sandbox {
    /// A command on a root filesystem, with an environment that is the same on every machine.
    pub fn new(root: RootFs, arguments: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let environment = [
            (
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ),
            ("HOME", "/tmp"),
            ("LANG", "C.UTF-8"),
            ("TZ", "UTC"),
            ("TERM", "dumb"),
        ];
        Self {
            root,
            binds: Vec::new(),
            links: BTreeMap::new(),
            files: BTreeMap::new(),
            owners: Vec::new(),
            network: Network::None,
            identity: Identity::Root,
            environment: environment
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            directory: "/".to_owned(),
            hostname: "zosc".to_owned(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            limits: Limits::default(),
            cores: Vec::new(),
        }
    }

    /// Adds a file or directory of the host.
    pub fn bind(
        mut self,
        host: impl Into<PathBuf>,
        guest: impl Into<String>,
        access: Access,
    ) -> Self {
        self.binds.push(Bind {
            host: host.into(),
            guest: guest.into(),
            access,
        });
        self
    }

    /// Shows the machine's own programs and libraries, read-only: what `toolchain host` means.
    pub fn with_host_programs(mut self) -> Self {
        for folder in ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/usr"] {
            let path = std::path::Path::new(folder);
            if let Ok(target) = std::fs::read_link(path) {
                let target = target.to_string_lossy().into_owned();
                self.links.insert(folder.to_owned(), target);
            } else if path.is_dir() {
                self = self.bind(folder, folder, Access::Read);
            }
        }
        // Not all of /etc/ssl: root's private keys are there, too.
        for file in [
            "/etc/alternatives",
            "/etc/ld.so.cache",
            "/etc/ssl/certs",
            "/etc/ssl/cert.pem",
            "/etc/ssl/openssl.cnf",
            "/etc/ca-certificates",
        ] {
            if std::path::Path::new(file).exists() {
                self = self.bind(file, file, Access::Read);
            }
        }
        for (file, content) in HOST_FILES {
            self.files.insert(file.to_owned(), content.to_owned());
        }
        self
    }

    /// Runs the command to its end; `line` gets every line of its output, without the line break.
    ///
    /// Setting `cancel` kills it within a tenth of a second.
    ///
    /// # Errors
    /// Where the sandbox cannot be made or the program cannot be started. A program that fails is an [`Outcome`].
    pub fn run(
        &self,
        cancel: &AtomicBool,
        line: &mut dyn FnMut(&[u8]),
    ) -> Result<Outcome, Diagnostic> {
        self.run_on(Ground::Machine, cancel, line)
    }

    /// [`run`](Self::run), on the machine or in a container.
    pub(in crate::build) fn run_on(
        &self,
        ground: Ground,
        cancel: &AtomicBool,
        line: &mut dyn FnMut(&[u8]),
    ) -> Result<Outcome, Diagnostic> {
        watch::run(self, ground, watch::Mode::Logged { cancel, line })
    }

    /// Runs the command on the terminal that zosc itself was started from, without limits.
    pub fn interact(&self) -> Result<Outcome, Diagnostic> {
        self.interact_on(Ground::Machine)
    }

    /// [`interact`](Self::interact), on the machine or in a container.
    pub(in crate::build) fn interact_on(&self, ground: Ground) -> Result<Outcome, Diagnostic> {
        watch::run(self, ground, watch::Mode::Terminal)
    }
}

/// Whether owners of files in the sandbox must be handed over through [`Sandbox::owners`].
///
/// The host's root gives files to anyone itself. An ordinary user cannot: the owners that its sandbox sees are
/// subordinate ids, which only a process inside may use.
pub fn gives_owners() -> bool {
    !rustix::process::geteuid().is_root()
}

/// What a sandbox is laid out on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::build) enum Ground {
    /// The machine itself.
    Machine,
    /// A container that an engine made for this one command.
    Container {
        /// User and group, as the container numbers them, who own the files that it was given.
        owner: (u32, u32),
        /// Whether owners other than root are told, and their files given back: [`gives_owners`], outside.
        gives_back: bool,
    },
}

impl Ground {
    /// Whether the users here are not yet those that the command is to see.
    ///
    /// A container already has root standing for the host's user, unless an ordinary user's files lie in a container
    /// of root's.
    fn needs_users(self) -> bool {
        match self {
            Self::Machine => true,
            Self::Container { owner, .. } => owner != (0, 0),
        }
    }

    fn gives_back(self, sandbox: &Sandbox) -> bool {
        sandbox.identity == Identity::Accounts
            && match self {
                Self::Machine => gives_owners(),
                Self::Container { gives_back, .. } => gives_back,
            }
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// By itself, with this exit code.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// By the time limit.
    TimeLimit,
    /// By the output limit.
    OutputLimit,
    /// By the limit of processes.
    ProcessLimit,
    /// Because it was cancelled.
    Cancelled,
}

impl End {
    /// Whether the command did what it was asked to.
    pub fn is_success(self) -> bool {
        self == Self::Exited(0)
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(code) => write!(formatter, "ended with exit code {code}"),
            Self::Signalled(signal) => write!(formatter, "was killed by signal {signal}"),
            Self::TimeLimit => formatter.write_str("reached its time limit"),
            Self::OutputLimit => formatter.write_str("reached its output limit"),
            Self::ProcessLimit => formatter.write_str("started too many processes"),
            Self::Cancelled => formatter.write_str("was cancelled"),
        }
    }
}

/// What is left of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How the command ended.
    pub end: End,
    /// Owners of files in writable places that the host's user cannot see for itself: those not root's, where
    /// [`gives_owners`] holds. On the host these files now belong to the user.
    pub owners: Vec<Owner>,
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::as_user;
