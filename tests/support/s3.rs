//! A bucket's server of the test's own, and a way to it on which things go wrong.

// Each test that includes this uses a part of it.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods
)]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

/// The key that the server knows.
pub const KEY_ID: &str = "ZOSCTESTKEYID";
pub const SECRET: &str = "zosc/test+secret/9f2c41d7";

/// s3s-fs over a folder; it ends with this.
pub struct Server {
    child: Child,
    pub address: String,
    pub folder: tempfile::TempDir,
}

impl Server {
    /// Starts one with an empty bucket of this name. `None`, aloud, where s3s-fs is not there.
    pub fn start(bucket: &str) -> Option<Self> {
        let Some(program) = std::env::var_os("ZOSC_TEST_S3S") else {
            println!("skipped: ZOSC_TEST_S3S does not name s3s-fs");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        // Another process may be quicker to take a port that was free.
        let started = (0..5).find_map(|_| {
            let address = free_address();
            let port = address.rsplit_once(':').unwrap().1;
            let mut child = Command::new(&program)
                .args(["--host", "127.0.0.1", "--port", port])
                .args(["--access-key", KEY_ID, "--secret-key", SECRET])
                .arg(folder.path())
                .env("RUST_LOG", "off")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            if answers(&address, &mut child) {
                return Some((child, address));
            }
            let _ = child.kill();
            let _ = child.wait();
            None
        });
        let (child, address) = started.expect("s3s-fs starts");
        let server = Self {
            child,
            address,
            folder,
        };
        std::fs::create_dir(server.bucket(bucket)).unwrap();
        Some(server)
    }

    /// Where the objects of a bucket lie.
    pub fn bucket(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its address, for clients.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn answers(address: &str, child: &mut Child) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        if TcpStream::connect(address).is_ok() {
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        sleep(Duration::from_millis(20));
    }
    false
}

/// A way to a server that can break.
pub struct Proxy {
    pub address: String,
    way: Arc<Way>,
}

#[derive(Default)]
struct Way {
    target: String,
    /// Which connections count.
    round: AtomicU64,
    /// Bytes that went to the server.
    sent: AtomicU64,
    /// How many bytes may still go there until everything is cut, once.
    left: AtomicU64,
    /// How often everything was cut.
    cuts: AtomicU64,
    /// Whether nobody gets through.
    is_down: AtomicBool,
    /// Milliseconds that each piece waits.
    pause: AtomicU64,
}

impl Proxy {
    /// A way to this address on which nothing goes wrong yet.
    pub fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let way = Arc::new(Way {
            target: target.to_owned(),
            left: AtomicU64::new(u64::MAX),
            ..Way::default()
        });
        let shared = Arc::clone(&way);
        spawn(move || {
            for client in listener.incoming().flatten() {
                let way = Arc::clone(&shared);
                spawn(move || way.carry(&client));
            }
        });
        Self { address, way }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bytes that went to the server so far.
    pub fn sent(&self) -> u64 {
        self.way.sent.load(Ordering::SeqCst)
    }

    /// Cuts what is open, and counts from here on.
    pub fn start_over(&self) {
        self.way.round.fetch_add(1, Ordering::SeqCst);
        self.way.sent.store(0, Ordering::SeqCst);
    }

    /// How often connections were cut.
    pub fn cuts(&self) -> u64 {
        self.way.cuts.load(Ordering::SeqCst)
    }

    /// Cuts the connection on which this many more bytes have gone to the server.
    pub fn cut_after(&self, bytes: u64) {
        self.way.left.store(bytes, Ordering::SeqCst);
    }

    /// Lets nobody through, or everybody again.
    pub fn set_down(&self, is_down: bool) {
        self.way.is_down.store(is_down, Ordering::SeqCst);
    }

    /// Makes each piece of 64 KiB wait.
    pub fn set_pause(&self, pause: Duration) {
        let pause = u64::try_from(pause.as_millis()).unwrap();
        self.way.pause.store(pause, Ordering::SeqCst);
    }
}

impl Way {
    fn carry(self: &Arc<Self>, client: &TcpStream) {
        if self.is_down.load(Ordering::SeqCst) {
            let _ = client.shutdown(Shutdown::Both);
            return;
        }
        let Ok(server) = TcpStream::connect(&self.target) else {
            return;
        };
        let (mut answers, mut listener) =
            (server.try_clone().unwrap(), client.try_clone().unwrap());
        let back = spawn(move || {
            let _ = std::io::copy(&mut answers, &mut listener);
            let _ = listener.shutdown(Shutdown::Both);
        });
        self.forward(client, &server);
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
        let _ = back.join();
    }

    fn forward(&self, mut client: &TcpStream, mut server: &TcpStream) {
        let mut buffer = vec![0; 1 << 16];
        let round = self.round.load(Ordering::SeqCst);
        let is_over = || self.round.load(Ordering::SeqCst) != round;
        loop {
            let read = match client.read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return,
            };
            sleep(Duration::from_millis(self.pause.load(Ordering::SeqCst)));
            if is_over() || self.is_down.load(Ordering::SeqCst) || self.is_cut(read as u64) {
                return;
            }
            if server.write_all(&buffer[..read]).is_err() || is_over() {
                return;
            }
            self.sent.fetch_add(read as u64, Ordering::SeqCst);
        }
    }

    fn is_cut(&self, bytes: u64) -> bool {
        let left = self.left.load(Ordering::SeqCst);
        if left == u64::MAX {
            return false;
        }
        if left > bytes {
            self.left.fetch_sub(bytes, Ordering::SeqCst);
            return false;
        }
        self.left.store(u64::MAX, Ordering::SeqCst);
        self.cuts.fetch_add(1, Ordering::SeqCst);
        true
    }
}
