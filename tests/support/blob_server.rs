//! A plain web server over a folder, as a store of an flist's contents may be; it can go away and come back.

// Each test that includes this uses a part of it.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// The server while it runs; it goes away when the value goes.
pub struct BlobServer {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl BlobServer {
    /// Serves a folder to this machine and its guests, at a port of its own with `None`.
    pub fn start(folder: &Path, port: Option<u16>) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, port.unwrap_or(0))).expect("a port");
        let address = listener.local_addr().expect("an address");
        let ends = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (folder, stop, list) = (folder.to_owned(), ends.clone(), asked.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (folder, list) = (folder.clone(), list.clone());
                std::thread::spawn(move || stream.map(|stream| answer(&stream, &folder, &list)));
            }
        });
        Self {
            address,
            ends,
            asked,
            thread: Some(thread),
        }
    }

    /// A port at which nothing listens, for a server that is to come later.
    pub fn free_port() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port");
        listener.local_addr().expect("an address").port()
    }

    /// The paths that were asked for and found, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

impl Drop for BlobServer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        // Wakes it up.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.address.port()));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(mut stream: &TcpStream, folder: &Path, asked: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    // The rest of the head.
    let _ = lines.find(String::is_empty);
    let file: PathBuf = folder.join(path.trim_start_matches('/'));
    let body = std::fs::read(file).ok().filter(|_| !path.contains(".."));
    let status = if body.is_some() {
        "200 OK"
    } else {
        "404 Not Found"
    };
    if body.is_some() {
        asked.lock().expect("no panic").push(path);
    }
    let body = body.unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&body);
}
