//! Several images at once.

use super::*;

#[test]
fn what_images_have_in_common_is_performed_once() {
    let bench = Bench::new();
    let plans = [image("hello", SCRIPT), image("hello", SCRIPT)];
    let mut other = plans[1].clone();
    let tree = write(&mut other, "write more", &[("/etc/more", "more")]);
    let packed = pack(&mut other, "pack more", tree);
    output(&mut other, "more.cpio.zst", packed);
    let jobs = [bench.job(&plans[0], "one"), bench.job(&other, "other")];
    let built = run(&jobs, &bench.store, &bench.options()).expect("builds");
    let counts = |built: &[Artifacts]| {
        let counts = built
            .iter()
            .map(|built| (built.counts.performed, built.counts.cached));
        counts.collect::<Vec<_>>()
    };
    assert_eq!(
        counts(&built)
            .iter()
            .map(|(performed, _)| performed)
            .sum::<usize>(),
        6
    );
    assert_eq!(
        counts(&built)
            .iter()
            .map(|(performed, cached)| performed + cached)
            .sum::<usize>(),
        10
    );
    let told = bench.told();
    let started = told
        .iter()
        .filter(|event| event.as_str() == "build tool started");
    assert_eq!(started.count(), 1, "{told:?}");
    assert_eq!(built[0].outputs[0].digest, built[1].outputs[0].digest);
    assert!(bench.outputs().join("one/initramfs.cpio.zst").exists());
    assert!(bench.outputs().join("other/more.cpio.zst").exists());
    // One record for each, under its own name.
    let names: Vec<(String, usize)> = records(&bench.store)
        .into_iter()
        .map(|record| (record.name, record.actions.len()))
        .collect();
    assert_eq!(names, [("one".to_owned(), 4), ("other".to_owned(), 6)]);
    let again = run(&jobs, &bench.store, &bench.options()).expect("builds");
    assert_eq!(counts(&again), [(0, 4), (0, 6)]);
    assert!(again.iter().all(Artifacts::nothing_to_do));
    // Alone or together, it is the same image.
    assert_eq!(bench.build(&plans[0]).expect("builds").counts.performed, 0);
}

#[test]
fn all_images_are_written_or_none() {
    let bench = Bench::new();
    let (good, bad) = (image("hello", SCRIPT), image("hello", "exit 3"));
    let jobs = [bench.job(&good, "good"), bench.job(&bad, "bad")];
    let problems = run(&jobs, &bench.store, &bench.options()).expect_err("one fails");
    assert!(
        problems
            .iter()
            .any(|problem| problem.code == "zosc::build::run-failed")
    );
    assert!(!bench.outputs().exists());
}

#[test]
fn two_images_do_not_write_the_same_file() {
    let bench = Bench::new();
    let plan = image("hello", SCRIPT);
    let jobs = [bench.job(&plan, "test"), bench.job(&plan, "test")];
    let problems = run(&jobs, &bench.store, &bench.options()).expect_err("they clash");
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["zosc::build::same-output"]);
    assert!(bench.told().is_empty());
}

/// An image of a manifest of its own, whose actions are called as those of others.
fn of(manifest: &str, text: &str) -> Plan {
    Plan {
        manifest: manifest.into(),
        ..image(text, SCRIPT)
    }
}

#[test]
fn why_something_runs_is_told_by_what_the_same_manifest_was_before() {
    let bench = Bench::new();
    let never = |plan: &Plan| status(plan, &bench.store)[0] == Status::Stale(Reason::Never);
    bench.build(&of("/a/zos.kdl", "a")).expect("builds");
    let other = of("/b/zos.kdl", "b");
    assert!(never(&other));
    bench.build(&other).expect("builds");
    let causes = |text| match &status(&of("/a/zos.kdl", text), &bench.store)[0] {
        Status::Stale(reason) => reason.causes(),
        Status::Cached(_) => Vec::new(),
    };
    assert_eq!(causes("a"), Vec::<String>::new());
    // What it was in the other image plays no part.
    let changed = causes("c");
    assert_eq!(changed.len(), 1, "{changed:?}");
    bench.build(&of("/b/zos.kdl", "d")).expect("builds");
    assert_eq!(causes("c"), changed);
}

#[test]
fn a_preview_of_several_tells_what_they_share() {
    let bench = Bench::new();
    let (one, other) = (of("/a/zos.kdl", "hello"), of("/b/zos.kdl", "hello"));
    let mut more = other.clone();
    write(&mut more, "write more", &[("/etc/more", "more")]);
    let plans = [&one, &other, &more];
    let previews = || {
        let selection = Selection::default();
        plans.map(|plan| preview(plan, &bench.store, selection))
    };
    let none = vec![None; 4];
    let (first, mut last) = (vec![Some(0); 4], vec![Some(0); 4]);
    last.push(None);
    assert_eq!(shared(&plans, &previews()), [none.clone(), first, last]);
    // What is stored is nobody's.
    bench.build(&one).expect("builds");
    let mut last = none.clone();
    last.push(None);
    assert_eq!(shared(&plans, &previews()), [none.clone(), none, last]);
}
