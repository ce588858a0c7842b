//! A bash builder's configuration with every form and many mistakes, and the manifest and report that it must give.
//!
//! `UPDATE_EXPECT=1` writes `tests/fixtures/migrate/expected` anew; read the difference before you commit it.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use zosc::diagnostic::Diagnostics;
use zosc::io;
use zosc::migrate::{Init, Migration, migrate};
use zosc::source::SourceMap;

/// Parts of the credentials in the fixture; none may come out anywhere.
const SECRETS: &[&str] = &[
    "GK31c2f218a2e44f",
    "b892c0665f0ada8a",
    "0ldS3cret",
    "GKreadonly",
    "r3adS3cret",
    "t0ken-for",
    "Tr0ub4dor",
    "hunter2-and",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fixture() -> PathBuf {
    root().join("tests/fixtures/migrate/config")
}

fn migrated(init: Init) -> (Migration, Diagnostics, SourceMap) {
    let (mut sources, mut sink) = (SourceMap::new(), Diagnostics::new());
    let migration = migrate(&fixture(), init, &io::System, &mut sources, &mut sink).unwrap();
    (migration, sink, sources)
}

/// Every problem with its place, then what was decided, then the count.
fn report(migration: &Migration, problems: &Diagnostics, sources: &SourceMap) -> String {
    let mut text = String::new();
    let folder = format!("{}/", fixture().display());
    for problem in problems {
        let place = problem.labels.first().map_or("-".to_owned(), |label| {
            let position = sources.position(label.span);
            let name = &sources.get(label.span.source).unwrap().name;
            format!("{name}:{}:{}", position.line, position.column)
        });
        text.push_str(&format!(
            "{place}\n    {}\n    {}\n",
            problem.code, problem.message
        ));
        for line in problem.help.iter().chain(&problem.notes) {
            text.push_str(&format!("    {line}\n"));
        }
    }
    for note in &migration.notes {
        text.push_str(&format!("note {note}\n"));
    }
    text.push_str(&format!(
        "{} lines, {} need a look\n",
        migration.lines, migration.unclear
    ));
    text.replace(&folder, "")
}

#[test]
fn every_form_and_every_mistake_is_carried_over_or_told() {
    let (migration, problems, sources) = migrated(Init::Library);
    let mut made: BTreeMap<String, Vec<u8>> = migration.files.clone();
    made.insert(
        "zos.kdl".to_owned(),
        migration.manifest.clone().into_bytes(),
    );
    made.insert(
        "report.txt".to_owned(),
        report(&migration, &problems, &sources).into_bytes(),
    );
    let expected = root().join("tests/fixtures/migrate/expected");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::remove_dir_all(&expected).ok();
        for (name, bytes) in &made {
            let path = expected.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }
    let mut there = BTreeMap::new();
    gather(&expected, &expected, &mut there);
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&made), names(&there));
    for (name, bytes) in &made {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(
            text(bytes),
            text(&there[name]),
            "{name} differs; UPDATE_EXPECT=1 writes what is made now"
        );
    }
}

fn gather(folder: &Path, top: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, top, found);
        } else {
            let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
            found.insert(name, std::fs::read(&path).unwrap());
        }
    }
}

fn zosc(folder: &Path, arguments: &[&str]) -> Output {
    assert_cmd::Command::cargo_bin("zosc")
        .unwrap()
        .current_dir(folder)
        .env("ZOSC_STORE", folder.join("store"))
        .args(arguments)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn credentials_come_out_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let config = fixture();
    let config = config.to_str().unwrap();
    let mut all = String::new();
    for format in ["human", "json"] {
        let output = zosc(
            folder.path(),
            &["migrate", config, "--force", "--message-format", format],
        );
        assert!(output.status.success(), "{}", said(&output));
        all.push_str(&said(&output));
    }
    let mut files = BTreeMap::new();
    gather(folder.path(), folder.path(), &mut files);
    assert!(files.contains_key("zos.kdl") && files.contains_key("scripts/network.sh"));
    for bytes in files.values() {
        all.push_str(&String::from_utf8_lossy(bytes));
    }
    for secret in SECRETS {
        assert!(!all.contains(secret), "{secret} came out");
    }
    assert!(all.contains("(env)S3_SECRET_KEY"));
}

#[test]
fn files_that_exist_are_only_replaced_on_demand() {
    let folder = tempfile::tempdir().unwrap();
    let config = fixture();
    let config = config.to_str().unwrap();
    std::fs::create_dir(folder.path().join("scripts")).unwrap();
    std::fs::write(folder.path().join("scripts/network.sh"), "mine").unwrap();
    let refused = zosc(folder.path(), &["migrate", config]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said(&refused).contains("zosc::cli::exists"),
        "{}",
        said(&refused)
    );
    assert!(!folder.path().join("zos.kdl").exists());
    let done = zosc(
        folder.path(),
        &["migrate", config, "--force", "-o", "zos.kdl"],
    );
    assert!(done.status.success(), "{}", said(&done));
    assert!(said(&done).contains("need a look"), "{}", said(&done));
}

#[test]
fn a_folder_without_a_configuration_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["nowhere", "."] {
        let output = zosc(folder.path(), &["migrate", name]);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            said(&output).contains("zosc::migrate::no-configuration"),
            "{}",
            said(&output)
        );
    }
}

#[test]
fn the_configurations_own_init_is_kept_on_demand() {
    let (migration, ..) = migrated(Init::Own);
    assert!(migration.files.contains_key("rootfs/init"));
    assert!(
        migration
            .manifest
            .contains("file \"/init\" from=\"rootfs/init\" mode=\"0755\"")
    );
    assert!(!migration.manifest.contains("std:zero-os/init"));
}

#[test]
fn a_sound_configuration_lacks_nothing_but_the_digest_of_the_kernel() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in SOUND {
        let path = folder.path().join("config").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let output = zosc(folder.path(), &["migrate", "config", "-o", "site/zos.kdl"]);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("migrated 27 of 27 lines\n"), "{said}");
    assert!(
        said.contains("1 error; `zosc explain zosc::check::unpinned-download`"),
        "{said}"
    );
    let manifest = folder.path().join("site/zos.kdl");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let pinned = format!("tarball sha256=\"{}\"\n", "0".repeat(64));
    std::fs::write(&manifest, text.replace("tarball\n", &pinned)).unwrap();
    for arguments in [
        ["check", "site/zos.kdl"].as_slice(),
        &["fmt", "--check", "site/zos.kdl"],
    ] {
        let output = zosc(folder.path(), arguments);
        assert!(output.status.success(), "{}", self::said(&output));
    }
}

/// A configuration without mistakes.
const SOUND: &[(&str, &str)] = &[
    (
        "build.conf",
        "ALPINE_VERSION=\"3.22\"\nKERNEL_VERSION=\"6.12.44\"\nRUST_TARGET=\"x86_64-unknown-linux-musl\"\nZEROOS_BRANDING=\"true\"\n",
    ),
    (
        "packages.list",
        "alpine-baselayout\nbusybox\nmusl\neudev\ndhcpcd\n",
    ),
    (
        "sources.conf",
        "git:zinit:https://github.com/threefoldtech/zinit:v0.2.14:build_zinit\n",
    ),
    (
        "modules.conf",
        "stage1:virtio_net\nstage1:virtio_blk\nstage2:igb\n",
    ),
    ("kernel.config", KERNEL),
    ("init", "#!/bin/sh\n"),
    ("zinit/udevd.yaml", "exec: /sbin/udevd\n"),
    (
        "zinit/udev-trigger.yaml",
        "exec: udevadm trigger\noneshot: true\nafter:\n  - udevd\n",
    ),
    (
        "zinit/network.yaml",
        "exec: sh /etc/zinit/init/network.sh\nafter:\n  - udev-trigger\n",
    ),
    (
        "zinit/login.yaml",
        "exec: sh -c \"while :; do getty 115200 ttyS0; sleep 1; done\"\nafter:\n  - network\nsignal:\n  stop: SIGHUP\nlog: none\n",
    ),
    ("zinit/init/network.sh", "#!/bin/sh\nexec dhcpcd -B eth0\n"),
];

/// What the kernel of an image like this cannot do without.
const KERNEL: &str = "CONFIG_64BIT=y\nCONFIG_LOCALVERSION=\"-Zero-OS\"\nCONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_XZ=y\nCONFIG_EFI=y\nCONFIG_EFI_STUB=y\nCONFIG_DEVTMPFS=y\nCONFIG_TMPFS=y\nCONFIG_PROC_FS=y\nCONFIG_SYSFS=y\nCONFIG_BINFMT_ELF=y\nCONFIG_BINFMT_SCRIPT=y\nCONFIG_TTY=y\nCONFIG_SERIAL_8250=y\nCONFIG_SERIAL_8250_CONSOLE=y\nCONFIG_MODULES=y\nCONFIG_CMDLINE=\"console=ttyS0\"\n";
