//! Why a sandbox could not be made, and what to do about it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use rustix::io::Errno;

use super::Sandbox;
use super::inside::{MOUNT_FAILED, PROGRAM_FAILED, Report, STAGE_FAILED, STEP_FAILED, Stage};
use super::setup::{Setup, Source};
use crate::diagnostic::Diagnostic;
use crate::tools;

/// Namespaces are refused; names the setting that does so where one can be found.
pub(in crate::build) fn namespaces(error: &io::Error) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "zosc::build::no-namespaces",
        format!("the kernel refuses a sandbox to this user: {error}"),
    );
    let setting = |name: &str| {
        let content = fs::read_to_string(format!("/proc/sys/{}", name.replace('.', "/")));
        content.unwrap_or_default().trim().to_owned()
    };
    let mend = |name: &str, value: &str| {
        format!(
            "run `sudo sysctl -w {name}={value}`, and put `{name}={value}` into /etc/sysctl.d/ to keep it"
        )
    };
    if setting("user.max_user_namespaces") == "0" {
        return diagnostic.help(mend("user.max_user_namespaces", "15000"));
    }
    if setting("kernel.unprivileged_userns_clone") == "0" {
        return diagnostic.help(mend("kernel.unprivileged_userns_clone", "1"));
    }
    if setting("kernel.apparmor_restrict_unprivileged_userns") == "1" {
        return diagnostic.help(mend("kernel.apparmor_restrict_unprivileged_userns", "0"));
    }
    if is_chroot() {
        return diagnostic.help(
            "what runs in a chroot may make no user namespaces: enter that root as a container, by \
             `systemd-nspawn -D DIR`, `podman run --rootfs DIR`, or `unshare --mount` and `pivot_root`",
        );
    }
    diagnostic.help(
        "inside a container, start it so that it may make namespaces and mount /proc \
         (podman: `--security-opt unmask=ALL`, docker: `--privileged`)",
    )
}

/// Whether the root folder here is one inside a mounted file system: then nothing is mounted at `/`, by proc_pid_mountinfo(5).
fn is_chroot() -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut places = mounts.lines().map(|line| line.split(' ').nth(4));
    !mounts.is_empty() && !places.any(|place| place == Some("/"))
}

/// The user has no subordinate ids.
pub(super) fn no_subordinate_ids(user: &str, table: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::no-subordinate-ids",
        format!("`{user}` has no 65536 subordinate ids in {table}, which files with owners need"),
    )
    .help(format!(
        "run `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}`"
    ))
}

/// Root may not give files to anyone.
pub(in crate::build) fn no_other_owner(error: &io::Error) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::no-subordinate-ids",
        format!("root may not give files to other users here: {error}"),
    )
    .help("inside a container, start it with the capability CHOWN and with 65536 ids; elsewhere, let `TMPDIR` name a folder on a file system that has owners")
}

/// `newuidmap` or `newgidmap` is missing.
pub(in crate::build) fn no_map_helper(helper: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::no-subordinate-ids",
        format!("`{helper}` is missing, which files with owners need"),
    )
    .help(format!("install it: {}", tools::installing(helper)))
}

/// `newuidmap` or `newgidmap` refused.
pub(super) fn map_refused(helper: &str, said: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::no-subordinate-ids",
        format!("`{helper}` refuses to map the subordinate ids of this user"),
    )
    .note(said)
    .help("compare /etc/subuid and /etc/subgid; both helpers must be setuid root or have file capabilities")
}

/// A declared input is not there.
pub(in crate::build) fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::sandbox-input",
        format!("cannot show `{}` to a sandbox: {error}", path.display()),
    )
    .help("make the path exist and readable, then run the command again")
}

/// A path or argument that no system call takes.
pub(super) fn zero_byte(text: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::sandbox-input",
        format!("`{}` holds a zero byte", text.escape_debug()),
    )
    .help("remove the zero byte")
}

/// Pipes and the like.
pub(in crate::build) fn resources(error: &io::Error) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::sandbox-setup",
        format!("a sandbox cannot be prepared: {error}"),
    )
    .help("check `ulimit -n`, `ulimit -u` and free memory")
}

/// The child died before it could say anything.
pub(super) fn vanished() -> Diagnostic {
    Diagnostic::error(
        "zosc::build::sandbox-setup",
        "the sandbox was killed from outside",
    )
    .help("look for the out-of-memory killer in `dmesg`, then run the command again")
}

/// Files that belong to other users could not be taken back, or nobody could be told whose they were.
pub(super) fn not_given_back() -> Diagnostic {
    Diagnostic::error(
        "zosc::build::sandbox-setup",
        "files that a command gave to other users cannot be taken back",
    )
    .help("check free memory and the disk that the store is on: it has to let files change their owner")
}

/// What the child said, in words.
pub(super) fn told(report: Report, setup: &Setup, sandbox: &Sandbox) -> Diagnostic {
    let [kind, first, second] = report;
    let index = usize::try_from(first).unwrap_or(usize::MAX);
    let error = Errno::from_raw_os_error(second);
    let denied = [Errno::PERM, Errno::ACCESS].contains(&error);
    match kind {
        PROGRAM_FAILED => {
            return no_program(&sandbox.arguments, &sandbox.environment, &error.into());
        }
        MOUNT_FAILED => match setup.sources.get(index) {
            Some(Source::Host { path, .. }) if error != Errno::NOSYS => {
                let path = path.to_string_lossy().into_owned();
                return unreadable(Path::new(&path), &error.into());
            }
            _ if error == Errno::NOSYS => return too_old(),
            _ if denied => return namespaces(&error.into()),
            _ => {}
        },
        STAGE_FAILED if Stage::from_number(first) == Some(Stage::Directory) => {
            return no_directory(&sandbox.directory, &error.into());
        }
        STAGE_FAILED if Stage::from_number(first) == Some(Stage::Filter) => return no_filter(),
        STAGE_FAILED if denied => return namespaces(&error.into()),
        _ => {}
    }
    let what = match kind {
        STEP_FAILED => setup.steps.get(index).map(super::setup::Step::describe),
        STAGE_FAILED => Stage::from_number(first).map(|stage| format!("{stage:?}").to_lowercase()),
        _ => None,
    };
    let diagnostic = Diagnostic::error(
        "zosc::build::sandbox-setup",
        format!(
            "a sandbox cannot be prepared: {}: {error}",
            what.unwrap_or_else(|| format!("mount {first}"))
        ),
    );
    if error == Errno::NOSYS {
        return too_old();
    }
    diagnostic.help("a mount point must be a plain directory or file of the root filesystem")
}

fn no_filter() -> Diagnostic {
    Diagnostic::error(
        "zosc::build::sandbox-setup",
        "this kernel cannot refuse system calls to a command",
    )
    .help("use a kernel with CONFIG_SECCOMP_FILTER=y, as distributions have it")
}

fn too_old() -> Diagnostic {
    Diagnostic::error(
        "zosc::build::sandbox-setup",
        "this kernel is too old for the embedded sandbox",
    )
    .help("use Linux 5.12 or newer")
}

/// The command is to start in a directory that is not there.
pub(in crate::build) fn no_directory(directory: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::error(
        "zosc::build::sandbox-input",
        format!("no directory `{directory}` in the sandbox: {error}"),
    )
    .help("make the directory part of the root filesystem or of an input")
}

/// The command's program does not start.
pub(in crate::build) fn no_program(
    arguments: &[String],
    environment: &BTreeMap<String, String>,
    error: &io::Error,
) -> Diagnostic {
    let name = arguments.first().map_or("", String::as_str);
    let path = environment.get("PATH").map_or("", String::as_str);
    Diagnostic::error(
        "zosc::build::no-program",
        format!("cannot start `{name}` in the sandbox: {error}"),
    )
    .note(format!("PATH is {path}"))
    .help(if error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) {
        "it may be a program for another processor: `zosc explain zosc::build::foreign-programs` says what helps"
    } else {
        "the program, and the interpreter or loader it names, must be in the root filesystem or an input"
    })
}
