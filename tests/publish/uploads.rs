//! Uploads that are interrupted: by the network, by a signal, by somebody who presses Ctrl-C.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use zosc::publish::objects::{Facts, Objects, Source};
use zosc::tree::Digest;

use crate::place::{BUCKET, bucket, key, noise, objects};
use crate::s3::{KEY_ID, Proxy, SECRET, Server};

const PART: u64 = 8 << 20;

/// Bytes of the file that is uploaded here: six parts, the last of them short.
const SIZE: usize = (44 << 20) + 1;

/// What requests take beside the parts that they carry.
const REST: u64 = 1 << 20;

/// A file in a folder, which serves as the store as well.
struct Work {
    folder: tempfile::TempDir,
    bytes: Vec<u8>,
}

impl Work {
    fn new(seed: u64) -> Self {
        let work = Self {
            folder: tempfile::tempdir().unwrap(),
            bytes: noise(SIZE, seed),
        };
        std::fs::write(work.file(), &work.bytes).unwrap();
        work
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("image.efi")
    }

    fn arrived(&self, server: &Server) -> bool {
        let there = std::fs::read(server.bucket(BUCKET).join("kernel/image.efi"));
        there.is_ok_and(|there| there == self.bytes)
    }

    /// How many parts the note says are there.
    fn parts(&self) -> usize {
        let notes = std::fs::read_dir(self.folder.path().join("uploads")).into_iter();
        let notes = notes.flatten().flatten().map(|entry| entry.path());
        let mut notes = notes.filter(|path| path.extension().is_some_and(|end| end == "json"));
        let text = notes.next().and_then(|path| std::fs::read(path).ok());
        let note = text.and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
        note.and_then(|note| Some(note["parts"].as_object()?.len()))
            .unwrap_or(0)
    }

    /// Looks through the notes for the key.
    fn assert_no_secret_is_kept(&self) {
        for entry in std::fs::read_dir(self.folder.path().join("uploads")).unwrap() {
            let text = std::fs::read(entry.unwrap().path()).unwrap();
            let text = String::from_utf8_lossy(&text).into_owned();
            for secret in [KEY_ID, SECRET] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }

    /// Uploads the file in a process of its own: this very program, asked for one test alone.
    fn child(&self, endpoint: &str) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "uploads::upload_as_a_child", "--nocapture"])
            .env("ZOSC_TEST_UPLOAD_TO", endpoint)
            .env("ZOSC_TEST_UPLOAD_OF", self.folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }
}

fn upload(
    place: &Objects<'_>,
    file: &Path,
    bytes: &[u8],
) -> Result<(), zosc::diagnostic::Diagnostic> {
    let source = Source {
        path: file,
        digest: Digest::of(bytes),
        size: bytes.len() as u64,
    };
    place.upload("kernel/image.efi", source, &Facts::bytes(), &|_| {})
}

/// What a child does; nothing where it is no child.
#[test]
fn upload_as_a_child() {
    let (Some(endpoint), Some(folder)) = (
        std::env::var("ZOSC_TEST_UPLOAD_TO").ok(),
        std::env::var_os("ZOSC_TEST_UPLOAD_OF"),
    ) else {
        return;
    };
    let folder = Path::new(&folder);
    let file = folder.join("image.efi");
    let bytes = std::fs::read(&file).unwrap();
    upload(&objects(&endpoint, "", folder), &file, &bytes).unwrap();
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{what}");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_connection_that_is_cut_is_made_anew() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let proxy = Proxy::to(&server.address);
    let work = Work::new(1);
    proxy.cut_after(21 << 20);
    let place = objects(&proxy.endpoint(), "", work.folder.path());
    upload(&place, &work.file(), &work.bytes).unwrap();
    assert_eq!(proxy.cuts(), 1);
    assert!(work.arrived(&server));
    // One part was sent twice, and nothing else.
    assert!(
        proxy.sent() < SIZE as u64 + PART + REST,
        "{} bytes",
        proxy.sent()
    );
}

#[test]
fn what_a_killed_process_sent_is_not_sent_again() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let proxy = Proxy::to(&server.address);
    let work = Work::new(2);
    proxy.set_pause(Duration::from_millis(4));
    let mut child = work.child(&proxy.endpoint());
    wait_until("two parts are there", || work.parts() >= 2);
    child.kill().unwrap();
    child.wait().unwrap();
    let there = work.parts() as u64;
    assert!((2..6).contains(&there), "{there} parts");
    assert!(!work.arrived(&server));
    proxy.set_pause(Duration::ZERO);
    proxy.start_over();
    let ended = work.child(&proxy.endpoint()).wait().unwrap();
    assert!(ended.success());
    assert!(work.arrived(&server));
    let again = proxy.sent();
    let missing = SIZE as u64 - there * PART;
    assert!(again < missing + REST, "{again} bytes for {missing}");
    assert_eq!(work.parts(), 0);
}

#[test]
fn a_stopped_upload_goes_on_later() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let proxy = Proxy::to(&server.address);
    let work = Work::new(3);
    let stop = AtomicBool::new(false);
    let place = Objects::bucket(
        &bucket(&proxy.endpoint(), ""),
        key(KEY_ID, SECRET),
        work.folder.path(),
        &stop,
    );
    let place = place.unwrap();
    proxy.set_pause(Duration::from_millis(4));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            wait_until("a part is there", || work.parts() >= 1);
            stop.store(true, Ordering::SeqCst);
        });
        let problem = upload(&place, &work.file(), &work.bytes).unwrap_err();
        assert_eq!(problem.code, "zosc::publish::cancelled");
    });
    proxy.set_pause(Duration::ZERO);
    assert!(work.parts() >= 1);
    work.assert_no_secret_is_kept();
    stop.store(false, Ordering::SeqCst);
    // A key that has expired meanwhile costs nothing of what is there.
    let there = work.parts();
    let wrong = bucket(&proxy.endpoint(), "");
    let wrong = Objects::bucket(&wrong, key(KEY_ID, "other"), work.folder.path(), &stop).unwrap();
    let problem = upload(&wrong, &work.file(), &work.bytes).unwrap_err();
    assert_eq!(problem.code, "zosc::publish::wrong-credentials");
    assert_eq!(work.parts(), there);
    upload(&place, &work.file(), &work.bytes).unwrap();
    assert!(work.arrived(&server));
    assert_eq!(work.parts(), 0);
}

#[test]
fn what_the_server_forgot_begins_anew() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let proxy = Proxy::to(&server.address);
    let work = Work::new(4);
    proxy.set_pause(Duration::from_millis(4));
    let mut child = work.child(&proxy.endpoint());
    wait_until("a part is there", || work.parts() >= 1);
    child.kill().unwrap();
    child.wait().unwrap();
    proxy.set_pause(Duration::ZERO);
    // The server's own notes of uploads.
    for entry in std::fs::read_dir(server.folder.path()).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with(".upload") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    let place = objects(&server.endpoint(), "", work.folder.path());
    upload(&place, &work.file(), &work.bytes).unwrap();
    let place = objects(&proxy.endpoint(), "", work.folder.path());
    upload(&place, &work.file(), &work.bytes).unwrap();
    assert!(work.arrived(&server));
    assert_eq!(work.parts(), 0);
}

#[test]
fn a_file_that_changes_meanwhile_is_not_published() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let work = Work::new(5);
    let place = objects(&server.endpoint(), "", work.folder.path());
    let mut other = work.bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    let problem = upload(&place, &work.file(), &other).unwrap_err();
    assert_eq!(problem.code, "zosc::publish::changed");
    assert_eq!(place.list("").unwrap(), []);
    assert_eq!(work.parts(), 0);
    let left = std::fs::read_dir(server.folder.path()).unwrap().flatten();
    let left = left.filter(|entry| entry.file_name().to_string_lossy().starts_with(".upload"));
    assert_eq!(left.count(), 0, "the upload was given up");
}
