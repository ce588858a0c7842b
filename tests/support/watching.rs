//! A `zosc watch` that runs while a test changes files.

// Each test that includes this uses a part of it.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods
)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Longer than any round takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// A `zosc watch` that is running.
pub struct Watching {
    child: Child,
    pub lines: Receiver<String>,
}

impl Watching {
    /// Starts in a folder.
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_in(folder, &std::env::temp_dir(), arguments)
    }

    /// Starts in a folder, with temporary files in another.
    pub fn start_in(folder: &Path, temporary: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("zosc"))
            .arg("watch")
            .args(arguments)
            .current_dir(folder)
            .env("TMPDIR", temporary)
            .env("ZOSC_STORE", folder.join("store"))
            .env_remove("SOURCE_DATE_EPOCH")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    /// What it says up to a line with these words, that line included.
    pub fn until(&self, words: &str) -> String {
        let start = Instant::now();
        let mut said = String::new();
        while start.elapsed() < PATIENCE {
            if let Ok(line) = self.lines.recv_timeout(Duration::from_secs(1)) {
                said.push_str(&line);
                said.push('\n');
                if line.contains(words) {
                    return said;
                }
            }
        }
        panic!("`{words}` did not come:\n{said}");
    }

    /// What it says of a round, up to its end.
    pub fn round(&self) -> String {
        self.until("Ctrl-C ends it")
    }

    fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &process]).status();
        assert!(sent.unwrap().success());
    }

    /// Presses Ctrl-C; what was said until the end, and the exit code.
    pub fn stop(mut self) -> (String, Option<i32>) {
        self.signal("INT");
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                let said: Vec<String> = self.lines.iter().collect();
                return (said.join("\n"), status.code());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it goes on");
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
