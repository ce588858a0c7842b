//! Runs a command as it is, where the input root is `/` already: who isolated the action has done the rest.
//!
//! No namespaces are made. What a command is promised beside those holds: its environment, umask and limits, its
//! input and output, and that everything it started has ended before its files are read.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, WaitOptions};

use super::super::super::materialise::materialise;
use super::super::super::perform::surroundings::{WORK, WORK_FOLDERS, read_back};
use super::super::super::sandbox::{End, Limits, Lines};
use super::super::super::{disk, sandbox};
use super::super::job::{Job, TREES};
use super::given;
use crate::diagnostic::Diagnostic;
use crate::io::Stopwatch;
use crate::tree::{ImagePath, Node, Store, Tree};

/// How often limits are looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// Runs it to its end; of one that did its work, what it left.
pub(super) fn run(
    job: &Job,
    store: &Store,
    line: &mut dyn FnMut(&[u8]),
) -> Result<(End, Option<Tree>), Diagnostic> {
    lay_out(job)?;
    let end = follow(&mut start(job)?, &Limits::default(), line);
    if !end.is_success() {
        return Ok((end, None));
    }
    let places = [(ImagePath::root(), PathBuf::from("/"))];
    let tree = read_back(&places, &job.capture, &[], store, &job.mark())?;
    Ok((end, Some(tree)))
}

/// A tree as it is shown to a command on a toolchain: everything root's, and nothing that only root can make.
pub(super) fn everyones(mut tree: Tree) -> Tree {
    tree.retain(|_, entry| {
        !matches!(
            entry.node,
            Node::CharDevice { .. } | Node::BlockDevice { .. }
        )
    });
    for (_, entry) in tree.iter_mut() {
        (entry.uid, entry.gid) = (0, 0);
    }
    tree
}

/// Puts everything in place that the command may change.
fn lay_out(job: &Job) -> Result<(), Diagnostic> {
    let never = AtomicBool::new(false);
    make("/tmp", 0o1777)?;
    make(WORK, 0o755)?;
    for folder in WORK_FOLDERS {
        make(&format!("{WORK}/{folder}"), 0o755)?;
    }
    for (number, mount) in job.mounts.iter().enumerate() {
        let contents = Store::open(Path::new("/").join(TREES).join(number.to_string()))?;
        let tree = contents.get_tree(&mount.tree)?;
        let folder = Path::new(mount.at.as_str());
        if mount.writable {
            make(mount.at.as_str(), 0o755)?;
            materialise(&everyones(tree), &contents, folder, &never)?;
        } else {
            given::dress(tree, folder);
        }
    }
    for path in &job.files {
        given::dress_program(Path::new(path.as_str()));
    }
    Ok(())
}

/// Makes a folder and those above it. One that is there already may be another's.
fn make(folder: &str, mode: u32) -> Result<(), Diagnostic> {
    fs::create_dir_all(folder).map_err(|error| disk(Path::new(folder), &error))?;
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(mode));
    Ok(())
}

/// The command as it runs, and its output in pieces.
struct Running {
    child: Child,
    output: Receiver<Vec<u8>>,
}

fn start(job: &Job) -> Result<Running, Diagnostic> {
    let resources = |error: std::io::Error| sandbox::resources(&error);
    // All of these are handed down; what is refused here is refused to the command as well.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let no_core = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = rustix::process::setrlimit(Resource::Core, no_core);
    let _ = rustix::thread::set_no_new_privs(true);
    // What a command leaves behind becomes a child of this process.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    let (output, input) = std::io::pipe().map_err(resources)?;
    let (program, arguments) = job.arguments.split_first().unzip();
    let mut command = Command::new(program.map_or("", String::as_str));
    command
        .args(arguments.unwrap_or_default())
        .env_clear()
        .envs(&job.environment)
        .current_dir(job.directory.as_str())
        .stdin(Stdio::null())
        .stdout(input.try_clone().map_err(resources)?)
        .stderr(input)
        .process_group(0);
    let child = command.spawn().map_err(|error| refused(job, &error))?;
    // It holds the other end of the pipe.
    drop(command);
    Ok(Running {
        child,
        output: receive(output),
    })
}

fn refused(job: &Job, error: &std::io::Error) -> Diagnostic {
    if !Path::new(job.directory.as_str()).is_dir() {
        return sandbox::no_directory(job.directory.as_str(), error);
    }
    sandbox::no_program(&job.arguments, &job.environment, error)
}

/// Passes a stream on in pieces.
fn receive(mut stream: std::io::PipeReader) -> Receiver<Vec<u8>> {
    let (sender, receiver) = sync_channel(64);
    std::thread::spawn(move || {
        let mut buffer = [0; 1 << 13];
        loop {
            match stream.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(count @ 1..) if sender.send(buffer[..count].to_vec()).is_ok() => {}
                _ => return,
            }
        }
    });
    receiver
}

/// Follows a command until it and all that it started have ended.
fn follow(running: &mut Running, limits: &Limits, line: &mut dyn FnMut(&[u8])) -> End {
    let clock = Stopwatch::start();
    let mut lines = Lines::default();
    let mut written = 0_u64;
    let mut end = None;
    loop {
        let piece = running.output.recv_timeout(GLANCE);
        if let Ok(piece) = &piece {
            written = written.saturating_add(piece.len() as u64);
            lines.take(piece, line);
        }
        if end.is_none() {
            end = ended(&mut running.child).or_else(|| {
                let is_late = clock.elapsed() > limits.time;
                let late = is_late.then_some(End::TimeLimit);
                late.or((written > limits.output).then_some(End::OutputLimit))
            });
            if end.is_some() {
                end_all(&mut running.child);
            }
        }
        match (end, piece) {
            (Some(end), Err(RecvTimeoutError::Disconnected)) => {
                lines.finish(line);
                return end;
            }
            // It has closed its output, and goes on.
            (None, Err(RecvTimeoutError::Disconnected)) => std::thread::sleep(GLANCE),
            _ => {}
        }
    }
}

/// How the command ended, where it has.
fn ended(child: &mut Child) -> Option<End> {
    child.try_wait().ok().flatten().map(end_of)
}

fn end_of(status: std::process::ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(code),
        (None, signal) => End::Signalled(signal.unwrap_or_default()),
    }
}

/// Ends the command's process group, then whatever else has become a child of this process, and buries them all.
fn end_all(child: &mut Child) {
    if let Some(group) = Pid::from_raw(child.id().cast_signed()) {
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
    loop {
        for pid in children() {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => std::thread::sleep(Duration::from_millis(1)),
            Err(_) => return,
        }
    }
}

/// Children of this process.
fn children() -> Vec<Pid> {
    let own = std::process::id();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let found = processes.filter_map(|entry| {
        let number: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name, in parentheses, may hold anything; state and parent follow (proc_pid_stat(5)).
        let parent: u32 = stat
            .rsplit_once(')')?
            .1
            .split_ascii_whitespace()
            .nth(1)?
            .parse()
            .ok()?;
        (parent == own).then(|| Pid::from_raw(number)).flatten()
    });
    found.collect()
}
