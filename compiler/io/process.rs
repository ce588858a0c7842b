//! Programs of the building machine.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The most output that is kept of each stream.
const KEPT: u64 = 4 << 20;

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
    let bytes = |thread: std::thread::JoinHandle<Vec<u8>>| thread.join().unwrap_or_default();
    let errors = String::from_utf8_lossy(&bytes(errors)).into_owned();
    Ok((status.success(), bytes(output), errors))
}

/// Reads a stream to its end on a thread of its own, and keeps the beginning.
fn collect(
    stream: Option<impl std::io::Read + Send + 'static>,
) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.by_ref().take(KEPT).read_to_end(&mut kept);
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
        kept
    })
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

    #[test]
    fn a_cancelled_program_is_killed() {
        let already = AtomicBool::new(true);
        let stopped =
            run_program("sleep", &["60"], Path::new("/"), &[], &already).expect_err("stopped");
        assert_eq!(stopped.kind(), std::io::ErrorKind::Interrupted);
    }
}
