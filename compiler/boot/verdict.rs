//! What became of a boot.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::machine::Accelerator;
use super::{Expectation, Expected, UnitState};
use crate::diagnostic::{Diagnostic, Diagnostics};

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
    /// The machine went off by itself; what QEMU said, where it said something.
    Off(String),
    /// Somebody asked to stop.
    Interrupted,
}

/// What became of a boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Each expectation in the order of writing.
    pub outcomes: Vec<Outcome>,
    /// Why the machine was stopped.
    pub ending: Ending,
    /// How long it ran.
    pub elapsed: Duration,
    /// What ran it.
    pub accelerator: Accelerator,
    /// The last reported state of every unit.
    pub units: BTreeMap<String, String>,
    /// The reported name of process 1.
    pub pid1: Option<String>,
    /// The last lines of the console.
    pub last_lines: Vec<String>,
    /// The whole console.
    pub log: PathBuf,
}

impl Verdict {
    /// Whether every expectation was met.
    pub fn is_good(&self) -> bool {
        self.outcomes.iter().all(Outcome::is_met)
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
                .help(format!("read the console: {}", self.log.display()));
                faults.push(if faults.is_empty() {
                    self.with_last_lines(fault)
                } else {
                    fault
                });
            }
        }
        faults
    }

    fn early_end(&self) -> Option<Diagnostic> {
        let log = format!("read the console: {}", self.log.display());
        Some(match &self.ending {
            Ending::Decided => return None,
            Ending::Panic(words) => {
                let words = words.trim_start_matches(|start| start != 'K');
                Diagnostic::error(
                    "zosc::boot::kernel-panic",
                    format!("the kernel died: `{words}`"),
                )
                .help(log)
            }
            Ending::Refused(words) => Diagnostic::error(
                "zosc::boot::refused",
                format!("the firmware refused to start the image: `{words}`"),
            )
            .help("`zosc inspect IMAGE` shows who has signed it, and whether the signature is that of the file"),
            Ending::Off(said) => {
                let fault = Diagnostic::error(
                    "zosc::boot::machine-off",
                    format!(
                        "the machine went off after {:.1} s",
                        self.elapsed.as_secs_f64()
                    ),
                )
                .help(log);
                said.lines()
                    .fold(fault, |fault, line| fault.note(format!("QEMU: {line}")))
            }
            Ending::Interrupted => {
                Diagnostic::error("zosc::boot::interrupted", "the boot was interrupted").help(log)
            }
        })
    }

    fn with_last_lines(&self, fault: Diagnostic) -> Diagnostic {
        if self.last_lines.is_empty() {
            return fault.note(
                "the console stayed silent: is `console=ttyS0` on the kernel's command line?",
            );
        }
        let fault = fault.note("the console's last lines:");
        self.last_lines
            .iter()
            .fold(fault, |fault, line| fault.note(format!("  {line}")))
    }
}
