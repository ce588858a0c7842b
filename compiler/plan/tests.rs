use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::check::{self, Image, Settings};
use crate::diagnostic::Diagnostics;
use crate::io::Memory;
use crate::lock::{HostToolchain, Inputs, Lock, LockedKernel, LockedPackage, LockedSource, Role};
use crate::source::SourceMap;
use crate::tree::{Digest, ImagePath};

mod flists;
mod processors;

/// A public key of no worth.
const KEY: &str = include_str!("../../tests/fixtures/key.pem");

const MANIFEST: &str = r#"edition 1
image test version="7" { epoch "2026-01-01T00:00:00Z" }
alpine "3.22" {
    mirror "https://mirror.example/alpine"
    repository main
    key "test.rsa.pub"
}
packages { install base marks }
kernel "6.12.1" { package linux-virt; cmdline "console=ttyS0" "quiet" }
modules { stage1 virtio_net }
zinit dialect=toml
unit hello { exec "/bin/hello"; oneshot }
account root { passwordless }
file "/etc/motd" text="hello\n"
size { drop docs }
outputs { efi "vmlinuz-{kernel}.efi"; initramfs "initramfs-{version}.cpio.xz" }
"#;

pub(super) fn image(manifest: &str) -> Image {
    let files = Memory::new([
        ("/m/zos.kdl", manifest),
        ("/m/test.rsa.pub", KEY),
        ("/m/tool/Makefile", "all:\n"),
    ]);
    let mut problems = Diagnostics::new();
    let settings = Settings {
        current_directory: "/m".into(),
        ..Settings::default()
    };
    let image = check::check(
        Path::new("zos.kdl"),
        &settings,
        &files,
        &mut SourceMap::new(),
        &mut problems,
    );
    image.unwrap_or_else(|| panic!("{problems:?}"))
}

pub(super) fn package(role: Role, name: &str, scripts: &[&str]) -> LockedPackage {
    LockedPackage {
        role,
        name: name.into(),
        version: "1-r0".into(),
        urls: vec![format!("https://mirror.example/{name}-1-r0.apk")],
        identity: "Q1".into(),
        sha256: Digest::of(name.as_bytes()),
        size: 1,
        built: 0,
        scripts: scripts.iter().map(|script| (*script).to_owned()).collect(),
        triggers: Vec::new(),
        because: Vec::new(),
    }
}

pub(super) fn inputs() -> Inputs {
    let packages = vec![
        package(Role::Image, "musl", &[]),
        package(Role::Image, "base", &["pre-install", "post-install"]),
        package(Role::Image, "marks", &["trigger"]),
        package(Role::Kernel, "linux-virt", &[]),
        package(Role::Stub, "systemd-efistub", &[]),
    ];
    let kernel = LockedKernel {
        release: "6.12.1".into(),
        image: ImagePath::new("/boot/vmlinuz-virt").expect("a sound path"),
    };
    let lock = Lock {
        packages,
        kernel: Some(kernel),
        sources: BTreeMap::new(),
        ..Lock::default()
    };
    Inputs {
        lock,
        epoch: 1_767_225_600,
        ..Inputs::default()
    }
}

/// A plan as text: an action a line, with the numbers of those it needs.
fn listing(plan: &Plan) -> String {
    let mut text = String::new();
    for (number, planned) in plan.actions.iter().enumerate() {
        let needs: Vec<String> = planned
            .action
            .needs()
            .iter()
            .map(|id| id.0.to_string())
            .collect();
        text.push_str(&format!(
            "{number} {} [{}]\n",
            planned.label,
            needs.join(" ")
        ));
    }
    for output in &plan.outputs {
        let Input::Output(id) = output.content else {
            panic!("outputs are made")
        };
        text.push_str(&format!("{} = {}\n", output.name, id.0));
    }
    text
}

#[test]
fn a_whole_image_lowers_to_this_plan() {
    let plan = lower(&image(MANIFEST), &inputs()).expect("lowers");
    insta::assert_snapshot!(listing(&plan));
}

#[test]
fn every_action_comes_after_what_it_needs() {
    let plan = lower(&image(MANIFEST), &inputs()).expect("lowers");
    for (number, planned) in plan.actions.iter().enumerate() {
        assert!(
            planned
                .action
                .needs()
                .iter()
                .all(|id| (id.0 as usize) < number),
            "{}",
            planned.label
        );
    }
}

#[test]
fn the_same_image_and_lock_give_the_same_plan() {
    let plans = [(), ()].map(|()| lower(&image(MANIFEST), &inputs()).expect("lowers"));
    let nothing = |_| Digest::of(b"");
    for (first, second) in plans[0].actions.iter().zip(&plans[1].actions) {
        assert_eq!(first.action.key(&nothing), second.action.key(&nothing));
    }
}

#[test]
fn skipped_scripts_leave_no_action() {
    let manifest = MANIFEST.replace("install base marks", "install base marks; scripts skip");
    let plan = lower(&image(&manifest), &inputs()).expect("lowers");
    assert!(
        !plan
            .actions
            .iter()
            .any(|planned| matches!(planned.action, Action::Run { .. }))
    );
    let warnings = skipped_scripts(&image(&manifest), &inputs().lock.packages);
    let told: Vec<_> = warnings
        .iter()
        .map(|warning| (warning.code, warning.message.as_str(), warning.notes.len()))
        .collect();
    let code = "zosc::plan::skipped-scripts";
    assert_eq!(
        told,
        [
            (
                code,
                "`base` has scripts that are skipped: pre-install, post-install",
                2
            ),
            (code, "`marks` has scripts that are skipped: trigger", 1),
        ]
    );
    assert!(skipped_scripts(&image(MANIFEST), &inputs().lock.packages).is_empty());
}

#[test]
fn a_kernel_of_another_release_is_refused() {
    let codes = |manifest: &str, inputs: &Inputs| -> Vec<&'static str> {
        let problems = lower(&image(manifest), inputs).expect_err("refused");
        problems.iter().map(|problem| problem.code).collect()
    };
    let other = MANIFEST.replace("kernel \"6.12.1\"", "kernel \"6.12.2\"");
    assert_eq!(codes(&other, &inputs()), ["zosc::plan::kernel-release"]);
}

#[test]
fn outputs_of_one_name_are_refused_once_the_release_is_known() {
    let same = MANIFEST.replace(
        "vmlinuz-{kernel}.efi\"",
        "vmlinuz-{kernel}\"; kernel \"vmlinuz-6.12.1\"",
    );
    let problems = lower(&image(&same), &inputs()).expect_err("refused");
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["zosc::plan::output-clash"]);
}

#[test]
fn a_limit_is_judged_over_the_program_that_is_written_out() {
    let plan = |manifest: &str| lower(&image(manifest), &inputs()).expect("lowers");
    let efi = |plan: &Plan| {
        let output = plan.outputs.iter().find(|output| output.kind == "efi");
        let Input::Output(id) = output.expect("an EFI program").content else {
            panic!("made by an action");
        };
        plan.actions[id.0 as usize].action.clone()
    };
    assert!(matches!(efi(&plan(MANIFEST)), Action::Uki { .. }));
    let limited = plan(&MANIFEST.replace("drop docs", "max efi=\"1MiB\""));
    let Action::Limit { program, limit, .. } = efi(&limited) else {
        panic!("{:?}", efi(&limited));
    };
    let Input::Output(program) = program else {
        panic!("made by an action");
    };
    let program = &limited.actions[program.0 as usize].action;
    assert_eq!(
        (limit, matches!(program, Action::Uki { .. })),
        (1 << 20, true)
    );
}

#[test]
fn make_gets_variables_and_targets_and_a_download_its_name() {
    let pin = "0".repeat(64);
    let manifest = format!(
        r#"image test version="7"
toolchain c {{ host }}
source tool {{ path tool; build make {{ targets static; set PREFIX="/usr" }}; install tool to="/usr/bin/tool" }}
source one {{ release "https://h/one-1-amd64?x=1" sha256="{pin}" rename=one; install one to="/usr/bin/one" }}
outputs {{ initramfs "initramfs-{{source.one.rev}}" }}
"#
    );
    let mut inputs = inputs();
    let folder = Digest::of(b"tool");
    inputs.folders.insert("/m/tool".into(), folder);
    inputs.host = Some(HostToolchain {
        facts: String::new(),
        path: vec!["/usr/bin".into()],
        folders: vec!["/usr".into()],
    });
    let locked = LockedSource::Release {
        url: "https://h/one-1-amd64?x=1".into(),
        sha256: pin.parse().expect("a digest"),
        size: 1,
    };
    inputs.lock.sources.insert("one".into(), locked);
    let plan = lower(&image(&manifest), &inputs).expect("lowers");
    let mut commands = plan
        .actions
        .iter()
        .filter_map(|planned| match &planned.action {
            Action::Run { arguments, .. } if planned.label == "build tool" => {
                Some(arguments.fixed.get(3..)?.join(" "))
            }
            Action::WriteFiles { files, .. } if planned.label == "unpack one" => {
                Some(files[0].path.to_string())
            }
            _ => None,
        })
        .collect::<Vec<_>>();
    commands.sort();
    assert_eq!(
        commands,
        [
            "/one",
            "exec make -j\"$(nproc)\" \"$@\" make PREFIX=/usr static"
        ]
    );
    assert_eq!(plan.outputs[0].name, "initramfs-000000000000");
}

#[test]
fn a_boot_report_needs_the_program_that_it_asks() {
    let programs = |manifest: &str| {
        let plan = lower(&image(manifest), &inputs()).expect("lowers");
        let mut actions = plan.actions.into_iter();
        actions
            .find_map(|planned| match planned.action {
                Action::Validate { programs, .. } => Some(programs),
                _ => None,
            })
            .expect("every image is validated")
    };
    let asked = ("zinit".to_owned(), "boot-report".to_owned());
    let report = format!("{MANIFEST}import \"std:boot-report\"\n");
    assert!(programs(&report).contains(&asked));
    assert!(!programs(MANIFEST).contains(&asked));
    let off = format!("{report}unit boot-report {{ disabled }}\n");
    assert!(!programs(&off).contains(&asked));
}
