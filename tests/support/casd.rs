//! buildbox-casd: a server of remote execution with its workers in one process, as BuildStream's package has it.
//!
//! Needs `$ZOSC_TEST_CASD`, the folder with `buildbox-casd` and `buildbox-run`, and bubblewrap.

// Each test that includes this uses a part of it.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods
)]

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A server on a port of its own, with a store of its own; it ends with this.
pub struct Casd {
    child: Child,
    folder: tempfile::TempDir,
    pub port: u16,
    jobs: usize,
}

impl Casd {
    /// Starts one that performs so many actions at once. `None`, aloud, where it is not there.
    pub fn start(jobs: usize) -> Option<Self> {
        programs()?;
        let folder = tempfile::Builder::new()
            .prefix("zosc-casd-")
            .tempdir()
            .unwrap();
        // Another process may be quicker to take a port that was free.
        let started = (0..5).find_map(|_| {
            let port = free_port();
            Some((port, spawn(folder.path(), port, jobs)?))
        });
        let (port, child) = started.expect("buildbox-casd starts");
        Some(Self {
            child,
            folder,
            port,
            jobs,
        })
    }

    /// Its address, for clients.
    pub fn url(&self) -> String {
        format!("grpc://127.0.0.1:{}", self.port)
    }

    /// Ends it as a crash of its machine would: actions end with it, and nothing is tidied up.
    pub fn kill(&mut self) {
        // So that it starts nothing more while it is looked at.
        signal("-STOP", self.child.id());
        let started = descendants(self.child.id());
        let _ = self.child.kill();
        let _ = self.child.wait();
        for process in started {
            signal("-KILL", process);
        }
    }

    /// Starts it once more, on the same port and with what it had stored.
    pub fn restart(&mut self) {
        self.child = spawn(self.folder.path(), self.port, self.jobs).expect("the port is free");
    }

    /// Removes contents and results while it runs, as a cache that makes room does.
    pub fn empty(&self) {
        self.lose("cas");
        self.lose("actioncache");
    }

    /// Removes contents and keeps results, which then name what is not there.
    pub fn lose_contents(&self) {
        self.lose("cas");
    }

    fn lose(&self, what: &str) {
        let objects = self.folder.path().join("cache").join(what).join("objects");
        // Its folders stay: it makes them when it starts.
        for folder in std::fs::read_dir(objects).unwrap().flatten() {
            for object in std::fs::read_dir(folder.path()).unwrap().flatten() {
                let _ = std::fs::remove_file(object.path());
            }
        }
    }

    /// How many actions it performs at the moment.
    pub fn running(&self) -> usize {
        children(self.child.id()).len()
    }

    /// How often it was asked to perform an action.
    pub fn asked(&self) -> usize {
        self.log().matches("] Execute request from").count()
    }

    /// How many actions it has performed.
    pub fn performed(&self) -> usize {
        self.log().matches("] Runner exited with code").count()
    }

    /// What it wrote since it was started first.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Drop for Casd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The server and the program that performs one action.
fn programs() -> Option<(PathBuf, PathBuf)> {
    let Some(folder) = std::env::var_os("ZOSC_TEST_CASD").map(PathBuf::from) else {
        println!("skipped: ZOSC_TEST_CASD does not name the folder of buildbox-casd");
        return None;
    };
    let bubblewrap = Command::new("bwrap").arg("--version").output();
    if bubblewrap.is_err() {
        println!("skipped: there is no bwrap (apt-get install bubblewrap)");
        return None;
    }
    Some((folder.join("buildbox-casd"), folder.join("buildbox-run")))
}

/// The platform property of actions that are shown this machine's own programs, each where it lies here; others have their input root alone.
pub const SHOWN: &str = "inject=machine";

/// buildbox-run and what it is told.
pub fn runner() -> Option<(PathBuf, Vec<String>)> {
    let (_, runner) = programs()?;
    let mut shown: Vec<String> = [
        "/usr",
        "/bin",
        "/sbin",
        "/lib",
        "/lib64",
        "/etc/alternatives",
    ]
    .map(str::to_owned)
    .into();
    // rustup keeps compilers in a home.
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = sysroot.map(|output| String::from_utf8(output.stdout).unwrap());
    shown.extend(
        sysroot
            .iter()
            .map(|path| path.trim())
            .filter(|path| !path.is_empty() && !path.starts_with("/usr"))
            .map(str::to_owned),
    );
    // Where a folder is a link, what it leads to is shown in its place.
    let arguments = shown.iter().filter_map(|at| {
        let real = std::fs::canonicalize(at).ok()?;
        Some(format!("--ro-bind-mount=machine:{}:{at}", real.display()))
    });
    Some((runner, arguments.collect()))
}

fn spawn(folder: &Path, port: u16, jobs: usize) -> Option<Child> {
    let (server, _) = programs()?;
    let (runner, arguments) = runner()?;
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap();
    let mut child = Command::new(server)
        .arg(format!("--bind=127.0.0.1:{port}"))
        .arg(format!("--buildbox-run={}", runner.display()))
        .args(
            arguments
                .iter()
                .map(|argument| format!("--runner-arg={argument}")),
        )
        .arg(format!("--jobs={jobs}"))
        .args(["--cache-failures=false", "--log-level=info"])
        // On a disk that is nearly full it would remove contents that a test has just sent.
        .arg("--reserved=64M")
        .arg(folder.join("cache"))
        // Where the root of each action is laid out.
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    if answers(port, &mut child) {
        return Some(child);
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Waits until a server listens; `false` where it ends before.
pub fn answers(port: u16, child: &mut Child) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(30) {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        sleep(Duration::from_millis(20));
    }
    false
}

fn signal(which: &str, process: u32) {
    let _ = Command::new("kill")
        .args([which, &process.to_string()])
        .stderr(Stdio::null())
        .status();
}

/// Processes that a process has started, and those that they have.
fn descendants(parent: u32) -> Vec<u32> {
    let below = |child| descendants(child).into_iter().chain([child]);
    children(parent).into_iter().flat_map(below).collect()
}

/// Processes that a process has started, from any of its threads.
fn children(parent: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task"));
    let lists = tasks
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|number| number.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect()
}
