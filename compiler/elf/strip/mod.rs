//! Symbols and debugging information go; what a program or a module does stays.
//!
//! Comes in: the bytes of one file. Goes out: a smaller file that loads the same bytes at the same addresses, or why the
//! file stays as it is. Never moves anything that is loaded. The writers of the `object` crate lay a file out anew, which for
//! programs is too much: here everything up to the end of the last segment is copied byte for byte, and only the tables
//! behind it are made again.

mod module;
mod names;
mod program;

pub use module::strip_module;
pub use program::strip_program;

use super::headers::{Reason, Section, Tables};
use super::{ElfFacts, inspect};

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stripped {
    /// It is smaller.
    Smaller(Vec<u8>),
    /// It has nothing that could go.
    Already,
    /// It is left as it is; the text says why, as the end of a sentence that begins with its name.
    Left(&'static str),
}

/// What became of `before`, of which `result` was made. A smaller file is one only where another reader, goblin, finds the same
/// in it: tables of a damaged one may reach behind all that is loaded, where other bytes are now.
fn outcome(before: &[u8], result: Result<Option<Vec<u8>>, Reason>) -> Stripped {
    match result {
        Ok(Some(smaller)) if smaller.len() >= before.len() => Stripped::Already,
        Ok(Some(smaller)) if reads_alike(before, &smaller) => Stripped::Smaller(smaller),
        Ok(Some(_)) => Stripped::Left("has tables that reach behind what is loaded"),
        Ok(None) => Stripped::Already,
        Err(reason) => Stripped::Left(reason),
    }
}

/// Whether the facts of one file are those of the other, but for what is stripped. One that could never be read has none.
fn reads_alike(before: &[u8], after: &[u8]) -> bool {
    let Ok(before) = inspect("", before) else {
        return true;
    };
    inspect("", after).is_ok_and(|after| {
        before
            == ElfFacts {
                stripped: before.stripped,
                debug: before.debug,
                ..after
            }
    })
}

/// Beginnings of the names of sections that only debuggers read.
const DEBUGGING: [&[u8]; 8] = [
    b".debug",
    b".zdebug",
    b".gnu.debuglto_.debug",
    b".gnu.linkonce.wi.",
    b".gdb_index",
    b".line",
    b".stab",
    b".gnu_debug_pubnames",
];

/// Whether the section with this number is for debuggers, or says which compilers were used. The table of names is neither,
/// whatever it is called.
fn is_needless(tables: &Tables<'_>, index: usize, section: &Section) -> bool {
    let name = tables.name(section);
    index != tables.names
        && !section.is_loaded()
        && (name == b".comment" || DEBUGGING.iter().any(|begin| name.starts_with(begin)))
}

/// Adds zeros until the next byte is aligned.
fn pad(bytes: &mut Vec<u8>, align: usize) {
    bytes.resize(bytes.len().next_multiple_of(align), 0);
}

#[cfg(test)]
mod tests;
