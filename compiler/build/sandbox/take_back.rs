//! Takes back what a command gave to other users, where its sandbox was killed before that could be done inside.
//!
//! No foreign code runs: zosc itself becomes root over the user's subordinate ids for as long as this takes.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::MemfdFlags;
use rustix::process::{Signal, WaitOptions};

use super::give_back::give_back_files;
use super::kernel::{self, Side};
use super::owners::Records;
use super::{Ground, Identity, gives_owners, identity, inside};
use crate::diagnostic::Diagnostic;

/// Makes a folder and all that is in it the user's own again, as far as its files belong to this user's subordinate ids.
pub(in crate::build) fn take_back(place: &Path) {
    if gives_owners()
        && identity::subordinate_ids("/etc/subuid").is_ok()
        && let Ok(place) = CString::new(place.as_os_str().as_bytes())
    {
        // Who cannot has files of its own alone.
        let _ = try_to(&place);
    }
}

fn try_to(place: &CStr) -> Result<(), Diagnostic> {
    let resources = |error: std::io::Error| super::refusal::resources(&error);
    let (start_read, start_write) = std::io::pipe().map_err(resources)?;
    // Whose the files were does not matter any more.
    let told = rustix::fs::memfd_create(c"owners", MemfdFlags::CLOEXEC)
        .map_err(|error| resources(error.into()))?;
    match kernel::fork(libc::CLONE_NEWUSER).map_err(|error| resources(error.into()))? {
        Side::Child => take(place, start_read.as_fd(), told.as_fd()),
        Side::Parent(pid) => {
            let mapped = identity::map(pid, Identity::Accounts, Ground::Machine);
            if mapped.is_ok() {
                let _ = rustix::io::write(&start_write, b"!");
            }
            drop(start_write);
            while matches!(
                rustix::process::waitpid(Some(pid), WaitOptions::empty()),
                Err(rustix::io::Errno::INTR)
            ) {}
            mapped
        }
    }
}

/// In a forked copy of a threaded process: system calls only, and no return.
fn take(place: &CStr, start: BorrowedFd<'_>, told: BorrowedFd<'_>) -> ! {
    kernel::default_signals();
    kernel::close_others([start, told, told]);
    let mut byte = [0];
    let ready = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).is_ok()
        && rustix::io::read(start, &mut byte) == Ok(1)
        && inside::become_root().is_ok();
    if ready {
        let _ = give_back_files(place, &mut Records::new(told));
    }
    kernel::exit(0)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::super::super::scratch::Scratch;
    use super::super::{Access, RootFs, Sandbox, as_user};
    use super::*;
    use crate::tree::Store;

    #[test]
    fn what_a_killed_command_gave_away_is_taken_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path().join("store")).expect("a store");
        let scratch = Scratch::new(&store).expect("a folder in it");
        let script = "mkdir -p /out/a/b && chown -R 5:7 /out/a && chmod -R go= /out/a && echo given && sleep 60";
        let mut sandbox = Sandbox::new(RootFs::Empty, ["sh", "-c", script])
            .with_host_programs()
            .bind(scratch.path(), "/out", Access::Write);
        sandbox.identity = Identity::Accounts;
        let cancel = AtomicBool::new(false);
        match sandbox.run(&cancel, &mut |_| cancel.store(true, Ordering::Relaxed)) {
            Err(refused) if refused.code == "zosc::build::no-subordinate-ids" => {
                eprintln!("skipped: {}", refused.message);
                return;
            }
            outcome => assert!(!outcome.expect("made").end.is_success()),
        }
        let given = fs::symlink_metadata(scratch.path().join("a")).expect("there");
        assert_ne!(given.uid(), rustix::process::geteuid().as_raw());
        drop(scratch);
        if gives_owners() {
            let left = fs::read_dir(store.temporary()).expect("there");
            assert_eq!(left.count(), 0);
        }
    }

    #[test]
    fn an_ordinary_user_takes_back() {
        as_user("build::sandbox::take_back::tests::what_a_killed_command_gave_away_is_taken_back");
    }
}
