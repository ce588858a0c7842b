//! A source whose build tries to get out of the sandbox, as root and as an ordinary user.

use rustix::io::Errno;

use super::attacks::{assert_held, assert_refused, attacks};
use super::bench::{Bench, Who};

#[test]
fn no_network_is_reached() {
    assert_refused(
        &[Errno::CONNREFUSED],
        &["tcp-to-loopback", "udp-to-loopback"],
    );
    // Where the machine's own address is the loopback's, nobody listens there.
    assert_refused(
        &[Errno::NETUNREACH, Errno::CONNREFUSED],
        &["tcp-to-host", "udp-to-host"],
    );
    assert_refused(&[Errno::NETUNREACH], &["tcp-to-world"]);
    assert_refused(
        &[Errno::CONNREFUSED, Errno::ADDRNOTAVAIL],
        &["tcp6-to-loopback"],
    );
    assert_held(&["interfaces"]);
}

#[test]
fn no_socket_of_the_machine_is_reached() {
    assert_refused(&[Errno::NOENT], &["unix-by-path"]);
    assert_refused(&[Errno::CONNREFUSED], &["unix-abstract"]);
    assert_refused(&[Errno::PERM], &["socket-raw"]);
    let kinds = [
        "socket-packet",
        "socket-vsock",
        "socket-alg",
        "socket-bluetooth",
    ];
    assert_refused(&[Errno::AFNOSUPPORT], &kinds);
    #[cfg(target_arch = "x86_64")]
    {
        assert_refused(&[Errno::AFNOSUPPORT], &["old-socket"]);
        assert_refused(&[Errno::NOSYS], &["old-socketcall"]);
    }
}

#[test]
fn no_file_of_the_machine_is_read() {
    assert_held(&["secret-by-path", "secret-by-another-root", "out-of-a-jail"]);
    let absent = [
        "read-shadow",
        "list-root",
        "list-home",
        "list-run",
        "list-sys",
        "list-private-keys",
    ];
    assert_refused(&[Errno::NOENT], &absent);
    assert_refused(&[Errno::PERM], &["file-by-handle", "process-by-handle"]);
    #[cfg(target_arch = "x86_64")]
    assert_refused(&[Errno::PERM], &["old-file-by-handle"]);
}

#[test]
fn no_open_file_of_the_caller_comes_along() {
    assert_held(&["open-files", "secret-by-open-file"]);
}

#[test]
fn the_program_that_started_it_is_neither_read_nor_changed() {
    let files = [
        "first-program-for-writing",
        "first-memory",
        "first-files",
        "first-maps",
    ];
    assert_refused(&[Errno::ACCESS], &files);
    let calls = ["first-memory-by-call", "first-file-by-call", "trace-first"];
    assert_refused(&[Errno::PERM], &calls);
    assert_held(&["end-first"]);
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
    // Root is refused by the mount, an ordinary user by the file's mode before that.
    assert_refused(&[Errno::ROFS, Errno::ACCESS], &["write-sysctl"]);
    assert_refused(&[Errno::NODEV], &["write-sysrq", "read-kernel-memory"]);
    assert_held(&["write-to-kernel"]);
    let calls = [
        "kernel-log",
        "kernel-program",
        "kernel-object",
        "performance",
        "faults",
        "host-name",
        "clock",
        "restart",
        "swap",
        "module",
        "kernel",
    ];
    assert_refused(&[Errno::PERM], &calls);
    assert_refused(&[Errno::NOSYS], &["rings", "rings-enter", "rings-register"]);
    #[cfg(target_arch = "x86_64")]
    {
        let calls = [
            "old-kernel-log",
            "old-kernel-object",
            "old-performance",
            "old-faults",
        ];
        assert_refused(&[Errno::PERM], &calls);
        let rings = ["old-rings", "old-rings-enter", "old-rings-register"];
        assert_refused(&[Errno::NOSYS], &rings);
    }
}

#[test]
fn no_device_is_opened_made_or_changed() {
    assert_held(&["devices", "mode-of-a-device"]);
    assert_refused(&[Errno::PERM], &["make-device", "make-disk"]);
}

#[test]
fn no_process_outside_is_seen_or_touched() {
    assert_held(&["list-processes"]);
    let calls = ["signal-outside", "trace-outside", "limits-outside"];
    assert_refused(&[Errno::SRCH], &calls);
}

#[test]
fn nothing_is_mounted_and_no_namespace_is_made() {
    let calls = [
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
        "enter-namespace",
    ];
    assert_refused(&[Errno::PERM], &calls);
    assert_refused(&[Errno::ACCESS], &["enter-namespace-of-first"]);
    assert_refused(&[Errno::NOSYS], &["clone3-users"]);
    #[cfg(target_arch = "x86_64")]
    {
        let calls = [
            "old-namespace-of-users",
            "old-clone-users",
            "old-enter-namespace",
        ];
        assert_refused(&[Errno::PERM], &calls);
        assert_refused(&[Errno::NOSYS], &["old-clone3"]);
    }
}

#[test]
fn no_privilege_is_gained() {
    assert_held(&["capabilities", "processes-without-end"]);
    assert_refused(&[Errno::PERM], &["more-capabilities", "higher-limits"]);
    let Some(root) = attacks(Who::Root) else {
        return;
    };
    assert_eq!(root.inside["setuid"], "held 0");
    // An ordinary user's sandbox has no second user to become root from.
    let ordinary = attacks(Who::Ordinary).unwrap();
    assert_eq!(ordinary.inside["setuid"], "skipped");
    println!("partly skipped: Ordinary: setuid: only root could");
}

#[test]
fn keys_of_the_caller_stay_outside() {
    let calls = [
        "keys-of-session",
        "keys-of-user",
        "key-by-number",
        "add-key",
        "request-key",
    ];
    assert_refused(&[Errno::PERM], &calls);
    assert_refused(&[Errno::NODEV], &["read-keys", "read-key-users"]);
    #[cfg(target_arch = "x86_64")]
    {
        let calls = ["old-add-key", "old-request-key", "old-keyctl"];
        assert_refused(&[Errno::PERM], &calls);
        assert_refused(&[Errno::NOSYS], &["x32-keyctl"]);
    }
}

#[test]
fn shared_memory_and_queues_are_its_own() {
    assert_refused(&[Errno::NOENT], &["shared-memory", "message-queue"]);
}

#[test]
fn terminals_are_not_typed_into() {
    let calls = ["type-into-terminal", "paste-into-terminal"];
    assert_refused(&[Errno::PERM], &calls);
    #[cfg(target_arch = "x86_64")]
    assert_refused(&[Errno::PERM], &["old-type-into-terminal"]);
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
    for name in ["type-into-terminal", "paste-into-terminal"] {
        assert!(said.contains(&format!("{name} held 1 ")), "{said}");
    }
}
