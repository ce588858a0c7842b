//! The signature of a kernel's sources, judged by the real gpgv before anything of them runs.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::process::{Command, Stdio};

const CONFIG: &str = include_str!("fixtures/kernel/small.config");
const MANIFEST: &str = r#"edition 1
image signed version="1" { epoch "2026-01-01T00:00:00Z" }
toolchain here { host }
kernel "6.12.1" {
    tarball "file://HERE/linux-6.12.1.tar.xz" sha256=lock signature="SIGNATURE" keyring="keys.gpg"
    config small.config
    embed none
}
zinit dialect=toml
file "/init" mode="0755" text="init"
outputs { kernel "vmlinuz" }
"#;

#[test]
fn sources_that_the_keyring_does_not_vouch_for_are_not_built() {
    if ["gpg", "gpgv"].iter().any(|program| {
        let mut command = Command::new(program);
        let run = command.arg("--version").stdout(Stdio::null()).status();
        run.is_err()
    }) {
        eprintln!("skipped: needs gpg and gpgv (apt-get install gpg gpgv)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::write(here.join("small.config"), CONFIG).unwrap();
    let script = r"
        export GNUPGHOME=$PWD/gnupg; mkdir -m 700 gnupg
        for who in right other; do gpg --batch --quiet --passphrase '' --quick-generate-key $who@example.org ed25519 sign; done
        gpg --batch --export right@example.org > keys.gpg
        mkdir linux-6.12.1; printf '%%:\n\t@echo the sources run; exit 1\n' > linux-6.12.1/Makefile
        tar -cf linux-6.12.1.tar linux-6.12.1
        for who in right other; do gpg --batch --quiet --local-user $who@example.org --detach-sign -o $who.sign linux-6.12.1.tar; done
        xz -T1 linux-6.12.1.tar; gpgconf --kill all
    ";
    let made = Command::new("sh")
        .args(["-e", "-c", script])
        .current_dir(here)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let build = |signature: &str| {
        let manifest = MANIFEST.replace("HERE", &here.display().to_string());
        std::fs::write(
            here.join("zos.kdl"),
            manifest.replace("SIGNATURE", signature),
        )
        .unwrap();
        let output = assert_cmd::Command::cargo_bin("zosc")
            .unwrap()
            .current_dir(here)
            .env("ZOSC_STORE", here.join("store"))
            .args(["build", "--quiet"])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        said
    };
    let said = build("right.sign");
    assert!(said.contains("the sources run"), "{said}");
    let address = format!("file://{}/right.sign", here.display());
    let said = build(&address);
    assert!(said.contains("the sources run"), "{said}");
    let said = build("other.sign");
    assert!(said.contains("verify kernel signature"), "{said}");
    assert!(!said.contains("the sources run"), "{said}");
}
