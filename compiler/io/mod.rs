//! Effects: the only module that reads the clock, the environment, randomness and the network. It starts programs of the machine, too; only
//! sandboxes, containers, commands of a worker and hypervisors begin elsewhere.
//!
//! Passes that must stay pure take [`Files`]; [`System`] is the machine, [`Memory`] its double in tests and
//! editors.

// The rest of the crate is held off these calls by `.clippy.toml`; here they are made.
#![allow(clippy::disallowed_methods)]

mod address;
mod disk;
mod download;
mod engine;
mod files;
mod http;
mod itself;
mod knock;
mod leftovers;
mod memory;
mod noted;
mod pending;
mod process;
mod processor;
mod replace;
mod terminal;
#[cfg(any(feature = "publish", feature = "remote"))]
mod waiting;
mod watch;
mod write;

pub use address::{escape, file_address, file_path, unescape};
pub use disk::{Disk, at_path, disk_of, disk_refusal, file_system_of};
pub use download::{
    Answer, Failure, Network, Patience, Progress, Refreshed, Request, Resume, Version, download,
    fetch, refresh,
};
pub use engine::{Engine, NOT_PERMITTED, NOT_RUNNING};
pub use files::{FileKind, Files, Memory, Overlay, System};
pub use http::{Internet, MemoryNetwork, Offline, named_certificates};
pub use itself::{
    Run, end_with_parent, keep_others_from_writing, restrict_new_files, run_in_place, run_itself,
};
pub use knock::{Knock, free_port, http_status, knock};
pub use leftovers::{CONTAINER_LABEL, container_name, remove_containers};
pub use memory::available_memory;
pub use noted::{Asked, Noted, Stamp};
pub use pending::{Pending, sweep_pending};
pub use process::{Answered, Finished, find_program, run_briefly, run_program, run_with_input};
pub use processor::{Running, runs_programs_of};
pub use replace::replace;
pub use terminal::{RawTerminal, keys, new_terminal, restore_terminal};
#[cfg(any(feature = "publish", feature = "remote"))]
pub use waiting::{error_chain, runtime, wait};
pub use watch::Watcher;
pub use write::{Existing, NewFile, Unwritten, write_all};

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
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

/// The store's folder where none is named: `$ZOSC_STORE`, else `zosc` below `$XDG_CACHE_HOME` or `~/.cache`. Without a home it is one of
/// the user's own among what is temporary.
pub fn default_store() -> PathBuf {
    if let Some(store) = environment("ZOSC_STORE") {
        return PathBuf::from(store);
    }
    let cache = environment("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| environment("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let user = rustix::process::geteuid().as_raw();
    let homeless = || std::env::temp_dir().join(format!("zosc-{user}"));
    cache.map_or_else(homeless, |cache| cache.join("zosc"))
}

/// The user's configuration and whether it was named: `$ZOSC_CONFIG`, else `zosc/config.kdl` below `$XDG_CONFIG_HOME` or `~/.config`.
/// There is none in a folder that this user may not enter: after `su`, `HOME` may still be somebody else's.
pub fn configuration_file() -> Option<(PathBuf, bool)> {
    if let Some(file) = environment("ZOSC_CONFIG") {
        return Some((current_directory().ok()?.join(file), true));
    }
    let folder = environment("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| environment("HOME").map(|home| PathBuf::from(home).join(".config")));
    let file = folder?.join("zosc/config.kdl");
    let is_out_of_reach = std::fs::symlink_metadata(&file)
        .is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied);
    (!is_out_of_reach).then_some((file, false))
}

/// What the machine's clock says, in milliseconds since 1970: for people; never part of a result.
pub fn unix_milliseconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// The folder of this machine for what is temporary.
pub fn temporary_folder() -> PathBuf {
    std::env::temp_dir()
}

/// Whose a file or folder is, where it lies in a folder that everybody may put things into and is neither this user's nor root's.
pub fn stranger_of(path: &Path) -> Option<u32> {
    let path = std::path::absolute(path).ok()?;
    // Without a slash at its end, which would lead through a link.
    let path: PathBuf = path.components().collect();
    let facts = path.symlink_metadata().ok()?;
    let above = path.parent()?.metadata().ok()?;
    let own = [0, rustix::process::geteuid().as_raw()];
    let is_open_to_all = above.mode() & 0o002 != 0;
    (is_open_to_all && !own.contains(&facts.uid())).then_some(facts.uid())
}

/// The number of this process.
pub fn process_number() -> u32 {
    std::process::id()
}

/// Whether there is a process with this number.
pub fn is_running(process: u32) -> bool {
    Path::new("/proc").join(process.to_string()).is_dir()
}

/// Whether this process was started with a signal ignored, as `nohup` does it.
pub fn ignores_signal(number: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (number - 1) & 1 == 1)
}

/// A name that the machine has since it was started, and will have no more when it is started again.
pub fn start_of_machine() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(name.trim().to_owned())
}

/// What a running process was started as, cut where it is long: `zosc build`.
pub fn command_of(process: u32) -> Option<String> {
    const LONGEST: usize = 60;
    let line = std::fs::read(format!("/proc/{process}/cmdline")).ok()?;
    let line = String::from_utf8_lossy(&line);
    let mut words = line.split('\0').filter(|word| !word.is_empty());
    let program = Path::new(words.next()?).file_name()?.to_string_lossy();
    let shown = words.fold(program.into_owned(), |shown, word| {
        format!("{shown} {word}")
    });
    Some(shown.chars().take(LONGEST).collect())
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
