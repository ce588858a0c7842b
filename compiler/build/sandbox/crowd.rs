//! Counts the processes of a sandbox from outside, for those whom the kernel sets no limit: root of the machine.

use std::os::linux::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::Pid;

/// How often is looked.
const GLANCE: Duration = Duration::from_millis(100);

/// The processes of one sandbox.
pub(super) struct Crowd {
    /// The first of them.
    first: Pid,
    limit: u64,
    next: Duration,
}

impl Crowd {
    pub(super) fn new(first: Pid, limit: u64) -> Self {
        Self {
            first,
            limit,
            next: GLANCE,
        }
    }

    /// Whether there are as many as the limit allows: a command that needs so many is one that only multiplies. `now` is how long the command has run.
    pub(super) fn is_too_large(&mut self, now: Duration) -> bool {
        if now < self.next {
            return false;
        }
        self.next = now + GLANCE;
        // One file says how many the whole machine has: mostly nothing else has to be looked at.
        let all = on_the_machine().unwrap_or(u64::MAX);
        if all < self.limit {
            return false;
        }
        let count = self.count();
        // A machine with as many others is looked over now and then only.
        self.next += GLANCE * 9;
        count >= self.limit
    }

    /// Processes and threads in the namespace of the first one.
    fn count(&self) -> u64 {
        let proc = Path::new("/proc");
        let namespace = |process: &Path| {
            let facts = process.join("ns/pid").metadata().ok()?;
            Some((facts.st_dev(), facts.st_ino()))
        };
        let first = proc.join(self.first.as_raw_nonzero().to_string());
        let Some(ours) = namespace(&first) else {
            return 0;
        };
        let entries = std::fs::read_dir(proc).into_iter().flatten().flatten();
        let processes = entries.filter(|entry| {
            let name = entry.file_name();
            name.as_encoded_bytes().iter().all(u8::is_ascii_digit)
        });
        let threads = processes.map(|entry| entry.path()).filter_map(|process| {
            (namespace(&process)? == ours).then_some(())?;
            // A folder for each thread, and the two names that every folder has.
            Some(
                process
                    .join("task")
                    .metadata()
                    .ok()?
                    .st_nlink()
                    .saturating_sub(2),
            )
        });
        threads.sum()
    }
}

/// How many processes and threads the machine has: the fourth field of `/proc/loadavg`, behind the slash.
fn on_the_machine() -> Option<u64> {
    let load = std::fs::read_to_string("/proc/loadavg").ok()?;
    let (_, all) = load.split(' ').nth(3)?.split_once('/')?;
    all.parse().ok()
}
