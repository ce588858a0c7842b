//! Asks the guest from outside: whether a port accepts connections, whether a page is there.
//!
//! In comes the port of this machine that QEMU forwards; out go answers, as they come, until there is a good one. QEMU takes a connection to a
//! forwarded port at once and only then asks the guest, so that a connection alone proves nothing. Whether the guest has taken it is what
//! QEMU's own table of connections says; its monitor is asked for that.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::{Expectation, Expected};
use crate::io::{Knock, http_status, knock};

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait before it is asked again.
const PAUSE: Duration = Duration::from_millis(300);

/// The longest line of QEMU's monitor that is read.
const LONGEST: u64 = 1 << 20;

/// Something to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    /// Whether this port of the guest accepts connections.
    Tcp(u16),
    /// Whether there is such a page.
    Http(String),
    /// Whether somebody greets with these bytes.
    Greeting(&'static [u8]),
}

/// What came of a question: `Ok` where it holds, else why not, as a clause.
pub(super) type Answer = Result<(), String>;

/// Questions that are being asked; it ends when this is dropped.
pub(super) struct Probes {
    answers: Receiver<(usize, Answer)>,
    sender: Sender<(usize, Answer)>,
    ended: Arc<AtomicBool>,
    control: Option<PathBuf>,
}

/// The guest's port that an expectation asks about.
pub(super) fn port(expectation: &Expectation) -> Option<u16> {
    match &expectation.what {
        Expected::Tcp(port) | Expected::Http { port, .. } => Some(*port),
        Expected::Unit { .. } | Expected::Console(_) | Expected::Pid1(_) => None,
    }
}

/// What an expectation asks.
pub(super) fn question(expectation: &Expectation) -> Option<Question> {
    match &expectation.what {
        Expected::Tcp(port) => Some(Question::Tcp(*port)),
        Expected::Http { path, .. } => Some(Question::Http(path.clone())),
        Expected::Unit { .. } | Expected::Console(_) | Expected::Pid1(_) => None,
    }
}

impl Probes {
    /// Nothing is asked yet.
    pub(super) fn new(control: Option<PathBuf>) -> Self {
        let (sender, answers) = channel();
        Self {
            answers,
            sender,
            ended: Arc::default(),
            control,
        }
    }

    /// Asks again and again until there is a good answer.
    pub(super) fn ask(&self, number: usize, port: u16, question: Question) {
        let (sender, ended) = (self.sender.clone(), Arc::clone(&self.ended));
        let control = self.control.clone();
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let answer = answer(port, &question, control.as_deref());
                let is_good = answer.is_ok();
                if sender.send((number, answer)).is_err() || is_good {
                    return;
                }
                std::thread::sleep(PAUSE);
            }
        });
    }

    /// The answers that have come since.
    pub(super) fn answers(&self) -> impl Iterator<Item = (usize, Answer)> + '_ {
        self.answers.try_iter()
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

fn answer(port: u16, question: &Question, control: Option<&Path>) -> Answer {
    match question {
        Question::Tcp(guest) => {
            let is_taken = || control.is_some_and(|control| is_established(control, port, *guest));
            match knock(port, PATIENCE, is_taken) {
                (Knock::Said(_), _) | (Knock::Silent, Some(true)) => Ok(()),
                (Knock::Silent, _) => Err("the machine does not answer there".to_owned()),
                (Knock::Closed, _) => Err("nothing accepts connections there".to_owned()),
            }
        }
        Question::Greeting(expected) => match knock(port, PATIENCE, || ()) {
            (Knock::Said(said), _) if said.starts_with(expected) => Ok(()),
            _ => Err("nobody greets there".to_owned()),
        },
        Question::Http(path) => match http_status(port, path, PATIENCE * 2) {
            Ok(status) if (200..300).contains(&status) => Ok(()),
            Ok(status) => Err(format!("the server answers with status {status}")),
            Err(why) => Err(format!("no answer: {why}")),
        },
    }
}

/// Whether the guest has taken a connection that came to a port of this machine.
fn is_established(control: &Path, port: u16, guest: u16) -> bool {
    connections(control).is_ok_and(|table| lists(&table, port, guest))
}

/// Whether QEMU's table of connections has one that stands, from this port to the guest's.
fn lists(table: &str, port: u16, guest: u16) -> bool {
    let (port, guest) = (port.to_string(), guest.to_string());
    table.lines().any(|line| {
        let mut words = line.split_whitespace();
        // State, descriptor, source address, its port, destination address, its port.
        words.next() == Some("TCP[ESTABLISHED]")
            && words.nth(2) == Some(port.as_str())
            && words.nth(1) == Some(guest.as_str())
    })
}

/// What QEMU's monitor says of the machine's own network.
fn connections(control: &Path) -> io::Result<String> {
    let mut stream = UnixStream::connect(control)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(io::Read::take(stream.try_clone()?, LONGEST));
    let mut command = |text: &str| -> io::Result<serde_json::Value> {
        stream.write_all(text.as_bytes())?;
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut message: serde_json::Value = serde_json::from_str(&line)?;
            // A greeting and events come between.
            if let Some(value) = message.get_mut("return") {
                return Ok(value.take());
            }
        }
    };
    command("{\"execute\":\"qmp_capabilities\"}\n")?;
    let table = command(
        "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"info usernet\"}}\n",
    )?;
    Ok(table.as_str().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_stands_once_the_guest_has_taken_it() {
        let table = "Hub -1 (network):\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\n  \
                     TCP[ESTABLISHED]   15       127.0.0.1 40001       10.0.2.15    22     0     0\n  \
                     TCP[SYN_SENT]      16       127.0.0.1 40002       10.0.2.15    80     0     0\n  \
                     TCP[HOST_FORWARD]  12       127.0.0.1 40001       10.0.2.15    22     0     0\n";
        assert!(lists(table, 40001, 22));
        assert!(!lists(table, 40001, 80) && !lists(table, 40002, 80) && !lists("", 40001, 22));
    }
}
