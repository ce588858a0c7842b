//! `zosc shell`: going inside a build, whether it failed or not.

use crate::support::project::{IMAGE, Project};

/// A project with a source that is built by a script of the machine.
fn with_source(script: &str) -> Project {
    let project = Project::new(IMAGE);
    project.edit(|text| {
        format!("{text}\ntoolchain machine {{ host }}\nsource tool {{ path \"src\"; build script=\"{script}\" toolchain=machine; install x to=\"/x\" }}\n")
    });
    project.write("src/x", "source\n");
    project
}

#[test]
fn a_failed_build_is_entered_and_ends_with_the_exit_code_of_its_command() {
    let project = with_source("echo half > done; exit 7");
    let said = project.run(&["build"]).stderr;
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("zosc shell tool"), "{said}");
    let inside = |command: &str| {
        let output = project.run(&["shell", "tool", "--", "/bin/sh", "-c", command]);
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    assert_eq!(
        inside("pwd; cat x done"),
        (Some(0), "/build/source\nsource\nhalf\n".to_owned())
    );
    assert_eq!(inside("echo 3 > done; exit 3").0, Some(3));
    assert_eq!(
        inside("cat done; kill -9 $$"),
        (Some(137), "3\n".to_owned())
    );
    assert_eq!(inside("/build/run").0, Some(7));
    let list = project
        .run(&["shell", "list", "--message-format", "json"])
        .stdout;
    let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
    assert_eq!(
        (&list["name"], &list["state"]),
        (&"tool".into(), &"failed".into())
    );
    project.refuse(&["shell", "stop", "tol"], &["zosc::build::no-shell"]);
    project.refuse(
        &["shell", "start", "tol"],
        &["zosc::build::nothing-to-enter"],
    );
    project.succeed(&["shell", "stop", "tool"]);
    assert!(project.run(&["shell", "list"]).stdout.is_empty());
}

#[test]
fn a_shell_is_entered_although_a_file_of_the_project_was_lost_from_the_store() {
    let project = with_source("cat x > y");
    // A folder that has just changed is read again anyway.
    std::thread::sleep(std::time::Duration::from_millis(300));
    project.succeed(&["lock"]);
    let digest = zosc::tree::Digest::of(b"source\n").to_string();
    let blobs = project.path("store").join("blobs");
    std::fs::remove_file(blobs.join(&digest[..1]).join(&digest[1..])).unwrap();
    let output = project.run(&["shell", "tool", "--", "/bin/cat", "x"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.stdout, b"source\n", "{said}");
}

#[test]
fn a_shell_on_a_terminal_keeps_what_is_changed_in_it() {
    let project = with_source("cat x > y");
    let typed = |line: &str, keys: &str| {
        // `script` gives the command a terminal.
        let output = assert_cmd::Command::new("script")
            .args([
                "-qec",
                &format!("{} {line}", env!("CARGO_BIN_EXE_zosc")),
                "/dev/null",
            ])
            .current_dir(project.folder.path())
            .env("ZOSC_STORE", project.path("store"))
            .write_stdin(keys)
            .output()
            .ok()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}");
        Some(said)
    };
    let keys = "echo sees $((40 + 2)) >> x\n/build/run && cat y\nexit\n";
    let Some(said) = typed("shell tool", keys) else {
        println!("skipped: there is no `script` to make a terminal");
        return;
    };
    for part in [
        "all is ready for `build tool`",
        "type `/build/run`",
        "tool /build/source # ",
        "sees 42",
    ] {
        assert!(said.contains(part), "`{part}` is missing:\n{said}");
    }
    // Another terminal, later; the manifest's own copy is as it was.
    let said = typed(
        "shell enter tool",
        "test -t 0 && echo terminal $((40 + 2)); wc -l < x\nexit\n",
    )
    .unwrap();
    assert!(
        said.contains("terminal 42") && said.contains("\n2"),
        "{said}"
    );
    assert_eq!(
        std::fs::read_to_string(project.path("src/x")).unwrap(),
        "source\n"
    );
    project.succeed(&["shell", "stop", "--all"]);
    let said = typed("shell tool -- wc -l x", "").unwrap();
    assert!(said.contains("1 x"), "{said}");
}
