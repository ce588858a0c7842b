use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;
use std::sync::atomic::Ordering;

use super::*;

fn shell(script: &str) -> Sandbox {
    Sandbox::new(RootFs::Empty, ["sh", "-c", script]).with_host_programs()
}

/// Runs a sandbox and returns its end and its output.
fn run(sandbox: &Sandbox) -> (End, String) {
    let mut output = String::new();
    let outcome = sandbox
        .run(&AtomicBool::new(false), &mut |line| {
            output.push_str(&String::from_utf8_lossy(line));
            output.push('\n');
        })
        .expect("the sandbox can be made");
    (outcome.end, output)
}

fn output(script: &str) -> String {
    let (end, output) = run(&shell(script));
    assert!(end.is_success(), "{end}: {output}");
    output
}

#[test]
fn exit_codes_and_signals_are_told() {
    assert_eq!(run(&shell("exit 7")).0, End::Exited(7));
    assert_eq!(run(&shell("kill -KILL $$")).0, End::Signalled(9));
    assert_eq!(run(&shell("kill -TERM $$")).0, End::Signalled(15));
    assert_eq!(run(&shell("exit 0")).0, End::Exited(0));
}

#[test]
fn both_output_streams_come_line_by_line() {
    let (_, text) = run(&shell("echo one; echo two >&2; printf three"));
    assert_eq!(text, "one\ntwo\nthree\n");
}

#[test]
fn the_environment_is_exactly_the_declared_one() {
    let mut sandbox = shell("");
    sandbox.arguments = vec!["env".into()];
    sandbox.environment = [
        ("PATH".into(), "/usr/bin:/bin".into()),
        ("A".into(), "b c".into()),
    ]
    .into();
    assert_eq!(
        run(&sandbox),
        (End::Exited(0), "A=b c\nPATH=/usr/bin:/bin\n".into())
    );
}

#[test]
fn hostname_umask_user_and_directory_are_fixed() {
    let mut sandbox = shell("uname -n; umask; id -u; id -g; pwd; tty; ulimit -c");
    sandbox.directory = "/work".into();
    let (_, text) = run(&sandbox);
    assert_eq!(text, "zosc\n0022\n0\n0\n/work\nnot a tty\n0\n");
}

#[test]
fn there_is_no_network_but_a_loopback() {
    let text = output(
        "cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '; cat /proc/net/route | wc -l",
    );
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("lo"));
    assert_eq!(
        text.lines().filter(|line| line.starts_with("eth")).count(),
        0
    );
    assert_eq!(text.lines().last(), Some("1"), "only the heading: {text}");
    // 0x1 is IFF_UP; the routing table of the loopback knows 127.0.0.1 as local only when it is up.
    assert!(output("cat /proc/net/fib_trie").contains("127.0.0.1"));
}

#[test]
fn no_file_of_the_host_is_visible_unless_declared() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("secret"), "x").expect("written");
    let script = format!("ls {} 2>&1; ls /", folder.path().display());
    let (_, text) = run(&shell(&script));
    assert!(text.contains("No such file"), "{text}");
    let top: Vec<&str> = text.lines().skip(1).collect();
    for absent in ["root", "home", "var", "sys", "work", "run", "mnt"] {
        assert!(!top.contains(&absent), "{absent} in {text}");
    }
    let mounts = output("cat /proc/mounts");
    assert!(
        !mounts.contains(&*folder.path().to_string_lossy()),
        "{mounts}"
    );
}

#[test]
fn it_sees_only_its_own_processes() {
    let text = output("ls /proc | grep -c '^[0-9]'; cat /proc/self/stat | cut -d' ' -f1; echo $$");
    let numbers: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).collect();
    assert!(
        numbers.len() == 3 && numbers.iter().all(|number| *number < 12),
        "{text}"
    );
    assert_eq!(
        numbers[2], 2,
        "the command is the child of the first process"
    );
}

#[test]
fn the_root_and_the_inputs_refuse_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let sandbox = shell("echo x > /file; echo x > /usr/zosc-file; echo x > /in/file; echo x > /dev/file; mkdir /etc/x")
        .bind(folder.path(), "/in", Access::Read);
    let (end, text) = run(&sandbox);
    assert!(!end.is_success());
    assert_eq!(text.matches("Read-only file system").count(), 5, "{text}");
    assert_eq!(fs::read_dir(folder.path()).expect("lists").count(), 0);
}

#[test]
fn outputs_and_temporary_folders_take_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let sandbox =
        shell("echo hello > /out/file && echo x > /tmp/x && echo x > /dev/shm/x && cat /out/file")
            .bind(folder.path(), "/out", Access::Write);
    assert_eq!(run(&sandbox), (End::Exited(0), "hello\n".into()));
    let file = folder.path().join("file");
    assert_eq!(fs::read_to_string(&file).expect("written"), "hello\n");
    let made = fs::metadata(&file).expect("there");
    assert_eq!(
        (made.mode() & 0o777, made.uid()),
        (0o644, rustix::process::geteuid().as_raw())
    );
}

#[test]
fn a_read_only_root_directory_gets_its_mount_points() {
    let root = tempfile::tempdir().expect("a folder");
    fs::create_dir(root.path().join("data")).expect("made");
    fs::write(root.path().join("data/file"), "content").expect("written");
    fs::write(root.path().join("top"), "top").expect("written");
    let mut sandbox = shell("cat /data/file /top; echo x > /data/file");
    sandbox.root = RootFs::ReadOnly(root.path().into());
    let (_, text) = run(&sandbox);
    assert!(text.starts_with("contenttop"), "{text}");
    assert!(text.contains("Read-only"), "{text}");
    assert_eq!(fs::read_dir(root.path()).expect("lists").count(), 2);
}

#[test]
fn a_writable_root_keeps_what_was_written_and_no_mount_points() {
    let Ok(busybox) = fs::read("/bin/busybox") else {
        eprintln!("skipped: needs the static busybox (apt-get install busybox-static)");
        return;
    };
    let root = tempfile::tempdir().expect("a folder");
    fs::create_dir(root.path().join("bin")).expect("made");
    // Links that would lead a careless mount to the host.
    std::os::unix::fs::symlink("/etc", root.path().join("lib")).expect("linked");
    let program = root.path().join("bin/busybox");
    fs::write(&program, busybox).expect("copied");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("allowed");
    let sandbox = Sandbox::new(
        RootFs::Writable(root.path().into()),
        [
            "/bin/busybox",
            "sh",
            "-c",
            "echo new > /made; test -e /proc/1/status && test -c /dev/null",
        ],
    );
    assert_eq!(run(&sandbox), (End::Exited(0), String::new()));
    let mut names: Vec<_> = fs::read_dir(root.path())
        .expect("lists")
        .map(|entry| entry.expect("readable").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["bin", "lib", "made"]);
}

#[test]
fn background_processes_end_with_the_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let sandbox = shell("(trap '' HUP TERM; sleep 1; echo late > /out/late) & exit 0").bind(
        folder.path(),
        "/out",
        Access::Write,
    );
    assert_eq!(run(&sandbox).0, End::Exited(0));
    std::thread::sleep(Duration::from_millis(1500));
    assert!(!folder.path().join("late").exists());
}

#[test]
fn limits_and_cancellation_kill_everything() {
    let usual = Limits::default();
    assert_eq!(
        (usual.time, usual.output),
        (Duration::from_hours(2), 256 << 20)
    );
    let mut sandbox = shell("sleep 60 & sleep 60");
    sandbox.limits.time = Duration::from_millis(200);
    assert_eq!(run(&sandbox).0, End::TimeLimit);
    let mut sandbox = shell("yes");
    sandbox.limits.output = 100_000;
    assert_eq!(run(&sandbox).0, End::OutputLimit);
    let cancel = AtomicBool::new(false);
    let outcome =
        shell("echo ready; sleep 60").run(&cancel, &mut |_| cancel.store(true, Ordering::Relaxed));
    assert_eq!(outcome.expect("made").end, End::Cancelled);
}

/// Root is held by the watch from outside, an ordinary user by the kernel already.
#[test]
fn a_command_that_only_multiplies_is_ended() {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    assert_eq!(Limits::default().processes, (64 * cores as u64).max(4096));
    let mut sandbox = shell("while :; do sleep 60 & done");
    sandbox.limits.processes = 100;
    sandbox.limits.time = Duration::from_secs(50);
    let (end, text) = run(&sandbox);
    let refused = !rustix::process::geteuid().is_root() && text.contains("fork");
    assert!(end == End::ProcessLimit || refused, "{end}: {text}");
}

#[test]
fn privileges_over_the_machine_are_gone() {
    let text = output(
        "grep -E '^(NoNewPrivs|CapEff|CapBnd)' /proc/self/status; mount -t tmpfs x /tmp 2>&1; echo 1 > /proc/sys/kernel/panic; true",
    );
    assert!(text.contains("NoNewPrivs:\t1"), "{text}");
    assert!(text.contains("CapBnd:\t00000000800405fb"), "{text}");
    assert!(text.contains("CapEff:\t00000000800405fb"), "{text}");
    assert!(
        text.contains("permission denied") || text.contains("must be superuser"),
        "{text}"
    );
    assert!(text.contains("Read-only file system"), "{text}");
}

#[test]
fn many_sandboxes_run_at_once() {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|number| scope.spawn(move || run(&shell(&format!("sleep 0.2; echo {number}")))))
            .collect();
        for (number, thread) in threads.into_iter().enumerate() {
            let expected = (End::Exited(0), format!("{number}\n"));
            assert_eq!(thread.join().expect("no panic"), expected);
        }
    });
}

#[test]
fn what_cannot_start_is_a_diagnostic() {
    let refused = |sandbox: &Sandbox| {
        let refused = sandbox.run(&AtomicBool::new(false), &mut |_| {});
        refused.expect_err("cannot start").code
    };
    let mut sandbox = shell("");
    sandbox.arguments = vec!["no-such-program".into()];
    assert_eq!(refused(&sandbox), "zosc::build::no-program");
    let sandbox = shell("").bind("/no/such/input", "/in", Access::Read);
    assert_eq!(refused(&sandbox), "zosc::build::sandbox-input");
    let mut sandbox = shell("");
    sandbox.arguments.push("a\0b".into());
    assert_eq!(refused(&sandbox), "zosc::build::sandbox-input");
}

#[test]
fn without_namespaces_the_setting_is_named() {
    let setting = "/proc/sys/user/max_user_namespaces";
    if fs::read_to_string(setting).is_ok_and(|limit| limit.trim() == "0") {
        let refused = shell("").run(&AtomicBool::new(false), &mut |_| {});
        let refused = refused.expect_err("no namespaces");
        assert_eq!(refused.code, "zosc::build::no-namespaces");
        let help = refused.help.expect("a way on");
        assert!(help.contains("user.max_user_namespaces=15000"), "{help}");
        return;
    }
    // The setting is one of each user namespace: it is changed in one of its own, with this test inside.
    let test = "build::sandbox::tests::without_namespaces_the_setting_is_named";
    let script = format!("echo 0 > {setting} && exec \"$0\" --exact {test}");
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-c", &script])
        .arg(std::env::current_exe().expect("known"))
        .output();
    match output {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(text.contains("1 passed"), "{text}");
        }
        Err(error) => eprintln!("skipped: unshare: {error}"),
    }
}

/// Runs one test again as another user and expects it to pass there.
pub(crate) fn as_user(test: &str) {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    // The binary may lie in a folder that the user cannot enter.
    let folder = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()
        .expect("a folder");
    let program = folder.path().join("tests");
    // By a program of its own: a sandbox that starts meanwhile would hold a file open that this process writes, and what is open
    // for writing cannot be run.
    let copied = Command::new("cp")
        .arg(std::env::current_exe().expect("known"))
        .arg(&program)
        .status();
    assert!(copied.expect("cp starts").success());
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("allowed");
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .args(["--exact", test, "--nocapture"])
        .env_remove("HOME")
        .current_dir("/")
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            eprintln!("skipped: setpriv: {error}");
            return;
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("skipped") {
        eprintln!("{test}: {errors}");
    }
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{test}: {text}{errors}"
    );
}

#[test]
fn an_ordinary_user_gets_the_same_sandbox() {
    for test in [
        "outputs_and_temporary_folders_take_writes",
        "a_writable_root_keeps_what_was_written_and_no_mount_points",
        "privileges_over_the_machine_are_gone",
        "a_command_that_only_multiplies_is_ended",
        "the_root_and_the_inputs_refuse_writes",
        "there_is_no_network_but_a_loopback",
        "accounts_exist_where_ids_matter",
    ] {
        as_user(&format!("build::sandbox::tests::{test}"));
    }
}

/// Gives files to other users inside, and finds them owned by this one outside.
#[test]
fn accounts_exist_where_ids_matter() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "touch /out/a && chown 5:7 /out/a && chmod 4700 /out/a && mkdir -m 700 /out/d && touch /out/d/b && \
         chown -R 1000:65534 /out/d && stat -c '%u:%g %a' /out/given && stat -c %u:%g /out/a";
    fs::write(folder.path().join("given"), "x").expect("written");
    let mut sandbox = shell(script).bind(folder.path(), "/out", Access::Write);
    sandbox.identity = Identity::Accounts;
    let given = Owner {
        path: "/out/given".into(),
        uid: 42,
        gid: 43,
        mode: 0o2755,
    };
    sandbox.owners = vec![given.clone()];
    let mut text = String::new();
    let run = sandbox.run(&AtomicBool::new(false), &mut |line| {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    });
    let outcome = match run {
        Err(refused) if refused.code == "zosc::build::no-subordinate-ids" => {
            eprintln!("skipped: {}", refused.message);
            return;
        }
        outcome => outcome.expect("made"),
    };
    assert_eq!((outcome.end, &*text), (End::Exited(0), "42:43 2755\n5:7\n"));
    let see = |name: &str| fs::symlink_metadata(folder.path().join(name)).expect("there");
    if !gives_owners() {
        assert_eq!((see("a").uid(), see("a").gid()), (5, 7));
        return;
    }
    let mut owners = outcome.owners;
    owners.sort_by(|a, b| a.path.cmp(&b.path));
    let owner = |path: &str, uid, gid, mode| Owner {
        path: path.into(),
        uid,
        gid,
        mode,
    };
    let expected = [
        owner("/out/a", 5, 7, 0o4700),
        owner("/out/d", 1000, 65534, 0o700),
        owner("/out/d/b", 1000, 65534, 0o644),
        given,
    ];
    assert_eq!(owners, expected);
    assert_eq!(see("d/b").uid(), rustix::process::geteuid().as_raw());
    fs::read(folder.path().join("d/b")).expect("readable again");
}
