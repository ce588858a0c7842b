//! Boots an image and watches until the verdict stands.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::console::Lines;
use super::judge::Judge;
use super::machine::{Accelerator, Machine, Plan, Start};
use super::verdict::{Ending, Verdict};
use super::{Boot, firmware, uki, variables};
use crate::diagnostic::Diagnostic;
use crate::io::{Stopwatch, ignores_signal};
use crate::manifest::boot::Firmware;

/// A machine that has said nothing for this long under KVM is taken to be stuck there.
const SILENCE: Duration = Duration::from_secs(20);

/// How long the loop sleeps at most; deadlines and interrupts are seen this late.
const PULSE: Duration = Duration::from_millis(100);

/// The largest file that QEMU's FAT disks can hold.
const LARGEST_ON_FAT: u64 = 480 << 20;

/// What is booted.
#[derive(Debug, Clone, Copy)]
pub enum Image<'a> {
    /// A unified kernel image.
    Uki(&'a Path),
    /// A kernel and an initramfs of their own; without firmware only.
    Kernel {
        /// The kernel, a bzImage.
        kernel: &'a Path,
        /// The initramfs.
        initramfs: &'a Path,
        /// The kernel's command line.
        cmdline: &'a str,
    },
}

/// How it is booted, beyond what the manifest says.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the console is written to.
    pub log: PathBuf,
    /// QEMU's name or path.
    pub qemu: PathBuf,
    /// The certificate, in DER, that firmware with Secure Boot trusts.
    pub trusted: Option<Vec<u8>>,
    /// Set from elsewhere to stop the machine.
    pub stop: Option<Arc<AtomicBool>>,
    /// The accelerator; `None` tries KVM and falls back to emulation.
    pub accelerator: Option<Accelerator>,
}

impl Settings {
    /// The usual QEMU, with the console in this file.
    pub fn new(log: impl Into<PathBuf>) -> Self {
        Self {
            log: log.into(),
            qemu: PathBuf::from("qemu-system-x86_64"),
            trusted: None,
            stop: None,
            accelerator: None,
        }
    }
}

/// Something to tell people while the machine runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// A remark about the machine.
    Note(String),
    /// A line of the console.
    Line(&'a str),
}

/// Boots an image and judges it.
///
/// Ends when every expectation is decided, when the kernel dies, when the machine goes off, when [`Settings::stop`] is set, or on SIGINT and SIGTERM; at
/// the latest when the last deadline has passed. An error is something that kept the machine from starting; a boot that goes
/// wrong is a [`Verdict`].
pub fn run(
    image: Image<'_>,
    boot: &Boot,
    settings: &Settings,
    observer: &mut dyn FnMut(Event<'_>),
) -> Result<Verdict, Diagnostic> {
    if boot.expect.is_empty() {
        return Err(Diagnostic::error(
            "zosc::boot::nothing-expected",
            "the manifest does not say what a good boot looks like",
        )
        .help("add a `boot` section, such as `boot { expect \"unit ready up\" within=\"60s\" }`"));
    }
    let folder =
        tempfile::tempdir().map_err(|error| unusable(Path::new("a temporary folder"), &error))?;
    let plan = prepare(image, boot, settings, folder.path())?;
    let mut log = File::create(&settings.log).map_err(|error| unusable(&settings.log, &error))?;
    let interrupted = Interrupts::listen();

    let (first, may_fall_back) = match settings.accelerator {
        Some(accelerator) => (accelerator, false),
        None if kvm_opens() => (Accelerator::Kvm, true),
        None => {
            observer(Event::Note(
                "no usable /dev/kvm on this machine: emulating, some ten times slower".to_owned(),
            ));
            (Accelerator::Emulation, false)
        }
    };
    let mut watch = Watch {
        boot,
        plan: &plan,
        settings,
        log: &mut log,
        observer,
        interrupted: &interrupted,
    };
    match watch.attempt(first, may_fall_back)? {
        Attempt::Verdict(verdict) => Ok(*verdict),
        Attempt::Unusable(why) => {
            (watch.observer)(Event::Note(format!(
                "KVM does not work here ({why}): emulating, some ten times slower"
            )));
            match watch.attempt(Accelerator::Emulation, false)? {
                Attempt::Verdict(verdict) => Ok(*verdict),
                Attempt::Unusable(why) => unreachable!("emulation is never given up: {why}"),
            }
        }
    }
}

/// Writes what QEMU needs into a folder.
fn prepare(
    image: Image<'_>,
    boot: &Boot,
    settings: &Settings,
    folder: &Path,
) -> Result<Plan, Diagnostic> {
    let start = match (image, boot.firmware) {
        (
            Image::Kernel {
                kernel,
                initramfs,
                cmdline,
            },
            Firmware::Direct,
        ) => Start::Kernel {
            kernel: existing(kernel)?,
            initramfs: Some(existing(initramfs)?),
            cmdline: cmdline.to_owned(),
        },
        (Image::Kernel { kernel, .. }, Firmware::Uefi | Firmware::SecureBoot) => {
            return Err(Diagnostic::error(
                "zosc::boot::not-a-uki",
                format!("`{}` is a kernel by itself, which UEFI firmware does not start here", kernel.display()),
            )
            .help("give the `.efi` file that `zosc build` wrote to `dist/`, or boot without firmware: `firmware=direct`"));
        }
        (Image::Uki(path), Firmware::Direct) => direct(path, folder)?,
        (Image::Uki(path), Firmware::Uefi) => {
            through_firmware(path, folder, &firmware::find()?, None)?
        }
        (Image::Uki(path), Firmware::SecureBoot) => {
            let trusted = settings.trusted.as_deref().ok_or_else(nobody_trusted)?;
            through_firmware(path, folder, &firmware::find_secure()?, Some(trusted))?
        }
    };
    let mut disks = Vec::new();
    for (index, size) in boot.disks.iter().enumerate() {
        let path = folder.join(format!("disk{index}.raw"));
        File::create(&path)
            .and_then(|file| file.set_len(*size))
            .map_err(|error| unusable(&path, &error))?;
        disks.push(path);
    }
    Ok(Plan {
        qemu: settings.qemu.clone(),
        start,
        memory: boot.memory,
        cpus: boot.cpus,
        disks,
    })
}

fn direct(path: &Path, folder: &Path) -> Result<Start, Diagnostic> {
    let bytes = fs::read(path).map_err(|error| unusable(path, &error))?;
    let parts = uki::take_apart(&bytes, path)?;
    let write = |name: &str, content: &[u8]| -> Result<PathBuf, Diagnostic> {
        let path = folder.join(name);
        fs::write(&path, content).map_err(|error| unusable(&path, &error))?;
        Ok(path)
    };
    Ok(Start::Kernel {
        kernel: write("kernel", &parts.kernel)?,
        initramfs: match &parts.initramfs {
            Some(initramfs) => Some(write("initramfs", initramfs)?),
            None => None,
        },
        cmdline: parts.cmdline,
    })
}

/// Lays the program out on a disk beside variables of the machine's own; with a certificate, Secure Boot trusts that alone.
fn through_firmware(
    path: &Path,
    folder: &Path,
    found: &firmware::Firmware,
    trusted: Option<&[u8]>,
) -> Result<Start, Diagnostic> {
    let path = existing(path)?;
    let size = fs::metadata(&path)
        .map_err(|error| unusable(&path, &error))?
        .len();
    if size > LARGEST_ON_FAT {
        return Err(Diagnostic::error(
            "zosc::boot::image-too-large",
            format!(
                "`{}` has {} MiB, more than QEMU's own FAT disks hold (480 MiB)",
                path.display(),
                size >> 20
            ),
        )
        .help("boot without firmware: `firmware=direct`"));
    }
    let disk = folder.join("disk");
    let boot = disk.join("EFI/BOOT");
    fs::create_dir_all(&boot).map_err(|error| unusable(&boot, &error))?;
    let program = boot.join("BOOTX64.EFI");
    // QEMU follows the link when it lays the folder out as a disk.
    std::os::unix::fs::symlink(&path, &program).map_err(|error| unusable(&program, &error))?;
    let variables = folder.join("variables.fd");
    let mut flash =
        fs::read(&found.variables).map_err(|error| unusable(&found.variables, &error))?;
    if let Some(certificate) = trusted {
        flash = variables::enroll(flash, certificate).map_err(|fault| {
            Diagnostic::error(
                "zosc::boot::no-firmware",
                format!("`{}` cannot be used: {fault}", found.variables.display()),
            )
            .help("install `ovmf` anew, or boot without Secure Boot: `firmware=uefi`")
        })?;
    }
    fs::write(&variables, flash).map_err(|error| unusable(&variables, &error))?;
    Ok(Start::Firmware {
        code: found.code.clone(),
        variables,
        disk,
        guarded: trusted.is_some(),
    })
}

fn nobody_trusted() -> Diagnostic {
    Diagnostic::error(
        "zosc::boot::no-certificate",
        "the firmware is to trust the certificate of `sign`, and the manifest has none",
    )
    .help("add `sign key=(env)SB_KEY cert=\"keys/db.crt\"` to `kernel`, or boot without Secure Boot: `--firmware uefi`")
}

fn existing(path: &Path) -> Result<PathBuf, Diagnostic> {
    path.canonicalize().map_err(|error| unusable(path, &error))
}

fn unusable(path: &Path, error: &std::io::Error) -> Diagnostic {
    let fault = Diagnostic::error(
        "zosc::boot::unusable-file",
        format!("`{}` cannot be used: {error}", path.display()),
    );
    if error.kind() == std::io::ErrorKind::NotFound {
        return fault.help("run `zosc build` first");
    }
    fault
}

/// Whether this user may use KVM; whether it works shows when a machine runs.
fn kvm_opens() -> bool {
    File::options()
        .read(true)
        .write(true)
        .open("/dev/kvm")
        .is_ok()
}

/// The line of what QEMU said that tells why it gave up: warnings come first, how it ended comes last.
fn reason(said: &str) -> String {
    said.lines()
        .find(|line| !line.contains("warning:"))
        .unwrap_or("QEMU gave up")
        .to_owned()
}

/// What came of running a machine once.
enum Attempt {
    Verdict(Box<Verdict>),
    /// The accelerator does not work here, with the reason.
    Unusable(String),
}

struct Watch<'a> {
    boot: &'a Boot,
    plan: &'a Plan,
    settings: &'a Settings,
    log: &'a mut File,
    observer: &'a mut dyn FnMut(Event<'_>),
    interrupted: &'a Interrupts,
}

impl Watch<'_> {
    fn attempt(&mut self, accelerator: Accelerator, may_fail: bool) -> Result<Attempt, Diagnostic> {
        let machine = Machine::start(self.plan, accelerator)?;
        let clock = Stopwatch::start();
        let mut judge = Judge::new(&self.boot.expect);
        let mut lines = Lines::default();
        let mut silent = true;
        let ending = loop {
            let received = machine.console().recv_timeout(PULSE);
            let now = clock.elapsed();
            match received {
                Ok(bytes) => {
                    silent = false;
                    self.take(&bytes, &mut lines, &mut judge, now)?;
                }
                Err(RecvTimeoutError::Timeout) => judge.begun(&lines.begun(), now),
                Err(RecvTimeoutError::Disconnected) => {
                    let said = machine.last_words();
                    if silent && may_fail {
                        return Ok(Attempt::Unusable(reason(&said)));
                    }
                    let rest = lines.begun();
                    if !rest.is_empty() {
                        judge.line(&rest, now);
                    }
                    let ending = judge.end().unwrap_or(Ending::Off(said));
                    return Ok(self.verdict(&judge, ending, now, accelerator));
                }
            }
            judge.tick(now);
            if silent && may_fail && now > SILENCE {
                return Ok(Attempt::Unusable(format!(
                    "the guest said nothing for {} s",
                    SILENCE.as_secs()
                )));
            }
            if let Some(ending) = judge.end() {
                break ending;
            }
            if judge.decided() {
                break Ending::Decided;
            }
            let stop = self.settings.stop.as_ref();
            let is_stopped = stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
            if is_stopped || self.interrupted.came() {
                break Ending::Interrupted;
            }
        };
        drop(machine);
        Ok(self.verdict(&judge, ending, clock.elapsed(), accelerator))
    }

    /// Passes the console's bytes on to the log, the observer and the judge.
    fn take(
        &mut self,
        bytes: &[u8],
        lines: &mut Lines,
        judge: &mut Judge,
        now: Duration,
    ) -> Result<(), Diagnostic> {
        self.log
            .write_all(bytes)
            .map_err(|error| unusable(&self.settings.log, &error))?;
        for line in lines.push(bytes) {
            (self.observer)(Event::Line(&line));
            judge.line(&line, now);
        }
        judge.begun(&lines.begun(), now);
        Ok(())
    }

    fn verdict(
        &self,
        judge: &Judge,
        ending: Ending,
        elapsed: Duration,
        accelerator: Accelerator,
    ) -> Attempt {
        Attempt::Verdict(Box::new(Verdict {
            outcomes: judge.outcomes(),
            ending,
            elapsed,
            accelerator,
            units: judge.units().clone(),
            pid1: judge.pid1().map(str::to_owned),
            last_lines: judge.last_lines(),
            log: self.settings.log.clone(),
        }))
    }
}

/// Notices SIGINT, SIGTERM and SIGHUP for as long as it lives, so that the machine is stopped before zosc is.
struct Interrupts {
    flag: Arc<AtomicBool>,
    handlers: Vec<signal_hook::SigId>,
}

impl Interrupts {
    fn listen() -> Self {
        let flag = Arc::default();
        let handlers = [SIGINT, SIGTERM, SIGHUP]
            .into_iter()
            // Under `nohup` the loss of the terminal means nothing.
            .filter(|signal| !ignores_signal(*signal))
            // Where it cannot be registered, the signal ends zosc as it always does.
            .filter_map(|signal| signal_hook::flag::register(signal, Arc::clone(&flag)).ok())
            .collect();
        Self { flag, handlers }
    }

    fn came(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        for handler in self.handlers.drain(..) {
            signal_hook::low_level::unregister(handler);
        }
    }
}
