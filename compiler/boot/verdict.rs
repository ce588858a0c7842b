//! What became of a boot.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::blocked::{self, Words};
use super::plan::{Accelerator, Hypervisor};
use super::symptom::Cause;
use super::{Expectation, Expected, UnitState};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::zinit::BootOrder;

/// What became of one expectation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Result {
    /// It holds since this time after the start.
    Met(Duration),
    /// It does not hold; what was seen instead, as a clause.
    Missed(String),
}

/// One expectation and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was expected.
    pub expectation: Expectation,
    /// What came.
    pub result: Result,
}

impl Outcome {
    /// Whether it was met.
    pub fn is_met(&self) -> bool {
        matches!(self.result, Result::Met(_))
    }

    /// The expectation as a manifest writes it, such as `unit sshd running`.
    pub fn what(&self) -> String {
        match &self.expectation.what {
            Expected::Unit { name, state } => {
                let state = match state {
                    UnitState::Running => "running",
                    UnitState::Success => "success",
                    UnitState::Up => "up",
                };
                format!("unit {name} {state}")
            }
            Expected::Console(text) => format!("console {text}"),
            Expected::Pid1(name) => format!("pid1 {name}"),
            Expected::Tcp(port) => format!("tcp {port}"),
            Expected::Http { port, path } => format!("http {port}{path}"),
        }
    }
}

/// Why the machine was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Every expectation was decided.
    Decided,
    /// The kernel died, with these words.
    Panic(String),
    /// The firmware did not start the image, since no key that it trusts has signed it; its words.
    Refused(String),
    /// The firmware found nothing to start; its words.
    NoBootEntry(String),
    /// The machine went off by itself.
    Off {
        /// What its hypervisor said, where it said something.
        said: String,
        /// Whether that ended as it should.
        is_regular: bool,
    },
    /// Somebody at its console left.
    Left,
    /// Somebody asked to stop.
    Interrupted,
}

/// What became of a boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether expectations were judged; else the machine ran for a person.
    pub is_test: bool,
    /// Each expectation in the order of writing.
    pub outcomes: Vec<Outcome>,
    /// Why the machine was stopped.
    pub ending: Ending,
    /// What the kernel died of, where it said so.
    pub cause: Option<Cause>,
    /// How long it ran.
    pub elapsed: Duration,
    /// What ran it.
    pub hypervisor: Hypervisor,
    /// By what.
    pub accelerator: Accelerator,
    /// The last reported state of every unit.
    pub units: BTreeMap<String, String>,
    /// What was said last of units.
    pub words: BTreeMap<String, Words>,
    /// The order of units.
    pub order: Option<BootOrder>,
    /// The reported name of process 1.
    pub pid1: Option<String>,
    /// The last lines of the console.
    pub last_lines: Vec<String>,
    /// The whole console.
    pub log: PathBuf,
}

impl Verdict {
    /// Whether every expectation was met; where nothing was judged, whether the machine ended as machines should.
    pub fn is_good(&self) -> bool {
        if self.is_test {
            return self.outcomes.iter().all(Outcome::is_met);
        }
        match &self.ending {
            Ending::Off { is_regular, .. } => *is_regular,
            Ending::Left | Ending::Decided => true,
            Ending::Panic(_)
            | Ending::Refused(_)
            | Ending::NoBootEntry(_)
            | Ending::Interrupted => false,
        }
    }

    /// The faults: why the machine stopped too early, and each missed expectation at its place.
    pub fn diagnostics(&self) -> Diagnostics {
        let mut faults = Diagnostics::new();
        if self.is_good() {
            return faults;
        }
        if let Some(fault) = self.early_end() {
            faults.push(self.with_last_lines(fault));
        }
        for outcome in &self.outcomes {
            if let Result::Missed(instead) = &outcome.result {
                let fault = Diagnostic::error(
                    "zosc::boot::expectation-missed",
                    format!("`{}` did not come true", outcome.what()),
                )
                .label(outcome.expectation.span, instead)
                .help(self.read_console());
                let fault = self.with_blocker(fault, outcome);
                faults.push(if faults.is_empty() {
                    self.with_last_lines(fault)
                } else {
                    fault
                });
            }
        }
        faults
    }

    /// Which units hold back those that were expected and are not up, as clauses, each once; without such, which have failed.
    pub fn blocked(&self) -> Vec<String> {
        let missed = self.outcomes.iter().filter(|outcome| !outcome.is_met());
        let mut told: Vec<String> = Vec::new();
        for outcome in missed {
            for clause in self.blocker(outcome) {
                if !told.contains(&clause) {
                    told.push(clause);
                }
            }
        }
        if told.is_empty() && !self.is_good() {
            let failed = blocked::failed(&self.units).into_iter();
            for unit in failed {
                told.push(format!("`{unit}` has failed"));
                told.extend(self.last_words(unit));
            }
        }
        told
    }

    pub(super) fn blocker(&self, outcome: &Outcome) -> Vec<String> {
        let (Some(order), Expected::Unit { name, .. }) = (&self.order, &outcome.expectation.what)
        else {
            return Vec::new();
        };
        if self.units.is_empty() {
            return Vec::new();
        }
        let chain = blocked::chain(order, &self.units, name);
        let told = blocked::told(&chain, &self.units);
        let words = chain.last().map(|last| self.last_words(&last.unit));
        told.into_iter()
            .chain(words.into_iter().flatten())
            .collect()
    }

    fn misses_a_unit(&self) -> bool {
        let mut missed = self.outcomes.iter().filter(|outcome| !outcome.is_met());
        missed.any(|outcome| matches!(outcome.expectation.what, Expected::Unit { .. }))
    }

    fn last_words(&self, unit: &str) -> Vec<String> {
        let words = self.words.get(unit).cloned().unwrap_or_default();
        let own = words
            .own
            .map(|words| format!("`{unit}` last said: {words}"));
        let zinit = words
            .zinit
            .map(|words| format!("zinit last said of it: {words}"));
        own.into_iter().chain(zinit).collect()
    }

    fn with_blocker(&self, fault: Diagnostic, outcome: &Outcome) -> Diagnostic {
        let clauses = match outcome.expectation.what {
            Expected::Unit { .. } => self.blocker(outcome),
            // What is awaited elsewhere may well be due to a unit, which is told once.
            _ if self.misses_a_unit() => Vec::new(),
            _ => self.blocked(),
        };
        clauses.into_iter().fold(fault, Diagnostic::note)
    }

    pub(super) fn early_end(&self) -> Option<Diagnostic> {
        Some(match &self.ending {
            Ending::Decided | Ending::Left => return None,
            Ending::Panic(words) => self.panic(words),
            Ending::Refused(words) => Diagnostic::error(
                "zosc::boot::refused",
                format!("the firmware refused to start the image: `{words}`"),
            )
            .help("`zosc inspect IMAGE` shows who has signed it, and whether the signature is that of the file"),
            Ending::NoBootEntry(words) => Diagnostic::error(
                "zosc::boot::no-boot-entry",
                format!("the firmware found nothing that it can start: `{words}`"),
            )
            .help("see with `zosc inspect IMAGE` that it is an EFI program for this processor, and build it again"),
            Ending::Off { said, .. } => {
                let fault = Diagnostic::error(
                    "zosc::boot::machine-off",
                    format!(
                        "the machine went off after {:.1} s",
                        self.elapsed.as_secs_f64()
                    ),
                )
                .help(self.read_console());
                let hypervisor = self.hypervisor;
                said.lines()
                    .fold(fault, |fault, line| fault.note(format!("{hypervisor}: {line}")))
            }
            Ending::Interrupted => {
                Diagnostic::error("zosc::boot::interrupted", "the boot was interrupted")
                    .help(self.read_console())
            }
        })
    }

    fn panic(&self, words: &str) -> Diagnostic {
        let words = words.trim_start_matches(|start| start != 'K');
        let Some(cause) = &self.cause else {
            return Diagnostic::error(
                "zosc::boot::kernel-panic",
                format!("the kernel died: `{words}`"),
            )
            .help(self.read_console());
        };
        let fault = if cause.is_missing_init() {
            Diagnostic::error(
                "zosc::boot::no-init",
                format!("the kernel found nothing to start: {}", cause.fact()),
            )
        } else {
            Diagnostic::error(
                "zosc::boot::kernel-panic",
                format!("the kernel died, since {}", cause.fact()),
            )
        };
        fault.note(words).help(cause.help())
    }

    fn read_console(&self) -> String {
        format!("read the console: {}", self.log.display())
    }

    fn with_last_lines(&self, fault: Diagnostic) -> Diagnostic {
        // A person has seen them.
        if !self.is_test {
            return fault;
        }
        if self.last_lines.is_empty() && self.pid1.is_none() {
            return fault.note(
                "the console stayed silent: is `console=ttyS0` (of 64-bit Arm: `console=ttyAMA0`) on the kernel's command line?",
            );
        }
        let fault = fault.note("the console's last lines:");
        self.last_lines
            .iter()
            .fold(fault, |fault, line| fault.note(format!("  {line}")))
    }
}
