//! Boots an image and watches: until the verdict stands, or for as long as a person likes.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::Boot;
use super::console::Lines;
use super::disks::{self, Disks, Held};
use super::folder::{Folder, unusable};
use super::judge::Judge;
use super::keys::Attendant;
use super::machine::Machine;
use super::plan::{Accelerator, Hypervisor, Plan};
use super::prepare::{prepare, processor};
use super::probe::{self, Probes, Question};
use super::settings::{Image, Settings, is_native};
use super::verdict::{Ending, Verdict};
use crate::check::Arch;
use crate::diagnostic::Diagnostic;
use crate::io::{Stopwatch, ignores_signal};

/// A machine that has said nothing for this long under KVM is taken to be stuck there.
const SILENCE: Duration = Duration::from_secs(10);

/// How long the loop sleeps at most; deadlines and interrupts are seen this late.
const PULSE: Duration = Duration::from_millis(100);

/// Something to tell people while the machine runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// A remark about the machine.
    Note(String),
    /// What is run, by what, just before it starts.
    Starting(Accelerator),
    /// Bytes of the console as they come.
    Bytes(&'a [u8]),
    /// A line of the console.
    Line(&'a str),
    /// The guest's ssh answers at this port of this machine.
    Ssh(u16),
}

/// Whom a machine runs for.
enum Audience {
    /// A judge.
    Test,
    /// A person, at the keyboard where there is one.
    Person(Option<Attendant>),
}

/// Boots an image and judges it.
///
/// Ends when every expectation is decided, when the kernel dies, when the machine goes off, when [`Settings::stop`] is set, or on SIGINT and SIGTERM; at
/// the latest when the last deadline has passed. An error is something that kept the machine from starting; a boot that goes
/// wrong is a [`Verdict`].
pub fn test(
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
        .help("add a `boot` section, such as `boot { expect \"unit ready up\" within=\"60s\" }`; to look at the machine yourself, leave out `--test`"));
    }
    run(image, boot, settings, observer, false)
}

/// Boots an image for a person: what is typed goes to its console, where `has_keyboard` says so and standard input is a terminal.
///
/// Ends when the machine goes off, when Ctrl-A X is pressed, or on SIGINT and SIGTERM. Errors are as those of [`test`].
pub fn attend(
    image: Image<'_>,
    boot: &Boot,
    settings: &Settings,
    observer: &mut dyn FnMut(Event<'_>),
    has_keyboard: bool,
) -> Result<Verdict, Diagnostic> {
    let boot = Boot {
        expect: Vec::new(),
        ..boot.clone()
    };
    run(image, &boot, settings, observer, has_keyboard)
}

/// The command that would run the machine. Nothing is written: files that a boot makes are only named.
pub fn command_line(
    image: Image<'_>,
    boot: &Boot,
    settings: &Settings,
) -> Result<Vec<OsString>, Diagnostic> {
    let (plan, _) = prepare(image, boot, settings, &Folder::imagined())?;
    let usual = if is_native(plan.arch) && kvm_opens() {
        Accelerator::Kvm
    } else {
        Accelerator::Emulation
    };
    let arguments = plan.arguments(settings.accelerator.unwrap_or(usual));
    let program = plan.program.into_os_string();
    Ok(std::iter::once(program).chain(arguments).collect())
}

fn run(
    image: Image<'_>,
    boot: &Boot,
    settings: &Settings,
    observer: &mut dyn FnMut(Event<'_>),
    has_keyboard: bool,
) -> Result<Verdict, Diagnostic> {
    let folder = Folder::make()?;
    let _disks = match &settings.disks {
        Disks::Kept(kept) if kept.reset || !boot.disks.is_empty() => {
            Some(disks::hold_folder(&kept.folder)?)
        }
        Disks::Kept(_) | Disks::Fresh => None,
    };
    // Everything that may refuse the boot comes before disks are made anew.
    let (_held, mut log) = open_log(&settings.log)?;
    let arch = processor(image, settings.arch)?;
    let (first, may_fall_back) = accelerator(settings, arch, observer)?;
    let (plan, ports) = prepare(image, boot, settings, &folder)?;
    let interrupted = Interrupts::listen();
    let audience = if boot.expect.is_empty() {
        Audience::Person(has_keyboard.then(Attendant::listen).flatten())
    } else {
        Audience::Test
    };
    let mut watch = Watch {
        boot,
        plan: &plan,
        ports: &ports,
        settings,
        log: &mut log,
        observer,
        interrupted: &interrupted,
        audience: &audience,
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

/// What runs the machine first, and whether emulation is tried where that does not work.
fn accelerator(
    settings: &Settings,
    arch: Arch,
    observer: &mut dyn FnMut(Event<'_>),
) -> Result<(Accelerator, bool), Diagnostic> {
    let emulates = settings.hypervisor == Hypervisor::Qemu;
    match settings.accelerator {
        Some(accelerator) => Ok((accelerator, false)),
        None if emulates && !is_native(arch) => {
            observer(Event::Note(format!(
                "this machine has another processor than {arch}: emulating, some ten times slower"
            )));
            Ok((Accelerator::Emulation, false))
        }
        None if kvm_opens() => Ok((Accelerator::Kvm, emulates)),
        None if emulates => {
            observer(Event::Note(
                "no usable /dev/kvm on this machine: emulating, some ten times slower".to_owned(),
            ));
            Ok((Accelerator::Emulation, false))
        }
        None => Err(Diagnostic::error(
            "zosc::boot::no-kvm",
            "cloud-hypervisor needs KVM, and this user cannot open /dev/kvm",
        )
        .help("become a member of the group `kvm`, or use `--hypervisor qemu`, which emulates where it has to")),
    }
}

/// Opens the file that gets the console, for this boot alone.
fn open_log(path: &Path) -> Result<(Option<Held>, File), Diagnostic> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|error| unusable(path, &error))?;
    let facts = file.metadata().map_err(|error| unusable(path, &error))?;
    if !facts.is_file() {
        // A device or a pipe, which many may write to and nobody can shorten.
        return Ok((None, file));
    }
    let held = disks::hold_open(&file, path)?;
    file.set_len(0).map_err(|error| unusable(path, &error))?;
    Ok((Some(held), file))
}

/// Whether this user may use KVM; whether it works shows when a machine runs.
fn kvm_opens() -> bool {
    File::options()
        .read(true)
        .write(true)
        .open("/dev/kvm")
        .is_ok()
}

/// The line of what a hypervisor said that tells why it gave up: warnings come first, how it ended comes last.
fn reason(said: &str) -> String {
    said.lines()
        .find(|line| !line.contains("warning:"))
        .unwrap_or("it gave up")
        .to_owned()
}

/// What is done about a machine under KVM that has never said a word.
#[derive(Debug, PartialEq, Eq)]
enum Patience {
    Wait,
    /// Somebody is told what else there is.
    Tell,
    GiveUp,
}

fn patience(since_start: Duration, may_be_cut_off: bool, told: bool) -> Patience {
    match (may_be_cut_off, told) {
        _ if since_start <= SILENCE => Patience::Wait,
        (true, _) => Patience::GiveUp,
        (false, false) => Patience::Tell,
        (false, true) => Patience::Wait,
    }
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
    ports: &'a [Option<u16>],
    settings: &'a Settings,
    log: &'a mut File,
    observer: &'a mut dyn FnMut(Event<'_>),
    interrupted: &'a Interrupts,
    audience: &'a Audience,
}

impl Watch<'_> {
    fn attempt(&mut self, accelerator: Accelerator, may_fail: bool) -> Result<Attempt, Diagnostic> {
        (self.observer)(Event::Starting(accelerator));
        let attendant = match self.audience {
            Audience::Person(attendant) => attendant.as_ref(),
            Audience::Test => None,
        };
        let through = &self.settings.through;
        let (machine, keyboard) =
            Machine::start(self.plan, through, accelerator, attendant.is_some())?;
        if let Some(attendant) = attendant {
            attendant.attend(keyboard);
        }
        let clock = Stopwatch::start();
        let probes = self.ask();
        let mut judge = Judge::new(&self.boot.expect, self.known_units());
        let mut lines = Lines::default();
        let mut silent = true;
        let mut told = false;
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
                    let off = machine.last_words();
                    if silent && may_fail && !off.is_regular {
                        return Ok(Attempt::Unusable(reason(&off.said)));
                    }
                    let rest = lines.begun();
                    if !rest.is_empty() {
                        judge.line(&rest, now);
                    }
                    let ending = judge.end().unwrap_or(Ending::Off {
                        said: off.said,
                        is_regular: off.is_regular && !silent,
                    });
                    return Ok(self.verdict(&judge, ending, now, accelerator));
                }
            }
            self.hear(&probes, &mut judge, now);
            if silent && may_fail {
                let said = || format!("the guest said nothing for {} s", SILENCE.as_secs());
                match patience(now, self.may_be_cut_off(), told) {
                    Patience::Wait => {}
                    Patience::GiveUp => return Ok(Attempt::Unusable(said())),
                    Patience::Tell => {
                        told = true;
                        let way_on = "should KVM not work here, `--emulate` does without it";
                        (self.observer)(Event::Note(format!("{}; {way_on}", said())));
                    }
                }
            }
            if let Some(ending) = self.ending(&judge, attendant) {
                break ending;
            }
        };
        drop(machine);
        Ok(self.verdict(&judge, ending, clock.elapsed(), accelerator))
    }

    /// Whether a silent machine may be ended to try another: no person waits for it, and no disk of theirs hangs on it.
    fn may_be_cut_off(&self) -> bool {
        matches!(self.audience, Audience::Test) && matches!(self.settings.disks, Disks::Fresh)
    }

    /// Asks everything that is asked from outside.
    fn ask(&self) -> Probes {
        let probes = Probes::new(self.plan.control.clone());
        let asked = self.boot.expect.iter().zip(self.ports).enumerate();
        for (number, (expectation, port)) in asked {
            if let (Some(question), Some(port)) = (probe::question(expectation), port) {
                probes.ask(number, *port, question);
            }
        }
        if let Some(port) = self.settings.ssh {
            let greeting = Question::Greeting(b"SSH-");
            probes.ask(self.boot.expect.len(), port, greeting);
        }
        probes
    }

    /// Hands answers on, and looks at the time.
    fn hear(&mut self, probes: &Probes, judge: &mut Judge, now: Duration) {
        for (number, answer) in probes.answers() {
            match (self.settings.ssh, number == self.boot.expect.len()) {
                (Some(port), true) if answer.is_ok() => (self.observer)(Event::Ssh(port)),
                (_, true) => {}
                (_, false) => judge.answer(number, answer, now),
            }
        }
        judge.tick(now);
    }

    /// Why the machine is to stop now.
    fn ending(&self, judge: &Judge, attendant: Option<&Attendant>) -> Option<Ending> {
        let stop = self.settings.stop.as_ref();
        if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) || self.interrupted.came() {
            return Some(Ending::Interrupted);
        }
        match (self.audience, attendant) {
            (Audience::Test, _) => {
                let decided = judge.decided().then_some(Ending::Decided);
                judge.end().or(decided)
            }
            // Whoever sits there reads what it says, and leaves when that is enough.
            (Audience::Person(_), Some(attendant)) => attendant.has_left().then(|| {
                let end = judge.end();
                end.unwrap_or(Ending::Left)
            }),
            (Audience::Person(_), None) => judge.end(),
        }
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
        (self.observer)(Event::Bytes(bytes));
        for line in lines.push(bytes) {
            (self.observer)(Event::Line(&line));
            judge.line(&line, now);
        }
        judge.begun(&lines.begun(), now);
        Ok(())
    }

    fn known_units(&self) -> Vec<String> {
        let order = self.settings.order.iter();
        order
            .flat_map(|order| order.units.iter().map(|start| start.unit.clone()))
            .collect()
    }

    fn verdict(
        &self,
        judge: &Judge,
        ending: Ending,
        elapsed: Duration,
        accelerator: Accelerator,
    ) -> Attempt {
        Attempt::Verdict(Box::new(Verdict {
            is_test: matches!(self.audience, Audience::Test),
            outcomes: judge.outcomes(),
            ending,
            cause: judge.cause().cloned(),
            elapsed,
            hypervisor: self.plan.hypervisor(),
            accelerator,
            units: judge.units().clone(),
            words: judge.words().clone(),
            order: self.settings.order.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_machine_is_given_up_in_a_test_and_told_of_once_elsewhere() {
        let late = SILENCE + PULSE;
        for told in [false, true] {
            assert_eq!(patience(SILENCE, true, told), Patience::Wait);
            assert_eq!(patience(SILENCE, false, told), Patience::Wait);
            assert_eq!(patience(late, true, told), Patience::GiveUp);
        }
        assert_eq!(patience(late, false, false), Patience::Tell);
        assert_eq!(patience(late, false, true), Patience::Wait);
    }
}
