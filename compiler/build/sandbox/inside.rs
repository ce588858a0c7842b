//! What the child does: it enters the sandbox, starts the command and, as its first process, buries the dead.
//!
//! Runs in a forked copy of a threaded process. It therefore makes system calls only: no allocation, no lock, no
//! panic, no return. What can go wrong is told as a [`Report`] through a pipe.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags,
    OpenTreeFlags, UnmountFlags,
};
use rustix::process::{Pid, Resource, Rlimit, Signal, WaitOptions};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::give_back::give_back_files;
use super::kernel::{self, Side};
use super::owners::Records;
use super::setup::{Setup, Source, Step};

/// One message of the child: a kind and two numbers.
pub(super) type Report = [i32; 3];

/// A mount could not be made: its source, the error.
pub(super) const MOUNT_FAILED: i32 = 1;
/// A step failed: which, the error.
pub(super) const STEP_FAILED: i32 = 2;
/// Something else failed: a [`Stage`], the error.
pub(super) const STAGE_FAILED: i32 = 3;
/// The program could not be started: nothing, the error.
pub(super) const PROGRAM_FAILED: i32 = 4;
/// The command ended by itself: its exit code.
pub(super) const EXITED: i32 = 5;
/// The command was killed: the signal.
pub(super) const SIGNALLED: i32 = 6;

/// The parts of entering a sandbox that are no step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Identity,
    Propagation,
    Root,
    Pivot,
    Hostname,
    Loopback,
    Fork,
    Directory,
    Privileges,
    Filter,
}

impl Stage {
    /// The stage with this number.
    pub(super) fn from_number(number: i32) -> Option<Self> {
        [
            Self::Identity,
            Self::Propagation,
            Self::Root,
            Self::Pivot,
            Self::Hostname,
            Self::Loopback,
            Self::Fork,
            Self::Directory,
            Self::Privileges,
            Self::Filter,
        ]
        .into_iter()
        .find(|stage| *stage as i32 == number)
    }
}

/// The files that the child keeps.
pub(super) struct Ends<'a> {
    /// Says one byte when the ids have been mapped; at its end the parent is gone.
    pub(super) start: BorrowedFd<'a>,
    /// Takes reports.
    pub(super) reports: BorrowedFd<'a>,
    /// Takes [`Records`] of files given back.
    pub(super) owners: BorrowedFd<'a>,
    /// Takes the command's output; `None` leaves it the terminal.
    pub(super) output: Option<BorrowedFd<'a>>,
}

/// Capabilities inside the sandbox that a build or a package script may use.
const CAPABILITIES: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SYS_CHROOT);

/// Enters the sandbox and stays in it until everything has ended.
pub(super) fn enter(setup: &mut Setup, ends: &Ends<'_>, give_back: bool) -> ! {
    kernel::default_signals();
    if let Some(output) = ends.output {
        let _ = rustix::stdio::dup2_stdout(output);
        let _ = rustix::stdio::dup2_stderr(output);
    }
    kernel::close_others([ends.start, ends.reports, ends.owners]);
    setup.own_words.forget();
    kernel::leave_keyring();
    if let Err(report) = prepare(setup, ends) {
        fail(ends, report);
    }
    let child = match kernel::fork(0) {
        Ok(Side::Child) => fail(ends, become_program(setup, ends)),
        Ok(Side::Parent(child)) => child,
        Err(error) => fail(ends, stage(Stage::Fork)(error)),
    };
    let ended = wait_for(child);
    if give_back {
        let mut records = Records::new(ends.owners);
        for place in &setup.writable {
            if let Err(error) = give_back_files(place, &mut records) {
                records.miss(error);
            }
        }
        records.end();
    }
    fail(ends, ended)
}

/// Sends the last report and ends; everything else in the namespace ends with this process.
fn fail(ends: &Ends<'_>, report: Report) -> ! {
    let mut bytes = [0; 12];
    for (piece, number) in bytes.chunks_exact_mut(4).zip(report) {
        piece.copy_from_slice(&number.to_ne_bytes());
    }
    let _ = rustix::io::write(ends.reports, &bytes);
    kernel::exit(0)
}

fn stage(stage: Stage) -> impl Fn(Errno) -> Report {
    move |error| [STAGE_FAILED, stage as i32, error.raw_os_error()]
}

fn number(index: usize) -> i32 {
    index.try_into().unwrap_or(i32::MAX)
}

fn prepare(setup: &mut Setup, ends: &Ends<'_>) -> Result<(), Report> {
    let identity = stage(Stage::Identity);
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(&identity)?;
    let mut byte = [0];
    if rustix::io::read(ends.start, &mut byte) != Ok(1) {
        kernel::exit(1);
    }
    // Denied under a single-id map, where there is no other group to be in anyway.
    let _ = rustix::thread::set_thread_groups(&[]);
    become_root().map_err(&identity)?;
    // A change of ids may have cleared it.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(&identity)?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    if let Some(cores) = &setup.cores {
        // Fails where none of them is allowed here; then the command has those that are.
        let _ = rustix::thread::sched_setaffinity(None, cores);
    }
    rustix::system::sethostname(&setup.hostname).map_err(stage(Stage::Hostname))?;
    if setup.loopback {
        raise_loopback().map_err(stage(Stage::Loopback))?;
    }
    mount_sources(setup)?;
    change_root(setup)?;
    rustix::process::umask(Mode::empty());
    for (index, step) in setup.steps.iter().enumerate() {
        perform(step, &setup.mounts)
            .map_err(|error| [STEP_FAILED, number(index), error.raw_os_error()])?;
    }
    rustix::process::umask(Mode::from_raw_mode(0o022));
    Ok(())
}

/// Root of the user namespace, once its ids are mapped.
pub(super) fn become_root() -> Result<(), Errno> {
    rustix::thread::set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT)?;
    rustix::thread::set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT)
}

fn mount_sources(setup: &mut Setup) -> Result<(), Report> {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change(c"/", private).map_err(stage(Stage::Propagation))?;
    for (index, (source, mount)) in setup.sources.iter().zip(&mut setup.mounts).enumerate() {
        let made = make_mount(source);
        *mount = Some(made.map_err(|error| [MOUNT_FAILED, number(index), error.raw_os_error()])?);
    }
    Ok(())
}

fn make_mount(source: &Source) -> Result<rustix::fd::OwnedFd, Errno> {
    let nosuid = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    match source {
        Source::Host {
            path,
            read_only,
            device,
        } => {
            let flags = OpenTreeFlags::OPEN_TREE_CLONE
                | OpenTreeFlags::OPEN_TREE_CLOEXEC
                | OpenTreeFlags::AT_RECURSIVE;
            let mount = rustix::mount::open_tree(CWD, path.as_c_str(), flags)?;
            let mut attributes = nosuid;
            attributes.set(MountAttrFlags::MOUNT_ATTR_NODEV, !device);
            // What is written to a device goes through; its mode and owner, which are the machine's, stay.
            attributes.set(MountAttrFlags::MOUNT_ATTR_RDONLY, *read_only || *device);
            let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
            let bits = u64::from(attributes.bits());
            kernel::set_mount_attributes(mount.as_fd(), c"", flags, bits)?;
            Ok(mount)
        }
        Source::Memory { mode, size } => {
            new_filesystem(c"tmpfs", &[(c"mode", *mode), (c"size", *size)], nosuid)
        }
        Source::Processes => {
            new_filesystem(c"proc", &[], nosuid | MountAttrFlags::MOUNT_ATTR_NOEXEC)
        }
        Source::Terminals => new_filesystem(
            c"devpts",
            &[(c"mode", c"0620"), (c"ptmxmode", c"0666")],
            MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC,
        ),
    }
}

fn new_filesystem(
    kind: &CStr,
    options: &[(&CStr, &CStr)],
    attributes: MountAttrFlags,
) -> Result<rustix::fd::OwnedFd, Errno> {
    let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (name, value) in options {
        rustix::mount::fsconfig_set_string(context.as_fd(), *name, *value)?;
    }
    rustix::mount::fsconfig_create(context.as_fd())?;
    rustix::mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// Swaps the root and drops the host's, so that no path leads there any more.
fn change_root(setup: &Setup) -> Result<(), Report> {
    let Some(root) = setup.mounts.get(setup.root).and_then(Option::as_ref) else {
        return Err(stage(Stage::Root)(Errno::INVAL));
    };
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    rustix::mount::move_mount(root, c"", CWD, setup.anchor.as_c_str(), flags)
        .map_err(stage(Stage::Root))?;
    let pivot = stage(Stage::Pivot);
    rustix::process::fchdir(root).map_err(&pivot)?;
    // Both names are the same directory: the old root ends up on top of the new one and is unmounted from there.
    rustix::process::pivot_root(c".", c".").map_err(&pivot)?;
    rustix::mount::unmount(c".", UnmountFlags::DETACH).map_err(&pivot)?;
    rustix::process::chdir(c"/").map_err(&pivot)
}

fn perform(step: &Step, mounts: &[Option<rustix::fd::OwnedFd>]) -> Result<(), Errno> {
    match step {
        Step::Directory(path) => {
            let mode = Mode::from_raw_mode(0o755);
            unless_there(rustix::fs::mkdirat(CWD, path.as_c_str(), mode))
        }
        Step::File(path, content) => {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
            let mode = Mode::from_raw_mode(0o644);
            let file = match rustix::fs::openat(CWD, path.as_c_str(), flags, mode) {
                Err(Errno::EXIST) => return Ok(()),
                file => file?,
            };
            let mut rest = content.as_slice();
            while !rest.is_empty() {
                let count = rustix::io::write(&file, rest)?;
                rest = rest.get(count..).unwrap_or_default();
            }
            Ok(())
        }
        Step::Link(path, target) => {
            let made = rustix::fs::symlinkat(target.as_c_str(), CWD, path.as_c_str());
            unless_there(made)
        }
        Step::Attach(source, path) => {
            let mount = mounts.get(*source).and_then(Option::as_ref);
            attach(mount.ok_or(Errno::INVAL)?.as_fd(), path)
        }
        Step::Protect(path) => if_there(lay_over(path, path)),
        Step::Hide(path) => if_there(lay_over(c"/dev/null", path)),
        Step::Seal(path) => {
            let bits = u64::from(MountAttrFlags::MOUNT_ATTR_RDONLY.bits());
            kernel::set_mount_attributes(CWD, path, 0, bits)
        }
        Step::Own(path, uid, gid, mode) => own(path, *uid, *gid, *mode),
    }
}

fn attach(mount: BorrowedFd<'_>, path: &CStr) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    rustix::mount::move_mount(mount, c"", CWD, path, flags)
}

fn lay_over(from: &CStr, path: &CStr) -> Result<(), Errno> {
    rustix::fs::accessat(CWD, path, rustix::fs::Access::EXISTS, AtFlags::empty())?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let mount = rustix::mount::open_tree(CWD, from, flags)?;
    let bits = u64::from(MountAttrFlags::MOUNT_ATTR_RDONLY.bits());
    kernel::set_mount_attributes(mount.as_fd(), c"", libc::AT_EMPTY_PATH, bits)?;
    attach(mount.as_fd(), path)
}

fn own(path: &CStr, uid: u32, gid: u32, mode: u32) -> Result<(), Errno> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    rustix::fs::chownat(CWD, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    let kind = rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)?;
    if rustix::fs::FileType::from_raw_mode(kind.st_mode) == rustix::fs::FileType::Symlink {
        return Ok(());
    }
    // A change of owner clears the setuid and setgid bits.
    rustix::fs::chmodat(CWD, path, Mode::from_raw_mode(mode), AtFlags::empty())
}

fn unless_there(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::EXIST) => Ok(()),
        result => result,
    }
}

fn if_there(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::NOENT) => Ok(()),
        result => result,
    }
}

/// Brings up interface 1, which is the loopback of every new network namespace: one `RTM_NEWLINK` of rtnetlink(7).
fn raise_loopback() -> Result<(), Errno> {
    use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    // nlmsghdr: length, type RTM_NEWLINK, flags REQUEST and ACK, sequence, port; ifinfomsg: family and type, index 1,
    // flags IFF_UP, changed IFF_UP.
    let words: [u32; 8] = [32, 16 | (0x5 << 16), 1, 0, 0, 1, 1, 1];
    let mut message = [0; 32];
    for (piece, word) in message.chunks_exact_mut(4).zip(words) {
        let word = if piece.len() == 4 { word } else { 0 };
        piece.copy_from_slice(&word.to_ne_bytes());
    }
    if cfg!(target_endian = "big") {
        return Err(Errno::NOTSUP);
    }
    rustix::net::send(&socket, &message, SendFlags::empty())?;
    let mut answer = [0_u8; 64];
    let (count, _) = rustix::net::recv(&socket, &mut answer, RecvFlags::empty())?;
    // nlmsgerr: the header, then the negative error number.
    match answer.get(16..20).and_then(|bytes| bytes.try_into().ok()) {
        Some(bytes) if count >= 20 => match i32::from_ne_bytes(bytes) {
            0 => Ok(()),
            error => Err(Errno::from_raw_os_error(-error)),
        },
        _ => Err(Errno::IO),
    }
}

/// The second process: drops privileges and becomes the command.
fn become_program(setup: &Setup, ends: &Ends<'_>) -> Report {
    if ends.output.is_some() {
        let _ = rustix::process::setsid();
        if let Ok(null) = rustix::fs::openat(CWD, c"/dev/null", OFlags::RDONLY, Mode::empty()) {
            let _ = rustix::stdio::dup2_stdin(null);
        }
    } else if let Ok(()) = rustix::process::setpgid(None, None) {
        // The parent ignores the stop signal of the terminal for as long as this takes.
        let group = rustix::process::getpid();
        kernel::without_terminal_stops(|| {
            let _ = rustix::termios::tcsetpgrp(rustix::stdio::stdin(), group);
        });
    }
    if let Err(error) = rustix::process::chdir(setup.directory.as_c_str()) {
        return stage(Stage::Directory)(error);
    }
    if let Err(error) = drop_privileges(setup.processes) {
        return stage(Stage::Privileges)(error);
    }
    if let Err(error) = kernel::refuse_calls(&setup.filter) {
        return stage(Stage::Filter)(error);
    }
    [PROGRAM_FAILED, 0, setup.program.execute().raw_os_error()]
}

fn drop_privileges(processes: u64) -> Result<(), Errno> {
    // One byte: too little for a file, and by core(5) what keeps the kernel from starting a program of the machine over it.
    let one = Rlimit {
        current: Some(1),
        maximum: Some(1),
    };
    match rustix::process::setrlimit(Resource::Core, one) {
        // Where the caller may have none, only root of the machine can have one more.
        Ok(()) | Err(Errno::PERM) => {}
        Err(error) => return Err(error),
    }
    limit(Resource::Nproc, processes)?;
    go_first();
    rustix::thread::set_no_new_privs(true)?;
    for number in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if CAPABILITIES.contains(capability) {
            continue;
        }
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            // Beyond the last capability that this kernel knows.
            Err(Errno::INVAL) => break,
            result => result?,
        }
    }
    rustix::thread::clear_ambient_capability_set()?;
    let sets = CapabilitySets {
        effective: CAPABILITIES,
        permitted: CAPABILITIES,
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, sets)
}

/// Sets a limit where there is no lower one.
fn limit(resource: Resource, most: u64) -> Result<(), Errno> {
    let now = rustix::process::getrlimit(resource);
    let least = |value: Option<u64>| Some(value.map_or(most, |value| value.min(most)));
    let limit = Rlimit {
        current: least(now.current),
        maximum: least(now.maximum),
    };
    rustix::process::setrlimit(resource, limit)
}

/// Asks to be ended before all others when memory runs out; a kernel that does not know of that has its own order.
fn go_first() {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    if let Ok(file) = rustix::fs::openat(CWD, c"/proc/self/oom_score_adj", flags, Mode::empty()) {
        let _ = rustix::io::write(&file, b"1000");
    }
}

/// Buries the dead until the command itself is among them, then ends all others.
fn wait_for(child: Pid) -> Report {
    let report = loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == child => {
                if let Some(code) = status.exit_status() {
                    break [EXITED, code, 0];
                }
                if let Some(signal) = status.terminating_signal() {
                    break [SIGNALLED, signal, 0];
                }
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => break stage(Stage::Fork)(error),
        }
    };
    kernel::kill_the_others();
    while !matches!(
        rustix::process::wait(WaitOptions::empty()),
        Err(Errno::CHILD)
    ) {}
    report
}
