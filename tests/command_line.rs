//! The program as its users meet it: exit codes, streams, messages, and builds from packages that the test makes and signs.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::path::{Path, PathBuf};

#[path = "support/mod.rs"]
mod support;

use support::packages::{Recipe, SignatureHash, SigningKey};
use support::project::{IMAGE, Project, microcode};

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
fn the_digest_inside_is_that_of_the_image() {
    let project = Project::new(IMAGE);
    project.edit(|text| {
        let branding = "branding { os-release id=test; motd text=\"image {build-id}\\n\"; ";
        text.replace("branding { ", branding)
    });
    let build = || {
        let output = project.run(&["build", "--message-format", "json"]);
        assert!(output.status.success());
        let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        line["build_id"].as_str().unwrap().to_owned()
    };
    let report = || {
        let image = "dist/initramfs.cpio.xz";
        let output = project.run(&["inspect", image, "--format", "json"]);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        report
    };
    let first = build();
    assert_eq!(report()["build_id"], first.as_str());
    let entry = |path: &str| {
        let listing = report()["initramfs"]["listing"].as_array().unwrap().clone();
        let found = listing.into_iter().find(|entry| entry["path"] == path);
        found.unwrap()["digest"].as_str().unwrap().to_owned()
    };
    let of = |text: String| zosc::tree::Digest::of(text.as_bytes()).to_string();
    assert_eq!(entry("/etc/build-id"), of(format!("{first}\n")));
    assert_eq!(entry("/etc/motd"), of(format!("image {first}\n")));

    assert_eq!(build(), first);
    std::fs::remove_dir_all(project.path("store")).unwrap();
    assert_eq!(build(), first, "another store makes the same image");
    project.edit(|text| text.replace("echo hello", "echo goodbye"));
    let second = build();
    assert_ne!(second, first);
    assert_eq!(report()["build_id"], second.as_str());
    project.edit(|text| text.replace("echo goodbye", "echo hello"));
    assert_eq!(build(), first);
}

#[test]
fn microcode_comes_before_the_initramfs_and_is_not_compressed() {
    let project = Project::new(IMAGE);
    let mut kernel = vec![0; 0x1000];
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    kernel[0x20e..0x210].copy_from_slice(&0x300_u16.to_le_bytes());
    kernel[0x500..0x50e].copy_from_slice(b"6.12.1-test x\0");
    std::fs::write(project.path("vmlinuz"), kernel).unwrap();
    let sections = "kernel { prebuilt image=vmlinuz; cmdline \"console=ttyS0\"; embed none; microcode intel-ucode }\n";
    project.edit(|text| text + sections);
    project.succeed(&["build"]);
    let lock = std::fs::read_to_string(project.path("zos.lock")).unwrap();
    assert!(lock.contains("microcode"), "{lock}");
    let image = std::fs::read(project.path("dist/initramfs.cpio.xz")).unwrap();
    let code = microcode();
    assert!(image.starts_with(code.as_bytes()));
    assert!(image[code.len()..].starts_with(b"\xfd7zXZ"));
    let report = project.inspected("dist/initramfs.cpio.xz", &[]);
    assert_eq!(report["initramfs"]["segments"][0]["algorithm"], "none");
    assert_eq!(report["initramfs"]["init"], "/init");

    project.edit(|text| text.replace("microcode intel-ucode", "microcode marks"));
    project.refuse(&["build"], &["zosc::build::no-microcode"]);
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
fn an_image_is_built_once_and_then_there_is_nothing_to_do() {
    let project = Project::new(IMAGE);
    project.succeed(&["check"]);
    let first = project.succeed(&["build"]);
    assert!(first.contains("actions done"), "{first}");
    assert!(project.path("zos.lock").is_file());
    let again = project.succeed(&["build", "--locked", "--offline"]);
    assert!(again.contains("nothing to do"), "{again}");
}

#[test]
fn scripts_and_triggers_leave_their_marks_in_the_image() {
    let project = Project::new(IMAGE);
    project.succeed(&["build"]);
    let report = project.files("dist/initramfs.cpio.xz").to_string();
    for path in [
        "/etc/marks",
        "/etc/triggered",
        "/etc/zinit/services/hello.toml",
        "/lib/apk/db/installed",
        "/etc/hostname",
    ] {
        assert!(report.contains(&format!("\"{path}\"")), "{path} is missing");
    }
}

#[test]
fn two_builds_far_apart_give_the_same_bytes() {
    let projects = [Project::new(IMAGE), Project::new(IMAGE)];
    projects[0].succeed(&["build", "--jobs", "1"]);
    let shell = format!("umask 077; exec {} build", env!("CARGO_BIN_EXE_zosc"));
    let other = std::process::Command::new("sh")
        .args(["-c", &shell])
        .current_dir(projects[1].folder.path())
        .env("ZOSC_STORE", projects[1].path("other-store"))
        .env("TZ", "Asia/Kathmandu")
        .env("LANG", "tr_TR.UTF-8")
        .env("HOME", projects[1].path("home"))
        .env_remove("SOURCE_DATE_EPOCH")
        .output()
        .unwrap();
    assert!(
        other.status.success(),
        "{}",
        String::from_utf8_lossy(&other.stderr)
    );
    let digests = projects
        .each_ref()
        .map(|project| digest(&project.path("dist/initramfs.cpio.xz")));
    assert_eq!(digests[0], digests[1]);
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
fn a_failing_script_shows_its_last_words_and_leaves_no_image() {
    let project = Project::new(IMAGE);
    project.edit(|text| {
        format!("{text}\ntoolchain machine {{ host }}\nsource broken {{ path \"src\"; build script=\"echo last words; exit 7\" toolchain=machine; install x to=\"/x\" }}\n")
    });
    project.write("src/x", "");
    let lines = project.refuse(&["build"], &[]);
    let text = lines.iter().map(ToString::to_string).collect::<String>();
    assert!(text.contains("last words") && text.contains('7'), "{text}");
    assert!(!project.path("dist").exists());
}

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

#[test]
fn components_show_their_output_with_their_names() {
    let project = Project::new(IMAGE);
    project.edit(|text| {
        let source = |name: &str| {
            format!(
                "source {name} {{ path \"src\"; build script=\"echo words of {name}; touch x\" toolchain=machine; install x to=\"/{name}\" }}\n"
            )
        };
        format!(
            "{text}\ntoolchain machine {{ host }}\n{}{}",
            source("one"),
            source("two")
        )
    });
    project.write("src/x", "");
    let said = project.succeed(&["build"]);
    for name in ["one", "two"] {
        let line = format!("{name} │ words of {name}");
        assert!(said.lines().any(|told| told == line), "{said}");
    }
    project.edit(|text| text.replace("echo words", "echo other words"));
    let said = project.succeed(&["build", "--quiet"]);
    assert!(!said.contains("words of"), "{said}");
}

#[test]
fn a_small_change_repeats_little() {
    let project = Project::new(IMAGE);
    project.succeed(&["build"]);
    project.edit(|text| text.replace("echo hello", "echo good morning"));
    let said = project.succeed(&["build"]);
    let done: usize = said
        .lines()
        .find_map(|line| {
            line.split(" actions done")
                .next()?
                .split(' ')
                .next_back()?
                .parse()
                .ok()
        })
        .unwrap();
    assert!(done <= 16, "{said}");
    let plan = String::from_utf8(project.run(&["plan"]).stdout).unwrap();
    assert!(plan.contains("0 to do"), "{plan}");
}

#[test]
fn values_can_be_set_from_the_command_line() {
    let project = Project::new(IMAGE);
    project.edit(|text| text.replace("initramfs.cpio.xz", "initramfs-{version}.cpio.xz"));
    project.succeed(&["build", "--set", "image.version=9"]);
    assert!(project.path("dist/initramfs-9.cpio.xz").is_file());
}

#[test]
fn new_starts_a_project_that_checks_from_every_template() {
    let project = Project::new(IMAGE);
    for template in ["minimal", "demo", "zero-os"] {
        let said = project.succeed(&["new", template, "--template", template]);
        assert!(
            said.contains(&format!("  cd {template}\n  zosc check\n")),
            "{said}"
        );
        for file in [
            "README.md",
            ".gitignore",
            ".github/workflows/image.yml",
            ".github/workflows/zosc.yml",
            "keys/README.md",
        ] {
            assert!(
                project.path(&format!("{template}/{file}")).is_file(),
                "{file}"
            );
        }
        let manifest = format!("{template}/zos.kdl");
        let text = std::fs::read_to_string(project.path(&manifest)).unwrap();
        assert!(text.contains(&format!("\nimage {template} ")), "{text}");
        let output = project.run(&["check", &manifest, "--message-format", "json"]);
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success()
                && told
                    .lines()
                    .all(|line| line.contains("\"severity\":\"note\"")),
            "{template}: {told}"
        );
        let laid_out = project.run(&["fmt", "--check", &manifest]);
        assert!(laid_out.status.success(), "{template} is not laid out");
    }
}

#[test]
fn new_never_overwrites_a_file() {
    let project = Project::new(IMAGE);
    project.succeed(&["new", "fresh", "--no-ci", "--name", "site"]);
    assert!(!project.path("fresh/.github").exists());
    project.write("fresh/README.md", "mine");
    std::fs::remove_file(project.path("fresh/.editorconfig")).unwrap();
    project.refuse(&["new", "fresh"], &["zosc::cli::exists"]);
    assert!(!project.path("fresh/.editorconfig").exists());
    project.succeed(&["new", "fresh", "--force"]);
    assert!(project.path("fresh/.editorconfig").is_file());
    assert_eq!(
        std::fs::read(project.path("fresh/README.md")).unwrap(),
        b"mine"
    );
    assert_eq!(
        project.run(&["new", "x", "--name", "a b"]).status.code(),
        Some(2)
    );
}

#[test]
fn new_makes_a_project_ready_for_editors() {
    let files = |project: &Project, folder: &str| {
        let all = [
            ".vscode/settings.json",
            ".vscode/extensions.json",
            ".nvim.lua",
            ".helix/languages.toml",
            ".zed/settings.json",
        ];
        let there = |name: &&str| project.path(&format!("{folder}/{name}")).is_file();
        all.into_iter().filter(there).collect::<Vec<_>>()
    };
    let project = Project::new(IMAGE);
    project.succeed(&["new", "plain"]);
    let vscode = [".vscode/settings.json", ".vscode/extensions.json"];
    assert_eq!(files(&project, "plain"), vscode);
    project.succeed(&["new", "two", "--editor", "neovim", "--editor", "zed"]);
    assert_eq!(files(&project, "two"), [".nvim.lua", ".zed/settings.json"]);

    // A project that exists keeps everything, and gets what is missing.
    project.write("two/.helix/languages.toml", "# mine\n");
    let before = std::fs::read(project.path("two/zos.kdl")).unwrap();
    let said = project.succeed(&["new", "two", "--editor", "helix", "--editor", "vscode"]);
    assert!(said.contains("kept two/.helix/languages.toml"), "{said}");
    assert!(said.contains("wrote two/.vscode/settings.json"), "{said}");
    assert_eq!(before, std::fs::read(project.path("two/zos.kdl")).unwrap());
    assert_eq!(files(&project, "two").len(), 5);
    let helix = std::fs::read(project.path("two/.helix/languages.toml")).unwrap();
    assert_eq!(helix, b"# mine\n");
    let again = project.succeed(&["new", "two", "--editor", "vscode"]);
    assert!(!again.contains("wrote"), "{again}");
    project.refuse(
        &["new", "two", "--editor", "vscode", "--name", "other"],
        &["zosc::cli::exists"],
    );
    assert_eq!(
        project.run(&["new", "x", "--editor", "ed"]).status.code(),
        Some(2)
    );
}

#[test]
fn new_asks_on_a_terminal_and_takes_the_answers() {
    let project = Project::new(IMAGE);
    // `script` gives the command a terminal.
    let line = format!("{} new asked", env!("CARGO_BIN_EXE_zosc"));
    let output = assert_cmd::Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(project.folder.path())
        .write_stdin("3 words\nrouter\nminimal\nserial\nemacs\nhelix\nno\n")
        .output();
    let Ok(output) = output else {
        println!("skipped: there is no `script` to make a terminal");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    assert_eq!(
        said.matches("name of the image [asked]: ").count(),
        2,
        "{said}"
    );
    let manifest = std::fs::read_to_string(project.path("asked/zos.kdl")).unwrap();
    assert!(manifest.contains("image router "), "{manifest}");
    assert!(!project.path("asked/.github").exists());
    assert!(project.path("asked/.helix/languages.toml").is_file());
    assert!(!project.path("asked/.vscode").exists());
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
fn a_prebuilt_kernel_a_folder_and_a_download_become_an_efi_program() {
    let Some(unpacked) = std::env::var_os("ZOSC_TEST_KERNEL").map(PathBuf::from) else {
        println!("skipped: ZOSC_TEST_KERNEL names no unpacked kernel package");
        return;
    };
    let stub = Path::new("/usr/lib/systemd/boot/efi/linuxx64.efi.stub");
    let kernel = std::fs::read_dir(unpacked.join("boot"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("vmlinuz-")
        })
        .unwrap();
    let project = Project::new(IMAGE);
    project.write("src/bin/hello.sh", "#!/bin/sh\n");
    project.write("over/etc/extra/note", "x\n");
    std::fs::copy(&kernel, project.path("vmlinuz")).unwrap();
    std::fs::copy(stub, project.path("stub.efi")).unwrap();
    let archive = project.path("tool.tar.gz");
    let packed = std::process::Command::new("tar")
        .args([
            "-C",
            project.path("src").to_str().unwrap(),
            "-czf",
            archive.to_str().unwrap(),
            "bin",
        ])
        .status()
        .unwrap();
    assert!(packed.success());
    let sections = format!(
        r#"
kernel {{ prebuilt image="vmlinuz" modules="{}"; cmdline "console=ttyS0"; stub path="stub.efi" }}
modules {{ stage1 virtio_net; stage2 nosuch optional=#true }}
source folder {{ path "src"; install "bin/hello.sh" to="/usr/bin/hello" }}
source tool {{ release "file://{}" sha256="{}" strip-components=1; install "hello.sh" to="/usr/bin/tool" }}
overlay "over" to="/opt"
"#,
        unpacked.join("lib/modules").display(),
        archive.display(),
        digest(&archive),
    );
    project.edit(|text| {
        let text = text.replace(
            "initramfs \"initramfs.cpio.xz\"",
            "efi \"image-{kernel}.efi\"; kernel \"vmlinuz\"",
        );
        format!("{text}{sections}")
    });
    let said = project.succeed(&["build"]);
    assert!(
        said.contains("zosc::kmod::unknown-module"),
        "an optional module that is missing is told: {said}"
    );
    assert_eq!(digest(&project.path("dist/vmlinuz")), digest(&kernel));
    let release = kernel
        .file_name()
        .unwrap()
        .to_string_lossy()
        .replace("vmlinuz-", "");
    let report = project
        .files(&format!("dist/image-{release}.efi"))
        .to_string();
    let module = format!("/lib/modules/{release}/modules.dep");
    for path in [
        "/usr/bin/hello",
        "/usr/bin/tool",
        "/opt/etc/extra/note",
        "/etc/zosc/stage1.modules",
        &module,
    ] {
        assert!(report.contains(&format!("\"{path}\"")), "{path} is missing");
    }
}

#[test]
fn a_lost_file_of_a_package_is_unpacked_again() {
    let project = Project::new(IMAGE);
    project.succeed(&["build"]);
    let store = zosc::tree::Store::open(project.path("store")).unwrap();
    let lost = store.blob_path(&zosc::tree::Digest::of(b"data\n"));
    std::fs::remove_file(&lost).unwrap();
    // Packed in another way, and so anew.
    project.edit(|text| format!("{text}initramfs compress=none\n"));
    project.succeed(&["build"]);
    assert!(lost.is_file());
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
