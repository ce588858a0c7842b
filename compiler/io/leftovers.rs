//! Names of containers, and the removal of those whose zosc has died.
//!
//! A container ends by itself when its zosc does; what is left is one that was caught before it could start.

use std::fs;
use std::sync::atomic::AtomicBool;

use super::{Engine, run_program};

/// What every container of ours is labelled with.
pub const CONTAINER_LABEL: &str = "zosc";

/// The process that a container belongs to, told apart from later ones with its number and from other machines' and
/// containers' processes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Keeper {
    namespace: u64,
    process: u32,
    /// In ticks since the machine started.
    start: u64,
}

impl Keeper {
    fn own() -> Option<Self> {
        let process = std::process::id();
        let start = start_of(process)?;
        let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
        let namespace = namespace.to_str()?.strip_prefix("pid:[")?;
        Some(Self {
            namespace: namespace.strip_suffix(']')?.parse().ok()?,
            process,
            start,
        })
    }

    fn of_name(name: &str) -> Option<Self> {
        let mut fields = name.strip_prefix("zosc-")?.split('-');
        Some(Self {
            namespace: fields.next()?.parse().ok()?,
            process: fields.next()?.parse().ok()?,
            start: fields.next()?.parse().ok()?,
        })
    }

    /// Whether this is a process that could be seen from here and is no more.
    fn is_dead(&self, own: &Self) -> bool {
        self.namespace == own.namespace && start_of(self.process) != Some(self.start)
    }
}

fn start_of(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in brackets, with whatever it holds; the start is field 22 (proc(5)).
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(19)?.parse().ok()
}

/// The name of this process's container for `what`.
pub fn container_name(what: impl std::fmt::Display) -> String {
    let own = Keeper::own().unwrap_or(Keeper {
        namespace: 0,
        process: std::process::id(),
        start: 0,
    });
    format!(
        "zosc-{}-{}-{}-{what}",
        own.namespace, own.process, own.start
    )
}

/// Removes containers of dead processes; where that fails, the next run tries again.
pub fn remove_containers(engine: Engine, cancel: &AtomicBool) {
    let Some(own) = Keeper::own() else {
        return;
    };
    let call = |arguments: &[&str]| {
        run_program(
            engine.program(),
            arguments,
            std::path::Path::new("/"),
            &[],
            cancel,
        )
    };
    let filter = format!("label={CONTAINER_LABEL}");
    let Ok(listed) = call(&["ps", "--all", "--filter", &filter, "--format", "{{.Names}}"]) else {
        return;
    };
    for name in listed.output.lines() {
        if Keeper::of_name(name).is_some_and(|keeper| keeper.is_dead(&own)) {
            let _ = call(&engine.removal(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_containers_of_dead_processes_are_left_over() {
        let own = Keeper::own().expect("/proc is there");
        let mine = Keeper::of_name(&container_name(7)).expect("a name of ours");
        assert_eq!(mine, own);
        assert!(!mine.is_dead(&own));
        let earlier = Keeper {
            start: own.start.wrapping_sub(1),
            ..own.clone()
        };
        assert!(earlier.is_dead(&own), "its number is another's now");
        let elsewhere = Keeper {
            namespace: own.namespace + 1,
            ..earlier
        };
        assert!(!elsewhere.is_dead(&own), "nobody here can tell");
        assert_eq!(Keeper::of_name("zosc-test"), None);
        assert_eq!(Keeper::of_name("postgres"), None);
    }
}
