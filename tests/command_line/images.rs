//! What `zosc build` makes and says.

use std::path::{Path, PathBuf};

use crate::digest;
use crate::support::project::{IMAGE, Project, microcode};

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
