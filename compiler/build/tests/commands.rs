//! Commands in sandboxes, as the engine runs them.

use super::*;

#[test]
fn cancelling_kills_commands_and_writes_nothing() {
    let bench = Bench::new();
    let plan = image("hello", "echo ready; sleep 100");
    std::thread::scope(|scope| {
        let build = scope.spawn(|| bench.code(&plan));
        loop {
            let events = bench.events.0.lock().expect("no panic").clone();
            if events.iter().any(|event| event.ends_with("said ready")) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bench.cancel.store(true, Ordering::Relaxed);
        assert_eq!(build.join().expect("no panic"), "zosc::build::cancelled");
    });
    assert!(!bench.outputs().exists());
    let left = fs::read_dir(bench.store.temporary())
        .expect("lists")
        .count();
    assert_eq!(left, 0, "temporary folders are gone");
}

#[test]
fn a_command_sees_nothing_but_its_inputs_and_leaves_nothing_but_its_output() {
    let bench = Bench::new();
    let script = "ls /build; touch source/new; ls / > output/root; mkdir home/x; ! touch /usr/x";
    let plan = image("hello", script);
    bench.build(&plan).expect("builds");
    let told = bench.told();
    for line in ["home", "output", "source"] {
        assert!(
            told.contains(&format!("build tool said {line}")),
            "{told:?}"
        );
    }
    let plan = image("hello", "rm -r output");
    assert_eq!(bench.code(&plan), "zosc::build::no-output");
}

#[test]
fn a_tree_is_a_toolchain_that_no_command_changes() {
    let Ok(busybox) = fs::read("/bin/busybox") else {
        eprintln!("skipped: needs the static busybox (apt-get install busybox-static)");
        return;
    };
    let bench = Bench::new();
    let digest = bench.store.put(&busybox).expect("stored");
    let origin = Origin::new("package busybox");
    let program = Entry::file(digest, busybox.len() as u64, 0o755, 5, origin.clone());
    let mut root = Tree::new();
    root.insert_with_parents(path("/bin/busybox"), program);
    root.insert(
        path("/bin/sh"),
        Entry::symlink("busybox", 5, origin.clone()),
    );
    root.insert_with_parents(path("/tmp/litter"), Entry::symlink("x", 5, origin.clone()));
    let root = Input::Known(bench.store.put_tree(&root).expect("stored"));
    let script = "set -- *; echo \"sees $* in $PWD\"; ! echo x > /bin/new; ! /bin/busybox touch /bin/sh; \
        echo x > /tmp/x; echo x > /dev/null; test -d /proc/self; set -- /*; echo \"beside $*\" > output/seen";
    let mut plan = Plan::default();
    let tree = shell_in(
        &mut plan,
        Root::Toolchain(root),
        "build tool",
        script,
        Vec::new(),
    );
    let pick = Action::PickFile {
        tree,
        path: path("/seen"),
    };
    let picked = plan.add(Stage::ComponentsBuild, "pick", None, pick);
    output(&mut plan, "seen", picked);
    bench.build(&plan).expect("builds");
    let told = bench.told();
    let line = "build tool said sees home output in /build".to_owned();
    assert!(told.contains(&line), "{told:?}");
    let seen = fs::read_to_string(bench.outputs().join("seen")).expect("written");
    assert_eq!(seen, "beside /bin /build /dev /proc /tmp\n");
}

#[test]
fn a_script_changes_the_tree_that_is_its_root() {
    let Ok(busybox) = fs::read("/bin/busybox") else {
        eprintln!("skipped: needs the static busybox (apt-get install busybox-static)");
        return;
    };
    let bench = Bench::new();
    let mut root = Tree::new();
    let digest = bench.store.put(&busybox).expect("stored");
    let origin = Origin::new("package busybox");
    let program = Entry::file(digest, busybox.len() as u64, 0o755, 5, origin.clone());
    root.insert_with_parents(path("/bin/busybox"), program.clone());
    root.insert_with_parents(path("/bin/sh"), Entry::symlink("busybox", 5, origin));
    let root = bench.store.put_tree(&root).expect("stored");
    let script = b"#!/bin/sh\necho \"$0 $*\" > /written\n/bin/busybox chown 7:8 /written\n";
    let script = bench.store.put(script).expect("stored");
    let plan = |further: &str| {
        let further = bench.store.put(further.as_bytes()).expect("stored");
        let mut plan = Plan::default();
        let action = Action::Run {
            root: Root::Tree(Input::Known(root)),
            mounts: Vec::new(),
            files: [(path("/lib/apk/exec/x.trigger"), Input::Known(script))].into(),
            arguments: Arguments {
                fixed: vec!["lib/apk/exec/x.trigger".into()],
                further: Some(Input::Known(further)),
            },
            environment: BTreeMap::new(),
            directory: ImagePath::root(),
            capture: Capture::Root,
            origin: "package x-1".into(),
            epoch: 7,
        };
        let tree = plan.add(Stage::AlpinePackages, "trigger of x", None, action);
        let pick = Action::PickFile {
            tree,
            path: path("/written"),
        };
        let picked = plan.add(Stage::AlpinePackages, "pick", None, pick);
        output(&mut plan, "written", picked);
        plan
    };
    match bench.build(&plan(r#"["/usr", "/lib"]"#)) {
        Err(problems)
            if problems
                .iter()
                .any(|problem| problem.code == "zosc::build::no-subordinate-ids") =>
        {
            eprintln!("skipped: needs subordinate ids");
            return;
        }
        outcome => outcome.map(|_| ()).expect("builds"),
    }
    let written = fs::read_to_string(bench.outputs().join("written")).expect("written");
    assert_eq!(written, "lib/apk/exec/x.trigger /usr /lib\n");
    let results = status(&plan(r#"["/usr", "/lib"]"#), &bench.store);
    let Some(Status::Cached(tree)) = results.first() else {
        panic!("{results:?}");
    };
    let tree = bench.store.get_tree(tree).expect("stored");
    assert_eq!(tree.get(&path("/bin/busybox")), Some(&program));
    let entry = tree.get(&path("/written")).expect("captured");
    assert_eq!((entry.uid, entry.gid, entry.mtime), (7, 8, 7));
    assert_eq!(entry.origin, Origin::new("package x-1"));
    assert!(!tree.contains(&path("/lib")), "mount points are gone");
    // Without anything to trigger it, the script does not run.
    assert_eq!(bench.code(&plan("[]")), "zosc::build::no-such-file");
}

#[test]
fn a_failure_stops_what_comes_and_keeps_what_runs() {
    let bench = Bench::new();
    let mut plan = Plan::default();
    let bad = shell(
        &mut plan,
        "bad",
        "echo first; echo reason; exit 3",
        Vec::new(),
    );
    shell(
        &mut plan,
        "slow",
        "sleep 0.6; echo other reason; exit 4",
        Vec::new(),
    );
    let packed = pack(&mut plan, "pack", bad);
    output(&mut plan, "out", packed);
    for number in 0..4 {
        write(&mut plan, "late", &[("/x", &number.to_string())]);
    }
    let problems = bench.build(&plan).expect_err("fails");
    let messages: Vec<&str> = problems.iter().map(|problem| &*problem.message).collect();
    assert_eq!(
        messages,
        [
            "`bad` ended with exit code 3",
            "`slow` ended with exit code 4"
        ]
    );
    let first = problems.iter().next().expect("a problem");
    assert_eq!(first.code, "zosc::build::run-failed");
    assert_eq!(first.notes[..2], ["first", "reason"]);
    assert!(!bench.outputs().exists());
    let told = bench.told();
    let failed = told.iter().position(|event| event == "bad failed");
    let later = &told[failed.expect("told")..];
    assert!(
        !later.iter().any(|event| event.ends_with("started")),
        "{told:?}"
    );
}

/// Runs this test again with a umask that denies everything to others, and compares what comes out.
#[test]
fn the_umask_changes_nothing() {
    let script =
        "mkdir output/d; touch output/d/f; ls -ld . home output source | cut -c1-10 > output/modes";
    let bench = Bench::new();
    let plan = image("hello", script);
    let artifacts = bench.build(&plan).expect("builds");
    let mode = fs::metadata(&artifacts.outputs[0].path).expect("written");
    assert_eq!(mode.mode() & 0o777, 0o644);
    let ours = format!("outputs {}", artifacts.outputs[0].digest);
    eprintln!("{ours}");
    let umask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    rustix::process::umask(umask);
    if umask.bits() == 0o077 {
        return;
    }
    let test = "build::tests::commands::the_umask_changes_nothing";
    let again = std::process::Command::new("sh")
        .args(["-c", "umask 077; exec \"$0\" --exact --nocapture \"$1\""])
        .arg(std::env::current_exe().expect("known"))
        .arg(test)
        .output()
        .expect("runs");
    let theirs = String::from_utf8_lossy(&again.stderr);
    assert!(
        again.status.success() && theirs.contains(&ours),
        "{ours}: {theirs}"
    );
}

#[test]
fn commands_that_start_together_share_the_processors() {
    let bench = Bench::new();
    let mut plan = Plan::default();
    for name in ["one", "two"] {
        shell(&mut plan, name, "nproc", Vec::new());
    }
    bench.build(&plan).expect("builds");
    let told = bench.told();
    for name in ["one", "two"] {
        assert!(told.contains(&format!("{name} said 1")), "{told:?}");
    }
    // Another share is no reason to run again, and the third has all of a budget of two.
    shell(&mut plan, "three", "nproc", Vec::new());
    bench.build(&plan).expect("builds");
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let alone = format!("three said {}", processors.min(2));
    let told = bench.told();
    assert!(told.contains(&alone), "{told:?}");
    assert!(told.contains(&"one cached".to_owned()), "{told:?}");
}
