//! Tries out whether an executor works: the smallest command that there is, zosc itself saying its version.

use std::os::unix::fs::chown;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::program::Program;
use super::{Choice, make};
use crate::build::disk;
use crate::build::sandbox::{
    Access, Identity, Limits, Owner, RootFs, Sandbox, gives_owners, no_other_owner,
};
use crate::build::scratch::Scratch;
use crate::diagnostic::Diagnostic;
use crate::io::Stopwatch;
use crate::tree::Store;

/// A user and a group that are not root.
const GIVEN: u32 = 65534;

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
    let (sandbox, _given) = match identity {
        Identity::Root => (sandbox, None),
        Identity::Accounts => {
            give(sandbox, store).map(|(sandbox, given)| (sandbox, Some(given)))?
        }
    };
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

/// Has a file given to another user, as packages have it: inside where the host's user may not do so itself. The folder is to be kept.
fn give(mut sandbox: Sandbox, store: &Store) -> Result<(Sandbox, Scratch), Diagnostic> {
    let folder = Scratch::new(store)?;
    let file = folder.path().join("file");
    std::fs::write(&file, "").map_err(|error| disk(&file, &error))?;
    if gives_owners() {
        sandbox.owners.push(Owner {
            path: "/given/file".to_owned(),
            uid: GIVEN,
            gid: GIVEN,
            mode: 0o644,
        });
    } else {
        chown(&file, Some(GIVEN), Some(GIVEN)).map_err(|error| no_other_owner(&error))?;
    }
    Ok((sandbox.bind(folder.path(), "/given", Access::Write), folder))
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

    #[test]
    fn a_file_is_given_to_another_user_by_whoever_may() {
        use std::os::unix::fs::MetadataExt as _;

        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        let sandbox = own(Identity::Accounts, Duration::from_secs(5)).expect("a program");
        let (sandbox, given) = give(sandbox, &store).expect("given");
        let facts = given.path().join("file").metadata().expect("there");
        let inside: Vec<u32> = sandbox.owners.iter().map(|owner| owner.uid).collect();
        if gives_owners() {
            assert_eq!(inside, [GIVEN]);
        } else {
            assert_eq!((facts.uid(), facts.gid()), (GIVEN, GIVEN));
            assert!(inside.is_empty());
        }
    }
}
