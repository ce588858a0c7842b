//! Programs of the building machine.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Stopwatch;

/// The most output that is kept of each stream.
const KEPT: usize = 4 << 20;

/// Variables that lead git into a repository, as its hooks have them: they are about another one.
const REPOSITORY: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
];

/// What a program of the machine left behind.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Whether it ended with exit code 0.
    pub success: bool,
    /// What it wrote to standard output, at most 4 MiB.
    pub output: String,
    /// What it wrote to standard error, at most 4 MiB.
    pub errors: String,
}

/// Runs a program of the machine to its end, in its own environment with `environment` added, without input.
///
/// # Errors
/// It cannot be started (`NotFound` where there is none), or `cancel` was set, in which case it is killed (`Interrupted`).
pub fn run_program(
    program: &str,
    arguments: &[&str],
    directory: &Path,
    environment: &[(&str, &str)],
    cancel: &AtomicBool,
) -> std::io::Result<Finished> {
    let mut command = Command::new(program);
    for name in REPOSITORY {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .current_dir(directory)
        .envs(environment.iter().copied())
        .stdin(Stdio::null());
    let (success, output, errors) = finish(command, &[], cancel)?;
    Ok(Finished {
        success,
        output: String::from_utf8_lossy(&output).into_owned(),
        errors,
    })
}

/// As [`run_program`] in the folder `/`, for no longer than `limit`: what takes longer is killed (`TimedOut`).
///
/// # Errors
/// As [`run_program`].
pub fn run_briefly(
    program: &str,
    arguments: &[&str],
    environment: &[(&'static str, &'static str)],
    limit: Duration,
    cancel: &AtomicBool,
) -> std::io::Result<Finished> {
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = channel();
    let words: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    let (name, stopping, environment) = (program.to_owned(), stop.clone(), environment.to_vec());
    std::thread::spawn(move || {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let finished = run_program(&name, &words, Path::new("/"), &environment, &stopping);
        let _ = sender.send(finished);
    });
    let started = Stopwatch::start();
    loop {
        if let Ok(finished) = receiver.recv_timeout(Duration::from_millis(20)) {
            return finished;
        }
        let cancelled = cancel.load(Ordering::Relaxed);
        if cancelled || started.elapsed() > limit {
            stop.store(true, Ordering::Relaxed);
            let _ = receiver.recv_timeout(Duration::from_millis(500));
            return Err(if cancelled {
                std::io::ErrorKind::Interrupted.into()
            } else {
                std::io::ErrorKind::TimedOut.into()
            });
        }
    }
}

/// The file that a program's name stands for: in `PATH`, else where systems keep programs of administrators.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    let folders = folders.chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let mut files = folders.map(|folder| folder.join(name));
    files.find(|file| {
        let facts = file.metadata();
        facts.is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
    })
}

/// What a program of the machine answered.
#[derive(Debug, Clone)]
pub struct Answered {
    /// Whether it ended with exit code 0.
    pub success: bool,
    /// What it wrote to standard output, at most 4 MiB.
    pub output: Vec<u8>,
    /// What it wrote to standard error, at most 4 MiB.
    pub errors: String,
}

/// Runs a program of the machine to its end, in its own environment and the current folder, and hands `input` to it.
///
/// # Errors
/// As [`run_program`].
pub fn run_with_input(
    program: &str,
    arguments: &[&str],
    input: &[u8],
    cancel: &AtomicBool,
) -> std::io::Result<Answered> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped());
    let (success, output, errors) = finish(command, input, cancel)?;
    Ok(Answered {
        success,
        output,
        errors,
    })
}

/// Starts a command, feeds it, and waits for its end: whether it succeeded, its output, and what it said about errors.
fn finish(
    mut command: Command,
    input: &[u8],
    cancel: &AtomicBool,
) -> std::io::Result<(bool, Vec<u8>, String)> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let output = collect(child.stdout.take());
    let errors = collect(child.stderr.take());
    if let Some(mut stream) = child.stdin.take() {
        // A program that ends without reading says why by itself.
        let _ = stream.write_all(input);
    }
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if cancel.load(Ordering::Relaxed) {
            child.kill()?;
            child.wait()?;
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let clock = Stopwatch::start();
    let errors = String::from_utf8_lossy(&errors.kept(&clock)).into_owned();
    Ok((status.success(), output.kept(&clock), errors))
}

/// How long a program's last words are waited for once it has ended: what it has left running, such as ssh's master connection, may hold the pipe for ever.
const GRACE: Duration = Duration::from_secs(2);

/// The beginning of a stream, while a thread reads it to its end.
struct Collected {
    kept: Arc<Mutex<Vec<u8>>>,
    thread: std::thread::JoinHandle<()>,
}

impl Collected {
    /// What has come, at the latest when the grace is over.
    fn kept(self, clock: &Stopwatch) -> Vec<u8> {
        while !self.thread.is_finished() && clock.elapsed() < GRACE {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads a stream to its end on a thread of its own, and keeps the beginning.
fn collect(stream: Option<impl std::io::Read + Send + 'static>) -> Collected {
    let kept: Arc<Mutex<Vec<u8>>> = Arc::default();
    let shared = Arc::clone(&kept);
    let thread = std::thread::spawn(move || {
        let Some(mut stream) = stream else { return };
        let mut piece = vec![0; 1 << 16];
        while let Ok(length) = stream.read(&mut piece)
            && length > 0
        {
            let mut kept = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let room = KEPT.saturating_sub(kept.len());
            kept.extend_from_slice(&piece[..length.min(room)]);
        }
    });
    Collected { kept, thread }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_success_come_back() {
        let never = AtomicBool::new(false);
        let here = Path::new("/");
        let finished = run_program(
            "sh",
            &["-c", "echo out; echo $X >&2; exit 3"],
            here,
            &[("X", "err")],
            &never,
        );
        let finished = finished.expect("runs");
        assert_eq!(
            (
                finished.success,
                finished.output.as_str(),
                finished.errors.as_str()
            ),
            (false, "out\n", "err\n")
        );
        let missing =
            run_program("no-such-program-here", &[], here, &[], &never).expect_err("missing");
        assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
    }

    /// As ssh does, whose master connection outlives git.
    #[test]
    fn who_is_left_running_is_not_waited_for() {
        let never = AtomicBool::new(false);
        let command = "echo out; sleep 1000 & echo $!";
        let finished = run_program("sh", &["-c", command], Path::new("/"), &[], &never);
        let output = finished.expect("runs").output;
        let (out, left) = output.split_once('\n').expect("two lines");
        let end = run_program("kill", &[left.trim()], Path::new("/"), &[], &never);
        assert_eq!((out, end.expect("runs").success), ("out", true));
    }

    #[test]
    fn a_program_that_takes_too_long_is_given_up() {
        let never = AtomicBool::new(false);
        let ask = |script: &str, limit| {
            let words = ["-c", script];
            run_briefly("sh", &words, &[], Duration::from_millis(limit), &never)
        };
        let late = ask("sleep 60", 100).expect_err("late");
        assert_eq!(late.kind(), std::io::ErrorKind::TimedOut);
        assert_eq!(ask("echo here", 60_000).expect("runs").output, "here\n");
    }

    #[test]
    fn programs_are_found_in_the_search_path() {
        assert!(find_program("sh").is_some_and(|file| file.is_absolute()));
        assert_eq!(find_program("no-such-program-here"), None);
    }

    #[test]
    fn a_cancelled_program_is_killed() {
        let already = AtomicBool::new(true);
        let stopped =
            run_program("sleep", &["60"], Path::new("/"), &[], &already).expect_err("stopped");
        assert_eq!(stopped.kind(), std::io::ErrorKind::Interrupted);
    }
}
