//! Variables of the builder that zosc replaces.

use super::*;

const MANIFEST: &str = r#"image site
alpine "3.22" { mirror "https://mirror"; repository main; key "keys/a.rsa.pub" }
packages { install busybox }
toolchain rust { host }
source agent { path "agent"; build cargo { bin agent }; install agent to="/bin/agent" }
source tool { path "agent"; build cargo target=x86_64-unknown-linux-gnu; install tool to="/bin/tool" }
source made { path "agent"; build script="make"; install made to="/bin/made" }
kernel "6.12.1" { package linux-virt; cmdline "console=ttyS0" "panic=10" }
flist firmware {
    pack firmware="linux-firmware"
    embed "/etc/rfs/firmware-{tag}.fl"
    tag "20250101"
    store write="s3://flists/blobs" read="https://flists.example/blobs"
}
publish s3 endpoint="https://s3.example" bucket=zos prefix="kernel"
publish dir "mirror"
"#;

fn check_under(manifest: &str, environment: &[(&str, &str)], overrides: &[&str]) -> Outcome {
    let files = [
        ("/site/zos.kdl", manifest),
        ("/site/keys/a.rsa.pub", PEM),
        ("/site/agent/Makefile", "all:\n"),
    ];
    let environment = environment.iter();
    let settings = Settings {
        current_directory: "/site".into(),
        overrides: overrides.iter().map(|&setting| setting.into()).collect(),
        environment: environment
            .map(|&(name, value)| (name.into(), value.into()))
            .collect(),
        ..Settings::default()
    };
    check_with(&Memory::new(files), &settings)
}

/// `VARIABLE path=value` of everything that was changed.
fn changes(image: &Image) -> Vec<String> {
    let changes = image.overrides.iter().map(|change| {
        let by = change.variable.unwrap_or("--set");
        format!("{by} {}={}", change.path, change.value)
    });
    changes.collect()
}

#[test]
fn variables_take_the_place_of_what_the_manifest_says() {
    let environment = [
        ("ALPINE_VERSION", "3.21"),
        ("KERNEL_VERSION", "6.12.50"),
        ("RUST_TARGET", "x86_64-unknown-linux-musl"),
        ("FIRMWARE_TAG", "20250908"),
        ("KERNEL_SUBPATH", "images"),
        ("MANIFESTS_SUBPATH", "lists"),
        ("DEBUG", "1"),
        ("HOME", "/root"),
    ];
    let image = check_under(MANIFEST, &environment, &[]).image();
    assert_eq!(
        changes(&image),
        [
            "ALPINE_VERSION alpine.release=3.21",
            "DEBUG kernel.cmdline=console=ttyS0 panic=10 debug zinitdebug=1",
            "FIRMWARE_TAG flist.firmware.tag=20250908",
            "KERNEL_SUBPATH publish.s3.kernels=images",
            "KERNEL_VERSION kernel.version=6.12.50",
            "MANIFESTS_SUBPATH publish.s3.flists=lists",
            "RUST_TARGET source.agent.build.target=x86_64-unknown-linux-musl",
            "RUST_TARGET source.tool.build.target=x86_64-unknown-linux-musl",
        ]
    );
    assert_eq!(image.alpine.expect("there").release, "3.21");
    let kernel = image.kernel.expect("there");
    assert_eq!(kernel.cmdline, "console=ttyS0 panic=10 debug zinitdebug=1");
    assert_eq!(kernel.version.expect("set").value, "6.12.50");
    assert_eq!(image.flists[0].embed.value, "/etc/rfs/firmware-20250908.fl");
    let [bucket, folder] = image.publish.as_slice() else {
        panic!("two places")
    };
    assert_eq!(
        (bucket.kernels.as_str(), bucket.flists.as_str()),
        ("images", "lists")
    );
    assert_eq!(
        (folder.kernels.as_str(), folder.flists.as_str()),
        ("kernel", "flists")
    );
    for source in &image.sources[..2] {
        let build = source.build.as_ref().expect("built");
        let Recipe::Cargo { target, .. } = &build.recipe else {
            panic!("built with cargo")
        };
        assert_eq!(target.as_deref(), Some("x86_64-unknown-linux-musl"));
    }
}

#[test]
fn the_command_line_wins_over_the_environment() {
    let environment = [
        ("ALPINE_VERSION", "3.21"),
        ("RUST_TARGET", "x86_64-unknown-linux-musl"),
        ("DEBUG", "true"),
    ];
    let typed = [
        "alpine.release=edge",
        "source.tool.build.target=x86_64-unknown-linux-gnu",
        "kernel.cmdline=quiet",
    ];
    let image = check_under(MANIFEST, &environment, &typed).image();
    assert_eq!(
        changes(&image),
        [
            "RUST_TARGET source.agent.build.target=x86_64-unknown-linux-musl",
            "--set alpine.release=edge",
            "--set source.tool.build.target=x86_64-unknown-linux-gnu",
            "--set kernel.cmdline=quiet",
        ]
    );
}

#[test]
fn what_is_wrong_with_a_value_is_shown_in_the_variable() {
    let outcome = check_under(MANIFEST, &[("ALPINE_VERSION", "latest")], &[]);
    assert_eq!(outcome.found(), ["zosc::manifest::bad-value latest"]);
    let label = &outcome.problems.iter().next().expect("one").labels[0];
    let source = outcome.sources.get(label.span.source).expect("known");
    assert_eq!(source.name, "<environment>");
}

#[test]
fn variables_of_other_programs_do_no_harm() {
    let environment = [
        ("DEBUG", "*"),
        ("UPLOAD_KERNEL", "false"),
        ("UPLOAD_MANIFESTS", "0"),
    ];
    let outcome = check_under(MANIFEST, &environment, &[]);
    assert_eq!(outcome.found(), [""; 0]);
    assert!(outcome.image().overrides.is_empty());
}

#[test]
fn what_has_no_effect_is_told_and_no_error() {
    let environment = [
        ("ALPINE_VERSION", "3.21"),
        ("DEBUG", "1"),
        ("FIRMWARE_TAG", "1"),
        ("KERNEL_SUBPATH", "x"),
        ("KERNEL_VERSION", "6.12.50"),
        ("MANIFESTS_SUBPATH", "x"),
        ("RUST_TARGET", "x86_64-unknown-linux-musl"),
        ("UPLOAD_KERNEL", "true"),
        ("UPLOAD_MANIFESTS", "1"),
    ];
    let outcome = check_under("image site\n", &environment, &[]);
    let expected = environment.map(|(name, _)| format!("variable-without-effect {name}"));
    assert_eq!(outcome.found(), expected);
    assert!(outcome.image().overrides.is_empty());
    // What is published does not come from the manifest, but it must have a place there.
    let outcome = check_under(MANIFEST, &environment[6..], &[]);
    assert_eq!(outcome.found(), [""; 0]);
}

#[test]
fn a_command_line_that_debugs_already_is_left_alone() {
    let manifest = MANIFEST.replace("\"panic=10\"", "debug");
    let image = check_under(&manifest, &[("DEBUG", "1")], &[]).image();
    assert!(image.overrides.is_empty());
}
