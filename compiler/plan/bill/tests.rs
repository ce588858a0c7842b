//! What a list says of a lock, and what it keeps to itself.

use std::collections::BTreeMap;

use crate::lock::{Inputs, LockedKernelSource, LockedSource, LockedToolchain, Role};
use crate::plan::lower_with_parts;
use crate::plan::tests::{image, inputs, package};
use crate::sbom::{Bill, Class};
use crate::tree::Digest;

const HEAD: &str = r#"edition 1
image test version="7" { epoch "2026-01-01T00:00:00Z" }
alpine "3.22" {
    mirror "https://mirror.example/alpine"
    repository main
    repository "https://own.example/packages"
    key "test.rsa.pub"
}
packages { install base marks }
"#;

fn parts(sections: &str, inputs: &Inputs) -> Bill {
    let image = image(&format!("{HEAD}{sections}"));
    let (_, parts) = lower_with_parts(&image, inputs).expect("lowers");
    parts
}

#[test]
fn packages_are_named_by_what_they_are_for_and_where_they_come_from() {
    let mut inputs = inputs();
    inputs.lock.wishes = vec!["base".into(), "!other".into()];
    let own = "https://own.example/packages/x86_64/marks-1-r0.apk";
    inputs.lock.packages[2].urls = vec![own.into()];
    let firmware = package(Role::Firmware, "firmware", &[]);
    inputs.lock.packages.push(firmware);
    let bill = parts("kernel \"6.12.1\" { package linux-virt }\n", &inputs);
    let direct: Vec<&str> = bill.direct.iter().map(String::as_str).collect();
    assert_eq!(
        direct,
        [
            "package/base-1-r0",
            "package/firmware-1-r0",
            "package/linux-virt-1-r0",
            "package/systemd-efistub-1-r0"
        ]
    );
    let kernel = &bill.components["package/linux-virt-1-r0"];
    assert_eq!(kernel.class, Class::OperatingSystem);
    assert_eq!(
        kernel.cpe.as_deref(),
        Some("cpe:2.3:o:linux:linux_kernel:6.12.1:*:*:*:*:*:*:*")
    );
    let purl = |name: &str| bill.components[name].purl.clone().unwrap_or_default();
    let digest = Digest::of(b"base");
    assert_eq!(
        purl("package/base-1-r0"),
        format!("pkg:apk/alpine/base@1-r0?arch=x86_64&checksum=sha256:{digest}&distro=alpine-3.22")
    );
    let own = purl("package/marks-1-r0");
    assert!(
        own.ends_with("&repository_url=https:%2F%2Fown.example%2Fpackages"),
        "{own}"
    );
}

#[test]
fn nothing_secret_and_nothing_of_this_machine_is_told() {
    let mut inputs = inputs();
    for package in &mut inputs.lock.packages {
        package.urls = vec![
            "file:///home/me/secret.apk".into(),
            "https://me:secret@mirror.example/x.apk".into(),
        ];
    }
    let git = LockedSource::Git {
        url: "https://me:secret@git.example/tool".into(),
        revision: "tag v1".into(),
        commit: "0123456789abcdef0123456789abcdef01234567".into(),
        submodules: false,
        keep_git: false,
        tree: Digest::of(b"tool"),
    };
    let release = LockedSource::Release {
        url: "https://h.example/x?token=secret".into(),
        sha256: Digest::of(b"rel"),
        size: 3,
    };
    inputs.lock.sources = BTreeMap::from([("tool".into(), git), ("rel".into(), release)]);
    let sections = format!(
        "source tool {{ git \"https://git.example/tool\" tag=v1; install Makefile to=\"/x\" }}\n\
         source rel {{ release \"https://h.example/x\" sha256=\"{}\"; install x to=\"/y\" }}\n",
        Digest::of(b"rel")
    );
    let bill = parts(&sections, &inputs);
    let text = serde_json::to_string(&bill).expect("plain data");
    assert!(!text.contains("secret"), "{text}");
    assert!(!text.contains("/home/me"), "{text}");
    let tool = &bill.components["source/tool"];
    assert_eq!(tool.version, "v1");
    let (url, commit) = tool.commit.as_ref().expect("a commit");
    assert_eq!(url, "https://git.example/tool");
    assert!(commit.starts_with("0123"));
    assert_eq!(bill.components["source/rel"].download, None);
}

#[test]
fn toolchains_and_kernel_sources_are_pinned() {
    let mut inputs = inputs();
    let digest = Digest::of(b"x");
    let locked = LockedToolchain::Image {
        reference: "registry.example:5000/tools/rust:1".into(),
        sha256: digest,
        tree: digest,
        environment: BTreeMap::new(),
    };
    inputs.lock.toolchains.insert("boxed".into(), locked);
    let tree = Digest::of(b"tool");
    inputs.folders.insert("/m/tool".into(), tree);
    inputs.lock.kernel_source = Some(LockedKernelSource {
        urls: vec!["https://kernel.example/linux.tar.xz".into()],
        sha256: digest,
        size: 1,
        archive: None,
        made: 1,
        signature: None,
    });
    let sections = format!(
        "toolchain boxed {{ image \"registry.example:5000/tools/rust:1\" digest=\"sha256:{digest}\" }}\n\
         source tool {{ path \"tool\"; build script=\"make\" toolchain=boxed; install tool to=\"/x\" }}\n\
         kernel \"6.12.1\" {{ tarball \"https://kernel.example/linux.tar.xz\" sha256=\"{digest}\"; toolchain boxed }}\n",
    );
    let bill = parts(&sections, &inputs);
    let boxed = &bill.components["toolchain/boxed"];
    assert!(boxed.only_builds);
    assert_eq!(
        boxed.purl.as_deref(),
        Some(
            format!(
                "pkg:oci/rust@sha256:{digest}?arch=x86_64&repository_url=registry.example:5000%2Ftools%2Frust&tag=1"
            )
            .as_str()
        )
    );
    let kernel = &bill.components["kernel/linux"];
    assert_eq!(kernel.version, "6.12.1");
    assert_eq!(kernel.sha256, Some(digest));
    assert!(kernel.built_with.contains("toolchain/boxed"));
    assert_eq!(
        bill.components["source/tool"].facts["tree"],
        tree.to_string()
    );
}
