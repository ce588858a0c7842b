//! A certificate authority of the test's own, with certificates for a server and for a client.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Files in a folder of their own.
pub struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    /// Makes one. `None`, aloud, where openssl is not there.
    pub fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let authority = Self { folder };
        let made = authority.make("authority", "/CN=authority of a test", &[], true)
            && authority.make(
                "server",
                "/CN=localhost",
                &["subjectAltName=DNS:localhost,IP:127.0.0.1"],
                false,
            )
            && authority.make("client", "/CN=client of a test", &[], false);
        if !made {
            println!("skipped: openssl makes no certificate here");
        }
        made.then_some(authority)
    }

    /// A key and a certificate; of itself, or of the authority.
    fn make(&self, name: &str, subject: &str, extensions: &[&str], is_authority: bool) -> bool {
        let mut command = Command::new("openssl");
        command
            .current_dir(self.folder.path())
            .args(["req", "-x509", "-newkey", "ec"])
            .args(["-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
            .args(["-days", "2", "-subj", subject])
            .args(["-keyout", &format!("{name}.key")])
            .args(["-out", &format!("{name}.pem")])
            .stderr(Stdio::null());
        if !is_authority {
            command
                .args(["-CA", "authority.pem", "-CAkey", "authority.key"])
                .args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        }
        for extension in extensions {
            command.args(["-addext", extension]);
        }
        command.status().is_ok_and(|status| status.success())
    }

    /// The file of the authority's certificate.
    pub fn file(&self) -> PathBuf {
        self.path("authority.pem")
    }

    /// The files of the client's certificate and key.
    pub fn client(&self) -> (PathBuf, PathBuf) {
        (self.path("client.pem"), self.path("client.key"))
    }

    pub(super) fn certificate(&self) -> Vec<u8> {
        read(&self.file())
    }

    /// The server's certificate and key.
    pub(super) fn server(&self) -> (Vec<u8>, Vec<u8>) {
        (
            read(&self.path("server.pem")),
            read(&self.path("server.key")),
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}
