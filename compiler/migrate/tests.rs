//! Folders in memory; `tests/migrate.rs` has one with everything.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::io::Memory;
use crate::syntax;

fn migrated(files: &[(&str, &str)]) -> (Option<Migration>, Diagnostics) {
    let files = files
        .iter()
        .map(|(name, text)| (format!("/c/{name}"), *text));
    let (mut sources, mut sink) = (SourceMap::new(), Diagnostics::new());
    let migration = migrate(
        Path::new("/c"),
        Init::Library,
        &Memory::new(files),
        &mut sources,
        &mut sink,
    );
    (migration, sink)
}

/// The manifest of a folder about which there is nothing to tell.
fn silent(files: &[(&str, &str)]) -> String {
    let (migration, sink) = migrated(files);
    assert!(sink.is_empty(), "{sink:#?}");
    let migration = migration.expect("a migration");
    assert_eq!(migration.unclear, 0);
    migration.manifest
}

#[test]
fn packages_keep_their_groups_and_comments() {
    let manifest = silent(&[(
        "packages.list",
        "# Core\nbusybox\nmusl\n\n# Tools\ncurl # for people\nhtop\n",
    )]);
    let wanted = "packages {\n    // Core\n    install busybox musl\n\n    // Tools\n    install curl // for people\n    install htop\n}\n";
    assert!(manifest.contains(wanted), "{manifest}");
}

#[test]
fn a_unit_of_zinit_keeps_what_zinit_made_of_it() {
    let unit = "exec: /usr/sbin/sshd -D\ntest: nc -z 127.0.0.1 22\nafter:\n  - net\nsignal:\n  stop: sigint\nshutdown_timeout: 20\nlog: none\nenv:\n  N: 5\ndir: /var\n";
    let manifest = silent(&[
        ("zinit/sshd.yaml", unit),
        ("zinit/net.yaml", "exec: true\noneshot: true\n"),
    ]);
    let sshd = "unit sshd {\n    exec \"/usr/sbin/sshd -D\"\n    test \"nc -z 127.0.0.1 22\"\n    requires net\n    stop signal=SIGINT timeout=\"20s\"\n    log none\n    env N=\"5\"\n    dir \"/var\"\n}\n";
    assert!(manifest.contains(sshd), "{manifest}");
    assert!(manifest.contains("unit net { target }\n"), "{manifest}");
}

#[test]
fn one_mistake_is_told_once_and_counted_once() {
    let (migration, sink) = migrated(&[("modules.conf", "stage1:virtio_net\nstage9:igb\n")]);
    let migration = migration.expect("a migration");
    assert_eq!((sink.len(), migration.lines, migration.unclear), (1, 2, 1));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_configuration_becomes_kdl(
        assignments in "([A-Z_]{1,6}=[ -~]{0,20}\n|[ -~]{0,20}\n){0,8}",
        list in "([a-z0-9:@!=~#/.*é-]{0,12}[ \n]){0,20}",
        unit in "((exec|test|after|log|env|signal|x): ?[ -~]{0,12}\n|  ?(- |stop: )[ -~]{0,9}\n|[ -~]{0,9}\n){0,8}",
    ) {
        let names = ["packages.list", "sources.conf", "modules.conf"];
        let mut files = vec![("build.conf", assignments.as_str()), ("rfs.conf", &assignments), ("firmware.conf", &assignments)];
        files.extend(names.map(|name| (name, list.as_str())));
        files.push(("zinit/a.yaml", &unit));
        files.push(("zinit/b.yml", &unit));
        let (migration, told) = migrated(&files);
        let manifest = migration.expect("a migration").manifest;
        let mut sink = Diagnostics::new();
        syntax::parse(SourceId(0), &manifest, &mut sink);
        prop_assert!(sink.is_empty(), "{manifest}\n{sink:#?}");
        for problem in &told {
            prop_assert!(problem.code.starts_with("zosc::migrate::"));
        }
    }
}
