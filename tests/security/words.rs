//! Words of a manifest, and files of what it fetches, that would be options or programs if they got where they want to.

use std::os::unix::fs::PermissionsExt as _;

use super::support::project::Project;

/// An image without packages.
const REST: &str = r#"
file "/init" mode="0755" text="x"
outputs { initramfs "initramfs.cpio" }
"#;

#[test]
fn words_of_a_manifest_are_no_options() {
    for (origin, code) in [
        (
            r#"git "--upload-pack=touch BROKEN" rev=x"#,
            "zosc::check::bad-address",
        ),
        (
            r#"git "ext::sh -c 'touch BROKEN'" rev=x"#,
            "zosc::check::bad-address",
        ),
        (
            r#"git "ext::touch%20BROKEN" rev=x"#,
            "zosc::check::bad-address",
        ),
        (
            r#"git "ssh://-oProxyCommand=touch$IFS/BROKEN" rev=x"#,
            "zosc::check::bad-address",
        ),
        (
            r#"git "-oProxyCommand=touch:BROKEN" rev=x"#,
            "zosc::check::bad-address",
        ),
        (
            r#"git "file:///none" tag="--upload-pack=touch BROKEN""#,
            "zosc::manifest::bad-value",
        ),
        (
            r#"git "file:///none" branch="--exec=touch BROKEN""#,
            "zosc::manifest::bad-value",
        ),
        (
            r#"git "file:///none" rev="--output=BROKEN""#,
            "zosc::manifest::bad-value",
        ),
    ] {
        let source = format!("source x {{ {origin}; install x to=\"/x\" }}{REST}");
        let project = Project::new(&source);
        project.refuse(&["lock"], &[code]);
        let names = std::fs::read_dir(project.path(".")).unwrap().flatten();
        let broken = names
            .map(|entry| entry.file_name())
            .find(|name| name == "BROKEN");
        assert_eq!(broken, None, "{origin}");
    }
}

/// rustup looks for `rust-toolchain.toml` from the current folder up, and runs the `cargo` that it names: so must no crate's be there.
#[test]
fn a_crate_does_not_choose_the_program_that_fetches_it() {
    let project = Project::new(&format!(
        "toolchain rust {{ host }}\nsource x {{ crate \"x\" version=\"=1.0.0\"; build cargo; install x to=\"/x\" }}{REST}"
    ));
    let cargo = format!(
        r#"#!/bin/sh
echo "$PWD $*" >> {0}/asked
[ ! -e rust-toolchain.toml ] && [ ! -e .cargo/config.toml ] || touch {0}/BROKEN
case "$*" in *--versioned-dirs*)
    mkdir -p vendor/x-1.0.0/.cargo
    printf '[package]\nname = "x"\nversion = "1.0.0"\n' > vendor/x-1.0.0/Cargo.toml
    echo 'path = "evil"' > vendor/x-1.0.0/rust-toolchain.toml
    echo '[net]' > vendor/x-1.0.0/.cargo/config.toml
esac
"#,
        project.path("").display()
    );
    project.write("tools/cargo", &cargo);
    let runs = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(project.path("tools/cargo"), runs).unwrap();
    let path = format!(
        "{}:{}",
        project.path("tools").display(),
        std::env::var("PATH").unwrap()
    );
    let output = project.command().arg("lock").env("PATH", path).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let asked = std::fs::read_to_string(project.path("asked")).unwrap_or_default();
    let vendored = asked
        .lines()
        .filter(|line| line.contains(" vendor"))
        .count();
    assert_eq!(vendored, 2, "{said}{asked}");
    assert!(!project.path("BROKEN").exists(), "{asked}");
}
