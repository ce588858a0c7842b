//! The attacks of attack.c, by both users: inside of a sandbox and outside of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use rustix::io::Errno;

use super::bench::{Bench, Who};

/// What became of each attack: `held ERROR`, `BROKEN`, `died SIGNAL` or `skipped`.
type Verdicts = BTreeMap<String, String>;

fn verdicts(text: &str) -> Verdicts {
    let line = |line: &str| {
        let mut words = line.split(' ');
        let (name, verdict, why) = (words.next()?, words.next()?, words.next());
        let told = match (verdict, why) {
            ("held" | "died", Some(why)) => format!("{verdict} {why}"),
            ("BROKEN" | "skipped", None) => verdict.to_owned(),
            _ => return None,
        };
        Some((name.to_owned(), told))
    };
    text.lines().filter_map(line).collect()
}

/// The attacks of one user.
pub(crate) struct Attacks {
    /// Tried in a sandbox.
    pub(crate) inside: Verdicts,
    /// Those that harm nobody, tried where nothing holds them.
    outside: Verdicts,
}

/// The attacks of one user, tried once for all tests; `None` where they cannot be.
pub(crate) fn attacks(who: Who) -> Option<&'static Attacks> {
    static ROOT: OnceLock<Option<Attacks>> = OnceLock::new();
    static ORDINARY: OnceLock<Option<Attacks>> = OnceLock::new();
    let once = match who {
        Who::Root => &ROOT,
        Who::Ordinary => &ORDINARY,
    };
    once.get_or_init(|| attack(who)).as_ref()
}

fn attack(who: Who) -> Option<Attacks> {
    let bench = Bench::new()?;
    let aims = bench.aims(who);
    let before = bench.reached.load(Ordering::Relaxed);
    let output = bench.build(who, "attack-all", &script(&aims));
    let said = String::from_utf8_lossy(&output.stdout);
    let log = bench.log("attack-all");
    assert!(output.status.success(), "{who:?}: {said}{log}");
    assert!(log.contains("tried"), "{who:?}: {log}");
    assert_eq!(bench.reached.load(Ordering::Relaxed), before, "{who:?}");
    let mut command = bench.planted(who, &bench.path("attack"));
    command
        .arg("look")
        .args(aims)
        .current_dir(bench.path("attack-all"));
    let output = command.output().unwrap();
    let outside = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{who:?}: {outside}");
    println!("{who:?}: inside: {log}outside: {outside}");
    Some(Attacks {
        inside: verdicts(&log),
        outside: verdicts(&outside),
    })
}

/// What a build runs that attacks these.
fn script(aims: &[String]) -> String {
    format!(
        "cc -O1 -w -o attack attack.c && ./attack try {} && echo tried && touch result",
        aims.join(" ")
    )
}

/// All of these were tried by both users, and failed for one of these reasons.
pub(crate) fn assert_refused(reasons: &[Errno], names: &[&str]) {
    let reasons: Vec<i32> = reasons.iter().map(|it| it.raw_os_error()).collect();
    assert_ended(&reasons, names);
}

/// All of these were tried by both users, and came to nothing.
pub(crate) fn assert_held(names: &[&str]) {
    assert_ended(&[0], names);
}

fn assert_ended(reasons: &[i32], names: &[&str]) {
    for who in [Who::Root, Who::Ordinary] {
        let Some(all) = attacks(who) else { return };
        for name in names {
            let verdict = all.inside.get(*name).map_or("not tried", String::as_str);
            let number = verdict.strip_prefix("held ");
            let number = number.and_then(|number| number.parse().ok());
            let is_known = number.is_some_and(|number| reasons.contains(&number));
            let outside = all.outside.get(*name).map(String::as_str);
            // No such call (ENOSYS), no such kind of programs (SIGSEGV), or nothing there that could be covered (ENOENT for ENODEV).
            let is_lacking = ["held 38", "died 11"].contains(&verdict)
                || (verdict == "held 2" && reasons == [19]);
            if !is_known && is_lacking && outside == Some(verdict) {
                println!("partly skipped: {who:?}: {name}: this kernel has nothing of that");
                continue;
            }
            assert!(is_known, "{who:?}: {name}: {verdict}");
        }
    }
}

/// Attacks that succeed where nothing holds them, whoever makes them.
const WORK_OUTSIDE: &[&str] = &[
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
    "list-run",
    "list-sys",
    "shared-memory",
    "message-queue",
    "out-of-a-jail",
    "namespace-of-users",
    "clone-users",
    "clone3-users",
];

/// Those of root.
const ROOTS_WORK_OUTSIDE: &[&str] = &[
    "read-shadow",
    "list-root",
    "write-sysctl",
    "devices",
    "signal-outside",
    "trace-outside",
    "limits-outside",
    "socket-packet",
    "socket-raw",
    "type-into-terminal",
    "capabilities",
    "mount",
    "mount-anew",
    "clone-mount",
    "namespace-of-mounts",
    "namespace-of-network",
    "host-name",
    "make-device",
    "make-disk",
    "kernel-log",
    "file-by-handle",
];

/// Those that a kernel with keys lets everybody make.
const WORK_WITH_KEYS: &[&str] = &[
    "keys-of-session",
    "keys-of-user",
    "key-by-number",
    "add-key",
    "request-key",
    "read-keys",
    "read-key-users",
];

/// What an ordinary user may be refused without a sandbox: there, only root's attack shows something.
const ROOTS_ALONE: &[&str] = &[
    "socket-raw",
    "capabilities",
    "more-capabilities",
    "mount",
    "mount-anew",
    "clone-mount",
    "change-root",
    "namespace-of-mounts",
    "namespace-of-network",
    "host-name",
    "restart",
    "swap",
    "module",
    "kernel",
    "kernel-log",
    "old-kernel-log",
    "kernel-program",
    "kernel-object",
    "old-kernel-object",
    "file-by-handle",
    "old-file-by-handle",
    "process-by-handle",
    "higher-limits",
    "make-device",
    "make-disk",
    "write-sysctl",
    "devices",
    "setuid",
];

/// What there is nothing of on some machines: networks, kinds of sockets and of programs, file systems that take setuid programs, more to
/// gain for root, or a limit for it.
const NOT_EVERYWHERE: &[&str] = &[
    "tcp-to-world",
    "tcp6-to-loopback",
    "interfaces",
    "list-home",
    "list-private-keys",
    "write-sysrq",
    "read-kernel-memory",
    "socket-vsock",
    "socket-alg",
    "socket-bluetooth",
    "module",
    "kernel",
    "swap",
    "rings",
    "rings-enter",
    "rings-register",
    "x32-keyctl",
    "setuid",
    "more-capabilities",
    "higher-limits",
    "processes-without-end",
];

/// Without the sandbox the attacks succeed, or fail for another reason: what the other tests see is the sandbox at work.
#[test]
fn attacks_work_where_nothing_holds_them() {
    for who in [Who::Root, Who::Ordinary] {
        let Some(Attacks { inside, outside }) = attacks(who) else {
            return;
        };
        let mut work = WORK_OUTSIDE.to_vec();
        if who == Who::Root {
            work.extend(ROOTS_WORK_OUTSIDE);
        }
        if Path::new("/proc/keys").exists() {
            work.extend(WORK_WITH_KEYS);
        }
        for name in work {
            let verdict = outside.get(name).map_or("not tried", String::as_str);
            assert_eq!(verdict, "BROKEN", "{who:?}: {name}");
        }
        for (name, verdict) in outside {
            if inside.get(name) != Some(verdict) {
                continue;
            }
            let name = name.as_str();
            let is_refused = who == Who::Ordinary && ROOTS_ALONE.contains(&name);
            // Calls of 32 bits, where there are no programs of that kind.
            let is_absent = NOT_EVERYWHERE.contains(&name)
                || (name.starts_with("old-") && verdict.starts_with("died"));
            assert!(
                is_refused || is_absent,
                "{who:?}: {name} shows nothing: {verdict}"
            );
            let why = if is_refused {
                "only root could"
            } else {
                "there is nothing of that here"
            };
            println!("partly skipped: {who:?}: {name}: {why}");
        }
    }
}

/// What the filter of system calls holds, alone or before the kernel would.
const FILTERED: &[&str] = &[
    "keys-of-session",
    "keys-of-user",
    "key-by-number",
    "add-key",
    "request-key",
    "kernel-program",
    "kernel-object",
    "performance",
    "faults",
    "rings",
    "rings-enter",
    "rings-register",
    "kernel-log",
    "file-by-handle",
    "process-by-handle",
    "namespace-of-users",
    "clone-users",
    "clone3-users",
    "enter-namespace",
    "socket-packet",
    "socket-vsock",
    "socket-alg",
    "socket-bluetooth",
    "type-into-terminal",
    "paste-into-terminal",
    "core-files",
];

/// What is told of an attack is told because of the filter: without it, and with all else, the same attacks end otherwise.
#[test]
fn attacks_on_the_filter_end_otherwise_without_it() {
    for who in [Who::Root, Who::Ordinary] {
        let Some(Attacks { inside, .. }) = attacks(who) else {
            return;
        };
        let bench = Bench::new().unwrap();
        let project = bench.project(who, "unfiltered", &script(&bench.aims(who)));
        let mut command = bench.unfiltered(&bench.command(who, &project));
        let output = command.output().unwrap();
        let log = bench.log("unfiltered");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(log.contains("tried"), "{who:?}: {said}{log}");
        let without = verdicts(&log);
        let old = inside.keys().map(String::as_str);
        let old = old.filter(|name| name.starts_with("old-"));
        for name in FILTERED.iter().copied().chain(old) {
            if without[name] != inside[name] {
                continue;
            }
            let verdict = &without[name];
            let is_refused = ROOTS_ALONE.contains(&name);
            let is_absent = NOT_EVERYWHERE.contains(&name) || verdict.starts_with("died");
            assert!(
                is_refused || is_absent,
                "{who:?}: {name} shows nothing: {verdict}"
            );
            println!("partly skipped: {who:?}: {name}: this kernel refuses it without a filter");
        }
    }
}
