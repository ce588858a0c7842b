//! Servers with TLS, whose certificates somebody has to vouch for.

use std::process::Command;

use zosc::publish::objects::Objects;

use crate::place::{GO_ON, bucket, key};
use crate::tls::{TlsServer, ask, asked, own_address};

/// What a child says of an endpoint; nothing where it is no child.
#[test]
fn list_as_a_child() {
    let Some(endpoint) = asked() else { return };
    let store = tempfile::tempdir().unwrap();
    let bucket = bucket(&endpoint, "");
    let place = Objects::bucket(&bucket, key("id", "secret"), store.path(), &GO_ON);
    let listed = place.and_then(|place| place.list(""));
    let said = listed.map_or_else(|problem| problem.code, |_| "listed");
    println!("said {said}");
}

#[test]
fn a_certificate_is_trusted_when_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = TlsServer::start(folder.path(), "-www") else {
        return;
    };
    let said = |trusted| ask("certificates::list_as_a_child", &server.url, trusted);
    assert_eq!(said(None), "zosc::publish::untrusted");
    // A page of openssl's is no listing, but it came over a connection that is trusted.
    let answered = said(Some(server.certificate.as_path()));
    assert!(
        ["listed", "zosc::publish::odd-answer"].contains(&answered.as_str()),
        "{answered}"
    );
    let missing = folder.path().join("missing.pem");
    assert_eq!(
        said(Some(missing.as_path())),
        "zosc::publish::bad-certificates"
    );
}

/// By another address than the loopback's, where a registry is asked without TLS.
#[test]
fn a_registry_has_to_be_vouched_for() {
    let own = own_address();
    if own.is_loopback() {
        println!("skipped: this machine has no address but the loopback's");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = TlsServer::start(folder.path(), "-www") else {
        return;
    };
    let manifest = r#"edition 1
image test version="1" { epoch "2026-01-01T00:00:00Z" }
file "/init" mode="0755" text="x"
outputs { initramfs "initramfs.cpio" }
initramfs compress=none
"#;
    std::fs::write(folder.path().join("zos.kdl"), manifest).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zosc"));
        command
            .args(arguments)
            .current_dir(folder.path())
            .env("ZOSC_STORE", folder.path().join("store"))
            .env_remove("SSL_CERT_FILE")
            .env("NO_PROXY", own.to_string());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    let (built, said) = run(&["build"]);
    assert_eq!(built, Some(0), "{said}");
    let place = format!("{own}:{}/example/zos:1", server.port);
    let (published, said) = run(&["publish", "oci", &place]);
    assert_eq!(published, Some(1), "{said}");
    assert!(said.contains("invalid peer certificate"), "{said}");
}
