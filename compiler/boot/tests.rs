use std::path::{Path, PathBuf};
use std::time::Duration;

use super::console::Lines;
use super::disks::{Disk, Format};
use super::plan::{Bare, Flash, Plan, Source, Start};
use super::*;
use crate::check::Arch;
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

fn judging(expectations: &[Expectation]) -> Judge {
    Judge::new(expectations, Vec::new())
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
    let mut judge = judging(&[
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
    let mut judge = judging(&[
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
    let mut judge = judging(&[console("up", 3_000)]);
    judge.line("up", seconds(4));
    assert!(judge.decided() && !judge.outcomes()[0].is_met());
}

#[test]
fn a_prompt_without_end_of_line_counts() {
    let mut judge = judging(&[console("login:", 3_000)]);
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
    let mut judge = judging(&[expected]);
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
    let mut judge = judging(&[console("never", 60_000)]);
    judge.line(
        "[    1.2] Kernel panic - not syncing: Attempted to kill init!",
        seconds(1),
    );
    assert!(judge.decided() && matches!(judge.end(), Some(Ending::Panic(_))));
}

#[test]
fn a_refusal_of_the_firmware_decides_at_once_and_can_be_expected() {
    let words = r#"BdsDxe: failed to load Boot0001 "UEFI QEMU HARDDISK": Access Denied"#;
    let mut judge = judging(&[console("never", 60_000)]);
    judge.line("BdsDxe: failed to load Boot0002: Not Found", seconds(1));
    assert!(!judge.decided());
    judge.line(words, seconds(2));
    assert_eq!(judge.end(), Some(Ending::Refused(words.to_owned())));
    let mut judge = judging(&[console("Access Denied", 60_000)]);
    judge.line(words, seconds(2));
    assert!(judge.decided() && judge.outcomes()[0].is_met());
}

fn kernel<F>() -> Source<F> {
    Source::Kernel {
        kernel: PathBuf::from("/k"),
        initramfs: Some(PathBuf::from("/i")),
        cmdline: "console=ttyS0 a=\"b c\"".to_owned(),
    }
}

fn plan(hypervisor: Hypervisor) -> Plan {
    let disk = |path: &str, format, is_snapshot| Disk {
        path: PathBuf::from(path),
        format,
        is_snapshot,
    };
    Plan {
        program: PathBuf::from("program"),
        arch: Arch::X86_64,
        start: match hypervisor {
            Hypervisor::Qemu => Start::Qemu(kernel()),
            Hypervisor::CloudHypervisor => Start::CloudHypervisor(kernel()),
        },
        memory: (1 << 30) + 1,
        cpus: 3,
        disks: vec![
            disk("/a,b", Format::Raw, false),
            disk("/c", Format::Qcow2, true),
        ],
        network: Network::User,
        forwards: vec![
            Forward::local(8080, 80),
            "0.0.0.0:53:53/udp".parse().unwrap(),
        ],
        control: Some(PathBuf::from("/t/control")),
    }
}

fn words(plan: &Plan) -> Vec<String> {
    let arguments = plan.arguments(Accelerator::Emulation).into_iter();
    arguments
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

/// Whether one word follows another.
fn follows(arguments: &[String], name: &str, value: &str) {
    let pair = [name.to_owned(), value.to_owned()];
    assert!(
        arguments.windows(2).any(|two| two == pair),
        "{pair:?} in {arguments:?}"
    );
}

#[test]
fn the_plan_becomes_arguments_of_qemu() {
    let arguments = words(&plan(Hypervisor::Qemu));
    for (name, value) in [
        ("-m", "1025M"),
        ("-smp", "3"),
        ("-kernel", "/k"),
        ("-initrd", "/i"),
        ("-append", "console=ttyS0 a=\"b c\""),
        (
            "-drive",
            "if=none,id=disk1,format=raw,discard=unmap,file=/a,,b",
        ),
        ("-device", "virtio-blk-pci,drive=disk1,serial=disk1"),
        (
            "-drive",
            "if=none,id=disk2,format=qcow2,discard=unmap,snapshot=on,file=/c",
        ),
        (
            "-netdev",
            "user,id=network,hostfwd=tcp:127.0.0.1:8080-:80,hostfwd=udp:0.0.0.0:53-:53",
        ),
        ("-qmp", "unix:/t/control,server=on,wait=off"),
    ] {
        follows(&arguments, name, value);
    }
    let with = |network: Network| {
        words(&Plan {
            network,
            ..plan(Hypervisor::Qemu)
        })
    };
    follows(
        &with(Network::Bridge("br0".to_owned())),
        "-netdev",
        "bridge,id=network,br=br0",
    );
    follows(
        &with(Network::Tap("t0".to_owned())),
        "-netdev",
        "tap,id=network,ifname=t0,script=no,downscript=no",
    );
    assert!(!with(Network::None).contains(&"-netdev".to_owned()));
}

#[test]
fn a_machine_for_arm_has_a_board_of_its_own() {
    let arm = Plan {
        arch: Arch::Aarch64,
        start: Start::Qemu(Source::Firmware(Flash {
            code: PathBuf::from("/code"),
            variables: PathBuf::from("/variables"),
            disk: PathBuf::from("/disk"),
            guarded: false,
        })),
        ..plan(Hypervisor::Qemu)
    };
    let arguments = words(&arm);
    follows(&arguments, "-machine", "virt,accel=tcg");
    follows(&arguments, "-cpu", "max,pauth-impdef=on");
    follows(&arguments, "-device", "usb-storage,drive=start,bootindex=1");
    assert!(!arguments.iter().any(|word| word.starts_with("ide-")));
    assert_eq!(Hypervisor::Qemu.tool(arm.arch).name, "qemu-system-aarch64");
}

#[test]
fn the_plan_becomes_arguments_of_cloud_hypervisor() {
    let cloud = Plan {
        network: Network::Tap("zos0".to_owned()),
        ..plan(Hypervisor::CloudHypervisor)
    };
    assert_eq!(
        words(&cloud).join(" "),
        "--kernel /k --initramfs /i --cmdline console=ttyS0 a=\"b c\" --cpus boot=3 --memory size=1025M --serial tty --console off \
         --rng src=/dev/urandom --disk path=/a,b path=/c --net tap=zos0"
    );
    let firmware = Plan {
        start: Start::CloudHypervisor(Source::Firmware(Bare {
            code: PathBuf::from("/CLOUDHV.fd"),
            disk: PathBuf::from("/start.raw"),
        })),
        disks: Vec::new(),
        network: Network::None,
        ..cloud
    };
    let arguments = words(&firmware);
    follows(&arguments, "--firmware", "/CLOUDHV.fd");
    follows(&arguments, "--disk", "path=/start.raw");
    assert!(!arguments.contains(&"--net".to_owned()));
}

#[test]
fn what_cloud_hypervisor_cannot_do_is_refused_with_the_way_on() {
    use crate::manifest::boot::Firmware;
    let settings = |network| Settings {
        hypervisor: Hypervisor::CloudHypervisor,
        network,
        ..Settings::new("log")
    };
    let code = |settings: &Settings, firmware, probes| {
        let refused = settings.possible(firmware, probes, Arch::X86_64);
        refused.err().map(|fault| fault.code)
    };
    let unable = Some("zosc::boot::not-with-cloud-hypervisor");
    assert_eq!(code(&settings(None), Firmware::Direct, false), None);
    assert_eq!(
        code(&settings(Some(Network::User)), Firmware::Direct, false),
        unable
    );
    let bridge = settings(Some(Network::Bridge("br0".to_owned())));
    assert_eq!(code(&bridge, Firmware::Direct, false), unable);
    assert_eq!(code(&settings(None), Firmware::SecureBoot, false), unable);
    let needs = Some("zosc::boot::needs-user-net");
    assert_eq!(code(&settings(None), Firmware::Direct, true), needs);
    let emulated = Settings {
        accelerator: Some(Accelerator::Emulation),
        ..settings(None)
    };
    assert_eq!(code(&emulated, Firmware::Direct, false), unable);
    let offline = Settings {
        network: Some(Network::None),
        ssh: Some(1),
        ..Settings::new("log")
    };
    assert_eq!(code(&offline, Firmware::Direct, false), needs);
}

#[test]
fn what_no_machine_for_arm_can_do_is_refused_with_the_way_on() {
    use crate::manifest::boot::Firmware;
    let refused = |hypervisor, firmware| {
        let settings = Settings {
            hypervisor,
            ..Settings::new("log")
        };
        let refused = settings.possible(firmware, false, Arch::Aarch64);
        refused.err().map(|fault| fault.code)
    };
    assert_eq!(
        refused(Hypervisor::Qemu, Firmware::SecureBoot),
        Some("zosc::boot::not-for-arm")
    );
    assert_eq!(refused(Hypervisor::Qemu, Firmware::Uefi), None);
    let cloud =
        (!settings::is_native(Arch::Aarch64)).then_some("zosc::boot::not-with-cloud-hypervisor");
    assert_eq!(
        refused(Hypervisor::CloudHypervisor, Firmware::Direct),
        cloud
    );
}

#[test]
fn ports_are_read_as_people_write_them() {
    let forward = |text: &str| text.parse::<Forward>();
    assert_eq!(forward("8080:80"), Ok(Forward::local(8080, 80)));
    assert_eq!(forward("8080:80/tcp"), Ok(Forward::local(8080, 80)));
    for wrong in ["80", "0:80", "80:99999", "a:80", "x:1:2", "1:2/sctp", ""] {
        assert!(forward(wrong).is_err(), "{wrong}");
    }
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
        program: Some(path),
        accelerator: Some(Accelerator::Emulation),
        ..Settings::new(folder.join("console.log"))
    }
}

fn boot(settings: &Settings, folder: &Path, expect: Vec<Expectation>) -> Verdict {
    let boot = Boot {
        disks: vec![4096],
        expect,
        ..Boot::default()
    };
    let image = Image::Kernel {
        kernel: &folder.join("kernel"),
        initramfs: &folder.join("initramfs"),
        cmdline: "",
    };
    test(image, &boot, settings, &mut |_| {}).expect("it starts")
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
        program: Some(PathBuf::from("/nowhere/qemu-system-x86_64")),
        ..stand_in(folder.path(), "")
    };
    let expected = vec![console("x", 1)];
    let boot = Boot {
        expect: expected,
        ..Boot::default()
    };
    let kernel = folder.path().join("kernel");
    let image = Image::Kernel {
        kernel: &kernel,
        initramfs: &kernel,
        cmdline: "",
    };
    let fault = test(image, &boot, &settings, &mut |_| {}).expect_err("there is no QEMU");
    assert_eq!(fault.code, "zosc::boot::no-qemu");
    assert!(
        fault
            .help
            .is_some_and(|help| help.contains("qemu-system-x86"))
    );

    let fault = test(Image::Uki(&kernel), &boot, &settings, &mut |_| {}).expect_err("no PE file");
    assert_eq!(fault.code, "zosc::boot::not-a-uki");

    let nothing = Boot {
        expect: Vec::new(),
        ..boot
    };
    let fault = test(image, &nothing, &settings, &mut |_| {}).expect_err("nothing to judge");
    assert_eq!(fault.code, "zosc::boot::nothing-expected");
}
