//! Completions in real shells, and manual pages under a real formatter.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::path::Path;
use std::process::Command;

fn zosc(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_zosc"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn is_there(program: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .output()
        .unwrap();
    if !found.status.success() {
        println!("skipped: needs {program} (apt-get install {program})");
    }
    found.status.success()
}

/// A folder with the script of a shell and a manifest.
fn folder(shell: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("script"), zosc(&["completions", shell])).unwrap();
    std::fs::write(folder.path().join("site.kdl"), "image site\n").unwrap();
    folder
}

/// What a shell says to a script of ours.
fn say(folder: &Path, shell: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(shell);
    let output = command
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && errors.is_empty(),
        "{shell}: {errors}"
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn bash_completes_commands_options_values_and_files() {
    if !is_there("bash") {
        return;
    }
    let folder = folder("bash");
    let complete = |words: &str| {
        let script = format!(
            "source ./script; COMP_WORDS=(zosc {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _zosc zosc \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"; complete -p zosc"
        );
        say(folder.path(), "bash", &["--norc", "-c", &script])
    };
    assert!(
        complete("doc").starts_with("doctor\n"),
        "{}",
        complete("doc")
    );
    assert!(complete("build --exe").starts_with("--executor\n"));
    assert!(complete("build --executor pod").starts_with("podman\n"));
    assert!(complete("check --store si").starts_with("site.kdl\n"));
    // Nothing of zosc's begins so, and bash takes file names then.
    let files = complete("check si");
    assert!(
        files.starts_with('\n') && files.contains("-o default"),
        "{files}"
    );
}

#[test]
fn fish_completes_commands_values_and_files() {
    if !is_there("fish") {
        return;
    }
    let folder = folder("fish");
    let complete = |words: &str| {
        let script = format!("source ./script; complete -C '{words}'");
        say(folder.path(), "fish", &["--no-config", "-c", &script])
    };
    assert!(complete("zosc doc").starts_with("doctor\t"));
    assert!(complete("zosc build --executor pod").starts_with("podman\t"));
    assert_eq!(complete("zosc check si"), "site.kdl\n");
}

#[test]
fn zsh_takes_the_script() {
    if !is_there("zsh") {
        return;
    }
    let folder = folder("zsh");
    let script = "autoload -U compinit; compinit -D -u; source ./script; print $_comps[zosc] $+functions[_zosc]";
    assert_eq!(
        say(folder.path(), "zsh", &["-f", "-c", script]),
        "_zosc 1\n"
    );
    let text = std::fs::read_to_string(folder.path().join("script")).unwrap();
    assert!(text.contains(":MANIFEST:_files") && text.contains("'*::manifests"));
}

#[test]
fn every_manual_page_is_sound() {
    if !is_there("mandoc") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().to_str().unwrap();
    zosc(&["man", pages]);
    let mut count = 0;
    for page in std::fs::read_dir(pages).unwrap() {
        let page = page.unwrap().path();
        let lint = Command::new("mandoc")
            .args(["-Tlint", "-Werror"])
            .arg(&page)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&lint.stdout);
        assert!(lint.status.success(), "{said}");
        count += 1;
    }
    assert!(count > 40, "{count} pages");
    let shown = Command::new("mandoc")
        .args(["-Tascii"])
        .arg(folder.path().join("zosc-store-gc.1"))
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let plain: String = shown.replace("_\u{8}", "");
    assert!(
        plain.contains("keep") && plain.contains("zosc 0."),
        "{plain}"
    );
    assert!(!shown.contains('`'), "{shown}");
}
