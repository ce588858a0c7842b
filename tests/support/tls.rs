//! Servers with TLS whose certificates somebody has to vouch for: `openssl s_server`, with a certificate that it signs itself.

// Each test that includes this uses a part of it.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods
)]

use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// An address of this machine that is not the loopback's, where there is one.
pub fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: this only asks which way it would go.
    let _ = socket.connect("192.0.2.1:9");
    let address = socket.local_addr().map(|address| address.ip());
    address
        .ok()
        .filter(|address| !address.is_unspecified())
        .unwrap_or(IpAddr::from([127, 0, 0, 1]))
}

pub struct TlsServer {
    child: Child,
    pub url: String,
    pub port: u16,
    pub certificate: PathBuf,
}

impl TlsServer {
    /// One that has its files in a folder, and answers as this option says; `None`, aloud, where there is no openssl.
    pub fn start(folder: &Path, answering: &str) -> Option<Self> {
        let mut names = "subjectAltName=DNS:localhost".to_owned();
        let own = own_address();
        if !own.is_loopback() {
            names += &format!(",IP:{own}");
        }
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes"])
            .args(["-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", &names])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-keyout", "key.pem", "-out", "certificate.pem"])
            .current_dir(folder)
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
            .args(["s_server", "-quiet", answering])
            .args(["-accept", &port.to_string()])
            .args(["-key", "key.pem", "-cert", "certificate.pem"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            child,
            url: format!("https://localhost:{port}"),
            port,
            certificate: folder.join("certificate.pem"),
        };
        let is_there = (0..500).any(|_| {
            sleep(Duration::from_millis(20));
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        assert!(is_there, "openssl s_server answers");
        Some(server)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The variable that tells a test that it is a child, and which address to ask.
const ASKED: &str = "ZOSC_TEST_ASK";

/// The address that this process is to ask as a child.
pub fn asked() -> Option<String> {
    std::env::var(ASKED).ok()
}

/// What a test says as a child that is to ask an address and trusts the certificates of this file: `said WORD`.
pub fn ask(test: &str, address: &str, trusted: Option<&Path>) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", test, "--nocapture"])
        .env(ASKED, address)
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
