//! `zosc boot` in QEMU: verdicts on good and on broken images, disks that stay, ports, a person at the console, and nothing left behind.
//!
//! Needs QEMU, systemd's stub, a static busybox and an unpacked `linux-image-…-cloud-amd64` that ZOSC_TEST_KERNEL names; parts need the programs
//! of zinit that `zinit_real` installs, and `script`. Says aloud what is skipped where one of them is missing.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[path = "boot_machine/project.rs"]
mod project;

use project::{Project, codes, junit, machines, records, said, succeeds};

/// Longer than any boot takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// Emulated machines take turns: two at a time would both be late.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An `/init` that brings a server up and stays.
const SERVER: &str = "modprobe virtio_pci
modprobe virtio_net
ifconfig eth0 10.0.2.15 up
mkdir -p /www/health && echo well >/www/health/index.html
httpd -p 8080 -h /www
echo zosc-report pid1=init
sleep 9999
";

const SERVER_BOOT: &str = r#"boot memory="512MiB" within="3m" {
    expect "pid1 init"
    expect "tcp 8080"
    expect "http 8080/health/"
    expect "http 8080/nothing" within="20s"
}"#;

#[test]
fn ports_are_asked_from_outside_and_every_outcome_is_told() {
    let _turn = turn();
    let Some(project) = Project::new(SERVER, "", SERVER_BOOT) else {
        return;
    };
    let arguments = [
        "boot",
        "--test",
        "--junit",
        "boot.xml",
        "--message-format",
        "json",
    ];
    let output = project.zosc(&arguments);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let records = records(&output);
    let met: Vec<bool> = records[..4]
        .iter()
        .map(|record| record["met"].as_bool().unwrap())
        .collect();
    assert_eq!(met, [true, true, true, false], "{records:?}");
    let instead = "the server answers with status 404";
    assert_eq!(records[3]["instead"], instead);
    let boot = &records[4];
    assert_eq!(
        (&boot["ending"], &boot["good"]),
        (&"decided".into(), &false.into())
    );
    assert_eq!(boot["pid1"], "init");
    assert_eq!(codes(&records), ["zosc::boot::expectation-missed"]);
    let cases = junit(&project.path("boot.xml"));
    let names: Vec<&str> = cases.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "pid1 init",
            "tcp 8080",
            "http 8080/health/",
            "http 8080/nothing"
        ]
    );
    assert_eq!(cases[2].1, None);
    assert_eq!(cases[3].1.as_deref(), Some(instead));
    assert_eq!(machines(&project), "");
}

#[test]
fn the_unit_that_blocks_is_named_with_what_it_said() {
    let _turn = turn();
    let Some(project) = Project::with_zinit(
        r#"unit broken { shell "echo 'broken: on purpose' >/dev/console; exit 3"; oneshot; requires stage1-modules }
unit waits { shell "sleep 9999"; oneshot; requires stage1-modules }
unit between { shell "true"; oneshot; requires waits }
unit first { target; requires broken }
unit second { target; requires between }
account root { passwordless; shell "/bin/sh"; home "/root" }
boot memory="512MiB" {
    expect "pid1 zinit-pid1" within="3m"
    expect "unit stage1-modules success" within="3m"
    expect "unit first up" within="45s"
    expect "unit second up" within="45s"
}"#,
    ) else {
        return;
    };
    let output = project.zosc(&["boot", "--test", "--quiet"]);
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    for part in [
        "✓ pid1 zinit-pid1",
        "✓ unit stage1-modules success",
        "✗ unit first up",
        "`first` waits for `broken`, which is failed",
        "`broken` last said: broken: on purpose",
        "zinit last said of it: ",
        "`second` waits for `between`, which waits for `waits`, which is starting",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

/// A word on the command line that the kernel passes over.
const FILLER: &str = "zosc.filler=aaaaaaaa";

#[test]
fn a_kernel_that_finds_nothing_to_start_and_one_that_dies_are_told_apart() {
    let _turn = turn();
    let boot = r#"boot memory="512MiB" { expect "console never" within="3m" }"#;
    let Some(project) = Project::new(
        "exec /bin/no-such-program\n",
        &format!("\"loglevel=7\" \"{FILLER}\""),
        boot,
    ) else {
        return;
    };
    let died = project.zosc(&["boot", "--test", "--message-format", "json"]);
    let died = records(&died);
    assert_eq!(
        codes(&died),
        ["zosc::boot::kernel-panic", "zosc::boot::expectation-missed"]
    );
    assert_eq!(died[1]["ending"], "panic");
    let message = died[2]["message"].as_str().unwrap();
    assert!(
        message.contains("ended with code 127: a program was not found"),
        "{message}"
    );

    // A build refuses such a word, so it comes into the image afterwards.
    let image = project.path("dist/image.efi");
    let mut bytes = std::fs::read(&image).unwrap();
    let place = bytes
        .windows(FILLER.len())
        .position(|part| part == FILLER.as_bytes());
    bytes[place.unwrap()..][..FILLER.len()].copy_from_slice(b"rdinit=/sbin/nothing");
    std::fs::write(&image, bytes).unwrap();
    let missing = project.zosc(&["boot", "--test", "--message-format", "json"]);
    let missing = records(&missing);
    assert_eq!(
        codes(&missing),
        ["zosc::boot::no-init", "zosc::boot::expectation-missed"]
    );
    let help = missing[2]["help"].as_str().unwrap();
    assert!(help.contains("init"), "{help}");
}

/// An `/init` that tells what is on its disks, writes to them, and switches the machine off.
const DISKS: &str = "modprobe virtio_pci
modprobe virtio_blk
for disk in /dev/vd?; do
    echo \"zosc-test: $disk $(cat /sys/block/${disk#/dev/}/size) $(head -c 5 $disk | tr -d '\\0')\"
    echo mark >$disk
done
sync
poweroff -f
";

#[test]
fn five_disks_stay_until_they_are_reset() {
    let _turn = turn();
    let Some(project) = Project::new(DISKS, "", "") else {
        return;
    };
    let boot = |arguments: &[&str]| {
        let output = project.zosc(&[&["boot", "--memory", "512MiB"], arguments].concat());
        succeeds(&output);
        let said = said(&output);
        let lines = said
            .lines()
            .filter_map(|line| line.trim().strip_prefix("zosc-test: "));
        lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    let empty = ["a", "b", "c", "d", "e"].map(|name| format!("/dev/vd{name} 131072"));
    let marked = empty.clone().map(|line| format!("{line} mark"));
    // What a snapshot's machine writes, nobody reads again.
    let five = ["--disks", "5", "--disk-size", "64MiB"];
    assert_eq!(boot(&[&five[..], &["--snapshot"]].concat()), empty);
    assert_eq!(boot(&five), empty);
    assert_eq!(boot(&["--disks", "5"]), marked);
    let refused = |arguments: &[&str], code: &str| {
        let output = project.zosc(&[&["boot", "--message-format", "json"], arguments].concat());
        assert_eq!(codes(&records(&output)), [code]);
    };
    refused(
        &["--disks", "5", "--disk-size", "128MiB"],
        "zosc::boot::other-disk",
    );
    assert_eq!(
        boot(&["--disks", "5", "--disk-size", "64MiB", "--reset"]),
        empty
    );
    let ignored = std::fs::read_to_string(project.path(".zosc/.gitignore")).unwrap();
    assert_eq!(ignored, "*\n");
    // Builds and their removal leave them alone; whoever asks for it removes them.
    let disk = project.path(".zosc/boot/zos/disk5.qcow2");
    let kept = project.zosc(&["clean"]);
    assert!(said(&kept).contains("clean --disks"), "{}", said(&kept));
    assert!(disk.exists());
    succeeds(&project.zosc(&["clean", "--disks"]));
    assert!(!disk.exists());
}

/// An `/init` with a shell on the console.
const SHELL: &str = "echo zosc-test: up
setsid sh -c 'exec sh -i </dev/ttyS0 >/dev/ttyS0 2>&1'
echo zosc-test: left
poweroff -f
";

/// A boot on a terminal of its own.
struct Seat {
    child: Child,
    output: Receiver<Vec<u8>>,
    said: String,
}

impl Seat {
    fn take(project: &Project) -> Option<Self> {
        let line = format!(
            "stty -echo; {} boot --emulate; echo ended with $?; stty -a",
            env!("CARGO_BIN_EXE_zosc")
        );
        // `script` gives the command a terminal.
        let mut command = Command::new("script");
        let template = project.command(&[]);
        for (name, value) in template.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        let child = command
            .args(["-qec", &line, "/dev/null"])
            .current_dir(project.path("."))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            println!("skipped: there is no `script` to make a terminal");
            return None;
        };
        let mut stream = child.stdout.take().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                let _ = sender.send(buffer[..count].to_vec());
            }
        });
        Some(Self {
            child,
            output,
            said: String::new(),
        })
    }

    fn until(&mut self, words: &str) {
        let start = Instant::now();
        while !self.said.contains(words) {
            assert!(
                start.elapsed() < PATIENCE,
                "`{words}` did not come:\n{}",
                self.said
            );
            if let Ok(bytes) = self.output.recv_timeout(Duration::from_secs(1)) {
                self.said.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
    }

    fn press(&mut self, keys: &str) {
        let keyboard = self.child.stdin.as_mut().unwrap();
        keyboard.write_all(keys.as_bytes()).unwrap();
        keyboard.flush().unwrap();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn somebody_at_the_console_types_and_leaves() {
    let _turn = turn();
    let boot = r#"boot memory="512MiB" { disk "64MiB" }"#;
    let Some(project) = Project::new(SHELL, "", boot) else {
        return;
    };
    let Some(mut seat) = Seat::take(&project) else {
        return;
    };
    seat.until("Ctrl-A X ends the machine");
    seat.until("zosc-test: up");
    seat.press("echo sum $((40 + 2))\r");
    seat.until("sum 42");
    // Ctrl-C is the guest's.
    seat.press("sleep 999\r");
    std::thread::sleep(Duration::from_secs(1));
    seat.press("\x03echo alive $((1 + 1))\r");
    seat.until("alive 2");
    // Whoever comes second is refused.
    let second = project.zosc(&["boot", "--message-format", "json"]);
    assert_eq!(codes(&records(&second)), ["zosc::boot::in-use"]);
    seat.press("\x01x");
    seat.until("ended with 0");
    seat.until("icanon");
    assert!(
        !seat.said.contains("-icanon"),
        "the terminal is as it was: {}",
        seat.said
    );
    assert_eq!(machines(&project), "");
}

#[test]
fn a_zosc_that_is_killed_leaves_no_machine_behind() {
    let _turn = turn();
    let Some(project) = Project::new("echo zosc-test: up\nsleep 9999\n", "", "") else {
        return;
    };
    let start = || {
        let mut child = project
            .command(&["boot"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut seen = Vec::new();
        let mut console = child.stdout.take().unwrap();
        let mut buffer = [0; 4096];
        while !String::from_utf8_lossy(&seen).contains("zosc-test: up") {
            let count = console.read(&mut buffer).unwrap();
            assert!(count > 0, "{}", String::from_utf8_lossy(&seen));
            seen.extend(&buffer[..count]);
        }
        assert_ne!(machines(&project), "");
        child
    };
    let gone = |signals: &[&str], mut child: Child| {
        for signal in signals {
            let process = child.id().to_string();
            let _ = Command::new("kill").args(["-s", signal, &process]).status();
        }
        child.wait().unwrap();
        let asked = Instant::now();
        while !machines(&project).is_empty() {
            assert!(
                asked.elapsed() < Duration::from_secs(10),
                "after {signals:?}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    gone(&["INT", "INT"], start());
    gone(&["KILL"], start());
}
