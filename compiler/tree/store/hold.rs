//! Who may change a store: everyone who uses it holds its file `lock` shared, who takes things out of it holds that alone.
//!
//! The kernel gives a lock up when its holder dies. A store that cannot be written to has no lock, and needs none: nobody takes
//! anything out of it.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::diagnostic::Diagnostic;
use crate::io::command_of;

/// What a process is going to do with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read it and add to it, beside any number of others.
    Shared,
    /// Take things out of it.
    Alone,
}

/// Another process that is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub process: u32,
    /// What it was started as, where that can be seen from here.
    pub command: Option<String>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.command {
            Some(command) => write!(formatter, "`{command}` (process {})", self.process),
            None => write!(formatter, "process {}", self.process),
        }
    }
}

impl Holder {
    pub(super) fn new(process: u32) -> Self {
        let command = command_of(process);
        Self { process, command }
    }
}

/// How long the lock is tried before it is tried again.
const GLANCE: Duration = Duration::from_millis(20);

/// A lock on a store, for as long as this lives.
#[derive(Debug)]
pub(in super::super) struct Hold {
    file: Option<File>,
    access: Access,
}

impl Hold {
    /// Takes the lock. While others are in the way, `wait` is asked again and again whether to go on waiting.
    pub(super) fn take(
        path: &Path,
        access: Access,
        wait: &mut dyn FnMut() -> bool,
    ) -> io::Result<Option<Self>> {
        let opened = File::options().create(true).append(true).open(path);
        let file = match opened.or_else(|_| File::open(path)) {
            Ok(file) => Some(file),
            // Nobody can make one here either.
            Err(_) if access == Access::Shared => None,
            Err(error) => return Err(error),
        };
        let hold = Self { file, access };
        Ok(hold.wait_for_it(wait)?.then_some(hold))
    }

    /// Lets others have the store while something else is done.
    pub(super) fn stand_aside<T>(&self, work: impl FnOnce() -> T) -> io::Result<T> {
        if let Some(file) = &self.file {
            flock(file, FlockOperation::Unlock)?;
        }
        let done = work();
        self.wait_for_it(&mut || true)?;
        Ok(done)
    }

    fn wait_for_it(&self, wait: &mut dyn FnMut() -> bool) -> io::Result<bool> {
        let Some(file) = &self.file else {
            return Ok(true);
        };
        let wanted = match self.access {
            Access::Shared => FlockOperation::NonBlockingLockShared,
            Access::Alone => FlockOperation::NonBlockingLockExclusive,
        };
        loop {
            match flock(file, wanted).map_err(io::Error::from) {
                Ok(()) => return Ok(true),
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                Err(_) if !wait() => return Ok(false),
                Err(_) => std::thread::sleep(GLANCE),
            }
        }
    }
}

/// The store is not to be had now.
pub(super) fn busy(holders: &[Holder]) -> Diagnostic {
    let holders: Vec<String> = holders.iter().map(Holder::to_string).collect();
    let by = match holders.as_slice() {
        [] => "another process".to_owned(),
        holders => holders.join(", "),
    };
    Diagnostic::error("zosc::store::busy", format!("the store is in use by {by}"))
        .help("run the command again when that has ended; without `--no-wait`, zosc waits for it")
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;

    #[test]
    fn one_who_takes_things_out_is_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = |access| Store::open_as(folder.path(), access, &mut |_| false);
        let (one, other) = (open(Access::Shared), open(Access::Shared));
        let mut seen = Vec::new();
        let refused = Store::open_as(folder.path(), Access::Alone, &mut |holders| {
            seen.extend(holders.to_vec());
            false
        });
        assert_eq!(refused.expect_err("busy").code, "zosc::store::busy");
        assert!(
            !seen.is_empty()
                && seen
                    .iter()
                    .all(|holder| holder.process == std::process::id())
        );
        assert!(seen[0].command.is_some());
        let one = one.expect("opened");
        drop(other.expect("opened"));
        let meanwhile = one.stand_aside(|| open(Access::Alone).is_ok());
        assert!(meanwhile.expect("taken up again"));
        assert!(open(Access::Alone).is_err());
        drop(one);
        let alone = open(Access::Alone).expect("nobody else");
        assert!(open(Access::Shared).is_err());
        drop(alone);
    }
}
