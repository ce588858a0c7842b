//! Firmware that flists pack: which packages that is, what of it moves, and what does not answer any more.

use super::*;

fn flist(name: &str, package: &str) -> check::Flist {
    check::Flist {
        name: spanned(name.to_owned(), 30),
        pack: check::Packed::Firmware(spanned(package.to_owned(), 31)),
        embed: spanned(format!("/etc/rfs/{name}.fl"), 32),
        mount: None,
        tag: None,
        write: check::BlobStore::Folder(spanned("blobs".into(), 33)),
        read: spanned("https://flists.example".into(), 34),
    }
}

/// A set as Alpine has it: a package without files that pins all others.
fn firmware(version: &str) -> Vec<Recipe> {
    let pin = |name: &str| format!("firmware-{name}={version}");
    let (a, b) = (pin("a"), pin("b"));
    vec![
        recipe("firmware", version).depends(&[&a, &b, "cmd:sh"]),
        recipe("firmware-a", version),
        recipe("firmware-b", version),
        recipe("firmware-c", version),
        recipe("shell", "1").provides(&["cmd:sh=1"]),
    ]
}

fn locked(resolved: &Resolved) -> Vec<(String, Vec<String>)> {
    let packages = resolved.inputs.lock.packages.iter();
    let packages = packages.filter(|package| package.role == Role::Flist);
    packages
        .map(|package| (package.full_name(), package.because.clone()))
        .collect()
}

fn member(name: &str, of: &[&str]) -> (String, Vec<String>) {
    let of = of.iter().map(|set| (*set).to_owned());
    (name.to_owned(), of.collect())
}

#[test]
fn a_set_is_what_its_package_stands_for_without_what_scripts_need() {
    let bench = Bench::new();
    bench.offer(&firmware("1"), key());
    let mut image = bench.image(&[]);
    image.flists = vec![flist("all", "firmware"), flist("one", "firmware-b")];
    let resolved = bench.lock(&image, Mode::default()).expect("locked");
    let both = ["firmware", "firmware-b"];
    let expected = [
        member("firmware-1", &both[..1]),
        member("firmware-a-1", &both[..1]),
        member("firmware-b-1", &both),
    ];
    assert_eq!(locked(&resolved), expected);
    assert!(bench.written().contains("role=\"flist\""));
    bench.lock(&image, LOCKED).expect("it answers");
    let again = bench.lock(&image, Mode::default()).expect("locked");
    assert_eq!(again.changes, []);
    image.flists.truncate(1);
    let fewer = bench.lock(&image, Mode::default()).expect("locked");
    assert_eq!(locked(&fewer)[2], member("firmware-b-1", &both[..1]));
}

#[test]
fn a_set_stays_as_it_is_locked_until_it_is_updated() {
    let bench = Bench::new();
    bench.offer(&firmware("1"), key());
    let mut image = bench.image(&["shell"]);
    image.flists = vec![flist("all", "firmware")];
    bench.lock(&image, Mode::default()).expect("locked");
    let mut newer = firmware("2");
    newer.extend([recipe("shell", "2"), recipe("tool", "1")]);
    bench.offer(&newer, key());
    let kept = bench.lock(&image, Mode::default()).expect("locked");
    assert_eq!(kept.changes, []);
    let named = ["shell".to_owned()];
    let only = |names| Mode {
        update: Update::Only(names),
        ..Mode::default()
    };
    let other = bench.lock(&image, only(&named)).expect("locked");
    let told = |resolved: &Resolved| -> Vec<String> {
        resolved.changes.iter().map(ToString::to_string).collect()
    };
    assert_eq!(told(&other), ["shell 1 → 2"]);
    let named = ["firmware".to_owned()];
    let updated = bench.lock(&image, only(&named)).expect("locked");
    let expected = ["firmware 1 → 2", "firmware-a 1 → 2", "firmware-b 1 → 2"];
    assert_eq!(told(&updated), expected);
}

#[test]
fn a_set_that_nobody_has_is_told_at_its_word() {
    let bench = Bench::new();
    bench.offer(&firmware("1"), key());
    let mut image = bench.image(&[]);
    image.flists = vec![flist("all", "firmwares")];
    let problem = only(bench.lock(&image, Mode::default()));
    assert_eq!(problem.code, "zosc::lock::unknown-package");
    assert_eq!(problem.labels[0].span, at(31));
}
