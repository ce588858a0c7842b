//! What moves when something is updated, what stays, and what is said about it.

use super::*;

fn only_these(names: &[String]) -> Mode<'_> {
    Mode {
        update: Update::Only(names),
        ..Mode::default()
    }
}

/// Differences as lines, each with its reason.
fn told(changes: &[Change]) -> Vec<String> {
    let line = |change: &Change| format!("{change} | {}", change.why);
    changes.iter().map(line).collect()
}

/// A bench whose lock has version 1 of everything, and whose repository offers version 2 since.
fn aged(install: &[&str], old: &[Recipe], new: &[Recipe]) -> (Bench, Image) {
    let bench = Bench::new();
    bench.offer(old, key());
    let image = bench.image(install);
    bench.lock(&image, Mode::default()).expect("locked");
    for recipe in old {
        let file = bench.file(&format!("{}.apk", recipe.full_name()));
        std::fs::remove_file(file).expect("there");
    }
    bench.offer(new, key());
    (bench, image)
}

#[test]
fn one_package_moves_and_the_others_stay() {
    let (old, new) = (
        [recipe("app", "1"), recipe("other", "1")],
        [recipe("app", "2"), recipe("other", "2")],
    );
    let (bench, image) = aged(&["app", "other"], &old, &new);
    let named = ["app".to_owned()];
    let written = bench.written();
    let preview = preview(
        &image,
        &bench.store,
        only_these(&named),
        &Silent,
        &AtomicBool::new(false),
    );
    assert_eq!(told(&preview.expect("chosen")), ["app 1 → 2 | "]);
    assert_eq!(bench.written(), written, "a preview leaves the lock alone");
    let updated = bench.lock(&image, only_these(&named)).expect("locked");
    assert_eq!(names(&updated), ["app-2", "other-1"]);
    assert_eq!(told(&updated.changes), ["app 1 → 2 | "]);
    let again = bench.lock(&image, only_these(&named)).expect("locked");
    assert_eq!(again.changes, []);
}

#[test]
fn what_the_moving_package_needs_moves_along_and_says_why() {
    let old = [
        recipe("app", "1").depends(&["lib=1"]),
        recipe("lib", "1"),
        recipe("tool", "1").depends(&["lib"]),
        recipe("rest", "1"),
    ];
    let new = [
        recipe("app", "2").depends(&["lib=2", "extra"]),
        recipe("lib", "2"),
        recipe("tool", "2").depends(&["lib"]),
        recipe("rest", "2"),
        recipe("extra", "1"),
    ];
    let (bench, image) = aged(&["app", "tool", "rest"], &old, &new);
    let updated = bench
        .lock(&image, only_these(&["app".to_owned()]))
        .expect("locked");
    assert_eq!(
        told(&updated.changes),
        [
            "app 1 → 2 | ",
            "+ extra 1 | needed by app",
            "lib 1 → 2 | app-2 needs `lib=2`",
        ]
    );
}

#[test]
fn packages_that_pin_each_other_move_together() {
    let built = |version: &str| {
        let pin = format!("busybox={version}");
        [
            recipe("busybox", version),
            recipe("busybox-binsh", version).depends(&[&pin]),
            recipe("musl", version),
        ]
    };
    let (bench, image) = aged(&["busybox-binsh", "musl"], &built("1"), &built("2"));
    let updated = bench
        .lock(&image, only_these(&["busybox".to_owned()]))
        .expect("locked");
    assert_eq!(names(&updated).len(), 3);
    let lines = told(&updated.changes);
    assert!(lines[0].starts_with("busybox 1 → 2"), "{lines:?}");
    assert!(
        lines[1].starts_with("busybox-binsh 1 → 2 | busybox-binsh-1 needs"),
        "{lines:?}"
    );
    assert_eq!(lines.len(), 2, "{lines:?}");
}

#[test]
fn a_version_that_the_manifest_states_stays() {
    let (old, new) = (
        [recipe("app", "1")],
        [recipe("app", "1"), recipe("app", "2")],
    );
    let (bench, image) = aged(&["app=1"], &old, &new);
    let updated = bench
        .lock(&image, only_these(&["app".to_owned()]))
        .expect("locked");
    assert_eq!(updated.changes, []);
}

#[test]
fn a_name_that_nothing_has_is_told_with_the_nearest() {
    let (bench, image) = aged(&["app"], &[recipe("app", "1")], &[recipe("app", "1")]);
    let problem = only(bench.lock(&image, only_these(&["ap".to_owned()])));
    assert_eq!(problem.code, "zosc::lock::not-locked");
    assert_eq!(problem.help.as_deref(), Some("did you mean `app`?"));
}

#[test]
fn everything_moves_and_what_nothing_needs_any_more_goes() {
    let old = [recipe("app", "1").depends(&["lib"]), recipe("lib", "1")];
    let (bench, image) = aged(&["app"], &old, &[recipe("app", "2")]);
    let all = Mode {
        update: Update::Everything,
        ..Mode::default()
    };
    let updated = bench.lock(&image, all).expect("locked");
    assert_eq!(
        told(&updated.changes),
        ["app 1 → 2 | ", "- lib 1 | nothing needs it any more"]
    );
}

#[test]
fn what_is_dropped_by_the_repository_stays_as_long_as_the_store_has_it() {
    let (old, new) = (
        [recipe("app", "1")],
        [recipe("app", "2"), recipe("more", "1")],
    );
    let (bench, _) = aged(&["app"], &old, &new);
    let image = bench.image(&["app", "more"]);
    // Another machine: neither the index nor the package that the lock names is in its store.
    let elsewhere = Store::open(bench.folder.path().join("elsewhere")).expect("opens");
    let lock = |store: &Store| {
        resolve(&image, store, LOCKED, &Silent, &AtomicBool::new(false))
            .expect_err("changes")
            .into_iter()
            .next()
            .expect("one")
            .notes
    };
    assert_eq!(lock(&bench.store), ["would change: + more 1"]);
    assert_eq!(
        lock(&elsewhere),
        ["would change: app 1 → 2", "would change: + more 1"]
    );
    // The index is gone from the store, the package is not.
    let index = read(&bench.folder.path().join("zos.lock"), None)
        .expect("a lock")
        .indexes[0]
        .sha256;
    std::fs::remove_file(bench.store.blob_path(&index)).expect("there");
    assert_eq!(lock(&bench.store), ["would change: + more 1"]);
}

#[test]
fn what_cannot_be_read_now_does_not_count_as_dropped() {
    let old = [recipe("app", "1"), recipe("tool", "1")];
    let new = [recipe("app", "2"), recipe("tool", "2")];
    let (bench, image) = aged(&["app", "tool"], &old, &new);
    // The package that is to stay is there, and is not what it was.
    std::fs::write(bench.file("tool-1.apk"), "damaged").expect("written");
    let elsewhere = Store::open(bench.folder.path().join("elsewhere")).expect("opens");
    let named = ["app".to_owned()];
    let locked = resolve(
        &image,
        &elsewhere,
        only_these(&named),
        &Silent,
        &AtomicBool::new(false),
    );
    let problems = locked.expect_err("refused");
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["zosc::lock::wrong-digest"]);
    // Gone for good: it moves, and says why.
    std::fs::remove_file(bench.file("tool-1.apk")).expect("there");
    let locked = lock_with(&image, &elsewhere, only_these(&named));
    assert_eq!(
        told(&locked.changes),
        ["app 1 → 2 | ", "tool 1 → 2 | 1 is gone from its repository"]
    );
}

fn lock_with(image: &Image, store: &Store, mode: Mode<'_>) -> Resolved {
    resolve(image, store, mode, &Silent, &AtomicBool::new(false)).expect("locked")
}

#[test]
fn why_the_current_indexes_were_no_help_is_told() {
    let (bench, _) = aged(&["app"], &[recipe("app", "1")], &[recipe("app", "1")]);
    let image = bench.image(&["app", "more"]);
    std::fs::remove_file(bench.file("APKINDEX.tar.gz")).expect("there");
    let problem = only(bench.lock(&image, Mode::default()));
    assert_eq!(problem.code, "zosc::lock::unknown-package");
    assert!(
        problem
            .notes
            .iter()
            .any(|note| note.starts_with("the current indexes were not read: ")),
        "{:?}",
        problem.notes
    );
}

#[test]
fn a_vendored_repository_keeps_what_the_mirror_has_dropped() {
    let (bench, image) = aged(&["app"], &[recipe("app", "1")], &[recipe("app", "2")]);
    let vendored = Bench::new();
    vendored.offer(&[recipe("app", "1")], key());
    let mut image = Image { ..image };
    let alpine = image.alpine.as_mut().expect("there");
    alpine.repositories.push(check::Repository {
        urls: vec![format!("file://{}", vendored.repository().display())],
        tag: None,
        follows_release: false,
        span: at(103),
    });
    let elsewhere = Store::open(bench.folder.path().join("elsewhere")).expect("opens");
    let kept = resolve(
        &image,
        &elsewhere,
        Mode::default(),
        &Silent,
        &AtomicBool::new(false),
    );
    let kept = kept.expect("locked");
    assert_eq!(
        (names(&kept), kept.changes),
        (vec!["app-1".to_owned()], Vec::new())
    );
    let urls = &kept.inputs.lock.packages[0].urls;
    let place = vendored.repository().display().to_string();
    assert!(urls[0].contains(&place), "{urls:?}, and not {place}");
}

#[test]
fn what_took_the_place_of_a_dropped_package_is_told() {
    let (bench, image) = aged(&["app"], &[recipe("app", "1")], &[recipe("app", "2")]);
    let lock = read(&bench.folder.path().join("zos.lock"), None).expect("a lock");
    let told = |store: &Store| gone(&image, &lock, store, &Silent, &AtomicBool::new(false));
    assert!(told(&bench.store).is_empty(), "the store has it");
    let elsewhere = Store::open(bench.folder.path().join("elsewhere")).expect("opens");
    let problems = told(&elsewhere);
    let problem = problems.iter().next().expect("one");
    assert_eq!(problem.code, "zosc::lock::gone");
    assert_eq!(
        problem.message,
        "`app` 1 is gone from its repository, which has 2 now"
    );
    assert!(
        problem
            .help
            .as_deref()
            .expect("help")
            .starts_with("`zosc update app`")
    );
}
