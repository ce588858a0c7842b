//! How an image is tried out, and what must be seen.

use serde::Serialize;

use crate::source::Span;

/// The largest disk that a machine gets, in bytes: the first table of its qcow2 file takes 16 MiB then.
pub const LARGEST_DISK: u64 = 1 << 50;

/// How an image is tried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Boot {
    /// Bytes of memory.
    pub memory: u64,
    /// Processors.
    pub cpus: u32,
    /// How the machine starts.
    pub firmware: crate::manifest::boot::Firmware,
    /// Sizes of disks in bytes.
    pub disks: Vec<u64>,
    /// What must be seen.
    pub expect: Vec<Expectation>,
}

impl Default for Boot {
    fn default() -> Self {
        Self {
            memory: 1 << 30,
            cpus: 2,
            firmware: crate::manifest::boot::Firmware::Direct,
            disks: Vec::new(),
            expect: Vec::new(),
        }
    }
}

/// Something that must be seen, on the console or from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Expectation {
    /// What.
    pub what: Expected,
    /// How long after the start, in milliseconds.
    pub within: u64,
    /// Its place.
    pub span: Span,
}

/// What must be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Expected {
    /// A unit in a state.
    Unit {
        /// Its name.
        name: String,
        /// The state.
        state: UnitState,
    },
    /// A text on the console.
    Console(String),
    /// The name of process 1.
    Pid1(String),
    /// A TCP port of the guest that accepts connections.
    Tcp(u16),
    /// A page of an HTTP server in the guest.
    Http {
        /// The server's port.
        port: u16,
        /// The page, from `/`.
        path: String,
    },
}

/// A state of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitState {
    /// It runs (and its test has succeeded).
    Running,
    /// It ended well.
    Success,
    /// Either.
    Up,
}
