//! A web server over a folder, as blocks are read from.

// Each test that includes this uses a part of it.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::spawn;

/// What is answered where there is no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// 404.
    NotFound,
    /// 403, as a bucket answers that nobody may list.
    Forbidden,
    /// 200 and a page, as servers of web applications do.
    Page,
}

/// A server on a port of its own, for as long as the test runs.
pub struct Web {
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Web {
    /// Serves the files of a folder.
    pub fn serve(folder: &Path, absent: Absent) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (folder, log) = (folder.to_owned(), Arc::clone(&asked));
        spawn(move || {
            for client in listener.incoming().flatten() {
                let (folder, log) = (folder.clone(), Arc::clone(&log));
                spawn(move || answer(&client, &folder, absent, &log));
            }
        });
        Self { url, asked }
    }

    /// The paths that were asked for so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers requests of one connection until it ends.
fn answer(mut client: &TcpStream, folder: &Path, absent: Absent, log: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(client).lines();
    while let Some(Ok(request)) = lines.next() {
        while lines
            .next()
            .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
        {}
        let path = request.split(' ').nth(1).unwrap_or("/").to_owned();
        log.lock().unwrap().push(path.clone());
        let file: PathBuf = folder.join(path.trim_start_matches('/'));
        let (status, body) = match (std::fs::read(file), absent) {
            (Ok(body), _) => ("200 OK", body),
            (Err(_), Absent::NotFound) => ("404 Not Found", Vec::new()),
            (Err(_), Absent::Forbidden) => ("403 Forbidden", Vec::new()),
            (Err(_), Absent::Page) => ("200 OK", b"<html></html>".to_vec()),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if client.write_all(head.as_bytes()).is_err() || client.write_all(&body).is_err() {
            return;
        }
    }
}
