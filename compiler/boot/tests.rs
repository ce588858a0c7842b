use std::path::{Path, PathBuf};
use std::time::Duration;

use super::console::Lines;
use super::machine::{Plan, Start};
use super::*;
use crate::source::{SourceId, Span};

fn expect(what: Expected, within: u64) -> Expectation {
    Expectation {
        what,
        within,
        span: Span::new(SourceId(0), 1, 2),
    }
}

fn unit(name: &str, state: UnitState, within: u64) -> Expectation {
    let name = name.to_owned();
    expect(Expected::Unit { name, state }, within)
}

fn console(text: &str, within: u64) -> Expectation {
    expect(Expected::Console(text.to_owned()), within)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn lines_lose_escapes_and_keep_text() {
    let mut lines = Lines::default();
    assert_eq!(
        lines.push(b"\x1b[1;32mgreen\x1b[0m\tx\r\n\x1b]0;title\x07y\x1b(Bz\x1b]x\x1b\\.\nlog"),
        ["green\tx", "yz."]
    );
    assert_eq!(lines.begun(), "log");
    assert_eq!(lines.push("in: \u{fc}".as_bytes()), Vec::<String>::new());
    assert_eq!(lines.begun(), "login: \u{fc}");
}

#[test]
fn a_line_without_end_is_cut() {
    let mut lines = Lines::default();
    let cut = lines.push(&[b'x'; 10_000]);
    assert_eq!(cut.len(), 2);
    assert!(cut.iter().all(|line| line.len() == 4096));
}

#[test]
fn a_unit_is_judged_by_its_last_report() {
    let mut judge = Judge::new(&[
        unit("sshd", UnitState::Running, 60_000),
        unit("setup", UnitState::Success, 60_000),
        unit("ready", UnitState::Up, 60_000),
    ]);
    for line in [
        "zosc-report unit=sshd state=running",
        "zosc-report unit=setup state=running",
        "zos login: zosc-report unit=ready state=success",
    ] {
        judge.line(line, seconds(1));
    }
    assert!(!judge.decided(), "a oneshot that works is no success yet");
    judge.line("zosc-report unit=sshd state=failed", seconds(2));
    judge.line("zosc-report unit=setup state=success", seconds(2));
    assert!(!judge.decided(), "what was up is down again");
    judge.line("zosc-report unit=sshd state=running", seconds(5));
    assert!(judge.decided());
    let times: Vec<_> = judge.outcomes().into_iter().map(|one| one.result).collect();
    assert_eq!(
        times,
        [
            ExpectationResult::Met(seconds(5)),
            ExpectationResult::Met(seconds(2)),
            ExpectationResult::Met(seconds(1))
        ]
    );
}

#[test]
fn a_deadline_that_has_passed_stays_missed() {
    let mut judge = Judge::new(&[
        unit("a", UnitState::Running, 3_000),
        unit("b", UnitState::Running, 9_000),
    ]);
    judge.tick(seconds(4));
    judge.line("zosc-report unit=a state=running", seconds(5));
    judge.line("zosc-report unit=b state=running", seconds(5));
    assert!(judge.decided());
    let outcomes = judge.outcomes();
    assert!(!outcomes[0].is_met() && outcomes[1].is_met());
}

#[test]
fn what_is_late_is_late_even_when_nobody_looked_at_the_clock() {
    let mut judge = Judge::new(&[console("up", 3_000)]);
    judge.line("up", seconds(4));
    assert!(judge.decided() && !judge.outcomes()[0].is_met());
}

#[test]
fn a_prompt_without_end_of_line_counts() {
    let mut judge = Judge::new(&[console("login:", 3_000)]);
    judge.begun("zos log", seconds(1));
    assert!(!judge.decided());
    judge.begun("zos login: ", seconds(2));
    assert_eq!(
        judge.outcomes()[0].result,
        ExpectationResult::Met(seconds(2))
    );
}

#[test]
fn process_1_must_be_the_one_that_is_named() {
    let expected = expect(Expected::Pid1("zinit".to_owned()), 3_000);
    let mut judge = Judge::new(&[expected]);
    judge.line("zosc-report pid1=sh", seconds(1));
    assert!(!judge.decided());
    judge.tick(seconds(4));
    assert_eq!(
        judge.outcomes()[0].result,
        ExpectationResult::Missed("process 1 is `sh`".to_owned())
    );
}

#[test]
fn a_dead_kernel_decides_at_once() {
    let mut judge = Judge::new(&[console("never", 60_000)]);
    judge.line(
        "[    1.2] Kernel panic - not syncing: Attempted to kill init!",
        seconds(1),
    );
    assert!(judge.decided() && matches!(judge.end(), Some(Ending::Panic(_))));
}

#[test]
fn a_refusal_of_the_firmware_decides_at_once_and_can_be_expected() {
    let words = r#"BdsDxe: failed to load Boot0001 "UEFI QEMU HARDDISK": Access Denied"#;
    let mut judge = Judge::new(&[console("never", 60_000)]);
    judge.line("BdsDxe: failed to load Boot0002: Not Found", seconds(1));
    assert!(!judge.decided());
    judge.line(words, seconds(2));
    assert_eq!(judge.end(), Some(Ending::Refused(words.to_owned())));
    let mut judge = Judge::new(&[console("Access Denied", 60_000)]);
    judge.line(words, seconds(2));
    assert!(judge.decided() && judge.outcomes()[0].is_met());
}

#[test]
fn the_plan_becomes_arguments() {
    let plan = Plan {
        qemu: PathBuf::from("qemu"),
        start: Start::Kernel {
            kernel: PathBuf::from("/k"),
            initramfs: Some(PathBuf::from("/i")),
            cmdline: "console=ttyS0 a=\"b c\"".to_owned(),
        },
        memory: (1 << 30) + 1,
        cpus: 3,
        disks: vec![PathBuf::from("/a,b")],
    };
    let arguments: Vec<String> = plan
        .arguments(Accelerator::Emulation)
        .into_iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let follows = |name: &str, value: &str| {
        let pair = [name.to_owned(), value.to_owned()];
        assert!(arguments.windows(2).any(|two| two == pair), "{pair:?}");
    };
    follows("-m", "1025M");
    follows("-smp", "3");
    follows("-kernel", "/k");
    follows("-initrd", "/i");
    follows("-append", "console=ttyS0 a=\"b c\"");
    follows("-drive", "if=virtio,format=raw,file=/a,,b");
}

/// A stand-in for QEMU: a shell script.
///
/// Another program writes it: a script that this process holds open while another test forks could not be run.
fn stand_in(folder: &Path, script: &str) -> Settings {
    let path = folder.join("qemu");
    let status = std::process::Command::new("sh")
        .args([
            "-c",
            "printf '#!/bin/sh\n%s\n' \"$2\" >\"$1\" && chmod 755 \"$1\"",
            "sh",
        ])
        .arg(&path)
        .arg(script)
        .status();
    assert!(status.unwrap().success());
    for name in ["kernel", "initramfs"] {
        std::fs::write(folder.join(name), "").unwrap();
    }
    Settings {
        qemu: path,
        accelerator: Some(Accelerator::Emulation),
        ..Settings::new(folder.join("console.log"))
    }
}

fn boot(settings: &Settings, folder: &Path, expect: Vec<Expectation>) -> Verdict {
    let boot = Boot {
        memory: 1 << 30,
        cpus: 1,
        firmware: crate::manifest::boot::Firmware::Direct,
        disks: vec![4096],
        expect,
    };
    let image = Image::Kernel {
        kernel: &folder.join("kernel"),
        initramfs: &folder.join("initramfs"),
        cmdline: "",
    };
    run(image, &boot, settings, &mut |_| {}).expect("it starts")
}

#[test]
fn a_good_boot_is_stopped_as_soon_as_all_is_met() {
    let folder = tempfile::tempdir().unwrap();
    let script = "echo $$ >\"${0%/*}/pid\"; echo zosc-report unit=a state=running; exec sleep 600";
    let settings = stand_in(folder.path(), script);
    let expected = vec![unit("a", UnitState::Up, 60_000)];
    let verdict = boot(&settings, folder.path(), expected);
    assert!(verdict.is_good(), "{verdict:?}");
    assert!(verdict.elapsed < seconds(60));
    assert!(verdict.diagnostics().is_empty());
    let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
    let process = PathBuf::from("/proc").join(pid.trim());
    assert!(
        !process.exists(),
        "the machine is gone when the verdict is there"
    );
    let log = std::fs::read_to_string(settings.log).unwrap();
    assert_eq!(log, "zosc-report unit=a state=running\n");
}

#[test]
fn a_silent_machine_is_killed_at_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let settings = stand_in(folder.path(), "exec sleep 600");
    let verdict = boot(&settings, folder.path(), vec![console("x", 300)]);
    assert_eq!(verdict.ending, Ending::Decided);
    assert!(verdict.elapsed < seconds(60));
    let faults: Vec<_> = verdict.diagnostics().into_iter().collect();
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].code, "zosc::boot::expectation-missed");
    assert_eq!(faults[0].labels.len(), 1);
    assert!(faults[0].notes[0].contains("console=ttyS0"));
}

#[test]
fn a_panic_ends_it_and_shows_the_last_lines() {
    let folder = tempfile::tempdir().unwrap();
    let script = "echo before; echo '[ 1.0] Kernel panic - not syncing: dead'; exec sleep 600";
    let settings = stand_in(folder.path(), script);
    let verdict = boot(&settings, folder.path(), vec![console("x", 600_000)]);
    assert!(matches!(verdict.ending, Ending::Panic(_)));
    let faults: Vec<_> = verdict.diagnostics().into_iter().collect();
    assert_eq!(faults[0].code, "zosc::boot::kernel-panic");
    assert_eq!(
        faults[0].message,
        "the kernel died: `Kernel panic - not syncing: dead`"
    );
    assert!(faults[0].notes.contains(&"  before".to_owned()));
    assert_eq!(faults[1].code, "zosc::boot::expectation-missed");
}

#[test]
fn a_machine_that_goes_off_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let settings = stand_in(folder.path(), "echo 'no such thing' >&2; exit 3");
    let verdict = boot(&settings, folder.path(), vec![console("x", 600_000)]);
    let faults: Vec<_> = verdict.diagnostics().into_iter().collect();
    assert_eq!(faults[0].code, "zosc::boot::machine-off");
    assert_eq!(faults[0].notes[0], "QEMU: no such thing");
}

#[test]
fn what_is_missing_is_named_with_its_package() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        qemu: PathBuf::from("/nowhere/qemu-system-x86_64"),
        ..stand_in(folder.path(), "")
    };
    let expected = vec![console("x", 1)];
    let boot = Boot {
        memory: 1 << 30,
        cpus: 1,
        firmware: crate::manifest::boot::Firmware::Direct,
        disks: Vec::new(),
        expect: expected,
    };
    let kernel = folder.path().join("kernel");
    let image = Image::Kernel {
        kernel: &kernel,
        initramfs: &kernel,
        cmdline: "",
    };
    let fault = run(image, &boot, &settings, &mut |_| {}).expect_err("there is no QEMU");
    assert_eq!(fault.code, "zosc::boot::no-qemu");
    assert!(
        fault
            .help
            .is_some_and(|help| help.contains("qemu-system-x86"))
    );

    let fault = run(Image::Uki(&kernel), &boot, &settings, &mut |_| {}).expect_err("no PE file");
    assert_eq!(fault.code, "zosc::boot::not-a-uki");

    let nothing = Boot {
        expect: Vec::new(),
        ..boot
    };
    let fault = run(image, &nothing, &settings, &mut |_| {}).expect_err("nothing to judge");
    assert_eq!(fault.code, "zosc::boot::nothing-expected");
}
