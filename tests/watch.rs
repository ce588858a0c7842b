//! `zosc watch` as its users meet it: a process that builds whenever a file changes.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

#[path = "support/mod.rs"]
mod support;

use std::process::Command;
use std::time::Duration;

use support::project::{IMAGE, Project};
use support::watching::Watching;

/// A project whose image is made of an imported file and two local files, one of them in a folder.
fn project() -> Project {
    let project = Project::new(IMAGE);
    project.edit(|text| {
        format!(
            "import \"more.kdl\"\n{text}\nfile \"/etc/local\" from=\"local.txt\"\noverlay \"rootfs\"\n"
        )
        .replacen("import \"more.kdl\"\nedition 1", "edition 1\nimport \"more.kdl\"", 1)
    });
    project.write("more.kdl", "edition 1\nfile \"/etc/more\" text=\"more\"\n");
    project.write("local.txt", "local\n");
    project.write("rootfs/etc/deep/x", "x\n");
    project
}

/// Replaces a file as editors do: a new one takes its name.
fn rename_over(project: &Project, name: &str, text: &str) {
    project.write("new~", text);
    std::fs::rename(project.path("new~"), project.path(name)).unwrap();
}

#[test]
fn each_change_of_a_file_is_a_round() {
    let project = project();
    let watching = Watching::start(project.folder.path(), &["--color", "never"]);
    let first = watching.round();
    assert!(first.contains("actions done"), "{first}");
    let image = project.path("dist/initramfs.cpio.xz");
    let mut before = std::fs::read(&image).unwrap();
    let mut changes = |name: &str, change: &dyn Fn()| {
        change();
        let said = watching.round();
        assert!(said.contains(&format!("change {name}")), "{name}:\n{said}");
        assert!(said.contains("\nran "), "{name}:\n{said}");
        let after = std::fs::read(&image).unwrap();
        assert_ne!(before, after, "{name}");
        before = after;
    };
    changes("zos.kdl", &|| {
        project.edit(|text| text.replace("echo hello", "echo 1"));
    });
    let renamed = std::fs::read_to_string(project.path("zos.kdl")).unwrap();
    let renamed = renamed.replace("echo 1", "echo 2");
    changes("zos.kdl", &|| rename_over(&project, "zos.kdl", &renamed));
    changes("more.kdl", &|| {
        rename_over(
            &project,
            "more.kdl",
            "edition 1\nfile \"/etc/more\" text=\"other\"\n",
        );
    });
    changes("local.txt", &|| project.write("local.txt", "changed\n"));
    changes("local.txt", &|| {
        rename_over(&project, "local.txt", "again\n");
    });
    changes("rootfs/etc", &|| project.write("rootfs/etc/deep/x", "y\n"));
    changes("rootfs/etc", &|| {
        project.write("rootfs/etc/deep/new", "n\n");
    });
    let (said, code) = watching.stop();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("watch stopped"), "{said}");
    let left = std::fs::read_dir(project.path("store/temporary")).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn a_mistake_is_shown_and_its_repair_built() {
    let project = project();
    let watching = Watching::start(project.folder.path(), &["--color", "never"]);
    watching.round();
    let image = project.path("dist/initramfs.cpio.xz");
    let good = std::fs::read(&image).unwrap();
    let text = std::fs::read_to_string(project.path("zos.kdl")).unwrap();
    project.write("zos.kdl", &text.replace("install marks", "instal marks"));
    let said = watching.round();
    assert!(said.contains("did you mean `install`?"), "{said}");
    assert!(said.contains("what was built before is left"), "{said}");
    assert_eq!(std::fs::read(&image).unwrap(), good);
    project.write("zos.kdl", &text);
    let said = watching.round();
    assert!(said.contains("nothing to do"), "{said}");
    // A file that is named and not there is waited for.
    std::fs::remove_file(project.path("local.txt")).unwrap();
    let said = watching.round();
    assert!(said.contains("local.txt"), "{said}");
    assert!(said.contains("not built"), "{said}");
    project.write("local.txt", "here again\n");
    let said = watching.round();
    assert!(said.contains("actions done"), "{said}");
    assert_eq!(watching.stop().1, Some(0));
}

#[test]
fn ctrl_c_in_a_build_leaves_no_child() {
    let project = project();
    let marker = format!("4.{}", std::process::id());
    project.edit(|text| {
        format!("{text}\ntoolchain machine {{ host }}\nsource tool {{ path \"src\"; build script=\"echo begun; sleep 9{marker}\" toolchain=machine; install x to=\"/x\" }}\n")
    });
    project.write("src/x", "source\n");
    let watching = Watching::start(project.folder.path(), &["--color", "never"]);
    watching.until("begun");
    let (said, code) = watching.stop();
    assert_eq!(code, Some(0), "{said}");
    let running = Command::new("pgrep")
        .args(["-f", &format!("^sleep 9{marker}")])
        .output();
    assert!(running.unwrap().stdout.is_empty(), "the command goes on");
}

#[test]
fn changes_during_a_build_are_one_more_round() {
    let project = project();
    project.edit(|text| {
        format!("{text}\ntoolchain machine {{ host }}\nsource tool {{ path \"src\"; build script=\"echo begun; sleep 1; cp words x\" toolchain=machine; install x to=\"/x\" }}\n")
    });
    project.write("src/words", "one\n");
    let watching = Watching::start(project.folder.path(), &["--color", "never"]);
    watching.until("begun");
    project.write("local.txt", "first\n");
    project.write("local.txt", "second\n");
    watching.round();
    let said = watching.round();
    assert!(said.contains("change local.txt"), "{said}");
    let more = watching.lines.recv_timeout(Duration::from_millis(500));
    assert!(more.is_err(), "{more:?}");
    assert_eq!(watching.stop().1, Some(0));
}

#[test]
fn what_cannot_be_watched_is_no_reason_to_wait() {
    let project = project();
    let none = project.run(&["watch", "none.kdl"]);
    assert_eq!(none.status.code(), Some(1));
    let stage = project.run(&["watch", "--until", "none"]);
    assert_eq!(stage.status.code(), Some(1));
    let both = project.run(&["watch", "--until", "cleanup", "--boot"]);
    assert_eq!(both.status.code(), Some(2));
}
