//! `zosc diff` over manifests with locks, plans and images that are built for it.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::path::{Path, PathBuf};

#[path = "support/mod.rs"]
mod support;

use serde_json::Value;
use support::packages::{Archive, Content, Item, Recipe, SignatureHash, SigningKey, index};
use support::project::Project;

const SECTIONS: &str = r##"
packages { install marks; scripts skip }
file "/init" mode="0755" text="#!/bin/sh\nexec /bin/sh\n"
file "/etc/motd" text="welcome\nto this\nmachine\n"
file "/etc/secret" mode="0600" text="the old secret\n"
zinit dialect=toml
unit network { exec "/bin/busybox ifconfig"; oneshot }
unit sshd { exec "/bin/busybox nc -l"; requires network }
branding { build-id "/etc/build-id" }
outputs { initramfs "initramfs.cpio.xz" }
"##;

/// A project whose repository the test fills.
fn project() -> Project {
    let project = Project::new(SECTIONS);
    publish(
        &project,
        &[("shell", "1.0-r0"), ("base", "1.0-r0"), ("marks", "2.1-r3")],
    );
    project
}

/// Publishes packages in these versions; `marks` needs all others.
fn publish(project: &Project, versions: &[(&str, &str)]) {
    let key = SigningKey::generate("test.rsa.pub", b"command line");
    let folder = project.path("repository/x86_64");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let others: Vec<&str> = versions
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| *name != "marks")
        .collect();
    let pack = |(name, version): &(&str, &str)| -> Archive {
        let program = Content::File(version.as_bytes().to_vec());
        let recipe = Recipe::new(name, version).file(&format!("usr/lib/{name}"), version);
        let recipe = if *name == "shell" {
            let program = Item::new("bin/busybox", program).mode(0o755);
            recipe
                .with(program)
                .with(Item::symlink("bin/sh", "busybox"))
        } else {
            recipe
        };
        let recipe = if *name == "marks" {
            recipe.depends(&others)
        } else {
            recipe
        };
        recipe.pack(Some((&key, SignatureHash::Sha256)))
    };
    let archives: Vec<Archive> = versions.iter().map(pack).collect();
    for archive in &archives {
        std::fs::write(folder.join(archive.file_name()), &archive.bytes).unwrap();
    }
    let bytes = index(&archives, "test", Some((&key, SignatureHash::Sha256)));
    std::fs::write(folder.join("APKINDEX.tar.gz"), bytes).unwrap();
}

/// Keeps the manifest and its lock aside as the old side.
fn keep(project: &Project) -> PathBuf {
    let old = project.path("old");
    std::fs::create_dir_all(old.join("keys")).unwrap();
    for name in ["zos.kdl", "zos.lock", "keys/test.rsa.pub"] {
        std::fs::copy(project.path(name), old.join(name)).unwrap();
    }
    old
}

/// Runs `zosc diff`; its exit code, and what it printed.
fn diff(project: &Project, arguments: &[&str]) -> (i32, String) {
    let output = project
        .command()
        .arg("diff")
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), format!("{text}{said}"))
}

fn json(project: &Project, arguments: &[&str]) -> Value {
    let output = project
        .command()
        .args(["diff", "--format", "json"])
        .args(arguments)
        .output()
        .unwrap();
    assert_ne!(
        output.status.code(),
        Some(2),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A change of a section by what it is about.
fn change<'a>(difference: &'a Value, section: &str, what: &str) -> &'a Value {
    let sections = difference["sections"].as_array().unwrap();
    let found = sections
        .iter()
        .filter(|one| one["section"] == section)
        .flat_map(|one| one["changes"].as_array().unwrap())
        .find(|change| change["what"] == what);
    found.unwrap_or_else(|| panic!("no {what} in {section}: {difference:#}"))
}

/// A fact of a change, as it was and as it is.
fn field<'a>(change: &'a Value, name: &str) -> (&'a Value, &'a Value) {
    let fields = change["fields"].as_array().unwrap();
    let found = fields.iter().find(|field| field["field"] == name);
    let found = found.unwrap_or_else(|| panic!("no {name} in {change:#}"));
    (&found["before"], &found["after"])
}

#[test]
fn manifests_are_compared_with_their_locks_and_the_impact() {
    let project = project();
    project.succeed(&["build"]);
    keep(&project);
    let (code, text) = diff(&project, &["old", "zos.kdl"]);
    assert_eq!((code, text.contains("no difference")), (0, true), "{text}");
    assert!(text.contains("none of"), "{text}");

    publish(
        &project,
        &[
            ("shell", "1.1-r0"),
            ("base", "0.9-r0"),
            ("marks", "2.1-r3"),
            ("extra", "5-r0"),
        ],
    );
    project.edit(|text| {
        text.replace("busybox nc -l", "busybox nc -lk")
            .replace("welcome", "hello")
    });
    project.succeed(&["update"]);
    let found = json(&project, &["old", "zos.kdl"]);
    let upgrade = change(&found, "locked packages", "package shell");
    assert_eq!(upgrade["verdict"], "upgrade");
    assert_eq!(
        field(upgrade, "version"),
        (&"1.0-r0".into(), &"1.1-r0".into())
    );
    assert_eq!(
        change(&found, "locked packages", "package base")["verdict"],
        "downgrade"
    );
    let rebuilt = change(&found, "locked packages", "package marks");
    assert_eq!(
        rebuilt["verdict"], "rebuilt",
        "it needs another package now"
    );
    let new = change(&found, "locked packages", "package extra");
    assert_eq!(new["change"], "added");
    assert_eq!(field(new, "because").1, &serde_json::json!(["marks"]));
    let unit = change(&found, "unit", "unit sshd");
    assert_eq!(unit["old"]["file"], "old/zos.kdl");
    assert_eq!(unit["new"]["file"], "zos.kdl");
    assert_eq!(field(unit, "exec").1, "/bin/busybox nc -lk");
    let lines = change(&found, "file", "file /etc/motd")["text"]["lines"]
        .as_array()
        .unwrap();
    assert!(lines.contains(&"-welcome".into()) && lines.contains(&"+hello".into()));

    let impact = &found["impact"];
    assert!(
        impact["again"].as_u64() > Some(0) && impact["again"].as_u64() < impact["actions"].as_u64()
    );
    assert_eq!(impact["outputs"][0]["change"], "changed");
    assert!(
        impact["outputs"][0]["before"].as_u64().is_some(),
        "it was built"
    );
    let units = impact["stages"].as_array().unwrap();
    let units = units
        .iter()
        .find(|stage| stage["stage"] == "zinit_setup")
        .unwrap();
    assert!(
        units["again"][0]["because"]
            .as_str()
            .unwrap()
            .contains("sshd.toml"),
        "{units}"
    );
    assert!(
        json(&project, &["--no-impact", "old", "zos.kdl"])
            .get("impact")
            .is_none()
    );
    assert_eq!(
        diff(&project, &["-q", "old", "zos.kdl"]),
        (1, String::new())
    );
}

#[test]
fn a_manifest_without_its_lock_says_what_that_hides() {
    let project = project();
    project.succeed(&["lock"]);
    let old = keep(&project);
    std::fs::remove_file(old.join("zos.lock")).unwrap();
    let (code, text) = diff(&project, &["old/zos.kdl", "zos.kdl"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("has no zos.lock: what `zosc lock` would write"),
        "{text}"
    );
    let manifest = std::fs::read_to_string(old.join("zos.kdl")).unwrap();
    let manifest = manifest.replace("file://", "https://mirror.invalid");
    std::fs::write(old.join("zos.kdl"), manifest).unwrap();
    let (code, text) = diff(&project, &["old/zos.kdl", "zos.kdl"]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("so versions, commits and the impact are not compared"),
        "{text}"
    );
    assert!(
        !text.contains("locked packages") && !text.contains("actions"),
        "{text}"
    );
    let (code, text) = diff(
        &project,
        &["old/zos.kdl", "zos.kdl", "--no-impact", "--stat"],
    );
    assert_eq!((code, text.contains("alpine  +1 -1")), (1, true), "{text}");

    let before = std::fs::read(project.path("zos.lock")).unwrap();
    project.edit(|text| text.replace("install marks", "install base"));
    let (code, text) = diff(&project, &["zos.kdl", "zos.kdl"]);
    assert_eq!(code, 0);
    assert!(text.contains("is older than it"), "{text}");
    assert_eq!(
        std::fs::read(project.path("zos.lock")).unwrap(),
        before,
        "nothing is written"
    );
}

#[test]
fn a_manifest_is_compared_with_one_of_a_commit() {
    let project = project();
    project.succeed(&["lock"]);
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        let who = ["-c", "user.name=a", "-c", "user.email=a@b.example"];
        let output = command
            .args(who)
            .args(arguments)
            .current_dir(project.folder.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    project.write(
        "site/zos.kdl",
        "edition 1\nimage x\nfile \"/a\" from=\"a\"\noutputs { initramfs x }\n",
    );
    project.write("site/a", "old\n");
    git(&["init", "--quiet", "."]);
    git(&["add", "zos.kdl", "zos.lock", "keys", "site"]);
    git(&["commit", "--quiet", "--message", "one"]);
    project.edit(|text| text.replace("busybox nc -l", "busybox nc -lk"));
    project.write("site/a", "new\n");
    let found = json(&project, &["HEAD:zos.kdl", "zos.kdl"]);
    let unit = change(&found, "unit", "unit sshd");
    assert_eq!(unit["old"]["file"], "HEAD:zos.kdl");
    assert_eq!(found["counts"]["changed"], 1, "{found:#}");
    assert!(found["impact"]["again"].as_u64() > Some(0));
    let output = project
        .command()
        .current_dir(project.path("site"))
        .args(["diff", "HEAD:./zos.kdl", "zos.kdl"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("-old") && text.contains("+new"), "{text}");
    let (code, text) = diff(&project, &["nowhere:zos.kdl", "zos.kdl"]);
    assert_eq!(
        (code, text.contains("zosc::lock::no-revision")),
        (2, true),
        "{text}"
    );
    let (code, text) = diff(&project, &["HEAD:../../../zos.kdl", "zos.kdl"]);
    assert_eq!(code, 2, "{text}");
}

#[test]
fn plans_are_read_back() {
    let project = project();
    project.succeed(&["lock"]);
    let plan = |name: &str| {
        let output = project.run(&["plan", "--format", "json"]);
        assert!(output.status.success());
        std::fs::write(project.path(name), output.stdout).unwrap();
    };
    plan("old.json");
    for arguments in [
        ["old.json", "zos.kdl"],
        ["zos.kdl", "old.json"],
        ["old.json", "old.json"],
    ] {
        let (code, text) = diff(&project, &arguments);
        assert_eq!((code, text.contains("no difference")), (0, true), "{text}");
    }
    project.edit(|text| text.replace("nc -l", "nc -k"));
    plan("new.json");
    let plans = json(&project, &["old.json", "new.json"]);
    assert_eq!(plans["of"], "plans");
    let units = change(&plans, "zinit_setup", "write units");
    let fields = units["fields"].as_array().unwrap();
    assert_eq!(fields.len(), 1, "{units:#}");
    let mixed = json(&project, &["old.json", "zos.kdl"]);
    assert_eq!(mixed["sections"], plans["sections"]);
    assert_eq!(mixed["impact"]["again"], plans["impact"]["again"]);

    std::fs::write(
        project.path("cut.json"),
        &std::fs::read(project.path("new.json")).unwrap()[..99],
    )
    .unwrap();
    let (code, text) = diff(&project, &["cut.json", "new.json"]);
    assert_eq!(
        (code, text.contains("zosc::diff::not-a-plan")),
        (2, true),
        "{text}"
    );
}

#[test]
fn images_are_compared_file_by_file() {
    let project = project();
    project.succeed(&["build"]);
    std::fs::rename(project.path("dist"), project.path("before")).unwrap();
    publish(&project, &[("shell", "1.1-r0"), ("marks", "2.1-r4")]);
    project.edit(|text| {
        text.replace("to this", "to that")
            .replace("the old secret", "the new secret")
            .replace("requires network", "after network")
            .replace(
                "file \"/init\" mode=\"0755\"",
                "file \"/init\" mode=\"0700\"",
            )
    });
    project.succeed(&["update"]);
    project.succeed(&["build"]);
    let (old, new) = ("before/initramfs.cpio.xz", "dist/initramfs.cpio.xz");
    let found = json(&project, &[old, new]);
    assert_eq!(found["of"], "images");
    let init = change(&found, "files", "/init");
    assert_eq!(field(init, "mode"), (&"0755".into(), &"0700".into()));
    assert_eq!(field(init, "from").1, "file /init");
    let shell = change(&found, "files", "/usr/lib/shell");
    assert_eq!(
        field(shell, "from"),
        (
            &"package shell-1.0-r0".into(),
            &"package shell-1.1-r0".into()
        )
    );
    assert_eq!(
        change(&found, "files", "/usr/lib/base")["change"],
        "removed"
    );
    assert_eq!(
        change(&found, "packages", "package shell")["verdict"],
        "upgrade"
    );
    let sshd = change(&found, "units", "unit sshd");
    assert_eq!(field(sshd, "after").1, &serde_json::json!(["network"]));
    let motd = change(&found, "files", "/etc/motd")["text"]["lines"]
        .as_array()
        .unwrap();
    assert!(motd.contains(&"+to that".into()));
    let (code, text) = diff(&project, &[old, new]);
    assert_eq!(code, 1);
    assert!(
        text.contains("/etc/secret") && !text.contains("the new secret"),
        "{text}"
    );

    let folders = json(&project, &["before", "dist"]);
    assert_eq!(folders["of"], "folders");
    let one = folders["sections"].as_array().unwrap().len();
    assert_eq!(one, found["sections"].as_array().unwrap().len());
    assert_eq!(diff(&project, &["-q", "before", new]).0, 1);
    for same in [[old, old], ["dist", "dist"], ["dist", new]] {
        let (code, text) = diff(&project, &same);
        assert_eq!((code, text.contains("no difference")), (0, true), "{text}");
    }
    let (code, text) = diff(&project, &["--stat", old, new]);
    assert_eq!(code, 1);
    assert!(text.lines().count() < 20, "{text}");
}

#[test]
fn what_cannot_be_compared_is_refused_with_what_can() {
    let project = project();
    project.succeed(&["build"]);
    let image = std::fs::read(project.path("dist/initramfs.cpio.xz")).unwrap();
    std::fs::write(project.path("cut.cpio.xz"), &image[..image.len() / 2]).unwrap();
    std::fs::create_dir(project.path("empty")).unwrap();
    let cases = [
        (["dist", "zos.kdl"], "zosc::diff::not-comparable"),
        (
            ["zos.kdl", "dist/initramfs.cpio.xz"],
            "zosc::diff::not-comparable",
        ),
        (["cut.cpio.xz", "dist"], "zosc::archive::"),
        (["empty", "dist"], "zosc::inspect::no-image"),
        (["missing.json", "zos.kdl"], "zosc::cli::cannot-read"),
    ];
    for (arguments, wanted) in cases {
        let (code, text) = diff(&project, &arguments);
        assert_eq!(
            (code, text.contains(wanted)),
            (2, true),
            "{arguments:?}: {text}"
        );
    }
}

/// A kernel that can be started, where the tests have one.
fn kernel() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("ZOSC_TEST_KERNEL")?).join("boot");
    let files = std::fs::read_dir(folder).ok()?;
    let mut files = files.filter_map(|file| Some(file.ok()?.path()));
    files.find(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz"))
    })
}

#[test]
fn programs_are_compared_by_their_sections() {
    let stub = Path::new("/usr/lib/systemd/boot/efi/linuxx64.efi.stub");
    let Some(kernel) = kernel().filter(|_| stub.exists()) else {
        eprintln!("skipped: $ZOSC_TEST_KERNEL or the EFI stub is not there");
        return;
    };
    let project = project();
    let sections = format!(
        "kernel {{ prebuilt image=\"{}\"; stub path=\"{}\"; cmdline \"console=ttyS0 quiet\" }}\n",
        kernel.display(),
        stub.display()
    );
    project.edit(|text| {
        let text = text.replace("outputs {", "outputs { efi \"vmlinuz.efi\";");
        text + &sections
    });
    project.succeed(&["build"]);
    std::fs::rename(project.path("dist"), project.path("before")).unwrap();
    project.edit(|text| text.replace("console=ttyS0 quiet", "console=ttyS0 panic=10"));
    project.succeed(&["build"]);
    let found = json(&project, &["before/vmlinuz.efi", "dist/vmlinuz.efi"]);
    let program = change(&found, "EFI program", "EFI program");
    let words = serde_json::json!(["console=ttyS0", "panic=10"]);
    assert_eq!(field(program, "command line").1, &words);
    let (before, after) = field(program, "PCR 11");
    assert_ne!(before, after);
    field(change(&found, "EFI program", "section .cmdline"), "content");
    let text = diff(&project, &["before", "dist"]).1;
    assert!(
        text.contains("vmlinuz.efi: EFI program") && text.contains("+panic=10"),
        "{text}"
    );
    let mixed = json(&project, &["before/vmlinuz.efi", "dist/initramfs.cpio.xz"]);
    assert!(
        mixed["notes"][0]
            .as_str()
            .unwrap()
            .contains("of different kinds")
    );
    for section in mixed["sections"].as_array().unwrap() {
        assert_ne!(section["section"], "EFI program");
    }
}
