//! Servers with TLS that lead elsewhere.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::spawn;

use zosc::io::{Failure, Internet, Network as _, Resume};

use super::tls::{TlsServer, ask, asked};

/// What a child says of an address; nothing where it is no child.
#[test]
fn ask_as_a_child() {
    let Some(address) = asked() else { return };
    let answer = Internet::new().unwrap().open(&address, Resume::default());
    let said = match answer {
        Ok(_) => "answered".to_owned(),
        Err(Failure::Downgraded) => "downgraded".to_owned(),
        Err(failure) => failure.to_string(),
    };
    println!("said {said}");
}

#[test]
fn a_server_of_downloads_has_to_be_vouched_for() {
    let folder = tempfile::tempdir().unwrap();
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    std::fs::write(folder.path().join("content"), answer).unwrap();
    let Some(server) = TlsServer::start(folder.path(), "-HTTP") else {
        return;
    };
    let said = |address: &str, trusted| ask("servers::ask_as_a_child", address, trusted);
    let address = format!("{}/content", server.url);
    let named = server.certificate.as_path();
    assert_eq!(said(&address, Some(named)), "answered");
    let untrusted = said(&address, None);
    assert!(untrusted.contains("certificate"), "{untrusted}");
    // Nor does it help to be trusted under another name.
    let other = said(&address.replace("localhost", "127.0.0.1"), Some(named));
    assert!(other.contains("certificate"), "{other}");
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
    std::fs::write(folder.path().join("content"), answer).unwrap();
    let Some(server) = TlsServer::start(folder.path(), "-HTTP") else {
        return;
    };
    let address = format!("{}/content", server.url);
    let named = Some(server.certificate.as_path());
    assert_eq!(
        ask("servers::ask_as_a_child", &address, named),
        "downgraded"
    );
    assert_eq!(REACHED.load(Ordering::Relaxed), 0);
}
