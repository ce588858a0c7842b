//! Whether a worker has the programs that a command is to use.

use std::fs;
use std::sync::atomic::AtomicBool;

use super::super::job::{Job, Programs};
use crate::diagnostic::Diagnostic;
use crate::lock::{HostToolchain, host_facts};

/// Refuses other programs than those that count for the action's key.
///
/// Where the input root is not the worker's own root, nothing of the worker's lies over it.
pub(super) fn verify(job: &Job, is_root: bool) -> Result<(), Diagnostic> {
    match &job.programs {
        Programs::Worker(host) => verify_own(host),
        Programs::Root(_) if !is_root => Ok(()),
        Programs::Root(names) => {
            let mounts = fs::read_to_string(MOUNTS).map_err(|error| no_mounts(&error))?;
            match covered(names, &mounts) {
                Some(place) => Err(covered_root(place)),
                None => Ok(()),
            }
        }
    }
}

/// What is mounted where, as this process sees it: proc(5).
const MOUNTS: &str = "/proc/self/mountinfo";

fn no_mounts(error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(
        "zosc::remote::worker-failed",
        format!("the worker does not show what is mounted in it: cannot read `{MOUNTS}`: {error}"),
    )
    .help("have the worker mount `/proc` for its commands")
}

fn verify_own(host: &HostToolchain) -> Result<(), Diagnostic> {
    let found = host_facts(host, &AtomicBool::new(false));
    if found == host.facts {
        return Ok(());
    }
    let mut problem = Diagnostic::error(
        "zosc::remote::other-toolchain",
        "the worker's compilers are not those of this machine, which `toolchain … { host }` means",
    );
    let differing = |one: &str, other: &str| -> Vec<String> {
        let known: Vec<&str> = other.lines().collect();
        let lines = one.lines().filter(|line| !known.contains(line));
        lines.map(str::to_owned).collect()
    };
    for (whose, lines) in [
        ("here", differing(&host.facts, &found)),
        ("on the worker", differing(&found, &host.facts)),
    ] {
        let lines = if lines.is_empty() {
            vec!["nothing of the kind".to_owned()]
        } else {
            lines
        };
        for line in lines {
            problem = problem.note(format!("{whose}: {line}"));
        }
    }
    Err(problem.help(
        "give the toolchain a root of its own, which goes to the worker with the action: `toolchain rust { alpine packages=\"…\" }`; or \
         build here with `--executor sandbox`",
    ))
}

/// The place of a mount over one of these entries of the root, in the format of `/proc/PID/mountinfo`.
fn covered<'m>(names: &[String], mounts: &'m str) -> Option<&'m str> {
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    let mut below = places.filter(|place| {
        let first = place.trim_start_matches('/').split('/').next();
        first.is_some_and(|first| names.iter().any(|name| name == first))
    });
    below.next()
}

fn covered_root(place: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::remote::covered-toolchain",
        format!("the worker shows something of its own at `{place}`, where the action's toolchain is"),
    )
    .help(
        "have the worker show nothing of its machine to actions that bring a root filesystem (buildbox: no `--ro-bind-mount`), or \
         choose workers that do so by `--remote-property`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 1 254:0 /root / rw,relatime - ext4 /dev/vda rw
23 22 0:21 / /proc rw - proc proc rw
24 22 254:0 /usr /usr ro,relatime - ext4 /dev/vda rw
";

    #[test]
    fn what_lies_over_the_toolchain_is_found() {
        let names = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        assert_eq!(covered(&names(&["bin", "usr"]), TABLE), Some("/usr"));
        assert_eq!(covered(&names(&["bin", "us"]), TABLE), None);
    }
}
