//! What became of a boot, for programs: lines of JSON, and a JUnit report.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};
use schemars::JsonSchema;
use serde::Serialize;

use super::plan::{Accelerator, Hypervisor};
use super::verdict::{Ending, Outcome, Result, Verdict};
use crate::source::SourceMap;

/// A line of `zosc boot --message-format json`: first one for each expectation, in the manifest's order, then one of the boot itself.
///
/// Problems are told between them as every command tells them. Members are added and never change their meaning.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Record<'a> {
    /// An expectation and what became of it.
    Outcome(OutcomeRecord<'a>),
    /// The boot itself.
    Boot(BootRecord<'a>),
}

/// An expectation and what became of it. Times are milliseconds.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OutcomeRecord<'a> {
    /// The expectation as the manifest writes it: `unit sshd running`.
    what: String,
    /// Whether it came true in time.
    met: bool,
    /// How long after the start it came true; `null` where it did not.
    after: Option<u64>,
    /// How long it might have taken.
    within: u64,
    /// What was seen instead; `null` where it came true.
    instead: Option<&'a str>,
    /// The file that expects it.
    file: Option<&'a str>,
    /// The line there, from 1.
    line: usize,
}

/// What became of a boot.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BootRecord<'a> {
    /// The file that was booted.
    image: &'a Path,
    /// Whether every expectation came true; without `--test`, whether the machine ended as it should.
    good: bool,
    /// Whether expectations were judged: `--test`.
    test: bool,
    /// Why the machine was stopped.
    ending: End,
    /// The words of the kernel, the firmware or the hypervisor that say so.
    words: Option<&'a str>,
    /// What ran the machine.
    hypervisor: Hypervisor,
    /// By what.
    accelerator: Accelerator,
    /// How long the machine ran, in milliseconds.
    elapsed: u64,
    /// The file with the whole console.
    log: &'a Path,
    /// The reported name of process 1.
    pid1: Option<&'a str>,
    /// The last reported state of every unit.
    units: &'a BTreeMap<String, String>,
    /// Which units hold others back, as clauses for people.
    blocked: Vec<String>,
}

/// Why a machine was stopped.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum End {
    /// Every expectation was decided.
    Decided,
    /// The kernel died.
    Panic,
    /// The firmware did not start what no key that it trusts has signed.
    Refused,
    /// The firmware found nothing to start.
    NoBootEntry,
    /// The machine went off.
    Off,
    /// Somebody at its console left.
    Left,
    /// Somebody asked to stop.
    Interrupted,
}

impl Verdict {
    /// The verdict as lines for programs; places lie in these texts.
    pub fn records<'a>(&'a self, image: &'a Path, sources: &'a SourceMap) -> Vec<Record<'a>> {
        let outcomes = self.outcomes.iter();
        let mut records: Vec<Record<'_>> = outcomes
            .map(|outcome| Record::Outcome(outcome_record(outcome, sources)))
            .collect();
        let (ending, words) = match &self.ending {
            Ending::Decided => (End::Decided, None),
            Ending::Panic(words) => (End::Panic, Some(words.as_str())),
            Ending::Refused(words) => (End::Refused, Some(words.as_str())),
            Ending::NoBootEntry(words) => (End::NoBootEntry, Some(words.as_str())),
            Ending::Off { said, .. } => (End::Off, Some(said.trim_end())),
            Ending::Left => (End::Left, None),
            Ending::Interrupted => (End::Interrupted, None),
        };
        records.push(Record::Boot(BootRecord {
            image,
            good: self.is_good(),
            test: self.is_test,
            ending,
            words: words.filter(|words| !words.is_empty()),
            hypervisor: self.hypervisor,
            accelerator: self.accelerator,
            elapsed: milliseconds(self.elapsed),
            log: &self.log,
            pid1: self.pid1.as_deref(),
            units: &self.units,
            blocked: self.blocked(),
        }));
        records
    }

    /// The verdict as a JUnit report: a suite of this name with a case for each expectation.
    ///
    /// # Errors
    /// It cannot be written as XML.
    pub fn junit(&self, name: &str) -> std::result::Result<String, SerializeError> {
        let mut suite = TestSuite::new(name);
        suite.set_time(self.elapsed);
        suite.set_system_out(self.last_lines.join("\n"));
        suite.add_property(("hypervisor".to_owned(), self.hypervisor.to_string()));
        suite.add_property(("accelerator".to_owned(), self.accelerator.to_string()));
        let end = self.early_end().map(|fault| fault.message);
        for outcome in &self.outcomes {
            suite.add_test_case(self.case(name, outcome, end.as_deref()));
        }
        let mut report = Report::new("zosc boot");
        report.set_time(self.elapsed);
        report.add_test_suite(suite);
        report.to_string()
    }

    fn case(&self, name: &str, outcome: &Outcome, end: Option<&str>) -> TestCase {
        let (status, time) = match &outcome.result {
            Result::Met(after) => (TestCaseStatus::success(), *after),
            Result::Missed(instead) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                let lines = end
                    .map(str::to_owned)
                    .into_iter()
                    .chain(self.blocker(outcome));
                let lines: Vec<String> = lines.collect();
                status
                    .set_type("zosc::boot::expectation-missed")
                    .set_message(instead.as_str());
                if !lines.is_empty() {
                    status.set_description(lines.join("\n"));
                }
                (status, self.elapsed)
            }
        };
        let mut case = TestCase::new(outcome.what(), status);
        case.set_classname(name).set_time(time);
        case
    }
}

fn outcome_record<'a>(outcome: &'a Outcome, sources: &'a SourceMap) -> OutcomeRecord<'a> {
    let span = outcome.expectation.span;
    let (after, instead) = match &outcome.result {
        Result::Met(after) => (Some(milliseconds(*after)), None),
        Result::Missed(instead) => (None, Some(instead.as_str())),
    };
    OutcomeRecord {
        what: outcome.what(),
        met: outcome.is_met(),
        after,
        within: outcome.expectation.within,
        instead,
        file: sources.get(span.source).map(|source| source.name.as_str()),
        line: sources.position(span).line,
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
