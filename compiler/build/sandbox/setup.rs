//! Lowers a [`Sandbox`] to a list of steps that the child only has to carry out.
//!
//! Everything the child needs is allocated and checked here, before the fork.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::thread::CpuSet;

use super::kernel::{OwnWords, Program};
use super::{Access, Network, RootFs, Sandbox, filter, refusal};
use crate::diagnostic::Diagnostic;

/// Where a mount comes from.
pub(super) enum Source {
    /// Files of the host; `read_only` also drops device files.
    Host {
        path: CString,
        read_only: bool,
        device: bool,
    },
    /// A fresh filesystem in memory; the size is a share of the machine's, so that all of them leave it some.
    Memory {
        mode: &'static CStr,
        size: &'static CStr,
    },
    /// The processes of the sandbox.
    Processes,
    /// Terminals of the sandbox.
    Terminals,
}

/// One thing to do inside, once the root has been changed to the sandbox's.
pub(super) enum Step {
    /// Make a directory where there is none.
    Directory(CString),
    /// Make a file where there is none.
    File(CString, Vec<u8>),
    /// Make a symlink where there is nothing.
    Link(CString, CString),
    /// Attach the mount made from this source.
    Attach(usize, CString),
    /// Lay a file or directory over itself, read-only; nothing happens where it is missing.
    Protect(CString),
    /// Lay `/dev/null` over a file; nothing happens where it is missing.
    Hide(CString),
    /// Make the mount at this path read-only.
    Seal(CString),
    /// Give a file to an owner and then set its mode.
    Own(CString, u32, u32, u32),
}

impl Step {
    /// What the step does, for a message.
    pub(super) fn describe(&self) -> String {
        let (verb, path) = match self {
            Self::Directory(path) => ("make the directory", path),
            Self::File(path, _) => ("make the file", path),
            Self::Link(path, _) => ("make the link", path),
            Self::Attach(_, path) => ("mount", path),
            Self::Protect(path) | Self::Seal(path) => ("protect", path),
            Self::Hide(path) => ("hide", path),
            Self::Own(path, ..) => ("give an owner to", path),
        };
        format!("{verb} `{}`", path.to_string_lossy())
    }
}

/// All that the child needs.
pub(super) struct Setup {
    /// The mounts to make while the host's files are still visible.
    pub(super) sources: Vec<Source>,
    /// Room for the mounts, filled by the child.
    pub(super) mounts: Vec<Option<OwnedFd>>,
    /// Which source is the root.
    pub(super) root: usize,
    /// A directory of the host that the root can be attached to.
    pub(super) anchor: CString,
    /// What to do once inside.
    pub(super) steps: Vec<Step>,
    /// Writable places to take files back from afterwards.
    pub(super) writable: Vec<CString>,
    /// Where the command starts.
    pub(super) directory: CString,
    /// The name of the machine.
    pub(super) hostname: Vec<u8>,
    /// Whether the loopback has to be brought up.
    pub(super) loopback: bool,
    /// The processors to use, where not all.
    pub(super) cores: Option<CpuSet>,
    /// Most processes at a time.
    pub(super) processes: u64,
    /// What the first process still has in memory of how zosc was started.
    pub(super) own_words: OwnWords,
    /// Which system calls are refused.
    pub(super) filter: Vec<libc::sock_filter>,
    /// The command.
    pub(super) program: Program,
}

/// Device files that every program may expect.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
/// Entries of a root that are no part of what a command sees: those that it gets anew, and what is zosc's own.
const NOT_LAID: [&str; 5] = ["proc", "sys", "dev", "tmp", ".zosc"];
/// Kernel settings that root of the host could change even without privileges.
const PROTECTED: [&str; 13] = [
    "/proc/sys",
    "/proc/irq",
    "/proc/bus",
    "/proc/fs",
    "/proc/acpi",
    "/proc/scsi",
    "/proc/driver",
    "/proc/asound",
    "/proc/dynamic_debug",
    "/proc/pressure",
    "/proc/tty",
    "/proc/cpu",
    "/proc/mtrr",
];
/// Kernel files that show or do something to the whole machine.
const HIDDEN: [&str; 15] = [
    "/proc/kcore",
    "/proc/keys",
    "/proc/key-users",
    "/proc/kmsg",
    "/proc/kallsyms",
    "/proc/kpagecount",
    "/proc/kpagecgroup",
    "/proc/kpageflags",
    "/proc/sched_debug",
    "/proc/slabinfo",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/latency_stats",
    "/proc/vmallocinfo",
];
/// What is only looked at, or holds a few names.
const SMALL: &CStr = c"1%";
/// Files that a command keeps in memory.
const LARGE: &CStr = c"50%";
/// Memory that the processes of a command share.
const SHARED: &CStr = c"10%";

impl Setup {
    /// Lowers a sandbox.
    pub(super) fn new(sandbox: &Sandbox) -> Result<Self, Diagnostic> {
        let mut setup = Self {
            sources: Vec::new(),
            mounts: Vec::new(),
            root: 0,
            anchor: text("/")?,
            steps: Vec::new(),
            writable: Vec::new(),
            directory: text(&sandbox.directory)?,
            hostname: sandbox.hostname.clone().into_bytes(),
            loopback: sandbox.network == Network::None,
            cores: cores(&sandbox.cores),
            processes: sandbox.limits.processes,
            own_words: OwnWords::find(),
            filter: filter::program(),
            program: program(sandbox)?,
        };
        setup.lay_root(sandbox)?;
        setup.lay_system()?;
        for bind in &sandbox.binds {
            setup.lay_bind(&bind.host, &bind.guest, bind.access)?;
        }
        for owner in &sandbox.owners {
            let path = text(&owner.path)?;
            let step = Step::Own(path, owner.uid, owner.gid, owner.mode);
            setup.steps.push(step);
        }
        if !matches!(sandbox.root, RootFs::Writable(_)) {
            for (path, content) in &sandbox.files {
                setup.parents(path)?;
                let step = Step::File(text(path)?, content.clone().into_bytes());
                setup.steps.push(step);
            }
            for (path, target) in &sandbox.links {
                setup.parents(path)?;
                setup.steps.push(Step::Link(text(path)?, text(target)?));
            }
            setup.parents(&format!("{}/.", sandbox.directory))?;
            setup.steps.push(Step::Seal(text("/")?));
        }
        setup.mounts.resize_with(setup.sources.len(), || None);
        Ok(setup)
    }

    /// The directories and files that steps make to mount on, from the root down; `/dev` is a mount of its own below.
    pub(super) fn mount_points(&self) -> impl Iterator<Item = String> {
        self.steps.iter().filter_map(|step| match step {
            Step::Directory(path) | Step::File(path, _)
                if !path.as_bytes().starts_with(b"/dev/") =>
            {
                path.to_str().ok().map(str::to_owned)
            }
            _ => None,
        })
    }

    fn source(&mut self, source: Source) -> usize {
        self.sources.push(source);
        self.sources.len() - 1
    }

    fn lay_root(&mut self, sandbox: &Sandbox) -> Result<(), Diagnostic> {
        match &sandbox.root {
            RootFs::Writable(directory) => {
                let path = host(directory)?;
                self.anchor.clone_from(&path);
                self.root = self.source(Source::Host {
                    path,
                    read_only: false,
                    device: false,
                });
                self.writable.push(text("/")?);
            }
            RootFs::Empty => self.root = self.source(memory(c"0755", SMALL)),
            RootFs::ReadOnly(directory) => {
                self.root = self.source(memory(c"0755", SMALL));
                self.lay_entries(directory)?;
            }
        }
        Ok(())
    }

    /// Lays the entries of a directory into a root in memory one by one, so that mount points can be made beside them.
    fn lay_entries(&mut self, directory: &Path) -> Result<(), Diagnostic> {
        let refuse = |error| refusal::unreadable(directory, &error);
        let mut entries = std::fs::read_dir(directory)
            .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
            .map_err(refuse)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                continue;
            };
            if NOT_LAID.contains(&name) {
                continue;
            }
            let kind = entry.file_type().map_err(refuse)?;
            let guest = format!("/{name}");
            if kind.is_symlink() {
                let target = std::fs::read_link(entry.path()).map_err(refuse)?;
                self.steps.push(Step::Link(text(&guest)?, host(&target)?));
            } else if kind.is_dir() || kind.is_file() {
                self.lay_bind(&entry.path(), &guest, Access::Read)?;
            }
        }
        Ok(())
    }

    /// `/proc`, `/dev` and `/tmp`.
    fn lay_system(&mut self) -> Result<(), Diagnostic> {
        self.attach(memory(c"0755", SMALL), "/dev")?;
        for device in DEVICES {
            let path = format!("/dev/{device}");
            self.lay_bind(Path::new(&path), &path, Access::Write)?;
        }
        for (link, target) in [
            ("/dev/fd", "/proc/self/fd"),
            ("/dev/stdin", "/proc/self/fd/0"),
            ("/dev/stdout", "/proc/self/fd/1"),
            ("/dev/stderr", "/proc/self/fd/2"),
            ("/dev/ptmx", "pts/ptmx"),
        ] {
            self.steps.push(Step::Link(text(link)?, text(target)?));
        }
        self.attach(Source::Terminals, "/dev/pts")?;
        self.attach(memory(c"1777", SHARED), "/dev/shm")?;
        self.steps.push(Step::Seal(text("/dev")?));
        self.attach(memory(c"1777", LARGE), "/tmp")?;
        self.attach(Source::Processes, "/proc")?;
        for path in PROTECTED {
            self.steps.push(Step::Protect(text(path)?));
        }
        for path in HIDDEN {
            self.steps.push(Step::Hide(text(path)?));
        }
        Ok(())
    }

    fn attach(&mut self, source: Source, guest: &str) -> Result<(), Diagnostic> {
        self.parents(&format!("{guest}/."))?;
        let source = self.source(source);
        self.steps.push(Step::Attach(source, text(guest)?));
        Ok(())
    }

    fn lay_bind(&mut self, from: &Path, guest: &str, access: Access) -> Result<(), Diagnostic> {
        let kind = std::fs::metadata(from).map_err(|error| refusal::unreadable(from, &error))?;
        let device = guest.starts_with("/dev/");
        if kind.is_dir() {
            self.parents(&format!("{guest}/."))?;
        } else {
            self.parents(guest)?;
            self.steps.push(Step::File(text(guest)?, Vec::new()));
        }
        let source = self.source(Source::Host {
            path: host(from)?,
            read_only: access == Access::Read,
            device,
        });
        self.steps.push(Step::Attach(source, text(guest)?));
        if access == Access::Write && !device {
            self.writable.push(text(guest)?);
        }
        Ok(())
    }

    /// Directories above the last component of a path, from the root down.
    fn parents(&mut self, path: &str) -> Result<(), Diagnostic> {
        for (slash, _) in path.match_indices('/').filter(|(at, _)| *at > 0) {
            self.steps.push(Step::Directory(text(&path[..slash])?));
        }
        Ok(())
    }
}

fn memory(mode: &'static CStr, size: &'static CStr) -> Source {
    Source::Memory { mode, size }
}

/// What this kernel can count of these processors.
fn cores(numbers: &[usize]) -> Option<CpuSet> {
    let mut set = CpuSet::new();
    for number in numbers.iter().filter(|number| **number < CpuSet::MAX_CPU) {
        set.set(*number);
    }
    (set.count() > 0).then_some(set)
}

fn program(sandbox: &Sandbox) -> Result<Program, Diagnostic> {
    let name = sandbox.arguments.first().map_or("", String::as_str);
    let candidates = if name.contains('/') {
        vec![text(name)?]
    } else {
        let path = sandbox.environment.get("PATH").map_or("", String::as_str);
        path.split(':')
            .filter(|folder| !folder.is_empty())
            .map(|folder| text(&format!("{folder}/{name}")))
            .collect::<Result<_, _>>()?
    };
    let arguments = sandbox.arguments.iter().map(|argument| text(argument));
    let environment = sandbox
        .environment
        .iter()
        .map(|(name, value)| text(&format!("{name}={value}")));
    Ok(Program::new(
        candidates,
        arguments.collect::<Result<_, _>>()?,
        environment.collect::<Result<_, _>>()?,
    ))
}

fn text(text: &str) -> Result<CString, Diagnostic> {
    CString::new(text).map_err(|_| refusal::zero_byte(text))
}

fn host(path: &Path) -> Result<CString, Diagnostic> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| refusal::zero_byte(&path.to_string_lossy()))
}
