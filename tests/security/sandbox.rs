//! A source whose build tries to get out of the sandbox, as root and as an ordinary user.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use super::bench::{Bench, Who};

/// What became of each attack: whether it was held, and why.
type Verdicts = BTreeMap<String, String>;

fn verdicts(text: &str) -> Verdicts {
    let line = |line: &str| {
        let (name, verdict) = line.split_once(' ')?;
        let told = verdict == "BROKEN" || verdict.starts_with("held");
        told.then(|| (name.to_owned(), verdict.to_owned()))
    };
    text.lines().filter_map(line).collect()
}

/// The attacks of one user, tried once for all tests; `None` where they cannot be.
fn attacks(who: Who) -> Option<&'static Verdicts> {
    static ROOT: OnceLock<Option<Verdicts>> = OnceLock::new();
    static ORDINARY: OnceLock<Option<Verdicts>> = OnceLock::new();
    let once = match who {
        Who::Root => &ROOT,
        Who::Ordinary => &ORDINARY,
    };
    once.get_or_init(|| attack(who)).as_ref()
}

fn attack(who: Who) -> Option<Verdicts> {
    let bench = Bench::new()?;
    let aims = bench.aims().join(" ");
    let script = format!(
        "cc -O1 -w -o attack attack.c && ./attack try {aims} && echo tried && touch result"
    );
    let before = bench.reached.load(Ordering::Relaxed);
    let output = bench.build(who, "attack-all", &script);
    let said = String::from_utf8_lossy(&output.stdout);
    let log = bench.log("attack-all");
    assert!(output.status.success(), "{who:?}: {said}{log}");
    assert!(log.contains("tried"), "{who:?}: {log}");
    assert_eq!(bench.reached.load(Ordering::Relaxed), before, "{who:?}");
    println!("{who:?}: {log}");
    Some(verdicts(&log))
}

/// All of these were tried, and held.
fn assert_held(names: &[&str]) {
    for who in [Who::Root, Who::Ordinary] {
        let Some(all) = attacks(who) else { return };
        for name in names {
            let verdict = all.get(*name).map_or("not tried", String::as_str);
            assert!(verdict.starts_with("held"), "{who:?}: {name}: {verdict}");
        }
    }
}

/// Without the sandbox the attacks succeed: what the other tests see is the sandbox at work.
#[test]
fn attacks_work_where_nothing_holds_them() {
    let Some(bench) = Bench::new() else { return };
    for who in [Who::Root, Who::Ordinary] {
        let mut command = bench.planted(who, &bench.path("attack"));
        let output = command.arg("look").args(bench.aims()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let all = verdicts(&said);
        let mut broken = vec![
            "tcp-to-loopback",
            "tcp-to-host",
            "udp-to-loopback",
            "udp-to-host",
            "unix-by-path",
            "unix-abstract",
            "secret-by-path",
            "secret-by-open-file",
            "open-files",
            "words-of-environment",
            "list-processes",
            "shared-memory",
            "message-queue",
        ];
        // Some kernels have no keys.
        if Path::new("/proc/keys").exists() {
            broken.push("keys-of-session");
        }
        for name in broken {
            let verdict = all.get(name).map_or("not tried", String::as_str);
            assert_eq!(verdict, "BROKEN", "{who:?}: {name}: {said}");
        }
    }
}

#[test]
fn no_network_is_reached() {
    assert_held(&[
        "tcp-to-loopback",
        "tcp-to-host",
        "tcp-to-world",
        "tcp6-to-loopback",
        "udp-to-loopback",
        "udp-to-host",
        "interfaces",
    ]);
}

#[test]
fn no_socket_of_the_machine_is_reached() {
    assert_held(&[
        "unix-by-path",
        "unix-abstract",
        "socket-packet",
        "socket-raw",
        "socket-vsock",
        "socket-alg",
        "socket-bluetooth",
    ]);
}

#[test]
fn no_file_of_the_machine_is_read() {
    assert_held(&[
        "secret-by-path",
        "secret-by-another-root",
        "read-shadow",
        "list-root",
        "list-home",
        "list-run",
        "list-sys",
        "list-private-keys",
        "out-of-a-jail",
        "file-by-handle",
    ]);
}

#[test]
fn no_open_file_of_the_caller_comes_along() {
    assert_held(&["open-files", "secret-by-open-file"]);
}

#[test]
fn the_program_that_started_it_is_neither_read_nor_changed() {
    assert_held(&[
        "own-program-for-writing",
        "first-program-for-writing",
        "first-memory",
        "first-files",
        "first-maps",
        "trace-first",
        "end-first",
    ]);
}

#[test]
fn words_of_the_caller_stay_outside() {
    assert_held(&[
        "words-of-environment",
        "environment-of-first",
        "arguments-of-first",
        "arguments-name-files",
    ]);
}

#[test]
fn the_kernel_takes_no_orders() {
    assert_held(&[
        "write-sysctl",
        "write-sysrq",
        "write-to-kernel",
        "read-kernel-memory",
        "kernel-log",
        "kernel-program",
        "performance",
        "faults",
        "rings",
        "host-name",
        "clock",
        "restart",
        "swap",
        "module",
        "kernel",
    ]);
}

#[test]
fn no_device_is_opened_made_or_changed() {
    assert_held(&["devices", "make-device", "make-disk", "mode-of-a-device"]);
}

#[test]
fn no_process_outside_is_seen_or_touched() {
    assert_held(&[
        "list-processes",
        "signal-outside",
        "trace-outside",
        "limits-outside",
    ]);
}

#[test]
fn nothing_is_mounted_and_no_namespace_is_made() {
    assert_held(&[
        "mount",
        "remount",
        "unmount",
        "mount-anew",
        "clone-mount",
        "change-root",
        "namespace-of-mounts",
        "namespace-of-network",
        "namespace-of-users",
        "clone-users",
        "clone3-users",
        "enter-namespace",
    ]);
}

#[test]
fn no_privilege_is_gained() {
    assert_held(&[
        "capabilities",
        "more-capabilities",
        "setuid",
        "higher-limits",
    ]);
}

#[test]
fn keys_of_the_caller_stay_outside() {
    assert_held(&[
        "keys-of-session",
        "keys-of-user",
        "read-keys",
        "add-key",
        "request-key",
    ]);
}

#[test]
fn shared_memory_and_queues_are_its_own() {
    assert_held(&["shared-memory", "message-queue"]);
}

#[test]
fn terminals_are_not_typed_into() {
    assert_held(&["type-into-terminal", "type-into-input"]);
}

#[test]
fn no_core_is_dumped() {
    assert_held(&["core-files"]);
}

#[test]
fn memory_is_left_to_the_machine() {
    assert_held(&["memory-by-files", "first-when-memory-ends"]);
}

/// A visitor of a sandbox lends it a terminal, and foreign programs run there as well.
#[test]
fn the_terminal_of_a_visitor_is_not_typed_into() {
    let Some(bench) = Bench::new() else { return };
    let project = bench.project(Who::Root, "visited", "touch result");
    let line = format!(
        "{} shell attack --store {}",
        bench.path("zosc").display(),
        project.join("store").display()
    );
    let output = assert_cmd::Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(&project)
        .write_stdin("cc -w -o attack attack.c && ./attack type\nexit\n")
        .output();
    let Ok(output) = output else {
        println!("skipped: there is no `script` to make a terminal");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("type-into-terminal held"), "{said}");
}
