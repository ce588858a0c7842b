//! Whose programs this machine runs: those of its own processor, and of those that it has an emulator for.

use std::fs;
use std::path::Path;

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
    let Some(header) = header(processor) else {
        return Running::Everywhere;
    };
    let entries = fs::read_dir(Path::new(REGISTERED)).into_iter().flatten();
    let texts = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let control = ["register", "status"].contains(&entry.file_name().to_str()?);
        (!control).then(|| fs::read_to_string(entry.path()).ok())?
    });
    emulated(texts, &header)
}

/// How a 64-bit program of a processor begins (`e_ident`, `e_type`, `e_machine`).
fn header(processor: &str) -> Option<[u8; 20]> {
    let machine = match processor {
        "x86_64" => 62,
        "aarch64" => 183,
        _ => return None,
    };
    let mut header = [0; 20];
    header[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    (header[16], header[18]) = (2, machine);
    Some(header)
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
        let header = header("aarch64").expect("known");
        emulated([entry.to_owned()].into_iter(), &header)
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
}
