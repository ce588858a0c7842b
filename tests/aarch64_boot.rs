//! An image for 64-bit Arm, made here, booted in a virtual machine with software emulation: by firmware, and by its kernel alone.
//!
//! Needs qemu-system-aarch64, AAVMF, and Debian's kernel, stub and busybox for arm64 unpacked in a folder that ZOSC_TEST_ARM names; says
//! aloud that it is skipped where one of them is missing.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::packages::{Content, Item, Recipe, SignatureHash, SigningKey, index};
use support::project::Project;

const FIRMWARE: &str = "/usr/share/AAVMF/AAVMF_CODE.fd";
const VARIABLES: &str = "/usr/share/AAVMF/AAVMF_VARS.fd";

const SECTIONS: &str = r#"
packages { install busybox; scripts skip }
kernel { package linux-cloud; cmdline "console=ttyAMA0" "panic=-1" }
modules { stage1 dummy veth; stage2 virtio_net }
size { strip modules }
file "/init" mode="0755" text="""
    #!/bin/busybox sh
    /bin/busybox mkdir -p /proc
    /bin/busybox mount -t proc proc /proc
    while read -r module; do
        /bin/busybox insmod "$module" || echo "zosc-test: FAILED $module"
    done < /loads
    /bin/busybox grep -q '^veth ' /proc/modules || echo "zosc-test: FAILED no veth"
    [ "$(/bin/busybox uname -m)" = aarch64 ] || echo "zosc-test: FAILED processor"
    echo zosc-test: done
    /bin/busybox poweroff -f
    """
outputs { efi "{name}-{arch}.efi" }
boot memory="1GiB" cpus=1 { expect "console zosc-test: done" within="6m" }
"#;

/// The folder with Debian's files for arm64, and everything else that the test needs.
fn unpacked() -> Option<PathBuf> {
    let Some(root) = std::env::var_os("ZOSC_TEST_ARM").map(PathBuf::from) else {
        eprintln!("skipped: ZOSC_TEST_ARM names no unpacked packages for arm64");
        return None;
    };
    let emulator = PathBuf::from("/usr/bin/qemu-system-aarch64");
    let needed = [FIRMWARE, VARIABLES].map(PathBuf::from).into_iter();
    for needed in needed.chain([emulator, root.join("boot")]) {
        if !needed.exists() {
            eprintln!("skipped: {} is missing", needed.display());
            return None;
        }
    }
    Some(root)
}

/// A package with everything below a folder, at the same places.
fn packed(name: &str, root: &Path, below: &[&str]) -> Recipe {
    let mut recipe = Recipe::new(name, "1-r0");
    "aarch64".clone_into(&mut recipe.arch);
    for folder in below {
        for entry in ignore::WalkBuilder::new(root.join(folder))
            .standard_filters(false)
            .sort_by_file_path(Ord::cmp)
            .build()
        {
            let entry = entry.unwrap();
            let path = entry.path();
            let place = path.strip_prefix(root).unwrap().to_str().unwrap();
            if path.is_file() {
                let content = Content::File(fs::read(path).unwrap());
                recipe = recipe.with(Item::new(place, content).mode(0o755));
            }
        }
    }
    recipe
}

/// A project with Debian's files as packages.
fn project(root: &Path) -> Project {
    let project = Project::new(SECTIONS);
    project.edit(|text| {
        // Modules are loaded from a list with what they depend on before them.
        let release = release(root);
        let loads = ["dummy", "veth"]
            .map(|name| format!("/lib/modules/{release}/kernel/drivers/net/{name}.ko\\n"));
        let text = text.replace("image test", "image test arch=aarch64");
        format!("{text}file \"/loads\" text=\"{}\"\n", loads.concat())
    });
    let key = SigningKey::generate("test.rsa.pub", b"command line");
    let sign = Some((&key, SignatureHash::Sha256));
    let busybox = ["usr/bin/busybox", "bin/busybox"].map(|name| root.join(name));
    let busybox = busybox.iter().find_map(|path| fs::read(path).ok()).unwrap();
    let mut shell = Recipe::new("busybox", "1-r0")
        .with(Item::new("bin/busybox", Content::File(busybox)).mode(0o755));
    "aarch64".clone_into(&mut shell.arch);
    let archives: Vec<_> = [
        shell,
        packed("linux-cloud", root, &["boot", "lib/modules"]),
        packed("systemd-efistub", root, &["usr/lib/systemd/boot/efi"]),
    ]
    .iter()
    .map(|recipe| recipe.pack(sign))
    .collect();
    let folder = project.path("repository/aarch64");
    fs::create_dir_all(&folder).unwrap();
    for archive in &archives {
        fs::write(folder.join(archive.file_name()), &archive.bytes).unwrap();
    }
    fs::write(
        folder.join("APKINDEX.tar.gz"),
        index(&archives, "test", sign),
    )
    .unwrap();
    project
}

/// The release of the kernel.
fn release(root: &Path) -> String {
    let mut folders = fs::read_dir(root.join("lib/modules")).unwrap();
    let folder = folders.next().unwrap().unwrap();
    folder.file_name().into_string().unwrap()
}

#[test]
fn an_image_for_arm_boots_by_firmware_and_by_its_kernel() {
    let Some(root) = unpacked() else { return };
    let project = project(&root);
    project.succeed(&["build"]);
    let told = project.inspected("dist/test-aarch64.efi", &[]);
    assert!(told.to_string().contains(&release(&root)), "{told}");
    // What the manifest says of firmware is `direct`: the kernel alone.
    for firmware in [&["--firmware", "uefi"][..], &[]] {
        let arguments = [
            &["boot", "--test", "--quiet", "dist/test-aarch64.efi"][..],
            firmware,
        ]
        .concat();
        project.succeed(&arguments);
        let said = fs::read(project.path("dist/boot.log")).unwrap();
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains("zosc-test: done"), "{said}");
        assert!(!said.contains("zosc-test: FAILED"), "{said}");
    }
}
