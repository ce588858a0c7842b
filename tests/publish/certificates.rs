//! Servers with TLS, whose certificates somebody has to vouch for.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use zosc::publish::objects::Objects;

use crate::place::{GO_ON, bucket, key};

/// `openssl s_server` with a certificate that it signs itself.
struct Server {
    child: Child,
    endpoint: String,
}

impl Server {
    fn start(folder: &Path) -> Option<Self> {
        let certificate = folder.join("certificate.pem");
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args([
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost",
            ])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(folder.join("key.pem"))
            .arg("-out")
            .arg(&certificate)
            .stderr(Stdio::null())
            .status();
        if !made.is_ok_and(|status| status.success()) {
            println!("skipped: openssl makes no certificate here");
            return None;
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-www", "-accept", &port.to_string()])
            .arg("-key")
            .arg(folder.join("key.pem"))
            .arg("-cert")
            .arg(&certificate)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let is_there = (0..500).any(|_| {
            sleep(Duration::from_millis(20));
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        assert!(is_there, "openssl s_server answers");
        Some(Self {
            child,
            endpoint: format!("https://localhost:{port}"),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a child says of an endpoint; nothing where it is no child.
#[test]
fn list_as_a_child() {
    let Ok(endpoint) = std::env::var("ZOSC_TEST_LIST_OF") else {
        return;
    };
    let store = tempfile::tempdir().unwrap();
    let bucket = bucket(&endpoint, "");
    let place = Objects::bucket(&bucket, key("id", "secret"), store.path(), &GO_ON);
    let listed = place.and_then(|place| place.list(""));
    let said = listed.map_or_else(|problem| problem.code, |_| "listed");
    println!("said {said}");
}

fn said(endpoint: &str, trusted: Option<&Path>) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "certificates::list_as_a_child", "--nocapture"])
        .env("ZOSC_TEST_LIST_OF", endpoint)
        .env_remove("SSL_CERT_FILE");
    if let Some(trusted) = trusted {
        child.env("SSL_CERT_FILE", trusted);
    }
    let output = child.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = text.lines().find_map(|line| line.split_once("said "));
    said.unwrap_or_else(|| panic!("{text}")).1.to_owned()
}

#[test]
fn a_certificate_is_trusted_when_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start(folder.path()) else {
        return;
    };
    let named = folder.path().join("certificate.pem");
    assert_eq!(said(&server.endpoint, None), "zosc::publish::untrusted");
    // A page of openssl's is no listing, but it came over a connection that is trusted.
    let answered = said(&server.endpoint, Some(&named));
    assert!(
        ["listed", "zosc::publish::odd-answer"].contains(&answered.as_str()),
        "{answered}"
    );
    let missing = folder.path().join("missing.pem");
    let said = said(&server.endpoint, Some(&missing));
    assert_eq!(said, "zosc::publish::bad-certificates");
}
