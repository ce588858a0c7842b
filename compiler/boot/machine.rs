//! One process of a hypervisor: its console, its keyboard, its end.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::folder::unusable;
use super::plan::{Accelerator, Hypervisor, Plan};
use crate::diagnostic::Diagnostic;
use crate::io::new_terminal;

/// Where keys of the machine's serial console are written to.
pub(super) type Keyboard = Box<dyn Write + Send>;

/// A running machine. It is killed when this is dropped, however that comes about.
pub(super) struct Machine {
    child: Child,
    console: Receiver<Vec<u8>>,
    errors: Arc<Mutex<Vec<u8>>>,
    /// Hangs up once all that the hypervisor said is in `errors`.
    errors_read: Receiver<()>,
}

/// How a machine went off.
pub(super) struct Off {
    /// What the hypervisor said.
    pub said: String,
    /// Whether it ended as it should.
    pub is_regular: bool,
}

impl Machine {
    /// Starts it; `through` are the words in front of the program's own.
    pub(super) fn start(
        plan: &Plan,
        through: &[OsString],
        accelerator: Accelerator,
        has_keyboard: bool,
    ) -> Result<(Self, Option<Keyboard>), Diagnostic> {
        let mut words: Vec<OsString> = through.to_vec();
        words.push(plan.program.clone().into_os_string());
        words.extend(plan.arguments(accelerator));
        let program = words.remove(0);
        let (input, terminal) = match (has_keyboard, plan.hypervisor()) {
            (false, _) => (Stdio::null(), None),
            (true, Hypervisor::Qemu) => (Stdio::piped(), None),
            // It reads keys from terminals alone.
            (true, Hypervisor::CloudHypervisor) => {
                let (ours, theirs) = new_terminal().map_err(|error| no_terminal(&error))?;
                (Stdio::from(theirs), Some(ours))
            }
        };
        let mut child = Command::new(&program)
            .args(&words)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for zosc, which then ends the machine.
            .process_group(0)
            .spawn()
            .map_err(|error| {
                plan.hypervisor()
                    .tool(plan.arch)
                    .cannot_start(&plan.program, &error)
            })?;
        let pipe = child.stdin.take().map(|input| Box::new(input) as Keyboard);
        let keyboard = pipe.or(terminal.map(|terminal| Box::new(terminal) as Keyboard));
        let (sender, console) = channel();
        if let Some(output) = child.stdout.take() {
            std::thread::spawn(move || forward(output, &sender));
        }
        let errors = Arc::default();
        let (reading, errors_read) = channel();
        if let Some(output) = child.stderr.take() {
            let errors = Arc::clone(&errors);
            std::thread::spawn(move || {
                gather(output, &errors);
                drop(reading);
            });
        }
        let machine = Self {
            child,
            console,
            errors,
            errors_read,
        };
        Ok((machine, keyboard))
    }

    /// The console's bytes as they come; it hangs up when the machine goes off.
    pub(super) fn console(&self) -> &Receiver<Vec<u8>> {
        &self.console
    }

    /// Waits for a machine that went off and returns what its hypervisor said.
    pub(super) fn last_words(mut self) -> Off {
        // The console has hung up, so the process is at its end; should it linger, dropping kills it.
        let status = self.child.wait();
        // A child of its own may hold the stream open; what was said by then has to do.
        let _ = self.errors_read.recv_timeout(Duration::from_secs(2));
        let mut said = self.said();
        let failed = status.ok().filter(|status| !status.success());
        if let Some(status) = failed {
            said.push_str(&format!("{status}\n"));
        }
        Off {
            said,
            is_regular: failed.is_none(),
        }
    }

    /// What the hypervisor has said so far.
    pub(super) fn said(&self) -> String {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&errors).into_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // All of it fails only where the processes have ended already. A number that was waited for may be another's by now.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

fn no_terminal(error: &std::io::Error) -> Diagnostic {
    unusable(Path::new("/dev/ptmx"), error)
}

fn forward(mut output: impl Read, sender: &Sender<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(count) = output.read(&mut buffer) {
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
            return;
        };
        if sender.send(bytes.to_vec()).is_err() {
            return;
        }
    }
}

/// Keeps the first few KiB of what the hypervisor says; warnings come before the reason it stops, but not by the thousand.
fn gather(mut output: impl Read, errors: &Mutex<Vec<u8>>) {
    const KEPT: usize = 16 << 10;
    let mut buffer = [0; 1024];
    while let Ok(count) = output.read(&mut buffer) {
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
            return;
        };
        let mut errors = errors.lock().unwrap_or_else(PoisonError::into_inner);
        let room = KEPT.saturating_sub(errors.len()).min(bytes.len());
        errors.extend(bytes.iter().take(room));
    }
}
