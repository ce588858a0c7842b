//! Servers with TLS that lead elsewhere.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

use zosc::io::{Failure, Internet, Network as _, Resume};

/// `openssl s_server`, which answers with what is written in a file.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(folder: &Path, answer: &str) -> Option<Self> {
        std::fs::write(folder.join("content"), answer).unwrap();
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args(["-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-keyout", "key.pem", "-out", "certificate.pem"])
            .current_dir(folder)
            .stderr(Stdio::null())
            .status();
        if !made.is_ok_and(|status| status.success()) {
            println!("skipped: openssl makes no certificate here");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-HTTP", "-accept", &port.to_string()])
            .args(["-key", "key.pem", "-cert", "certificate.pem"])
            .current_dir(folder)
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
        Some(Self { child, port })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a child says of an address; nothing where it is no child.
#[test]
fn ask_as_a_child() {
    let Ok(address) = std::env::var("ZOSC_TEST_ASK") else {
        return;
    };
    let answer = Internet::new().unwrap().open(&address, Resume::default());
    let said = match answer {
        Ok(_) => "answered".to_owned(),
        Err(Failure::Downgraded) => "downgraded".to_owned(),
        Err(failure) => failure.to_string(),
    };
    println!("said {said}");
}

fn ask(address: &str, trusted: Option<&Path>) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "servers::ask_as_a_child", "--nocapture"])
        .env("ZOSC_TEST_ASK", address)
        .env_remove("SSL_CERT_FILE");
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"] {
        child.env_remove(name).env_remove(name.to_lowercase());
    }
    if let Some(trusted) = trusted {
        child.env("SSL_CERT_FILE", trusted);
    }
    let output = child.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = text.lines().find_map(|line| line.split_once("said "));
    said.unwrap_or_else(|| panic!("{text}")).1.to_owned()
}

#[test]
fn a_redirection_out_of_tls_is_not_followed() {
    static REACHED: AtomicU32 = AtomicU32::new(0);
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = open.local_addr().unwrap();
    spawn(move || {
        for _client in open.incoming() {
            REACHED.fetch_add(1, Ordering::Relaxed);
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let answer = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{place}/content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let Some(server) = Server::start(folder.path(), &answer) else {
        return;
    };
    let address = format!("https://localhost:{}/content", server.port);
    let certificate = folder.path().join("certificate.pem");
    assert_eq!(ask(&address, Some(&certificate)), "downgraded");
    let untrusted = ask(&address, None);
    assert!(untrusted.contains("certificate"), "{untrusted}");
    assert_eq!(REACHED.load(Ordering::Relaxed), 0);
}
