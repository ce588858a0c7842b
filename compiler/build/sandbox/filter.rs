//! Which system calls a command is refused: those that lead around its namespaces.
//!
//! Goes out: a program for the kernel's filter (seccomp(2)), made before the fork. Namespaces do not hold keyrings, virtual sockets to
//! the machine below, the kernel's log, or the queues of terminals; and whoever may make a user namespace is root of it, with most of the
//! kernel open to him. All else stays as it is: this is no list of what builds are thought to need.
//!
//! Programs of 32 bits on x86_64 have rules of their own: compilers of such programs run them. Other kinds, 32-bit Arm on aarch64 among them,
//! are refused every call: where there are no rules, nothing passes.
//!
//! Why no crate: those there kill or let through whatever is not of the machine's own kind.

use libc::{
    BPF_ABS, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W, CLONE_NEWUSER,
    EAFNOSUPPORT, ENOSYS, EPERM, SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, sock_filter,
};

/// When a call is refused.
#[derive(Clone, Copy)]
enum When {
    Always,
    /// This argument has one of these bits.
    HasBit(u32, u32),
    /// This argument is one of these.
    Is(u32, &'static [u32]),
    /// This argument is none of these.
    IsNot(u32, &'static [u32]),
    /// A limit for core files is set: the resource is this argument, the new limit lies where the argument behind it points to.
    SetsCoreLimit(u32),
}

/// A call, when it is refused, and what it answers then.
type Rule = (u32, When, i32);

/// One kind of machine code: what the kernel calls it, and what is refused to it.
struct Kind {
    architecture: u32,
    /// Numbers from here on are another kind's, in the clothes of this one.
    end: Option<u32>,
    rules: Vec<Rule>,
}

/// Sockets that a network namespace holds.
const FAMILIES: &[u32] = &[
    libc::AF_UNIX as u32,
    libc::AF_INET as u32,
    libc::AF_INET6 as u32,
    libc::AF_NETLINK as u32,
];
/// Requests that put words into a terminal as if its user had typed them.
const TYPING: &[u32] = &[0x5412, 0x541c];
#[allow(clippy::unnecessary_cast)] // Of another type with musl.
const CORE: &[u32] = &[libc::RLIMIT_CORE as u32];

/// Numbers of the calls that are refused, as one kind of machine code has them; calls that it does not have are missing.
struct Numbers {
    always: &'static [u32],
    /// Refused as if the kernel did not know them, so that programs go another way.
    unknown: &'static [u32],
    clone: u32,
    unshare: u32,
    ioctl: u32,
    socket: u32,
    prlimit: u32,
    setrlimit: Option<u32>,
}

impl Numbers {
    fn rules(&self) -> Vec<Rule> {
        let always = self
            .always
            .iter()
            .map(|&number| (number, When::Always, EPERM));
        let unknown = self
            .unknown
            .iter()
            .map(|&number| (number, When::Always, ENOSYS));
        let users = CLONE_NEWUSER as u32;
        let conditional = [
            (self.clone, When::HasBit(0, users), EPERM),
            (self.unshare, When::HasBit(0, users), EPERM),
            (self.ioctl, When::Is(1, TYPING), EPERM),
            (self.socket, When::IsNot(0, FAMILIES), EAFNOSUPPORT),
            // Answered as done: what ends without leaving a core file goes on.
            (self.prlimit, When::SetsCoreLimit(1), 0),
        ];
        let limit = self.setrlimit.map(|number| (number, When::Is(0, CORE), 0));
        always
            .chain(unknown)
            .chain(conditional)
            .chain(limit)
            .collect()
    }
}

/// The machine's own kind.
const OWN: Numbers = Numbers {
    always: &[
        libc::SYS_add_key as u32,
        libc::SYS_request_key as u32,
        libc::SYS_keyctl as u32,
        libc::SYS_setns as u32,
        libc::SYS_bpf as u32,
        libc::SYS_perf_event_open as u32,
        libc::SYS_userfaultfd as u32,
        libc::SYS_open_by_handle_at as u32,
        libc::SYS_syslog as u32,
    ],
    // What `clone3` is to do lies in memory, where no filter looks; a ring's requests pass every filter by.
    unknown: &[
        libc::SYS_clone3 as u32,
        libc::SYS_io_uring_setup as u32,
        libc::SYS_io_uring_enter as u32,
        libc::SYS_io_uring_register as u32,
    ],
    clone: libc::SYS_clone as u32,
    unshare: libc::SYS_unshare as u32,
    ioctl: libc::SYS_ioctl as u32,
    socket: libc::SYS_socket as u32,
    prlimit: libc::SYS_prlimit64 as u32,
    setrlimit: Some(libc::SYS_setrlimit as u32),
};

/// Programs of 32 bits on x86_64: arch/x86/entry/syscalls/syscall_32.tbl of Linux. What `socketcall` is to do lies in memory.
#[cfg(target_arch = "x86_64")]
const COMPATIBLE: Numbers = Numbers {
    always: &[286, 287, 288, 346, 357, 336, 374, 342, 103],
    unknown: &[435, 425, 426, 427, 102],
    clone: 120,
    unshare: 310,
    ioctl: 54,
    socket: 359,
    prlimit: 340,
    setrlimit: Some(75),
};

/// `AUDIT_ARCH_…` of linux/audit.h.
#[cfg(target_arch = "x86_64")]
fn kinds() -> Vec<Kind> {
    let own = Kind {
        architecture: 0xc000_003e,
        // x32: its numbers have this bit.
        end: Some(0x4000_0000),
        rules: OWN.rules(),
    };
    let compatible = Kind {
        architecture: 0x4000_0003,
        end: None,
        rules: COMPATIBLE.rules(),
    };
    vec![own, compatible]
}

/// `AUDIT_ARCH_…` of linux/audit.h.
#[cfg(not(target_arch = "x86_64"))]
fn kinds() -> Vec<Kind> {
    let own = |architecture| Kind {
        architecture,
        end: None,
        rules: OWN.rules(),
    };
    if cfg!(target_arch = "aarch64") {
        vec![own(0xc000_00b7)]
    } else if cfg!(target_arch = "riscv64") {
        vec![own(0xc000_00f3)]
    } else {
        Vec::new()
    }
}

/// The filter: what it does not name is allowed; programs of a kind that it does not know can do nothing.
pub(super) fn program() -> Vec<sock_filter> {
    let mut program = Vec::new();
    for kind in kinds() {
        let rules = section(&kind);
        program.push(load(ARCHITECTURE));
        // Sections are longer than a conditional jump reaches.
        program.push(jump(BPF_JEQ, kind.architecture, 1, 0));
        program.push(sock_filter {
            code: (BPF_JMP | libc::BPF_JA) as u16,
            jt: 0,
            jf: 0,
            k: rules.len() as u32,
        });
        program.extend(rules);
    }
    program.push(refuse(ENOSYS));
    program
}

/// What is done for one kind, always ending in an answer.
fn section(kind: &Kind) -> Vec<sock_filter> {
    let mut section = vec![load(NUMBER)];
    if let Some(end) = kind.end {
        section.push(jump(BPF_JGE, end, 0, 1));
        section.push(refuse(ENOSYS));
    }
    for (number, when, answer) in &kind.rules {
        let body = body(*when, *answer);
        section.push(jump(BPF_JEQ, *number, 0, body.len() as u8));
        section.extend(body);
    }
    section.push(allow());
    section
}

/// The answer to one call.
fn body(when: When, answer: i32) -> Vec<sock_filter> {
    let compare = |argument: u32, values: &[u32], ends: [sock_filter; 2]| {
        let [other, one] = ends;
        let mut body = vec![load(low(argument))];
        for (index, value) in values.iter().enumerate() {
            body.push(jump(BPF_JEQ, *value, (values.len() - index) as u8, 0));
        }
        body.extend([other, one]);
        body
    };
    match when {
        When::Always => vec![refuse(answer)],
        When::HasBit(argument, bits) => vec![
            load(low(argument)),
            jump(BPF_JSET, bits, 0, 1),
            refuse(answer),
            allow(),
        ],
        When::Is(argument, values) => compare(argument, values, [allow(), refuse(answer)]),
        When::IsNot(argument, values) => compare(argument, values, [refuse(answer), allow()]),
        When::SetsCoreLimit(argument) => vec![
            load(low(argument)),
            jump(BPF_JEQ, CORE[0], 0, 4),
            load(low(argument + 1)),
            jump(BPF_JEQ, 0, 0, 3),
            load(low(argument + 1) + HALF),
            jump(BPF_JEQ, 0, 0, 1),
            allow(),
            refuse(answer),
        ],
    }
}

/// Where `struct seccomp_data` has the number of the call.
const NUMBER: u32 = 0;
/// Where it has the kind of machine code.
const ARCHITECTURE: u32 = 4;
/// Half of an argument.
const HALF: u32 = 4;

/// Where it has the lower half of an argument, on machines that put that first; all of those above do.
const fn low(argument: u32) -> u32 {
    16 + 8 * argument
}

const fn load(offset: u32) -> sock_filter {
    sock_filter {
        code: (BPF_LD | BPF_W | BPF_ABS) as u16,
        jt: 0,
        jf: 0,
        k: offset,
    }
}

const fn jump(test: u32, value: u32, then: u8, otherwise: u8) -> sock_filter {
    sock_filter {
        code: (BPF_JMP | test | BPF_K) as u16,
        jt: then,
        jf: otherwise,
        k: value,
    }
}

const fn answer(value: u32) -> sock_filter {
    sock_filter {
        code: (BPF_RET | BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: value,
    }
}

const fn allow() -> sock_filter {
    answer(SECCOMP_RET_ALLOW)
}

const fn refuse(error: i32) -> sock_filter {
    answer(SECCOMP_RET_ERRNO | error as u32)
}
