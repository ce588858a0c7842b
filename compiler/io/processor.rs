//! Whose programs this machine runs: those of its own processor, and of those that it has an emulator for.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Where the kernel lists what it starts by other programs (`Documentation/admin-guide/binfmt-misc.rst`).
const REGISTERED: &str = "/proc/sys/fs/binfmt_misc";

/// How this machine runs the programs of a processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Running {
    /// It does: by itself, or by an emulator that the kernel holds open.
    Everywhere,
    /// Only where the emulator's file is: not below another root.
    OnlyOutside,
    /// It does not.
    Nowhere,
}

/// How this machine runs the programs of a processor, named as by `uname -m`; of one that is not known nobody can say, so it does.
pub fn runs_programs_of(processor: &str) -> Running {
    let own = rustix::system::uname();
    if own.machine().to_bytes() == processor.as_bytes() {
        return Running::Everywhere;
    }
    let Some(kind) = KINDS.iter().find(|kind| kind.name == processor) else {
        return Running::Everywhere;
    };
    let entries = fs::read_dir(Path::new(REGISTERED)).into_iter().flatten();
    let texts = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let control = ["register", "status"].contains(&entry.file_name().to_str()?);
        (!control).then(|| fs::read_to_string(entry.path()).ok())?
    });
    let mut texts = texts.peekable();
    // A container does not see what its machine has registered, and gets an emulator only where the kernel holds that open.
    if texts.peek().is_none() && kind.was_tried() {
        return Running::Everywhere;
    }
    emulated(texts, &kind.header())
}

/// Programs of a processor.
struct Kind {
    /// The processor, as `uname -m` names it.
    name: &'static str,
    /// `e_machine`.
    machine: u8,
    /// Instructions that end with exit code [`CODE`].
    code: &'static [u8],
}

/// An exit code that a shell which takes a program for a script does not end with.
const CODE: i32 = 42;

const KINDS: [Kind; 2] = [
    Kind {
        name: "x86_64",
        machine: 62,
        // mov eax, 60; mov edi, 42; syscall
        code: b"\xb8\x3c\0\0\0\xbf\x2a\0\0\0\x0f\x05",
    },
    Kind {
        name: "aarch64",
        machine: 183,
        // mov x8, 93; mov x0, 42; svc 0
        code: b"\xa8\x0b\x80\xd2\x40\x05\x80\xd2\x01\0\0\xd4",
    },
];

impl Kind {
    /// How a 64-bit program begins (`e_ident`, `e_type`, `e_machine`).
    fn header(&self) -> [u8; 20] {
        let mut header = [0; 20];
        header[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        (header[16], header[18]) = (2, self.machine);
        header
    }

    /// A whole program: elf(5), with one segment that is all of it.
    fn program(&self) -> Vec<u8> {
        const PLACE: u64 = 0x40_0000;
        const HEADERS: u64 = 64 + 56;
        let size = HEADERS + self.code.len() as u64;
        let mut program = self.header().to_vec();
        program.extend([1, 0, 0, 0]);
        // Where it begins, where the program header is; no sections.
        program.extend([PLACE + HEADERS, 64, 0].map(u64::to_le_bytes).concat());
        program.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 64, 0, 0, 0, 0, 0]);
        // PT_LOAD, to be read and run.
        program.extend([1, 0, 0, 0, 5, 0, 0, 0]);
        let numbers = [0, PLACE, PLACE, size, size, 0x1_0000];
        program.extend(numbers.map(u64::to_le_bytes).concat());
        program.extend(self.code);
        program
    }

    /// Whether such a program runs here: tried once.
    fn was_tried(&self) -> bool {
        static TRIED: Mutex<BTreeMap<&str, bool>> = Mutex::new(BTreeMap::new());
        let mut tried = TRIED.lock().unwrap_or_else(PoisonError::into_inner);
        let runs = || self.try_out().unwrap_or_default();
        *tried.entry(self.name).or_insert_with(runs)
    }

    fn try_out(&self) -> std::io::Result<bool> {
        let mut file = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o700))
            .tempfile()?;
        file.write_all(&self.program())?;
        let path = file.into_temp_path();
        let mut command = Command::new(&path);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        for _ in 0..100 {
            match command.status() {
                // Open for writing still, in a process of ours that is about to become another program.
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                status => return Ok(status?.code() == Some(CODE)),
            }
        }
        Ok(false)
    }
}

/// What the best of some registrations does with a program that begins so.
fn emulated(entries: impl Iterator<Item = String>, header: &[u8]) -> Running {
    let mut best = Running::Nowhere;
    for entry in entries.filter(|entry| starts(entry, header)) {
        let mut lines = entry.lines();
        let flags = lines.find_map(|line| line.strip_prefix("flags: "));
        if flags.is_some_and(|flags| flags.contains('F')) {
            return Running::Everywhere;
        }
        best = Running::OnlyOutside;
    }
    best
}

/// Whether a registration is for programs that begin so.
fn starts(entry: &str, header: &[u8]) -> bool {
    let field = |name: &str| {
        let mut lines = entry.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
    };
    let Some(magic) = field("magic").and_then(bytes) else {
        return false;
    };
    let mask = field("mask").and_then(bytes);
    let masked = |at: usize, byte: u8| {
        let mask = mask.as_ref().and_then(|mask| mask.get(at));
        byte & mask.copied().unwrap_or(0xff)
    };
    entry.lines().next() == Some("enabled")
        && field("offset") == Some("0")
        && magic.len() <= header.len()
        && magic
            .iter()
            .zip(header)
            .enumerate()
            .all(|(at, (wanted, found))| masked(at, *wanted) == masked(at, *found))
}

/// The bytes that hexadecimal digits stand for.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = (0..digits.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QEMU: &str = "enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OCF\noffset 0\n\
        magic 7f454c460201010000000000000000000200b700\nmask ffffffffffffff00fffffffffffffffffeffffff\n";

    fn with(entry: &str) -> Running {
        let kind = &KINDS[1];
        emulated([entry.to_owned()].into_iter(), &kind.header())
    }

    #[test]
    fn an_emulator_counts_where_the_kernel_holds_it_open() {
        assert_eq!(with(QEMU), Running::Everywhere);
        assert_eq!(with(&QEMU.replace("OCF", "OC")), Running::OnlyOutside);
        assert_eq!(with(&QEMU.replace("enabled", "disabled")), Running::Nowhere);
        assert_eq!(with(&QEMU.replace("b700", "3e00")), Running::Nowhere);
        for broken in ["", "enabled", "enabled\noffset 0\nmagic 7f4\n"] {
            assert_eq!(with(broken), Running::Nowhere);
        }
    }

    #[test]
    fn a_machine_runs_its_own_programs() {
        let own = rustix::system::uname();
        let own = own.machine().to_str().expect("ASCII");
        assert_eq!(runs_programs_of(own), Running::Everywhere);
        assert_eq!(runs_programs_of("z80"), Running::Everywhere);
    }

    #[test]
    fn what_is_registered_nowhere_is_tried() {
        let own = rustix::system::uname();
        for kind in &KINDS {
            let is_own = own.machine().to_bytes() == kind.name.as_bytes();
            let told = runs_programs_of(kind.name);
            let runs = kind.try_out().unwrap_or_default();
            assert_eq!(runs, told != Running::Nowhere, "{}: {told:?}", kind.name);
            assert!(runs || !is_own);
        }
        let unknown = Kind {
            name: "none",
            machine: 255,
            code: b"",
        };
        assert!(!unknown.try_out().unwrap_or_default());
    }
}
