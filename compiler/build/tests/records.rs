//! What builds leave for those who tell of them.

use super::*;

#[test]
fn a_build_leaves_a_record_and_one_with_nothing_to_do_leaves_none() {
    let bench = Bench::new();
    let lock = bench.folder.path().join("zos.lock");
    fs::write(&lock, "lock 1\n").expect("written");
    let mut plan = image("hello", SCRIPT);
    plan.tree = Some(Input::Output(ActionId(2)));
    let built = bench.build(&plan).expect("builds");
    bench.build(&plan).expect("builds");
    let all = records(&bench.store);
    let [record] = all.as_slice() else {
        panic!("{all:?}");
    };
    assert_eq!((record.number, record.name.as_str()), (1, "test"));
    assert!(record.manifest.is_absolute() && record.started > 0);
    let text = bench.store.get(&record.lock.expect("there is a lock"));
    assert_eq!(text.expect("kept"), b"lock 1\n");
    let tree = record.tree.expect("it got that far");
    assert!(bench.store.get_tree(&tree).is_ok());
    let told = record.actions.iter().map(|action| {
        let cause = action.cause.join(", ");
        format!("{} ({}): {cause}", action.label, action.kind)
    });
    let told: Vec<String> = told.collect();
    assert_eq!(
        told,
        [
            "write files (write-files): never built",
            "build tool (run): never built",
            "merge (merge): never built",
            "pack (cpio): never built",
        ]
    );
    let [output] = record.outputs.as_slice() else {
        panic!("{:?}", record.outputs);
    };
    assert_eq!(output.digest, built.outputs[0].digest);
    assert_eq!(output.name, "initramfs.cpio.zst");
    assert!(output.path.is_absolute());
}

#[test]
fn a_record_tells_what_was_performed_and_why() {
    let bench = Bench::new();
    bench.build(&image("hello", SCRIPT)).expect("builds");
    let other = format!("{SCRIPT}; true");
    bench.build(&image("hello", &other)).expect("builds");
    let record = records(&bench.store).pop().expect("the second");
    assert_eq!(record.number, 2);
    let performed = record.actions.iter().filter(|action| action.performed);
    let performed: Vec<_> = performed
        .map(|action| (action.label.as_str(), action.cause.join(", ")))
        .collect();
    let [(label, cause)] = performed.as_slice() else {
        panic!("{performed:?}");
    };
    assert!(
        *label == "build tool" && cause == "source tool changed: command",
        "{cause}"
    );
    // The next build behind a change sees the keys as they are now.
    let keys = |plan: &Plan| {
        let all = status(plan, &bench.store);
        all.into_iter()
            .all(|status| matches!(status, Status::Cached(_)))
    };
    assert!(keys(&image("hello", &other)));
}

#[test]
fn an_output_that_was_removed_is_a_build_of_its_own() {
    let bench = Bench::new();
    let plan = image("hello", SCRIPT);
    let built = bench.build(&plan).expect("builds");
    fs::remove_dir_all(bench.outputs()).expect("removed");
    bench.build(&plan).expect("builds");
    let digest = built.outputs[0].digest;
    let newest = record_of(&bench.store, &digest).expect("recorded");
    assert_eq!(newest.number, 2);
    assert!(newest.actions.iter().all(|action| !action.performed));
    assert_eq!(record_of(&bench.store, &Digest::of(b"other")), None);
}

#[test]
fn a_build_that_fails_leaves_none() {
    let bench = Bench::new();
    bench.build(&image("hello", "exit 1")).expect_err("fails");
    assert!(records(&bench.store).is_empty());
}

#[test]
fn what_is_no_record_is_passed_over_and_numbers_go_on() {
    let bench = Bench::new();
    let folder = bench.store.builds();
    for (name, text) in [
        ("00000007.json", "half a rec"),
        ("x.json", "{}"),
        ("9.json", "{}"),
    ] {
        fs::write(folder.join(name), text).expect("written");
    }
    bench.build(&image("hello", SCRIPT)).expect("builds");
    let numbers: Vec<u32> = records(&bench.store)
        .iter()
        .map(|record| record.number)
        .collect();
    assert_eq!(numbers, [8]);
}

#[test]
fn builds_that_end_together_leave_a_record_each() {
    let bench = Bench::new();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let bench = &bench;
            scope.spawn(move || {
                let plan = image(&format!("hello {number}"), SCRIPT);
                let job = bench.job(&plan, &format!("image-{number}"));
                run(&[job], &bench.store, &bench.options()).expect("builds");
            });
        }
    });
    let numbers: Vec<u32> = records(&bench.store)
        .iter()
        .map(|record| record.number)
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
}
