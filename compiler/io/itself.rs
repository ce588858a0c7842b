//! zosc as a program that zosc runs, and what such a process does with itself.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The longest line that is handed on.
const LONGEST_LINE: u64 = 64 << 10;

/// How long a process that was asked to end may take to clean up.
const PATIENCE: Duration = Duration::from_secs(10);

/// One run of zosc.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// What stands behind the program's name.
    pub arguments: &'a [String],
    /// The folder that it starts in.
    pub directory: &'a Path,
    /// Variables beside those of this process.
    pub environment: &'a [(&'a str, &'a str)],
}

/// Runs this very program to its end and hands on, line by line, what it tells people; says whether it succeeded.
///
/// # Errors
/// It cannot be started, or `cancel` was set: then it is asked to end, and killed where it does not (`Interrupted`).
pub fn run_itself(
    run: &Run<'_>,
    line: &mut dyn FnMut(&str),
    cancel: &AtomicBool,
) -> io::Result<bool> {
    // Under its name there may be another program by now: one that was built or installed meanwhile.
    let mut child = Command::new("/proc/self/exe")
        .args(run.arguments)
        .current_dir(run.directory)
        .envs(run.environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Ctrl-C reaches it through this process, once.
        .process_group(0)
        .spawn()?;
    let errors = child.stderr.take().map(BufReader::new);
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for bytes in errors.into_iter().flat_map(lines_of) {
            if sender.send(bytes).is_err() {
                break;
            }
        }
    });
    loop {
        if cancel.load(Ordering::Relaxed) {
            end(&mut child)?;
            return Err(io::ErrorKind::Interrupted.into());
        }
        match lines.recv_timeout(Duration::from_millis(50)) {
            Ok(text) => line(&text),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(child.wait()?.success()),
        }
    }
}

fn lines_of(mut reader: impl io::BufRead) -> impl Iterator<Item = String> {
    std::iter::from_fn(move || {
        let mut bytes = Vec::new();
        let mut part = io::Read::take(&mut reader, LONGEST_LINE);
        let count = part.read_until(b'\n', &mut bytes).ok()?;
        (count > 0).then(|| String::from_utf8_lossy(&bytes).trim_end().to_owned())
    })
}

fn end(child: &mut Child) -> io::Result<()> {
    let _ = kill_process(Pid::from_child(child), Signal::TERM);
    let asked = Instant::now();
    while asked.elapsed() < PATIENCE {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// From here on, files that this process makes are for its own user alone.
pub fn restrict_new_files() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

/// Keeps others from writing to what this process makes, where its caller would let everybody do so. Who lets a group write has a reason.
pub fn keep_others_from_writing() {
    let rest = rustix::fs::Mode::WGRP | rustix::fs::Mode::WOTH;
    let before = rustix::process::umask(rest);
    if before.contains(rustix::fs::Mode::WOTH) {
        rustix::process::umask(before);
    } else {
        rustix::process::umask(before | rest);
    }
}

/// From here on, this process is asked to end when the one that started it has ended.
pub fn end_with_parent() {
    // A kernel without it is older than those that the sandbox needs.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::TERM));
}

/// Becomes another program, which is killed when the one that started this process has ended, however it ended. Returns only where that
/// program cannot be started.
pub fn run_in_place(program: &OsStr, arguments: &[OsString]) -> io::Error {
    // Unlike everything else about a process, this stays when it becomes another program.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    Command::new(program).args(arguments).exec()
}
