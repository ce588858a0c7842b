//! One QEMU process: its arguments, its console, its end.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::diagnostic::Diagnostic;

/// What runs the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// The machine's own processor, through `/dev/kvm`.
    Kvm,
    /// QEMU's emulation: works everywhere, some ten times slower.
    Emulation,
}

impl fmt::Display for Accelerator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Kvm => "KVM",
            Self::Emulation => "emulation",
        })
    }
}

/// What the machine boots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// A kernel, without firmware's help.
    Kernel {
        kernel: PathBuf,
        initramfs: Option<PathBuf>,
        cmdline: String,
    },
    /// UEFI firmware, with a folder that it sees as a FAT disk and variables of its own.
    Firmware {
        code: PathBuf,
        variables: PathBuf,
        disk: PathBuf,
        /// Whether only the firmware itself may write its variables, as firmware with Secure Boot demands.
        guarded: bool,
    },
}

impl Start {
    fn add_to(&self, list: &mut Arguments) {
        match self {
            Start::Kernel {
                kernel,
                initramfs,
                cmdline,
            } => {
                list.word("-kernel").word(kernel);
                if let Some(initramfs) = initramfs {
                    list.word("-initrd").word(initramfs);
                }
                list.pair("-append", cmdline);
            }
            Start::Firmware {
                code,
                variables,
                disk,
                guarded,
            } => {
                if *guarded {
                    list.pair("-global", "driver=cfi.pflash01,property=secure,value=on");
                }
                list.drive("if=pflash,format=raw,readonly=on,file=", code)
                    .drive("if=pflash,format=raw,file=", variables)
                    .drive("if=none,id=start,format=raw,snapshot=on,file=fat:", disk)
                    // IDE disks must be writable: what is written goes to a snapshot that nobody keeps.
                    // It is on another bus than the disks of the manifest, so that these are /dev/vda and on either way.
                    .pair("-device", "ide-hd,drive=start,bootindex=1");
            }
        }
    }
}

/// A machine to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// QEMU's name or path.
    pub qemu: PathBuf,
    /// What it boots.
    pub start: Start,
    /// Bytes of memory.
    pub memory: u64,
    /// Processors.
    pub cpus: u32,
    /// Raw disk images.
    pub disks: Vec<PathBuf>,
}

impl Plan {
    /// QEMU's arguments.
    pub(super) fn arguments(&self, accelerator: Accelerator) -> Vec<OsString> {
        let mut list = Arguments::default();
        let guarded = matches!(self.start, Start::Firmware { guarded: true, .. });
        let smm = if guarded { ",smm=on" } else { "" };
        match accelerator {
            Accelerator::Kvm => list
                .pair("-machine", &format!("q35,accel=kvm{smm}"))
                .pair("-cpu", "host"),
            Accelerator::Emulation => list
                .pair("-machine", &format!("q35,accel=tcg{smm}"))
                .pair("-cpu", "max,la57=off"),
        };
        // Whole MiB, rounded up: QEMU takes `M` for that.
        let memory = self.memory.div_ceil(1 << 20).max(1);
        list.pair("-m", &format!("{memory}M"))
            .pair("-smp", &self.cpus.to_string())
            .pair("-display", "none")
            .pair("-monitor", "none")
            .pair("-serial", "stdio")
            .word("-nodefaults")
            .word("-no-user-config")
            .word("-no-reboot")
            .pair("-netdev", "user,id=network")
            .pair("-device", "virtio-net-pci,netdev=network,romfile=")
            .pair("-device", "virtio-rng-pci");
        self.start.add_to(&mut list);
        for disk in &self.disks {
            list.drive("if=virtio,format=raw,file=", disk);
        }
        list.0
    }
}

#[derive(Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    fn word(&mut self, word: impl Into<OsString>) -> &mut Self {
        self.0.push(word.into());
        self
    }

    fn pair(&mut self, name: &str, value: &str) -> &mut Self {
        self.word(name).word(value)
    }

    /// A drive whose file comes last; a comma in a path is doubled, as QEMU wants it.
    fn drive(&mut self, options: &str, file: &Path) -> &mut Self {
        let file = file.to_string_lossy().replace(',', ",,");
        self.pair("-drive", &format!("{options}{file}"))
    }
}

/// A running machine. It is killed when this is dropped, however that comes about.
pub(super) struct Machine {
    child: Child,
    console: Receiver<Vec<u8>>,
    errors: Arc<Mutex<Vec<u8>>>,
    /// Hangs up once all that QEMU said is in `errors`.
    errors_read: Receiver<()>,
}

impl Machine {
    /// Starts QEMU.
    pub(super) fn start(plan: &Plan, accelerator: Accelerator) -> Result<Self, Diagnostic> {
        let mut child = Command::new(&plan.qemu)
            .args(plan.arguments(accelerator))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| cannot_start(&plan.qemu, &error))?;
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
        Ok(Self {
            child,
            console,
            errors,
            errors_read,
        })
    }

    /// The console's bytes as they come; it hangs up when the machine goes off.
    pub(super) fn console(&self) -> &Receiver<Vec<u8>> {
        &self.console
    }

    /// Waits for a machine that went off and returns what QEMU said.
    pub(super) fn last_words(mut self) -> String {
        // The console has hung up, so the process is at its end; should it linger, dropping kills it.
        let status = self.child.wait();
        // A child of QEMU's may hold the stream open; what was said by then has to do.
        let _ = self.errors_read.recv_timeout(Duration::from_secs(2));
        let mut said = self.said();
        if let Some(status) = status.ok().filter(|status| !status.success()) {
            said.push_str(&format!("{status}\n"));
        }
        said
    }

    /// What QEMU has said so far.
    pub(super) fn said(&self) -> String {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&errors).into_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Both fail only where the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cannot_start(qemu: &Path, error: &io::Error) -> Diagnostic {
    if error.kind() == io::ErrorKind::NotFound {
        return Diagnostic::error(
            "zosc::boot::no-qemu",
            format!("`{}` is not installed", qemu.display()),
        )
        .help("install it: `qemu-system-x86` on Debian, `qemu-system-x86_64` on Alpine");
    }
    Diagnostic::error(
        "zosc::boot::no-qemu",
        format!("`{}` cannot be started: {error}", qemu.display()),
    )
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

/// Keeps the first few KiB of what QEMU says; warnings come before the reason it stops, but not by the thousand.
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
