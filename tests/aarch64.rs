//! One manifest for two processors: an image for each, from any machine.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

#[path = "support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;

use support::packages::{Content, Item, Recipe, SignatureHash, SigningKey, index};
use support::project::Project;

const SECTIONS: &str = r##"
packages { install tool; scripts skip }
file "/init" mode="0755" text="#!/usr/bin/tool\n"
branding { hostname test; os-release id=test pretty="Test for {arch}" }
outputs { initramfs "{name}-{arch}.cpio"; sbom "{name}-{arch}.cdx.json" }
"##;

/// A static program of a processor, as far as its header goes.
fn program(machine: u8) -> Vec<u8> {
    let mut bytes = vec![0; 120];
    bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    bytes[16] = 2;
    bytes[18] = machine;
    bytes[20] = 1;
    bytes[24] = 0x78;
    bytes[32] = 64;
    bytes[52] = 64;
    bytes[54] = 56;
    bytes[56] = 1;
    bytes[64] = 1;
    bytes
}

/// A project with a package of this name for both processors.
fn project() -> Project {
    let project = Project::new(SECTIONS);
    let key = SigningKey::generate("test.rsa.pub", b"command line");
    for (arch, machine) in [("x86_64", 62), ("aarch64", 183)] {
        let mut tool = Recipe::new("tool", "1-r0")
            .with(Item::new("usr/bin/tool", Content::File(program(machine))).mode(0o755))
            .script("post-install", "#!/usr/bin/tool\n");
        arch.clone_into(&mut tool.arch);
        let archives = [tool.pack(Some((&key, SignatureHash::Sha256)))];
        let folder = project.path(&format!("repository/{arch}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(archives[0].file_name()), &archives[0].bytes).unwrap();
        let listed = index(&archives, "test", Some((&key, SignatureHash::Sha256)));
        std::fs::write(folder.join("APKINDEX.tar.gz"), listed).unwrap();
    }
    project
}

const ARM: [&str; 2] = ["--set", "image.arch=aarch64"];

#[test]
fn one_manifest_is_an_image_for_each_processor() {
    let project = project();
    project.succeed(&["build"]);
    project.succeed(&[&["build"], &ARM[..]].concat());
    // Each keeps to its lock.
    project.succeed(&["build", "--locked"]);
    project.succeed(&[&["build", "--locked"], &ARM[..]].concat());
    let dist = |name: &str| std::fs::read(project.path("dist").join(name)).unwrap();
    let x86 = dist("test-x86_64.cpio");
    let arm = dist("test-aarch64.cpio");
    assert_ne!(x86, arm);
    let read = |name: &str| std::fs::read_to_string(project.path(name)).unwrap();
    assert!(read("zos.lock").contains("/x86_64/tool-1-r0.apk"));
    assert!(read("zos.aarch64.lock").contains("/aarch64/tool-1-r0.apk"));
    let list = String::from_utf8(dist("test-aarch64.cdx.json")).unwrap();
    assert!(
        list.contains("arch=aarch64") && !list.contains("x86_64"),
        "{list}"
    );
    let shown = |path: &str| {
        let output = project.run(&["inspect", "dist/test-aarch64.cpio", "--cat", path]);
        output.stdout
    };
    assert_eq!(shown("/usr/bin/tool"), program(183));
    assert_eq!(shown("/etc/apk/arch"), b"aarch64\n");
    let release = String::from_utf8(shown("/etc/os-release")).unwrap();
    assert!(release.contains("Test for aarch64"), "{release}");

    // Elsewhere and from nothing, the same bytes.
    let output = project
        .command()
        .env("ZOSC_STORE", project.path("another-store"))
        .args(["build", "--output", "another"])
        .args(ARM)
        .output()
        .unwrap();
    assert!(output.status.success());
    let another = std::fs::read(project.path("another/test-aarch64.cpio")).unwrap();
    assert!(another == arm, "two builds differ");
}

/// Whether programs for Arm run on this machine.
fn runs_arm() -> bool {
    let told = Command::new("uname").arg("-m").output().unwrap();
    told.stdout == b"aarch64\n" || Path::new("/proc/sys/fs/binfmt_misc/qemu-aarch64").exists()
}

#[test]
fn what_needs_an_emulator_is_told_before_anything_runs() {
    if runs_arm() {
        eprintln!("skipped: this machine runs programs for aarch64");
        return;
    }
    let project = project();
    project.edit(|text| text.replace("scripts skip", "scripts run"));
    let lines = project.refuse(
        &[&["build"], &ARM[..]].concat(),
        &["zosc::build::foreign-programs"],
    );
    let said = serde_json::to_string(&lines).unwrap();
    assert!(
        said.contains("the scripts of `tool` run programs for aarch64"),
        "{said}"
    );
    assert!(
        said.contains("qemu-user-static") && said.contains("scripts skip tool"),
        "{said}"
    );
    assert!(
        !said.contains("install tool"),
        "something was performed: {said}"
    );
    // Only what would run is refused.
    project.edit(|text| text.replace("scripts run", "scripts skip"));
    project.succeed(&[&["build"], &ARM[..]].concat());
}
