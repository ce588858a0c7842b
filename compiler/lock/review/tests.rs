use crate::apk::packages::{Content, Item, Recipe};
use crate::check::{
    FileContent, FileRequest, GitRevision, Kernel, KernelOrigin, ModuleRequest, ResolvedUnit,
    Source, StubOrigin,
};
use crate::diagnostic::{Diagnostic, Severity};
use crate::lock::tests::{Bench, at, key, recipe, spanned};
use crate::lock::{Mode, review};
use crate::tree::ImagePath;
use crate::zinit::{self, Command, Dialect, Probe, Unit};

use super::*;

fn argv(line: &str) -> Command {
    Command::Argv(line.split(' ').map(str::to_owned).collect())
}

fn units(image: &mut Image, units: Vec<Unit>) {
    image.dialect = Some(Dialect::Toml);
    image.units = units
        .into_iter()
        .enumerate()
        .map(|(place, unit)| ResolvedUnit {
            unit,
            span: at(200 + place),
            command: None,
            test: None,
            folder: None,
        })
        .collect();
}

/// What a review says: problems as `CODE PLACE`, and what it could not look into.
fn told(image: &Image, bench: &Bench) -> (Vec<Diagnostic>, Vec<Unchecked>) {
    let mut sink = Diagnostics::new();
    let unchecked = review(image, Some(&bench.store), &mut sink);
    (sink.into_iter().collect(), unchecked)
}

fn codes(problems: &[Diagnostic]) -> Vec<(&'static str, u32)> {
    let place = |problem: &Diagnostic| problem.labels.first().map_or(0, |label| label.span.start);
    problems
        .iter()
        .map(|problem| (problem.code, place(problem)))
        .collect()
}

fn program(path: &str) -> Item {
    Item::new(path, Content::File(b"\x7fELF".to_vec())).mode(0o755)
}

/// A shell with the names of a busybox inside, linked by its script.
fn shell() -> Recipe {
    let names = b"\0[\0[[\0httpd\0nc\0wget\0\0";
    Recipe::new("busybox", "1")
        .with(Item::new("bin/busybox", Content::File(names.to_vec())).mode(0o755))
        .with(Item::symlink("bin/sh", "/bin/busybox"))
        .script(
            "post-install",
            "#!/bin/busybox sh\nexec /bin/busybox --install -s\n",
        )
}

#[test]
fn a_lock_of_another_name_is_not_overlooked() {
    let bench = Bench::new();
    let mut image = bench.image(&["app"]);
    let folder = bench.folder.path();
    image.manifest = folder.join("site.kdl");
    std::fs::write(folder.join("zos.lock"), "zos-lock 1\n").expect("written");
    let (problems, _) = told(&image, &bench);
    assert_eq!(codes(&problems), [("zosc::lock::other-name", 0)]);
    assert!(
        problems[0]
            .help
            .as_deref()
            .is_some_and(|help| help.contains("site.lock"))
    );
    // It is the lock of the other manifest, or there is one of its own.
    for (name, text) in [("zos.kdl", "edition 1\n"), ("site.lock", "zos-lock 1\n")] {
        std::fs::write(folder.join(name), text).expect("written");
        let (problems, _) = told(&image, &bench);
        assert!(
            !codes(&problems).contains(&("zosc::lock::other-name", 0)),
            "{name}"
        );
        std::fs::remove_file(folder.join(name)).expect("removed");
    }
}

#[test]
fn without_a_lock_nothing_is_wrong_and_it_says_what_it_left_out() {
    let bench = Bench::new();
    let mut image = bench.image(&["app"]);
    units(
        &mut image,
        vec![Unit::daemon("u", argv("/usr/bin/nothing"))],
    );
    let (problems, unchecked) = told(&image, &bench);
    assert!(problems.is_empty(), "{problems:?}");
    let what: Vec<(&str, &str)> = unchecked
        .iter()
        .map(|part| (part.what, part.because.as_str()))
        .collect();
    assert_eq!(
        what,
        [
            ("package names", "no zos.lock"),
            ("programs of units", "no zos.lock")
        ]
    );
    let mut sink = Diagnostics::new();
    assert_eq!(review(&image, None, &mut sink), unchecked);
    assert!(!bench.folder.path().join("zos.lock").exists());
}

#[test]
fn an_index_at_hand_tells_of_names_without_a_lock() {
    let bench = Bench::new();
    bench.offer(&[recipe("openssh", "9")], key());
    let (problems, _) = told(&bench.image(&["opensh"]), &bench);
    assert_eq!(codes(&problems), [("zosc::lock::unknown-package", 0)]);
    let (problems, unchecked) = told(&bench.image(&["openssh"]), &bench);
    assert!(problems.is_empty() && unchecked.is_empty());
}

#[test]
fn programs_that_nothing_has_are_told_with_the_nearest() {
    let bench = Bench::new();
    let server = Recipe::new("server", "2").with(program("usr/sbin/serverd"));
    let other = Recipe::new("other", "1")
        .with(program("usr/bin/tool"))
        .provides(&["cmd:tool=1"]);
    bench.offer(&[shell(), server, other], key());
    let mut image = bench.image(&["busybox", "server"]);
    image.packages.run_scripts = true;
    bench.lock(&image, Mode::default()).expect("locked");
    let mut tested = Unit::daemon("tested", argv("/usr/sbin/serverd"));
    tested.probe = Some(Probe::Exec(argv("nothing -z")));
    let mut folder = Unit::daemon("folder", argv("serverd"));
    folder.directory = Some("/srv/nowhere".to_owned());
    let mut fine = Unit::daemon("fine", argv("/usr/sbin/httpd -f"));
    fine.directory = Some("/usr/sbin".to_owned());
    units(
        &mut image,
        vec![
            Unit::daemon("elsewhere", argv("/usr/bin/serverd")),
            Unit::daemon("typo", argv("/usr/sbin/servred")),
            Unit::daemon("package", argv("/usr/bin/tool -x")),
            tested,
            folder,
            fine,
            Unit::daemon("script", Command::Shell("nothing | wget x".to_owned())),
            Unit::daemon("plain", Command::Shell("cd / && serverd".to_owned())),
            Unit::daemon("own", argv("/etc/own")),
        ],
    );
    let file = |path: &str, text: &str, mode| FileRequest {
        to: spanned(ImagePath::new(path).expect("sound"), 300),
        content: FileContent::Bytes(text.as_bytes().into()),
        mode,
        uid: 0,
        gid: 0,
    };
    image.files = vec![
        file("/etc/own", "#!/bin/sh\n", 0o644),
        file("/etc/py", "#!/usr/bin/env python3\n", 0o755),
    ];
    let (problems, unchecked) = told(&image, &bench);
    assert!(unchecked.is_empty(), "{unchecked:?}");
    assert_eq!(
        codes(&problems),
        [
            ("zosc::lock::missing-program", 200),
            ("zosc::lock::missing-program", 201),
            ("zosc::lock::missing-program", 202),
            ("zosc::lock::missing-program", 203),
            ("zosc::lock::missing-folder", 204),
            ("zosc::lock::missing-program", 206),
            ("zosc::lock::not-executable", 208),
            ("zosc::lock::missing-program", 300),
            ("zosc::lock::missing-program", 300),
        ]
    );
    let help: Vec<&str> = problems
        .iter()
        .take(3)
        .filter_map(|problem| problem.help.as_deref())
        .collect();
    assert_eq!(
        help,
        [
            "it is at `/usr/sbin/serverd`, from package server-2",
            "did you mean `/usr/sbin/serverd`?",
            "add `install other`, which has `tool`",
        ]
    );
    let severities: Vec<Severity> = problems.iter().map(|problem| problem.severity).collect();
    assert_eq!(severities[0], Severity::Error);
    assert!(
        severities[3..6]
            .iter()
            .all(|severity| *severity == Severity::Warning)
    );
}

#[test]
fn a_report_that_can_ask_nobody_is_told() {
    let bench = Bench::new();
    let server = Recipe::new("zinit-server", "3").with(program("sbin/zinit-server"));
    let client = Recipe::new("zinit-client", "3").with(program("sbin/zinit"));
    bench.offer(&[shell(), server, client], key());
    let script = include_bytes!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/runtime-units/boot-report.sh"
    ));
    let report = |packages: &[&str], script: &[u8]| {
        let mut image = bench.image(packages);
        image.packages.run_scripts = true;
        bench.lock(&image, Mode::default()).expect("locked");
        let path = "/usr/libexec/zosc/boot-report";
        units(&mut image, vec![Unit::daemon("boot-report", argv(path))]);
        image.files = vec![FileRequest {
            to: spanned(ImagePath::new(path).expect("sound"), 300),
            content: FileContent::Bytes(script.into()),
            mode: 0o755,
            uid: 0,
            gid: 0,
        }];
        told(&image, &bench).0
    };
    let problems = report(&["busybox", "zinit-server"], script);
    assert_eq!(codes(&problems), [("zosc::lock::missing-program", 200)]);
    assert_eq!(problems[0].help.as_deref(), Some(zinit::CLIENT_HELP));
    let whole = ["busybox", "zinit-server", "zinit-client"];
    assert!(report(&whole, script).is_empty());
    // One of the author's own asks what it likes.
    let own = report(&["busybox", "zinit-server"], b"#!/bin/sh\n");
    assert!(own.is_empty(), "{own:?}");
}

#[test]
fn a_script_that_may_make_a_program_is_given_the_benefit_of_doubt() {
    let bench = Bench::new();
    let maker = shell().script("trigger", "#!/bin/sh\nln -s busybox /usr/bin/made\n");
    bench.offer(&[maker], key());
    let mut image = bench.image(&["busybox"]);
    bench.lock(&image, Mode::default()).expect("locked");
    units(&mut image, vec![Unit::daemon("u", argv("/usr/bin/made"))]);
    image.packages.run_scripts = true;
    assert!(told(&image, &bench).0.is_empty());
    image
        .packages
        .script_exceptions
        .insert("busybox".to_owned(), false);
    assert_eq!(
        codes(&told(&image, &bench).0),
        [("zosc::lock::missing-program", 200)]
    );
}

#[test]
fn modules_are_looked_up_in_the_locked_kernel() {
    let bench = Bench::new();
    let folder = "lib/modules/6.12.1-virt";
    let linux = Recipe::new("linux-virt", "6.12.1")
        .file("boot/vmlinuz-virt", "kernel")
        .file(&format!("{folder}/kernel/virtio_net.ko"), "")
        .file(&format!("{folder}/modules.dep"), "kernel/virtio_net.ko:\n")
        .file(
            &format!("{folder}/modules.alias"),
            "alias virtio:d1 virtio_net\n",
        )
        .file(&format!("{folder}/modules.builtin"), "kernel/ext4.ko\n");
    bench.offer(&[linux, recipe("stub", "1")], key());
    let mut image = bench.image(&[]);
    image.kernel = Some(Kernel {
        version: None,
        from: KernelOrigin::Package(spanned("linux-virt".into(), 7)),
        stub: Some(StubOrigin::Package(spanned("stub".into(), 8))),
        embed: crate::manifest::kernel::Embed::Uki,
        microcode: Vec::new(),
        cmdline: String::new(),
        sign: None,
        span: at(9),
    });
    bench.lock(&image, Mode::default()).expect("locked");
    let module = |name: &str, place, optional| ModuleRequest {
        name: spanned(name.to_owned(), place),
        optional,
        flist: None,
    };
    image.stage1 = vec![
        module("virtio-net", 10, false),
        module("virtio_nte", 11, false),
    ];
    image.stage2 = vec![
        module("virtio:d1", 12, false),
        module("ext4", 13, false),
        module("ext4", 14, true),
        module("nvme", 15, true),
    ];
    let (problems, unchecked) = told(&image, &bench);
    assert!(unchecked.is_empty(), "{unchecked:?}");
    assert_eq!(
        codes(&problems),
        [
            ("zosc::kmod::unknown-module", 11),
            ("zosc::lock::module-twice", 12),
            ("zosc::lock::built-in-module", 13),
            ("zosc::kmod::unknown-module", 15),
        ]
    );
    assert_eq!(
        problems[0].help.as_deref(),
        Some("did you mean `virtio_net`?")
    );
    assert_eq!(problems[3].severity, Severity::Warning);
}

#[test]
fn firmware_that_no_package_has_is_told() {
    let bench = Bench::new();
    let firmware = Recipe::new("firmware-nic", "1").file("lib/firmware/nic/a.bin", "x");
    bench.offer(&[firmware], key());
    let mut image = bench.image(&[]);
    image.firmware.packages = vec![spanned("firmware-nic".into(), 5)];
    image.firmware.keep = vec![spanned("nic/*".into(), 20), spanned("nci/*".into(), 21)];
    let (_, unchecked) = told(&image, &bench);
    assert_eq!(unchecked.len(), 1, "{unchecked:?}");
    bench.lock(&image, Mode::default()).expect("locked");
    assert_eq!(
        codes(&told(&image, &bench).0),
        [("zosc::build::no-firmware", 21)]
    );
}

#[test]
fn a_revision_that_moves_wants_a_lock() {
    let bench = Bench::new();
    let mut image = bench.image(&[]);
    let source = |revision| Source {
        name: spanned("zinit".into(), 30),
        from: SourceOrigin::Git {
            url: spanned("https://git.example/zinit".into(), 31),
            revision: spanned(revision, 32),
            submodules: false,
            keep_git: false,
        },
        patches: Vec::new(),
        build: None,
        install: Vec::new(),
        verify: Vec::new(),
    };
    image.sources = vec![source(GitRevision::Branch("master".into()))];
    let (problems, _) = told(&image, &bench);
    assert_eq!(codes(&problems), [("zosc::lock::floating-source", 32)]);
    image.sources = vec![source(GitRevision::Commit("0".repeat(40)))];
    assert!(told(&image, &bench).0.is_empty());
}
