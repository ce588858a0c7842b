//! The system calls that have no safe face elsewhere; the one file of the crate with `unsafe` in it.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use rustix::io::Errno;
use rustix::process::Pid;

/// Which side of a fork this is.
pub(super) enum Side {
    /// The process that forked; it may learn of the other only through its id.
    Parent(Pid),
    /// The new process.
    Child,
}

/// Forks, and puts the child into new namespaces (`CLONE_NEW…` bits).
///
/// The caller must see to it that the child only makes system calls and never returns: other threads, which may have
/// held locks (of the allocator, of standard output), do not exist in it.
pub(super) fn fork(namespaces: libc::c_int) -> Result<Side, Errno> {
    let flags = libc::c_long::from(namespaces | libc::SIGCHLD);
    // SAFETY: with no stack, no thread pointer and no shared-memory flag, clone is fork: the child runs on a copy of
    // this address space. The remaining arguments are ignored, whatever their order on this architecture.
    let result = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    match i32::try_from(result) {
        Ok(0) => Ok(Side::Child),
        Ok(id) if id > 0 => Pid::from_raw(id).map(Side::Parent).ok_or(Errno::INVAL),
        _ => Err(last_error()),
    }
}

/// Ends this process at once, without running anything registered to run at exit.
pub(super) fn exit(code: i32) -> ! {
    // SAFETY: _exit touches no memory of this process.
    unsafe { libc::_exit(code) }
}

/// Gives every signal its default disposition and lets all of them in, as a new program expects it.
pub(super) fn default_signals() {
    for signal in 1..=64 {
        // SAFETY: only the default disposition is set, no handler; signals that cannot be changed refuse.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: the set is written by sigemptyset before it is read, and lives on this stack.
    unsafe {
        let mut none = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// Ignores the stop signal of background writers while `action` runs, so that a terminal can be taken back.
pub(super) fn without_terminal_stops(action: impl FnOnce()) {
    // SAFETY: SIG_IGN is no handler; the earlier disposition, whatever it was, is put back.
    let before = unsafe { libc::signal(libc::SIGTTOU, libc::SIG_IGN) };
    action();
    // SAFETY: `before` came from the same call.
    unsafe { libc::signal(libc::SIGTTOU, before) };
}

/// Kills every other process of this process's pid namespace.
pub(super) fn kill_the_others() {
    // SAFETY: kill touches no memory; it is called by the first process of a namespace only, whose reach is that.
    unsafe { libc::kill(-1, libc::SIGKILL) };
}

/// Closes every file from 3 up except the given ones.
pub(super) fn close_others(keep: [BorrowedFd<'_>; 3]) {
    let mut numbers = keep.map(|file| file.as_raw_fd());
    numbers.sort_unstable();
    let mut first = 3;
    for number in numbers {
        close_range(first, number - 1);
        first = first.max(number + 1);
    }
    close_range(first, RawFd::MAX);
}

fn close_range(first: RawFd, last: RawFd) {
    if first <= last {
        // SAFETY: runs in a forked child that uses none of the files in the range any more and never drops their owners.
        unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    }
}

/// Where this process has the words that it was started with, and its environment.
///
/// Everybody may read the words of a process (`/proc/1/cmdline`), and the first process of a sandbox has them from zosc.
pub(super) struct OwnWords(Vec<std::ops::Range<usize>>);

impl OwnWords {
    /// Asks the kernel where they are: the fields `arg_start` to `env_end` of proc(5).
    pub(super) fn find() -> Self {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The second field is the program's name in brackets, with whatever it holds.
        let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let place = |field: usize| fields.split(' ').nth(field - 3)?.trim().parse().ok();
        let range = |start, end| Some(place(start)?..place(end)?);
        let ranges = [range(48, 49), range(50, 51)].into_iter().flatten();
        Self(ranges.filter(|range| range.start != 0).collect())
    }

    /// Writes zeros over them, in a forked child that never looks at them.
    pub(super) fn forget(&self) {
        for range in &self.0 {
            // SAFETY: the kernel named the range as this address space had it when the parent asked, and the child has a copy: memory of
            // the stack above all frames, which nothing here refers to. Rust's own pointers to it are read by the parent alone.
            unsafe { std::ptr::write_bytes(range.start as *mut u8, 0, range.len()) };
        }
    }
}

/// Leaves the keys of whoever started zosc behind: a new, empty keyring becomes the session's.
pub(super) fn leave_keyring() {
    const JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: the name is a null pointer, which asks for a keyring without one. A kernel without keyrings refuses, and has no keys; where
    // there are too many, the command is refused the calls that would reach into this one.
    unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            JOIN_SESSION_KEYRING,
            std::ptr::null::<u8>(),
            0,
            0,
            0,
        )
    };
}

/// Has the kernel refuse system calls to this process and all that it starts; it must have given up new privileges before.
pub(super) fn refuse_calls(filter: &[libc::sock_filter]) -> Result<(), Errno> {
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(|_| Errno::INVAL)?,
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel copies the program, whose length is that of the slice, before the call returns, and writes nothing.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            &raw const program,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(last_error())
    }
}

/// `struct mount_attr` of `mount_setattr(2)`.
#[repr(C)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// Adds attributes (`MOUNT_ATTR_…`) to a mount, and with `AT_RECURSIVE` in `flags` to all mounts below it.
pub(super) fn set_mount_attributes(
    directory: BorrowedFd<'_>,
    path: &CStr,
    flags: libc::c_int,
    attributes: u64,
) -> Result<(), Errno> {
    let attributes = MountAttributes {
        set: attributes,
        clear: 0,
        propagation: 0,
        user_namespace: 0,
    };
    // SAFETY: `path` ends with a zero, and the kernel reads exactly the size of the structure that is passed along.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            directory.as_raw_fd(),
            path.as_ptr(),
            flags,
            &raw const attributes,
            size_of::<MountAttributes>(),
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(last_error())
    }
}

/// The arguments of `execve`, ready before the fork so that the child allocates nothing.
pub(super) struct Program {
    candidates: Vec<CString>,
    arguments: Pointers,
    environment: Pointers,
}

/// Strings and the zero-ended list of pointers to them.
struct Pointers {
    list: Vec<*const libc::c_char>,
    _strings: Vec<CString>,
}

impl Pointers {
    fn new(strings: Vec<CString>) -> Self {
        // The bytes of a CString are on the heap: moving the vector moves none of them.
        let list = strings.iter().map(|string| string.as_ptr());
        Self {
            list: list.chain([std::ptr::null()]).collect(),
            _strings: strings,
        }
    }
}

impl Program {
    /// A program at the first of `candidates` that exists.
    pub(super) fn new(
        candidates: Vec<CString>,
        arguments: Vec<CString>,
        environment: Vec<CString>,
    ) -> Self {
        Self {
            candidates,
            arguments: Pointers::new(arguments),
            environment: Pointers::new(environment),
        }
    }

    /// Becomes the program; returns only if that fails.
    ///
    /// A program that was written just now may still be open for writing in a process of ours that is about to become another
    /// sandbox: that passes in a moment.
    pub(super) fn execute(&self) -> Errno {
        let mut worst = Errno::NOENT;
        let mut tries = 0..100;
        for candidate in &self.candidates {
            loop {
                // SAFETY: all strings end with a zero, both lists with a null pointer, and `self` owns all of it.
                unsafe {
                    libc::execve(
                        candidate.as_ptr(),
                        self.arguments.list.as_ptr(),
                        self.environment.list.as_ptr(),
                    )
                };
                match last_error() {
                    Errno::TXTBSY if tries.next().is_some() => {
                        // SAFETY: takes a number of microseconds.
                        unsafe { libc::usleep(2_000) };
                        continue;
                    }
                    Errno::NOENT | Errno::NOTDIR => {}
                    error => worst = error,
                }
                break;
            }
        }
        worst
    }
}

fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
