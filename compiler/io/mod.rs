//! Effects: the only module that reads the clock, the environment, randomness and the network, or starts host programs.
//!
//! Passes that must stay pure take [`Files`]; [`System`] is the machine, [`Memory`] its double in tests and
//! editors.

// The rest of the crate is held off these calls by clippy.toml; here they are made.
#![allow(clippy::disallowed_methods)]

mod download;
mod engine;
mod files;
mod http;
mod leftovers;
mod process;
mod replace;
mod write;

pub use download::{
    Answer, Failure, Network, Progress, Refreshed, Request, Resume, Version, download, refresh,
};
pub use engine::{Engine, NOT_PERMITTED, NOT_RUNNING};
pub use files::{FileKind, Files, Memory, Overlay, System};
pub use http::{Internet, MemoryNetwork, Offline};
pub use leftovers::{CONTAINER_LABEL, container_name, remove_containers};
pub use process::{Answered, Finished, run_program, run_with_input};
pub use replace::replace;
pub use write::{Existing, NewFile, Unwritten, write_all};

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// An environment variable's value, where it is set, not empty and UTF-8.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// All environment variables with UTF-8 names and values, sorted by name.
pub fn environment_all() -> Vec<(String, String)> {
    let mut all: Vec<_> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    all.sort();
    all
}

/// The folder that relative paths of the user start from.
pub fn current_directory() -> std::io::Result<PathBuf> {
    std::env::current_dir()
}

/// Fills a buffer with randomness that keys can be made of.
pub fn random(bytes: &mut [u8]) -> std::io::Result<()> {
    getrandom::fill(bytes).map_err(std::io::Error::from)
}

/// The store's folder where none is named: `$ZOSC_STORE`, else `zosc` below `$XDG_CACHE_HOME` or `~/.cache`.
pub fn default_store() -> PathBuf {
    if let Some(store) = environment("ZOSC_STORE") {
        return PathBuf::from(store);
    }
    let cache = environment("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| environment("HOME").map(|home| PathBuf::from(home).join(".cache")));
    cache.unwrap_or_else(std::env::temp_dir).join("zosc")
}

/// What the machine's clock says, in milliseconds since 1970: for people; never part of a result.
pub fn unix_milliseconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// Measures how long something takes, for people; never part of a result.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
