//! The program as its users meet it: exit codes, streams, messages, and builds from packages that the test makes and signs.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::path::Path;

#[path = "support/mod.rs"]
mod support;

#[path = "command_line/entering.rs"]
mod entering;
#[path = "command_line/images.rs"]
mod images;
#[path = "command_line/new.rs"]
mod new;

use support::packages::{Recipe, SignatureHash, SigningKey};
use support::project::{IMAGE, Project};

fn digest(path: &Path) -> String {
    zosc::tree::Digest::of(&std::fs::read(path).unwrap()).to_string()
}

#[test]
fn arguments_that_make_no_sense_are_usage_errors() {
    let project = Project::new(IMAGE);
    assert_eq!(project.run(&["bild"]).status.code(), Some(2));
    assert_eq!(
        project
            .run(&["check", "--message-format", "xml"])
            .status
            .code(),
        Some(2)
    );
    let help = project.run(&["build", "--help"]);
    assert!(help.status.success());
    assert!(
        String::from_utf8(help.stdout)
            .unwrap()
            .contains("--offline")
    );
}

#[test]
fn a_missing_manifest_says_what_to_type() {
    let project = Project::new(IMAGE);
    let output = project.run(&["check", "nowhere.kdl"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("zosc new")
    );
}

#[test]
fn every_code_can_be_explained() {
    let project = Project::new(IMAGE);
    let listed = String::from_utf8(project.run(&["explain"]).stdout).unwrap();
    assert!(listed.lines().count() > 50);
    for code in listed.lines() {
        let page = project.run(&["explain", code]);
        assert!(page.status.success(), "{code}");
    }
    assert_eq!(
        project
            .run(&["explain", "zosc::manifest::unknown-nod"])
            .status
            .code(),
        Some(1)
    );
}

#[test]
fn a_lock_that_does_not_fit_is_refused_when_it_must_not_change() {
    let project = Project::new(IMAGE);
    project.refuse(&["build", "--locked"], &["zosc::lock::out-of-date"]);
    project.succeed(&["lock"]);
    let locked = digest(&project.path("zos.lock"));
    project.edit(|text| text.replace("install marks", "install marks shell"));
    project.refuse(&["build", "--locked"], &["zosc::lock::out-of-date"]);
    assert_eq!(digest(&project.path("zos.lock")), locked);
}

#[test]
fn an_unknown_package_is_told_with_the_nearest_name() {
    let project = Project::new(IMAGE);
    project.edit(|text| text.replace("install marks", "install mraks"));
    let lines = project.refuse(&["build"], &["zosc::lock::unknown-package"]);
    assert!(
        lines[0]["help"].as_str().unwrap().contains("marks"),
        "{}",
        lines[0]
    );
    assert_eq!(lines[0]["labels"][0]["line"], 8);
    assert!(!project.path("dist").exists());
}

#[test]
fn a_package_that_was_changed_after_signing_is_refused() {
    let project = Project::new(IMAGE);
    let package = project.path("repository/x86_64/marks-2.1-r3.apk");
    let sound = std::fs::read(&package).unwrap();
    let mut damaged = sound.clone();
    let last = damaged.len() - 12;
    damaged[last] ^= 1;
    for (bytes, code) in [
        (damaged, "zosc::apk::"),
        (replaced(sound.len()), "zosc::apk::wrong-identity"),
    ] {
        std::fs::write(&package, bytes).unwrap();
        let output = project.run(&["build", "--message-format", "json"]);
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(&format!("\"code\":\"{code}")), "{text}");
        assert!(!project.path("dist").exists() && !project.path("zos.lock").exists());
    }
}

/// A whole package of the same name and size with other files in it, signed by a stranger who has a key of the same name.
fn replaced(size: usize) -> Vec<u8> {
    let stranger = SigningKey::generate("test.rsa.pub", b"stranger");
    let package = |noise: usize| {
        let noise: String = (0..noise)
            .map(|number| char::from(b'!' + (number * number * 7919 / 13 % 90) as u8))
            .collect();
        let recipe = Recipe::new("marks", "2.1-r3").file("usr/share/marks/data", &noise);
        let signed = recipe.pack(Some((&stranger, SignatureHash::Sha256)));
        signed.bytes
    };
    let mut packages = (0..4000).map(package);
    packages
        .find(|bytes| bytes.len() == size)
        .expect("one has that size")
}

#[test]
fn an_index_signed_by_a_stranger_is_refused() {
    let project = Project::new(IMAGE);
    project.publish(&SigningKey::generate("test.rsa.pub", b"somebody else"));
    let output = project.run(&["build", "--message-format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("signature")
    );
}

#[test]
fn values_can_be_set_from_the_command_line() {
    let project = Project::new(IMAGE);
    project.edit(|text| text.replace("initramfs.cpio.xz", "initramfs-{version}.cpio.xz"));
    project.succeed(&["build", "--set", "image.version=9"]);
    assert!(project.path("dist/initramfs-9.cpio.xz").is_file());
}

#[test]
fn what_programs_read_keeps_its_schema() {
    let project = Project::new(IMAGE);
    let validator = |what: &str| {
        let schema = project.run(&["schema", "--what", what]).stdout;
        jsonschema::validator_for(&serde_json::from_slice(&schema).unwrap()).unwrap()
    };
    let message = validator("message");
    project.edit(|text| {
        text.replace("install marks", "install marks marks")
            .replace("hostname test", "hostnam test")
    });
    for line in project.refuse(&["check"], &["zosc::manifest::unknown-node"]) {
        assert!(message.is_valid(&line), "{line}");
    }
    assert!(!message.is_valid(&serde_json::json!({ "code": "zosc::check::x" })));
    let manifest = project.run(&["schema"]).stdout;
    assert_eq!(
        manifest,
        project.run(&["schema", "--what", "manifest"]).stdout
    );
    let built = Project::new(IMAGE);
    built.succeed(&["build"]);
    for parts in [&[][..], &["--files"], &["--segments", "--units"]] {
        let report = built.inspected("dist/initramfs.cpio.xz", parts);
        assert!(validator("report").is_valid(&report), "{report}");
    }
}

#[test]
fn skipped_scripts_are_told_when_they_are_news_and_by_lock_and_check() {
    let project = Project::new(IMAGE);
    project.edit(|text| text.replace("install marks", "install marks; scripts skip"));
    let told = |arguments: &[&str]| {
        let said = project.succeed(arguments);
        said.contains("`marks` has scripts that are skipped")
    };
    assert!(!told(&["check"]), "nothing is locked");
    assert!(told(&["fetch"]) && !told(&["fetch"]));
    assert!(!told(&["plan"]) && !told(&["build"]));
    assert!(told(&["lock"]) && told(&["check"]));
}

#[test]
fn resolve_lists_what_would_be_installed_and_why() {
    let project = Project::new(IMAGE);
    let printed = |arguments: &[&str]| {
        let output = project.run(arguments);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let all = "shell-1.0-r0\nbase-1.0-r0\nmarks-2.1-r3\n";
    assert_eq!(printed(&["resolve"]), all);
    assert_eq!(printed(&["resolve", "base"]), "base-1.0-r0\n");
    let elsewhere = ["-X", "repository", "--key", "keys/test.rsa.pub"];
    let named = [&["resolve", "marks>2"], elsewhere.as_slice()].concat();
    assert_eq!(printed(&named), all);
    assert_eq!(
        printed(&[named.as_slice(), &["--why", "shell"]].concat()),
        "`marks>2` is asked for: marks-2.1-r3\nmarks-2.1-r3 needs `shell`: shell-1.0-r0\n"
    );
    let lines = printed(&[named.as_slice(), &["--message-format", "json"]].concat());
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["reason"]["by"], "marks");
    assert!(!project.path("zos.lock").exists(), "nothing is locked");
    project.refuse(&["resolve", "marks<2"], &["zosc::lock::unsatisfiable"]);
    let lines = project.refuse(&["resolve", "mark>2"], &["zosc::lock::unknown-package"]);
    let edit = &lines[0]["fixes"][0]["edits"][0];
    assert_eq!(
        (&edit["byteStart"], &edit["byteEnd"], &edit["text"]),
        (&0.into(), &4.into(), &"marks".into()),
        "the version stays: {edit}"
    );
    project.refuse(
        &["resolve", "base", "--why", "marks"],
        &["zosc::cli::not-installed"],
    );
    project.refuse(
        &["resolve", "base", "-X", "@edge"],
        &["zosc::cli::bad-repository"],
    );
}
