//! Parts of builds, builds by hand, and builds that are proved: `zosc build` with `--until`, `--rebuild-from`, `--force`, `--dry-run`
//! and `--verify`.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

#[path = "support/mod.rs"]
mod support;

use support::project::{IMAGE, Project};

/// A project with a source that this machine's shell builds.
fn with_source(script: &str) -> Project {
    let project = Project::new(IMAGE);
    project.edit(|text| {
        format!("{text}\ntoolchain machine {{ host }}\nsource tool {{ path \"src\"; build script=\"{script}\" toolchain=machine; install x to=\"/usr/bin/x\" mode=\"0755\" }}\n")
    });
    project.write("src/x", "source\n");
    project
}

const RANDOM: &str = "cat /proc/sys/kernel/random/uuid > x";

/// The lines of JSON that a command prints.
fn lines(project: &Project, arguments: &[&str]) -> Vec<serde_json::Value> {
    let output = project
        .command()
        .args(arguments)
        .args(["--message-format", "json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The last of them.
fn json(project: &Project, arguments: &[&str]) -> serde_json::Value {
    lines(project, arguments).pop().unwrap()
}

#[test]
fn a_dry_run_says_what_would_run_and_touches_nothing() {
    let project = Project::new(IMAGE);
    let listing = |arguments: &[&str]| {
        let output = project.run(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let text = listing(&["build", "--dry-run"]);
    assert!(text.contains("alpine_extract\n"), "{text}");
    assert!(text.contains("never built"), "{text}");
    assert!(!project.path("zos.lock").exists() && !project.path("dist").exists());
    project.succeed(&["build"]);
    let text = listing(&["build", "--dry-run"]);
    assert!(text.starts_with("nothing to do, "), "{text}");
    let lock = std::fs::read(project.path("zos.lock")).unwrap();
    project.edit(|text| text.replace("echo hello", "echo goodbye"));
    let text = listing(&["build", "--dry-run", "--until", "zinit_setup"]);
    assert!(text.contains("zinit_setup\n  • write units"), "{text}");
    assert!(
        text.contains("left: initramfs.cpio.xz (initramfs_create makes it)"),
        "{text}"
    );
    let line = json(&project, &["build", "--dry-run"]);
    let actions = line["would_run"].as_array().unwrap();
    assert_eq!(actions[0]["certain"], true);
    assert_eq!(actions[0]["stage"], "zinit_setup");
    assert!(!actions[0]["cause"].as_array().unwrap().is_empty());
    assert!(actions.iter().any(|action| action["certain"] == false));
    assert_eq!(lock, std::fs::read(project.path("zos.lock")).unwrap());
}

#[test]
fn a_build_stops_at_a_stage_and_goes_on_from_there() {
    let project = Project::new(IMAGE);
    let said = project.succeed(&["build", "--until", "alpine_packages"]);
    assert!(said.contains("left initramfs.cpio.xz"), "{said}");
    assert!(!project.path("dist").exists());
    let built = json(&project, &["build"]);
    assert!(built["stored"].as_u64().unwrap() > 3, "{built}");
    assert_eq!(built["left"], serde_json::json!([]));
    assert!(project.path("dist/initramfs.cpio.xz").is_file());
}

#[test]
fn stages_are_built_again_when_someone_asks_for_it() {
    let project = with_source("echo built > x");
    project.succeed(&["build"]);
    let performed = |arguments: &[&str], variables: &[(&str, &str)]| {
        let output = project
            .command()
            .args(arguments)
            .args(["--message-format", "json"])
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(line["built"][0]["written"], false, "it is the same again");
        line["performed"].as_u64().unwrap()
    };
    let from = performed(&["build", "--rebuild-from", "components_build"], &[]);
    let everything = performed(&["build", "--force"], &[]);
    assert!(0 < from && from < everything, "{from} {everything}");
    let variable = [("REBUILD_FROM_STAGE", "components_build")];
    assert_eq!(performed(&["build"], &variable), from);
    assert_eq!(performed(&["build"], &[("FORCE_REBUILD", "1")]), everything);
    assert_eq!(performed(&["build"], &[("FORCE_REBUILD", "no")]), 0);
}

#[test]
fn an_unknown_stage_is_told_with_the_nearest_and_all_of_them() {
    let project = Project::new(IMAGE);
    for option in ["--until", "--rebuild-from"] {
        let lines = project.refuse(
            &["build", option, "initramfs"],
            &["zosc::cli::unknown-stage"],
        );
        let notes = lines[0]["notes"].to_string();
        assert!(
            notes.contains("alpine_extract, alpine_configure"),
            "{notes}"
        );
    }
    let lines = project.refuse(
        &["build", "--until", "kernel_bild"],
        &["zosc::cli::unknown-stage"],
    );
    assert_eq!(lines[0]["help"], "did you mean `kernel_build`?");
    for arguments in [
        ["--force", "--rebuild-from=cleanup"],
        ["--verify", "--until=cleanup"],
        ["--verify", "--dry-run"],
    ] {
        let output = project.command().arg("build").args(arguments).output();
        assert_eq!(output.unwrap().status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn what_is_built_again_with_another_outcome_is_told() {
    let project = with_source(RANDOM);
    project.succeed(&["build"]);
    let output = project
        .command()
        .args([
            "build",
            "--rebuild-from",
            "components_build",
            "--color",
            "never",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("zosc::build::not-reproducible"), "{said}");
    assert!(
        said.contains("`build tool` yielded something else"),
        "{said}"
    );
}

#[test]
fn an_image_that_can_be_reproduced_is_proved_to_be() {
    let project = with_source("nproc > /dev/null; umask > /dev/null; echo built > x");
    project.succeed(&["build"]);
    // Only what was fetched is shared, and nothing has to be fetched again.
    std::fs::remove_dir_all(project.path("repository")).unwrap();
    let said = project.succeed(&["build", "--verify", "--offline"]);
    assert!(
        said.contains("1 output is the same in both builds"),
        "{said}"
    );
    let left = std::fs::read_dir(project.path("store/temporary")).unwrap();
    assert_eq!(left.count(), 0, "nothing of the second build stays");
}

#[test]
fn an_image_that_cannot_be_reproduced_is_refused_and_the_culprit_named() {
    let project = with_source(RANDOM);
    let lines = project.refuse(&["build", "--verify"], &["zosc::build::not-reproducible"]);
    let notes = lines[0]["notes"].to_string();
    for part in [
        "`initramfs.cpio.xz` differs from byte",
        "the first file of the image that differs is `/usr/bin/x` (source tool): its content differs from byte",
        "`build tool` (components_build)",
    ] {
        assert!(notes.contains(part), "{part}:\n{notes}");
    }
    assert!(lines[0]["labels"][0]["line"].as_u64().unwrap() > 5);
}

#[test]
fn a_second_build_that_fails_says_what_it_said() {
    if std::thread::available_parallelism().unwrap().get() < 2 {
        println!(
            "skipped: there is one processor, and the second build gets one fewer than the first"
        );
        return;
    }
    let project = with_source("echo x > x");
    project.succeed(&["build"]);
    // Nothing else is left to be done beside it, which would hold one of the two.
    project.edit(|text| text.replace("echo x > x", "test $(nproc) = 2; echo x > x"));
    let lines = project.refuse(
        &["build", "--verify", "--jobs", "2"],
        &["zosc::cli::second-build-failed"],
    );
    let notes = lines[0]["notes"].to_string();
    assert!(notes.contains("build tool"), "{notes}");
}

/// A second image with the same source, and a unit of its own, in a folder beside the first.
fn with_another(project: &Project) {
    let text = std::fs::read_to_string(project.path("zos.kdl")).unwrap();
    let other = text
        .replace("image test", "image other")
        .replace("\"keys/", "\"../keys/")
        .replace("\"src\"", "\"../src\"")
        .replace("echo hello", "echo other");
    project.write("other/zos.kdl", &other);
}

/// The lines of JSON that a command prints of images, by the image's name.
fn images(project: &Project, arguments: &[&str]) -> Vec<(String, serde_json::Value)> {
    let lines = lines(project, arguments).into_iter();
    let lines = lines.filter_map(|line| Some((line["image"].as_str()?.to_owned(), line)));
    lines.collect()
}

#[test]
fn images_that_are_built_together_build_once_what_they_share() {
    let project = with_source("tr a-z A-Z < x > y; mv y x");
    with_another(&project);
    let both = ["zos.kdl", "other/zos.kdl"];
    let would = images(&project, &[&["build", "--dry-run"][..], &both].concat());
    assert_eq!(would.len(), 2, "{would:?}");
    assert!(!project.path("other/zos.lock").exists());
    let built = images(&project, &[&["build"][..], &both].concat());
    let names: Vec<&str> = built.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["test", "other"]);
    let paths = built.iter().map(|(_, line)| {
        let path = line["built"][0]["path"].as_str().unwrap();
        std::fs::read(project.path(path)).unwrap()
    });
    let contents: Vec<Vec<u8>> = paths.collect();
    assert_ne!(contents[0], contents[1]);
    let records = zosc::build::records(&zosc::tree::Store::open(project.path("store")).unwrap());
    let runs = records.iter().flat_map(|record| &record.actions);
    let runs = runs.filter(|action| action.label == "build tool" && action.performed);
    assert_eq!((records.len(), runs.count()), (2, 1));
    // Alone or together, the same bytes.
    let said = project.succeed(&["build", "other/zos.kdl", "--output", "alone"]);
    assert!(said.contains("ok 0 actions done"), "{said}");
    let name = built[1].1["built"][0]["path"].as_str().unwrap();
    let name = std::path::Path::new(name).file_name().unwrap();
    let alone = std::fs::read(project.path("alone").join(name)).unwrap();
    assert_eq!(alone, contents[1]);
    let said = project.succeed(&[&["build", "--output", "all"][..], &both].concat());
    assert!(said.contains("ok 2 images: 0 actions done"), "{said}");
    assert!(project.path("all/test").join(name).exists());
    assert!(project.path("all/other").join(name).exists());
    let said = project.succeed(&[&["build"][..], &both].concat());
    assert!(said.contains("ok 2 images: nothing to do"), "{said}");
}

#[test]
fn images_in_one_folder_have_locks_and_outputs_of_their_own() {
    let project = Project::new(IMAGE);
    let text = std::fs::read_to_string(project.path("zos.kdl")).unwrap();
    let other = text.replace("image test", "image other");
    let other = other.replace("install marks", "install marks intel-ucode");
    project.write("b.kdl", &other);
    let both = ["build", "zos.kdl", "b.kdl"];
    project.refuse(&both, &["zosc::build::same-output"]);
    let apart = [&both[..], &["--output", "images"]].concat();
    project.succeed(&apart);
    project.succeed(&[&apart[..], &["--locked"]].concat());
    assert!(project.path("zos.lock").exists() && project.path("b.lock").exists());
}

#[test]
fn a_project_with_its_packages_may_lie_in_a_folder_of_any_name() {
    let project = Project::new(IMAGE);
    let address = format!("\"file://{}\"", project.path("repository").display());
    project.edit(|text| text.replace(&address, "\"./repository\""));
    std::fs::create_dir(project.path("50% off")).unwrap();
    for name in ["zos.kdl", "keys", "repository"] {
        std::fs::rename(project.path(name), project.path("50% off").join(name)).unwrap();
    }
    project.succeed(&["build", "50% off/zos.kdl"]);
    let lock = std::fs::read_to_string(project.path("50% off/zos.lock")).unwrap();
    assert!(lock.contains("file:./repository/"), "{lock}");
    // The lock holds wherever it lies, and whatever the folder is called.
    std::fs::rename(project.path("50% off"), project.path("j\u{fc}rgen%20#1")).unwrap();
    project.succeed(&["build", "--locked", "j\u{fc}rgen%20#1/zos.kdl"]);
}

#[test]
fn a_lock_of_no_manifest_is_told_before_another_one_is_written() {
    let project = Project::new(IMAGE);
    project.succeed(&["lock"]);
    std::fs::rename(project.path("zos.kdl"), project.path("site.kdl")).unwrap();
    let code = "zosc::lock::other-name";
    let output = project.run(&["lock", "site.kdl"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains(code), "{said}");
    // From here on it has one of its own.
    assert!(project.path("site.lock").exists());
    let said = project.succeed(&["lock", "site.kdl"]);
    assert!(!said.contains(code), "{said}");
}

#[test]
fn mistakes_of_all_manifests_are_told_in_one_run() {
    let project = Project::new(IMAGE);
    project.write("a.kdl", "edition 1\nimag a\n");
    project.write("b.kdl", "edition 1\nimage b\nunit x\n");
    for command in ["check", "build"] {
        let output = project.run(&[command, "a.kdl", "zos.kdl", "b.kdl"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(said.contains("a.kdl") && said.contains("b.kdl"), "{said}");
    }
    let said = project.succeed(&["check", "zos.kdl", "zos.kdl"]);
    assert_eq!(said.matches("ok zos.kdl").count(), 2, "{said}");
}
