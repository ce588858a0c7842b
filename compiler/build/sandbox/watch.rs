//! The parent's side: starts the child, maps its ids, collects its output, and ends it when a limit is reached.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};

use super::crowd::Crowd;
use super::inside::{self, Ends, Report};
use super::kernel::{self, Side};
use super::lines::Lines;
use super::setup::Setup;
use super::{End, Ground, Network, Outcome, RootFs, Sandbox, identity, owners, refusal};
use crate::diagnostic::Diagnostic;
use crate::io::Stopwatch;

/// Where the command's output goes.
pub(super) enum Mode<'a> {
    /// Line by line to a function, until `cancel` is set.
    Logged {
        cancel: &'a AtomicBool,
        line: &'a mut dyn FnMut(&[u8]),
    },
    /// To the terminal, which is also its input.
    Terminal,
}

/// How often limits and cancellation are looked at.
const GLANCE: Duration = Duration::from_millis(100);

/// Runs a sandbox to its end.
pub(super) fn run(
    sandbox: &Sandbox,
    ground: Ground,
    mode: Mode<'_>,
) -> Result<Outcome, Diagnostic> {
    let mut setup = Setup::new(sandbox)?;
    let missing = missing_mount_points(sandbox, &setup);
    let outcome = run_prepared(sandbox, &mut setup, ground, mode);
    remove_mount_points(sandbox, &missing);
    outcome
}

fn run_prepared(
    sandbox: &Sandbox,
    setup: &mut Setup,
    ground: Ground,
    mode: Mode<'_>,
) -> Result<Outcome, Diagnostic> {
    let resources = |error: std::io::Error| refusal::resources(&error);
    let (start_read, start_write) = std::io::pipe().map_err(resources)?;
    let (report_read, report_write) = std::io::pipe().map_err(resources)?;
    let (output_read, output_write) = std::io::pipe().map_err(resources)?;
    // In memory: a container need not have a folder for temporary files.
    let records = rustix::fs::memfd_create(c"owners", rustix::fs::MemfdFlags::CLOEXEC);
    let mut records = File::from(records.map_err(|error| refusal::resources(&error.into()))?);
    let logged = matches!(mode, Mode::Logged { .. });
    // Before the fork: the child is nobody yet.
    let gives_back = ground.gives_back(sandbox);
    let side = kernel::fork(namespaces(sandbox.network, ground));
    let pid = match side.map_err(|error| refusal::namespaces(&error.into()))? {
        Side::Parent(pid) => pid,
        Side::Child => inside::enter(
            setup,
            &Ends {
                start: start_read.as_fd(),
                reports: report_write.as_fd(),
                owners: records.as_fd(),
                output: logged.then(|| output_write.as_fd()),
            },
            gives_back,
        ),
    };
    drop((start_read, report_write, output_write));
    let child = Child::new(pid)?;
    identity::map(pid, sandbox.identity, ground)?;
    // A child that is gone already says why in its report, or is found to have vanished.
    let _ = rustix::io::write(&start_write, b"!");
    let mut watch = Watch {
        child,
        reports: report_read.into(),
        output: output_read.into(),
        report: Vec::new(),
        lines: Lines::default(),
        ended: None,
    };
    match mode {
        Mode::Logged { cancel, line } => watch.follow(sandbox, cancel, line)?,
        Mode::Terminal => watch.wait_at_terminal()?,
    }
    watch.child.bury();
    let end = watch.end(setup, sandbox)?;
    let mut listed = Vec::new();
    records
        .rewind()
        .and_then(|()| records.read_to_end(&mut listed))
        .map_err(resources)?;
    let (owners, is_whole) = owners::read(&listed);
    if gives_back && end.is_success() && !is_whole {
        return Err(refusal::not_given_back());
    }
    Ok(Outcome { end, owners })
}

fn namespaces(network: Network, ground: Ground) -> libc::c_int {
    let mut flags =
        libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
    if ground.needs_users() {
        flags |= libc::CLONE_NEWUSER;
    }
    if std::path::Path::new("/proc/self/ns/cgroup").exists() {
        flags |= libc::CLONE_NEWCGROUP;
    }
    if network == Network::None {
        flags |= libc::CLONE_NEWNET;
    }
    flags
}

/// The first process of a sandbox; dropped, it is killed and buried, and with it everything inside.
struct Child {
    pid: Pid,
    handle: OwnedFd,
    buried: bool,
}

impl Child {
    fn new(pid: Pid) -> Result<Self, Diagnostic> {
        match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => Ok(Self {
                pid,
                handle,
                buried: false,
            }),
            Err(error) => {
                let _ = rustix::process::kill_process(pid, Signal::KILL);
                let _ = rustix::process::waitpid(Some(pid), WaitOptions::empty());
                Err(refusal::resources(&error.into()))
            }
        }
    }

    fn kill(&self) {
        // One that has ended by itself cannot be killed, and need not.
        let _ = rustix::process::pidfd_send_signal(&self.handle, Signal::KILL);
    }

    fn bury(&mut self) {
        while matches!(
            rustix::process::waitpid(Some(self.pid), WaitOptions::empty()),
            Err(rustix::io::Errno::INTR)
        ) {}
        self.buried = true;
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.buried {
            self.kill();
            self.bury();
        }
    }
}

struct Watch {
    child: Child,
    reports: OwnedFd,
    output: OwnedFd,
    report: Vec<u8>,
    lines: Lines,
    /// Set when the command was ended from here.
    ended: Option<End>,
}

impl Watch {
    /// Follows a command until both pipes are at their end.
    fn follow(
        &mut self,
        sandbox: &Sandbox,
        cancel: &AtomicBool,
        line: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Diagnostic> {
        let clock = Stopwatch::start();
        let mut crowd = Crowd::new(self.child.pid, sandbox.limits.processes);
        let (mut reports_open, mut output_open) = (true, true);
        let mut written = 0_u64;
        while reports_open || output_open {
            let (reports, output) =
                wait_readable(&self.reports, reports_open, &self.output, output_open)?;
            if reports {
                reports_open = read_some(self.reports.as_fd(), &mut self.report)? > 0;
            }
            if output {
                let mut piece = Vec::new();
                let count = read_some(self.output.as_fd(), &mut piece)?;
                output_open = count > 0;
                written = written.saturating_add(count as u64);
                self.lines.take(&piece, line);
            }
            if self.ended.is_none() {
                self.ended = if cancel.load(Ordering::Relaxed) {
                    Some(End::Cancelled)
                } else if clock.elapsed() > sandbox.limits.time {
                    Some(End::TimeLimit)
                } else if written > sandbox.limits.output {
                    Some(End::OutputLimit)
                } else if crowd.is_too_large(clock.elapsed()) {
                    Some(End::ProcessLimit)
                } else {
                    continue;
                };
                self.child.kill();
            }
        }
        self.lines.finish(line);
        Ok(())
    }

    fn wait_at_terminal(&mut self) -> Result<(), Diagnostic> {
        while read_some(self.reports.as_fd(), &mut self.report)? > 0 {}
        let group = rustix::process::getpgrp();
        kernel::without_terminal_stops(|| {
            // Fails where the input is no terminal; then there is nothing to take back.
            let _ = rustix::termios::tcsetpgrp(rustix::stdio::stdin(), group);
        });
        Ok(())
    }

    fn end(&self, setup: &Setup, sandbox: &Sandbox) -> Result<End, Diagnostic> {
        let report = self.report.chunks_exact(4).map(|piece| {
            i32::from_ne_bytes(piece.try_into().expect("chunks of four are four bytes"))
        });
        let numbers: Vec<i32> = report.collect();
        // The first report counts: where the program cannot be started, the first process reports its end as well.
        let first: Option<Report> = numbers.get(..3).and_then(|first| first.try_into().ok());
        match (first, self.ended) {
            (_, Some(end)) => Ok(end),
            (Some([inside::EXITED, code, _]), None) => Ok(End::Exited(code)),
            (Some([inside::SIGNALLED, signal, _]), None) => Ok(End::Signalled(signal)),
            (Some(report), None) => Err(refusal::told(report, setup, sandbox)),
            (None, None) => Err(refusal::vanished()),
        }
    }
}

/// Waits a moment for either file to have something to say or to end.
fn wait_readable(
    reports: &OwnedFd,
    reports_open: bool,
    output: &OwnedFd,
    output_open: bool,
) -> Result<(bool, bool), Diagnostic> {
    let wanted = |open| {
        if open {
            PollFlags::IN
        } else {
            PollFlags::empty()
        }
    };
    // A file at its end would be ready all the time: it is left out.
    let mut files: Vec<PollFd<'_>> = Vec::with_capacity(2);
    for (file, open) in [(reports, reports_open), (output, output_open)] {
        if open {
            files.push(PollFd::new(file, wanted(open)));
        }
    }
    let timeout = Timespec::try_from(GLANCE).map_err(|_| refusal::vanished())?;
    match rustix::event::poll(&mut files, Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(refusal::resources(&error.into())),
    }
    let mut ready = files.iter().map(|file| !file.revents().is_empty());
    let reports = reports_open && ready.next().unwrap_or(false);
    let output = output_open && ready.next().unwrap_or(false);
    Ok((reports, output))
}

fn read_some(file: BorrowedFd<'_>, into: &mut Vec<u8>) -> Result<usize, Diagnostic> {
    let mut buffer = [0; 1 << 13];
    loop {
        match rustix::io::read(file, &mut buffer) {
            Ok(count) => {
                into.extend_from_slice(buffer.get(..count).unwrap_or_default());
                return Ok(count);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(refusal::resources(&error.into())),
        }
    }
}

/// Directories that the sandbox will add to a writable root to mount on.
fn missing_mount_points(sandbox: &Sandbox, setup: &Setup) -> Vec<String> {
    let RootFs::Writable(root) = &sandbox.root else {
        return Vec::new();
    };
    let Ok(root) = open_root(root) else {
        return Vec::new();
    };
    setup
        .mount_points()
        .filter(|path| open_inside(&root, path).is_err())
        .collect()
}

/// Takes the added directories and files away again, the deepest first; one that got content stays.
fn remove_mount_points(sandbox: &Sandbox, missing: &[String]) {
    let RootFs::Writable(root) = &sandbox.root else {
        return;
    };
    let Ok(root) = open_root(root) else {
        return;
    };
    for path in missing.iter().rev() {
        let Some((parent, name)) = path.rsplit_once('/') else {
            continue;
        };
        if let Ok(parent) = open_inside(&root, parent) {
            use rustix::fs::{AtFlags, unlinkat};
            if unlinkat(&parent, name, AtFlags::REMOVEDIR).is_err() && is_empty_file(&parent, name)
            {
                let _ = unlinkat(&parent, name, AtFlags::empty());
            }
        }
    }
}

fn is_empty_file(parent: &OwnedFd, name: &str) -> bool {
    use rustix::fs::{AtFlags, FileType, statat};

    statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| {
        FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_size == 0
    })
}

fn open_root(path: &std::path::Path) -> std::io::Result<File> {
    File::open(path)
}

fn open_inside(root: &File, path: &str) -> rustix::io::Result<OwnedFd> {
    use rustix::fs::{Mode, OFlags, ResolveFlags};

    let path = if path.is_empty() { "/" } else { path };
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    rustix::fs::openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT)
}
