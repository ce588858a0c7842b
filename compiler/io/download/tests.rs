use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use super::super::http::{Internet, MemoryNetwork, Offline};
use super::*;
use crate::io::Stopwatch;

#[test]
fn a_server_that_trickles_is_given_up() {
    let server = Server::paced(Duration::from_millis(2), |_, _| whole(&b"x".repeat(20_000)));
    let patience = Patience {
        window: Duration::from_millis(100),
        ..PATIENCE
    };
    let told = fetch_within(patience, &server).expect_err("given up");
    assert_eq!(told.code, "zosc::io::unreachable");
    let slow = "sent less than 16384 bytes in 0.1 seconds";
    assert_eq!(told.notes, [format!("{}: {slow}", server.url())]);
    assert_eq!(server.requests.load(Ordering::SeqCst), 1, "asked once");
    // One that takes longer than the window, and goes on, is not.
    let server = Server::paced(Duration::from_millis(2), |_, _| whole(&[0; 100]));
    let patience = Patience {
        least: 1,
        ..patience
    };
    assert_eq!(fetch_within(patience, &server), Ok(vec![0; 100]));
}

fn fetch_within(patience: Patience, server: &Server) -> Result<Vec<u8>, Diagnostic> {
    let request = Request {
        subject: "the file",
        urls: &[server.url()],
        limit: 1 << 20,
    };
    let finish = |_: &str, _: Option<Version>, bytes| Ok(bytes);
    let begin = || Ok(Vec::new());
    match refresh_within(patience, &internet(), request, None, &|_| {}, begin, finish)? {
        Refreshed::New(bytes) => Ok(bytes),
        Refreshed::Unchanged => panic!("there is none yet"),
    }
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let started = Stopwatch::start();
    let network = Internet::impatient(Duration::from_millis(200));
    for sent in [0, 20, whole(&[0; 1000]).len() - 1] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let silent = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("somebody asks");
            let _ = stream.write_all(&whole(&[0; 1000])[..sent]);
            stream
        });
        let body = match network.open(&url, Resume::default()) {
            Ok(mut answer) => answer.body.read_to_end(&mut Vec::new()).err(),
            Err(Failure::Passing(why)) => Some(std::io::Error::other(why)),
            Err(other) => panic!("{other}"),
        };
        let told = body.expect("given up").to_string();
        assert!(told.contains("timeout"), "{told}");
        drop(silent.join());
    }
    assert!(started.elapsed() < Duration::from_secs(20));
}

/// What the server does with one request: the request's `Range` comes in, the raw answer goes out.
type Script = dyn Fn(usize, Option<u64>) -> Vec<u8> + Send + Sync;

/// A server on this machine that follows a script and then closes each connection.
struct Server {
    address: String,
    requests: Arc<AtomicUsize>,
    /// The `If-…` lines of all requests.
    conditions: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(script: impl Fn(usize, Option<u64>) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::paced(Duration::ZERO, script)
    }

    /// One that pauses before each byte.
    fn paced(
        pause: Duration,
        script: impl Fn(usize, Option<u64>) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        let conditions = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&conditions);
        let script: Box<Script> = Box::new(script);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let number = counter.fetch_add(1, Ordering::SeqCst);
                let Ok(stream) = stream else { return };
                let answer = serve(&stream, number, &script, &noted);
                send(stream, &answer, pause);
            }
        });
        Self {
            address,
            requests,
            conditions,
        }
    }

    fn url(&self) -> String {
        format!("{}/file", self.address)
    }
}

/// Reads a request; what is to be answered.
fn serve(
    stream: &TcpStream,
    number: usize,
    script: &Script,
    conditions: &Mutex<Vec<String>>,
) -> Vec<u8> {
    let mut reader = BufReader::new(stream);
    let mut offset = None;
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|count| count > 2) {
        let lower = line.to_ascii_lowercase();
        if let Some(range) = lower.strip_prefix("range: bytes=") {
            offset = range.trim().trim_end_matches('-').parse().ok();
        } else if lower.starts_with("if-") {
            let condition = lower.trim().to_owned();
            conditions.lock().expect("sound").push(condition);
        }
        line.clear();
    }
    script(number, offset)
}

/// Sends an answer, until nobody listens any more.
fn send(mut stream: TcpStream, answer: &[u8], pause: Duration) {
    if pause.is_zero() {
        let _ = stream.write_all(answer);
        return;
    }
    for byte in answer.chunks(1) {
        sleep(pause);
        if stream.write_all(byte).is_err() {
            return;
        }
    }
}

fn whole(content: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nETag: \"1\"\r\nConnection: close\r\n\r\n",
        content.len()
    );
    [head.as_bytes(), content].concat()
}

fn part(content: &[u8], offset: usize) -> Vec<u8> {
    let rest = &content[offset..];
    let (end, length) = (content.len() - 1, content.len());
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {offset}-{end}/{length}\r\nConnection: close\r\n\r\n",
        rest.len()
    );
    [head.as_bytes(), rest].concat()
}

fn status(line: &str) -> Vec<u8> {
    format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}

fn fetch(network: &dyn Network, urls: &[String], limit: u64) -> Result<Vec<u8>, Diagnostic> {
    let request = Request {
        subject: "the file",
        urls,
        limit,
    };
    download(
        network,
        request,
        &|_| {},
        || Ok(Vec::new()),
        |_, bytes| Ok(bytes),
    )
}

fn internet() -> Internet {
    Internet::new().expect("no certificates to read")
}

#[test]
fn a_whole_content_arrives_and_progress_is_told() {
    let server = Server::new(|_, _| whole(b"hello world"));
    let told = Mutex::new(Vec::new());
    let urls = [server.url()];
    let request = Request {
        subject: "the file",
        urls: &urls,
        limit: 100,
    };
    let bytes = download(
        &internet(),
        request,
        &|progress: Progress<'_>| {
            told.lock()
                .expect("sound")
                .push((progress.received, progress.total));
        },
        || Ok(Vec::new()),
        |_, bytes| Ok(bytes),
    );
    assert_eq!(bytes.expect("fetched"), b"hello world");
    assert_eq!(told.lock().expect("sound").last(), Some(&(11, Some(11))));
}

#[test]
fn a_broken_connection_is_resumed_where_it_broke() {
    let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let served = content.clone();
    let server = Server::new(move |number, offset| match (number, offset) {
        (0, None) => whole(&served)[..300_000].to_vec(),
        (_, Some(offset)) => part(&served, offset as usize),
        (_, None) => status("400 Bad Request"),
    });
    let bytes = fetch(&internet(), &[server.url()], 1 << 20).expect("fetched");
    assert!(bytes == content, "spliced without a seam");
    assert_eq!(server.requests.load(Ordering::SeqCst), 2);
}

#[test]
fn a_server_that_cannot_resume_is_read_from_the_start() {
    let server = Server::new(|number, _| {
        let answer = whole(b"0123456789");
        if number == 0 {
            answer[..answer.len() - 5].to_vec()
        } else {
            answer
        }
    });
    assert_eq!(
        fetch(&internet(), &[server.url()], 100).expect("fetched"),
        b"0123456789"
    );
}

#[test]
fn an_overloaded_server_is_asked_again() {
    let server = Server::new(|number, _| {
        if number < 2 {
            status("503 Service Unavailable")
        } else {
            whole(b"ok")
        }
    });
    assert_eq!(
        fetch(&internet(), &[server.url()], 100).expect("fetched"),
        b"ok"
    );
    assert_eq!(server.requests.load(Ordering::SeqCst), 3);
}

#[test]
fn mirrors_are_tried_in_order_and_each_failure_is_told() {
    let missing = Server::new(|_, _| status("404 Not Found"));
    let forbidden = Server::new(|_, _| status("403 Forbidden"));
    let good = Server::new(|_, _| whole(b"good"));
    let urls = [missing.url(), forbidden.url(), good.url()];
    assert_eq!(fetch(&internet(), &urls, 100).expect("fetched"), b"good");
    let refusal = fetch(&internet(), &urls[..2], 100).expect_err("none has it");
    assert_eq!(refusal.code, "zosc::io::refused");
    assert_eq!(refusal.notes[0], format!("{}: not found", urls[0]));
    assert_eq!(
        refusal.notes[1],
        format!("{}: refused with status 403", urls[1])
    );
    let refusal = fetch(&internet(), &urls[..1], 100).expect_err("it has not");
    assert_eq!(refusal.code, "zosc::io::not-found");
}

#[test]
fn what_the_caller_dislikes_makes_the_next_mirror_serve() {
    let contents = MemoryNetwork::new([("http://a", "wrong"), ("http://b", "right")]);
    let urls = ["http://a", "http://b"].map(str::to_owned);
    let judge = |_: &str, bytes: Vec<u8>| {
        if bytes == b"right" {
            Ok(())
        } else {
            Err(Diagnostic::error("zosc::lock::wrong-digest", "not it"))
        }
    };
    let attempt = |urls: &[String]| {
        let request = Request {
            subject: "the file",
            urls,
            limit: 100,
        };
        download(&contents, request, &|_| {}, || Ok(Vec::new()), judge)
    };
    assert_eq!(attempt(&urls), Ok(()));
    assert_eq!(
        attempt(&urls[..1]).expect_err("disliked").code,
        "zosc::lock::wrong-digest"
    );
}

#[test]
fn a_content_that_stays_short_is_refused_as_truncated() {
    let server = Server::new(|_, _| {
        let answer = whole(b"0123456789");
        answer[..answer.len() - 5].to_vec()
    });
    let refusal = fetch(&internet(), &[server.url()], 100).expect_err("short");
    assert_eq!(refusal.code, "zosc::io::truncated");
    assert_eq!(
        refusal.notes,
        [format!("{}: ended after 5 of 10 bytes", server.url())]
    );
}

#[test]
fn a_content_that_is_too_large_is_refused_before_it_is_kept() {
    let announced = Server::new(|_, _| whole(&[0; 200]));
    let endless = Server::new(|_, _| {
        [
            b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".as_slice(),
            &[0; 5000],
        ]
        .concat()
    });
    for server in [announced, endless] {
        let refusal = fetch(&internet(), &[server.url()], 100).expect_err("large");
        assert_eq!(refusal.code, "zosc::io::too-large");
    }
}

#[test]
fn what_is_here_is_sent_only_where_it_changed() {
    let server = Server::new(|number, _| match number {
        0 => whole(b"first"),
        1 => status("304 Not Modified"),
        _ => whole(b"second"),
    });
    let ask = |had: Option<&Version>| {
        let urls = [server.url()];
        let request = Request {
            subject: "the file",
            urls: &urls,
            limit: 100,
        };
        let finish = |_: &str, version, bytes| Ok((version, bytes));
        refresh(
            &internet(),
            request,
            had,
            &|_| {},
            || Ok(Vec::new()),
            finish,
        )
    };
    let version = Version {
        url: server.url(),
        name: "\"1\"".to_owned(),
    };
    let new = |bytes: &[u8]| Ok(Refreshed::New((Some(version.clone()), bytes.to_vec())));
    assert_eq!(ask(None), new(b"first"));
    assert_eq!(ask(Some(&version)), Ok(Refreshed::Unchanged));
    let dated = Version {
        name: "wed, 21 oct 2015 07:28:00 gmt".to_owned(),
        ..version.clone()
    };
    assert_eq!(ask(Some(&dated)), new(b"second"));
    let elsewhere = Version {
        url: "http://other/".to_owned(),
        ..version.clone()
    };
    assert_eq!(ask(Some(&elsewhere)), new(b"second"));
    let asked = server.conditions.lock().expect("sound").clone();
    let dated = "if-modified-since: wed, 21 oct 2015 07:28:00 gmt";
    assert_eq!(asked, ["if-none-match: \"1\"", dated]);
    // Nobody asked for it under a condition.
    let confused = Server::new(|_, _| status("304 Not Modified"));
    let refusal = fetch(&internet(), &[confused.url()], 100).expect_err("no content");
    assert_eq!(refusal.code, "zosc::io::refused");
}

#[test]
fn nobody_there_and_no_address_are_told_apart() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        format!(
            "http://user:secret@{}/file",
            listener.local_addr().expect("an address")
        )
    };
    let refusal = fetch(&internet(), &[gone], 100).expect_err("nobody there");
    assert_eq!(refusal.code, "zosc::io::unreachable");
    assert!(!refusal.notes[0].contains("secret"), "{:?}", refusal.notes);
    let refusal = fetch(&internet(), &["ftp://x/y".to_owned()], 100).expect_err("no address");
    assert_eq!(refusal.code, "zosc::io::bad-address");
    let refusal = fetch(&Offline, &["https://example.org/".to_owned()], 100).expect_err("offline");
    assert_eq!(refusal.code, "zosc::io::offline");
}
