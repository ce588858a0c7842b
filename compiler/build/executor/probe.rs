//! Tries out whether an executor works: the smallest command that there is, zosc itself saying its version.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::program::Program;
use super::{Choice, make};
use crate::build::sandbox::{Access, Identity, Limits, RootFs, Sandbox};
use crate::diagnostic::Diagnostic;
use crate::io::Stopwatch;
use crate::tree::Store;

/// Has an executor run zosc, with the users that `identity` asks for, for no longer than `limit`. What it leaves lies in the store alone.
///
/// # Errors
/// Where the executor does not work: as a build would say it.
pub fn try_out(
    choice: Choice,
    identity: Identity,
    store: &Store,
    limit: Duration,
    cancel: &AtomicBool,
) -> Result<(), Diagnostic> {
    if !Path::new("/proc/self").exists() {
        let problem = Diagnostic::error("zosc::build::sandbox-setup", "/proc is not mounted");
        return Err(problem.help("run `mount -t proc proc /proc` as root"));
    }
    let executor = make(choice, store)?;
    let sandbox = own(identity, limit)?;
    let (stop, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| watch(limit, cancel, &stop, &done));
        let _end = End(&done);
        executor.run(&sandbox, &stop, &mut |_| {})
    })?;
    if outcome.end.is_success() {
        return Ok(());
    }
    Err(Diagnostic::error(
        "zosc::build::sandbox-setup",
        format!("the smallest command there is {}", outcome.end),
    )
    .help("run the command again; `dmesg` may say more"))
}

/// Says that it is over, however that came about: who watches would watch for ever.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A sandbox with nothing in it but zosc.
fn own(identity: Identity, limit: Duration) -> Result<Sandbox, Diagnostic> {
    let program = Program::own()?;
    let mut arguments = program.arguments.clone();
    arguments.push("--version".to_owned());
    let mut sandbox = Sandbox::new(RootFs::Empty, arguments);
    for (host, guest) in program.binds {
        sandbox = sandbox.bind(host, guest, Access::Read);
    }
    sandbox.identity = identity;
    sandbox.limits = Limits {
        time: limit,
        ..Limits::default()
    };
    Ok(sandbox)
}

/// Passes on that somebody wants an end, and wants one itself when the time is over.
fn watch(limit: Duration, cancel: &AtomicBool, stop: &AtomicBool, done: &AtomicBool) {
    let since = Stopwatch::start();
    while !done.load(Ordering::Relaxed) {
        if cancel.load(Ordering::Relaxed) || since.elapsed() > limit {
            stop.store(true, Ordering::Relaxed);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_program_and_its_libraries_is_there() {
        let sandbox = own(Identity::Accounts, Duration::from_secs(5)).expect("a program");
        assert_eq!(sandbox.root, RootFs::Empty);
        assert_eq!(
            sandbox.arguments.last().map(String::as_str),
            Some("--version")
        );
        assert!(sandbox.binds.iter().all(|bind| bind.access == Access::Read));
        assert_eq!(sandbox.identity, Identity::Accounts);
    }
}
