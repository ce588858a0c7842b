//! Runs a command in a container, by the engine's own program.

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::super::disk;
use super::super::sandbox::{
    self, End, Identity, Lines, Outcome, RootFs, Sandbox, gives_owners, subordinate_ids,
};
use super::super::scratch::Scratch;
use super::arguments::{Start, moved};
use super::engine::EMPTY_IMAGE;
use super::job::{JOB, Job, Report};
use super::program::Program;
use super::{Executor, refusal};
use crate::diagnostic::Diagnostic;
use crate::io::{self, Engine, Stopwatch};
use crate::tree::Store;

/// How often cancellation is looked at.
const GLANCE: Duration = Duration::from_millis(50);
/// How long a cancelled container has to end by itself.
const PATIENCE: Duration = Duration::from_secs(2);
/// How much of an engine's own words is kept.
const WORDS: usize = 1 << 16;

/// Containers of one engine.
pub(super) struct Containers {
    engine: Engine,
    further: Vec<String>,
    store: Store,
    swept: Once,
    count: AtomicU32,
}

/// A container that is ready to be started.
struct Prepared {
    name: String,
    arguments: Vec<String>,
    /// Holds the two folders below.
    folder: Scratch,
    shared: PathBuf,
}

impl Containers {
    /// Containers of an engine, with further options; what they share with zosc lies in the store.
    pub(super) fn new(engine: Engine, further: Vec<String>, store: &Store) -> Self {
        Self {
            engine,
            further,
            store: store.clone(),
            swept: Once::new(),
            count: AtomicU32::new(0),
        }
    }

    fn prepare(&self, sandbox: &Sandbox, terminal: bool) -> Result<Prepared, Diagnostic> {
        self.require(sandbox)?;
        let folder = Scratch::new(&self.store)?;
        let shared = folder.make("shared")?;
        let root = folder.make("root")?;
        let job = Job {
            sandbox: moved(sandbox),
            gives_back: gives_owners(),
            terminal,
        };
        let bytes = serde_json::to_vec(&job).expect("a sandbox is always JSON");
        let path = shared.join(JOB);
        fs::write(&path, bytes).map_err(|error| disk(&path, &error))?;
        let name = io::container_name(self.count.fetch_add(1, Ordering::Relaxed));
        let start = Start {
            engine: self.engine,
            further: &self.further,
            name: &name,
            shared: &shared,
            root: &root,
            program: &Program::own()?,
            terminal,
        };
        Ok(Prepared {
            arguments: start.arguments(sandbox),
            name,
            folder,
            shared,
        })
    }

    /// What can be told before an engine is asked, in words of ours.
    fn require(&self, sandbox: &Sandbox) -> Result<(), Diagnostic> {
        let own = self.engine == Engine::Podman && gives_owners();
        if own && sandbox.identity == Identity::Accounts {
            subordinate_ids("/etc/subuid")?;
            subordinate_ids("/etc/subgid")?;
        }
        let root = match &sandbox.root {
            RootFs::Empty => None,
            RootFs::ReadOnly(root) | RootFs::Writable(root) => Some(root),
        };
        let binds = sandbox.binds.iter().map(|bind| &bind.host);
        for path in binds.chain(root) {
            fs::metadata(path).map_err(|error| sandbox::unreadable(path, &error))?;
        }
        Ok(())
    }

    fn command(&self, prepared: &Prepared) -> Command {
        let mut command = Command::new(self.engine.program());
        command.args(&prepared.arguments).current_dir("/");
        command
    }

    fn refused(&self, error: &std::io::Error) -> Diagnostic {
        if error.kind() == ErrorKind::NotFound {
            return refusal::no_engine(self.engine);
        }
        refusal::failed(self.engine, &error.to_string())
    }

    /// Starts a container and follows it to its end; returns how its client ended and the engine's own words.
    fn follow(
        &self,
        prepared: &Prepared,
        cancel: &AtomicBool,
        line: &mut dyn FnMut(&[u8]),
    ) -> Result<(ExitStatus, String), Diagnostic> {
        let mut child = self
            .command(prepared)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for zosc, which ends the container in an orderly way.
            .process_group(0)
            .spawn()
            .map_err(|error| self.refused(&error))?;
        let words = collect(child.stderr.take());
        let output = receive(child.stdout.take());
        let mut lines = Lines::default();
        let mut cancelled = None;
        loop {
            match output.recv_timeout(GLANCE) {
                Ok(piece) => lines.take(&piece, line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if cancelled.is_none() && cancel.load(Ordering::Relaxed) {
                // The first process inside ends with its input.
                drop(child.stdin.take());
                cancelled = Some(Stopwatch::start());
            }
            if cancelled.is_some_and(|since| since.elapsed() > PATIENCE) {
                self.end(prepared, &mut child);
                cancelled = Some(Stopwatch::start());
            }
        }
        lines.finish(line);
        let status = child.wait().map_err(|error| self.refused(&error))?;
        let words = words.join().unwrap_or_default();
        Ok((status, String::from_utf8_lossy(&words).into_owned()))
    }

    /// Removes a container that does not end, and ends its client.
    fn end(&self, prepared: &Prepared, child: &mut Child) {
        self.remove(prepared);
        let _ = child.kill();
    }

    /// Removes a container that may be there still.
    fn remove(&self, prepared: &Prepared) {
        let never = AtomicBool::new(false);
        let arguments = self.engine.removal(&prepared.name);
        let here = std::path::Path::new("/");
        let _ = io::run_program(self.engine.program(), &arguments, here, &[], &never);
    }

    /// Makes the image without content that docker starts from.
    fn make_image(&self, prepared: &Prepared, cancel: &AtomicBool) -> Result<(), Diagnostic> {
        let path = prepared.folder.path().join("empty.tar");
        // An archive's end, which is all of an empty one.
        fs::write(&path, [0; 1024]).map_err(|error| disk(&path, &error))?;
        let shown = path.to_string_lossy();
        let arguments = ["import", &*shown, EMPTY_IMAGE];
        let here = std::path::Path::new("/");
        let made = io::run_program(self.engine.program(), &arguments, here, &[], cancel)
            .map_err(|error| self.refused(&error))?;
        if made.success {
            return Ok(());
        }
        Err(refusal::said(self.engine, &made.errors))
    }

    fn conclude(
        &self,
        prepared: &Prepared,
        status: ExitStatus,
        words: &str,
    ) -> Result<Outcome, Diagnostic> {
        match Report::read(&prepared.shared) {
            Some(Report::Ended(outcome)) => Ok(outcome),
            Some(Report::Refused(refusal)) => Err(refusal.into()),
            None if words.trim().is_empty() => Err(refusal::failed(
                self.engine,
                &format!("the container was ended from outside ({status})"),
            )),
            None => Err(refusal::said(self.engine, words)),
        }
    }
}

impl Executor for Containers {
    fn run(
        &self,
        sandbox: &Sandbox,
        cancel: &AtomicBool,
        line: &mut dyn FnMut(&[u8]),
    ) -> Result<Outcome, Diagnostic> {
        let prepared = self.prepare(sandbox, false)?;
        self.swept
            .call_once(|| io::remove_containers(self.engine, cancel));
        let (mut status, mut words) = self.follow(&prepared, cancel, line)?;
        if refusal::is_missing_image(&words) {
            self.make_image(&prepared, cancel)?;
            (status, words) = self.follow(&prepared, cancel, line)?;
        }
        if cancel.load(Ordering::Relaxed) {
            if !status.success() {
                self.remove(&prepared);
            }
            return Ok(Outcome {
                end: End::Cancelled,
                owners: Vec::new(),
            });
        }
        self.conclude(&prepared, status, &words)
    }

    fn engine(&self) -> Option<Engine> {
        Some(self.engine)
    }

    fn interact(&self, sandbox: &Sandbox) -> Result<Outcome, Diagnostic> {
        use std::io::IsTerminal as _;

        let never = AtomicBool::new(false);
        if self.engine == Engine::Docker && !self.has_image(&never)? {
            let prepared = self.prepare(sandbox, false)?;
            self.make_image(&prepared, &never)?;
        }
        let mut prepared = self.prepare(sandbox, true)?;
        if !std::io::stdin().is_terminal() {
            prepared.arguments.retain(|argument| argument != "--tty");
        }
        let status = self
            .command(&prepared)
            .status()
            .map_err(|error| self.refused(&error))?;
        self.conclude(&prepared, status, "")
    }
}

impl Containers {
    fn has_image(&self, cancel: &AtomicBool) -> Result<bool, Diagnostic> {
        let arguments = ["image", "inspect", EMPTY_IMAGE];
        let here = std::path::Path::new("/");
        let found = io::run_program(self.engine.program(), &arguments, here, &[], cancel)
            .map_err(|error| self.refused(&error))?;
        Ok(found.success)
    }
}

/// Passes a stream on in pieces.
fn receive(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = sync_channel(64);
    std::thread::spawn(move || stream.map(|stream| send(stream, &sender)));
    receiver
}

fn send(mut stream: impl Read, sender: &SyncSender<Vec<u8>>) {
    let mut buffer = [0; 1 << 13];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Reads a stream to its end and keeps its beginning.
fn collect(stream: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for piece in receive(stream) {
            if kept.len() < WORDS {
                kept.extend_from_slice(&piece);
            }
        }
        kept
    })
}
