//! The tree and the database that zosc makes of packages, against those that the real apk makes of the same packages.
//!
//! Explained differences, the only ones allowed:
//! - times of directories and symlinks: apk leaves the clock's, zosc the package's;
//! - times inside `scripts.tar`: apk 2.14.0 writes the clock's, later ones and zosc the package's build time;
//! - times of the database's own files;
//! - the mode of `/lib/apk/exec`, where scripts run: apk makes it before the package that lists it;
//! - `r:`, `q:` and `s:` lines of packages without directories: apk 2.14 writes them into the next package's record (it
//!   keeps them in a buffer that only a directory flushes), zosc into the package's own.

#![allow(clippy::disallowed_methods)]

#[path = "support/mod.rs"]
mod support;

use std::fs;

use support::packages::{Archive, Content, Item, Recipe, SignatureHash, SigningKey, index};
use support::trees::{Bench, installed, scripts};
use zosc::apk::dependency::Dependency;
use zosc::apk::index::Index;
use zosc::apk::solver::{Catalogue, Repository};
use zosc::apk::{ScriptKind, Step, installation_steps, trigger_directories, verify_index};

/// The repository of the installation medium in the oracle's jail.
const MEDIUM: &str = "mirror/v3.19-iso";

/// The packages of a small server.
const SERVER: [&str; 5] = ["alpine-base", "chrony", "dhcpcd", "e2fsprogs", "openssh"];

fn assert_none(what: &str, differences: &[String]) {
    assert!(
        differences.is_empty(),
        "{what}:\n{}",
        differences.join("\n")
    );
}

#[test]
fn a_server_is_what_apk_makes_of_it() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    assert_none("server", &bench.differences("server", MEDIUM, &SERVER));
}

#[test]
fn scripts_run_in_the_order_of_apk() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    let events = bench
        .oracle
        .install("scripts", "/mirror/v3.19-iso", &[], &SERVER)
        .expect("installs");
    let repository = bench.oracle.folder(MEDIUM);
    let order = installed(&events);
    let packages: Vec<_> = order
        .iter()
        .map(|name| bench.package(&repository, name))
        .collect();
    let mut ours: Vec<String> = Vec::new();
    // apk announces a package before its pre-install script, its files come after.
    let announce = |ours: &mut Vec<String>, package: usize| {
        let line = format!("install {}", order[package]);
        if !ours.contains(&line) {
            ours.push(line);
        }
    };
    for step in installation_steps(&scripts(&packages)) {
        match step {
            Step::Install(range) => range.for_each(|package| announce(&mut ours, package)),
            Step::Script { package, kind } => {
                let idle = trigger_directories(&packages, &packages[package]).is_empty();
                if kind != ScriptKind::Trigger || !idle {
                    if kind == ScriptKind::PreInstall {
                        announce(&mut ours, package);
                    }
                    ours.push(format!("run {}.{}", order[package], kind.name()));
                }
            }
            Step::SettleDirectories => {}
        }
    }
    assert_eq!(ours, events);
}

#[test]
fn a_server_with_its_scripts_is_what_apk_makes_of_it() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    let differences = bench.scripted_differences("scripted", MEDIUM, &SERVER);
    assert_none("a server with scripts", &differences);
}

#[test]
fn the_whole_installation_medium_is_what_apk_makes_of_it() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    let names = coexisting(&medium(&bench));
    assert!(names.len() >= 90, "nearly all coexist: {names:?}");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_none("all", &bench.scripted_differences("all", MEDIUM, &names));
}

/// Names that can be installed together: each that does not contradict those before it.
fn coexisting(names: &[String]) -> Vec<String> {
    let texts = support::oracle::index_texts(&["v3.19-iso"]);
    let index = Index::parse(&texts[0]).expect("an index");
    let catalogue = Catalogue::new(&[Repository {
        index: &index,
        tag: None,
    }]);
    let mut world = Vec::new();
    for name in names {
        world.push(Dependency::parse(name).expect("a name"));
        if catalogue.resolve(&world).is_err() {
            world.pop();
        }
    }
    world.iter().map(|wish| wish.name.to_owned()).collect()
}

#[test]
fn every_package_alone_is_what_apk_makes_of_it() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    for name in medium(&bench) {
        let differences = bench.differences(&format!("alone-{name}"), MEDIUM, &[&name]);
        assert_none(&name, &differences);
    }
}

/// By default every twelfth package; all of them with `ZOSC_SLOW_TESTS=1`.
#[test]
fn every_package_alone_with_its_scripts_is_what_apk_makes_of_it() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    let step = match std::env::var_os("ZOSC_SLOW_TESTS") {
        Some(_) => 1,
        None => 12,
    };
    for name in medium(&bench).into_iter().step_by(step) {
        let differences = bench.scripted_differences(&format!("runs-{name}"), MEDIUM, &[&name]);
        assert_none(&name, &differences);
    }
}

/// The names of the packages of the installation medium.
fn medium(bench: &Bench) -> Vec<String> {
    let folder = bench.oracle.folder(MEDIUM).join("x86_64");
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("the mirror")
        .filter_map(|entry| {
            let name = entry.expect("readable").file_name();
            let name = name.into_string().expect("a name");
            let release = name.strip_suffix(".apk")?.rsplit_once('-')?.0;
            Some(release.rsplit_once('-')?.0.to_owned())
        })
        .collect();
    names.sort();
    assert!(names.len() >= 90, "the mirror has its packages");
    names
}

/// Packages that disagree in every way that real ones rarely do.
fn quarrelsome() -> Vec<Recipe> {
    let passwd = "root:x:0:0:root:/root:/bin/sh\nweb:x:101:102:web:/srv:/sbin/nologin\n";
    vec![
        Recipe::new("a-accounts", "1-r0")
            .with(
                Item::directory("home")
                    .mode(0o2775)
                    .owner("web", 900, "web", 901),
            )
            .file("etc/passwd", passwd)
            .file("etc/group", "root:x:0:\nweb:x:102:\n")
            .with(Item::file("etc/early", "x").owner("web", 900, "web", 901)),
        Recipe::new("b-files", "2.1_p3-r4")
            .depends(&["a-accounts"])
            .origin("shared-origin")
            .with(Item::file("srv/index", "b").owner("nobody", 65534, "web", 901))
            .with(
                Item::directory("srv/deep")
                    .mode(0o750)
                    .owner("web", 900, "root", 0),
            )
            .with(Item::directory("srv/open").mode(0o777))
            .with(Item::directory("tmp").mode(0o700))
            .file("usr/bin/both", "from b")
            .file("usr/bin/origin", "from b")
            .file("etc/both", "from b")
            .with(Item::file("usr/bin/suid", "s").mode(0o6755))
            .with(Item::hardlink("usr/bin/twin", "usr/bin/suid").mode(0o6755))
            .with(Item::directory("dev"))
            .with(Item::new("dev/device", Content::CharDevice(10, 200)).mode(0o600))
            .with(Item::symlink("usr/lib/link", "../bin/suid"))
            .with(Item::file("usr/bin/cap", "c").xattr("security.capability", CAPABILITY))
            .file(&format!("usr/share/{}", "long".repeat(40)), "long")
            .file("usr/share/.keep_b-files", "")
            .with_only(Item::file(".leftover", "x"))
            .with_only(Item::file("at-the-root", "x")),
        Recipe::new("c-replaces", "3-r0")
            .depends(&["b-files", "!z-nothing"])
            .provides(&["cmd:both=3-r0", "virtual"])
            .replaces(&["b-files<3"], Some(7))
            .file("usr/bin/both", "from c")
            .file("etc/both", "from c")
            .with(
                Item::directory("srv/deep")
                    .mode(0o700)
                    .owner("web", 900, "root", 0),
            )
            .with(
                Item::directory("srv/open")
                    .mode(0o755)
                    .owner("nobody", 65534, "nobody", 65534),
            )
            .triggers(&["/usr/bin", "/srv/*"])
            .script("trigger", "#!/bin/sh\n")
            .script("post-install", "#!/bin/sh\nexit 0\n"),
        Recipe::new("D-same-origin", "4-r0")
            .depends(&["c-replaces"])
            .origin("shared-origin")
            .replaces(&["c-replaces"], Some(3))
            .file("usr/bin/origin", "from d")
            .with(Item::file("etc/late", "x").owner("web", 900, "web", 901)),
        Recipe::new("e-weaker", "5-r0")
            .depends(&["D-same-origin"])
            .replaces(&["c-replaces"], None)
            .file("usr/bin/both", "from e"),
    ]
}

/// A `vfs_cap_data` of revision 2 that grants `cap_net_raw`.
const CAPABILITY: &[u8] = &[1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn packages_that_disagree_are_what_apk_makes_of_them() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    let key = SigningKey::generate("maker.rsa.pub", b"packages that disagree");
    let repository = bench.oracle.folder("mirror/made/x86_64");
    fs::create_dir_all(&repository).expect("writable");
    fs::write(
        bench.oracle.folder("etc/apk/keys/maker.rsa.pub"),
        key.public_pem(),
    )
    .expect("writable");
    let recipes = quarrelsome();
    let sign = Some((&key, SignatureHash::Sha256));
    let archives: Vec<Archive> = recipes.iter().map(|recipe| recipe.pack(sign)).collect();
    for archive in &archives {
        fs::write(repository.join(archive.file_name()), &archive.bytes).expect("writable");
    }
    fs::write(
        repository.join("APKINDEX.tar.gz"),
        index(&archives, "made", sign),
    )
    .expect("writable");
    let names: Vec<_> = recipes.iter().map(|recipe| recipe.name.as_str()).collect();
    assert_none("made", &bench.differences("made", "mirror/made", &names));
}

#[test]
fn the_indexes_of_alpine_are_signed_by_its_key() {
    let Some(alpine) = support::oracle::alpine() else {
        return;
    };
    let keys = support::oracle::keys(&alpine);
    for repository in ["v3.19-iso", "v3.19/main", "v3.19/community"] {
        let path = alpine.join(repository).join("x86_64/APKINDEX.tar.gz");
        let index = fs::read(path).expect("readable");
        let by = verify_index(&index, &keys, repository).expect("signed");
        assert_eq!(by.key, keys[0].name());
        let mut changed = index.clone();
        *changed.last_mut().expect("not empty") ^= 1;
        let error = verify_index(&changed, &keys, repository).expect_err("refused");
        assert_eq!(error.code, "zosc::apk::bad-signature");
    }
}
