//! Programs of the building machine.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
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
    fn a_cancelled_program_is_killed() {
        let already = AtomicBool::new(true);
        let stopped =
            run_program("sleep", &["60"], Path::new("/"), &[], &already).expect_err("stopped");
        assert_eq!(stopped.kind(), std::io::ErrorKind::Interrupted);
    }
}
