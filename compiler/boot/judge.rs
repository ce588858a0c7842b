//! Judges a boot by the lines of its console. Pure: the caller says what time it is.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::blocked::{Words, voice};
use super::probe::Answer;
use super::symptom::{Cause, Symptom, symptoms};
use super::verdict::{Ending, Outcome, Result};
use super::{Expectation, Expected, UnitState};

/// How many of the last lines are kept for the verdict.
const KEPT: usize = 30;

/// What the lines of the boot report start with; see `runtime-units/boot-report.sh`.
const REPORT: &str = "zosc-report ";

/// Takes lines as they come and knows which expectations are met.
#[derive(Debug, Clone)]
pub struct Judge {
    watched: Vec<Watched>,
    units: BTreeMap<String, String>,
    pid1: Option<String>,
    /// Why nothing more can come.
    end: Option<Ending>,
    cause: Option<Cause>,
    /// Units whose last words are kept.
    known: Vec<String>,
    words: BTreeMap<String, Words>,
    last: VecDeque<String>,
}

/// One expectation on its way.
#[derive(Debug, Clone)]
struct Watched {
    expectation: Expectation,
    /// Since when it holds.
    since: Option<Duration>,
    /// Whether its time ran out while it did not hold.
    missed: bool,
    /// What the last question about it came to.
    answer: Option<String>,
}

impl Judge {
    /// A judge who has seen nothing yet, and will know the last words of these units.
    pub fn new(expectations: &[Expectation], known: Vec<String>) -> Self {
        let watch = |expectation: &Expectation| Watched {
            expectation: expectation.clone(),
            since: None,
            missed: false,
            answer: None,
        };
        Self {
            watched: expectations.iter().map(watch).collect(),
            units: BTreeMap::new(),
            pid1: None,
            end: None,
            cause: None,
            known,
            words: BTreeMap::new(),
            last: VecDeque::new(),
        }
    }

    /// Takes a complete line, and the time since the start.
    pub fn line(&mut self, line: &str, now: Duration) {
        // Reports are summed up, and would leave no room for anything else.
        if !line.contains(REPORT) {
            self.keep(line);
        }
        for symptom in symptoms(line) {
            self.note(symptom, line);
        }
        self.console(line, now);
        // A prompt or a message of the kernel may stand before it on the same line.
        if let Some((_, report)) = line.split_once(REPORT) {
            self.report(report.trim_end(), now);
            return;
        }
        for unit in &self.known {
            if let Some(voice) = voice(line, unit) {
                self.words
                    .entry(unit.clone())
                    .or_default()
                    .note(voice, line);
            }
        }
    }

    /// Takes what came of a question about an expectation, by its number.
    pub(super) fn answer(&mut self, number: usize, answer: Answer, now: Duration) {
        self.tick(now);
        if let Some(watched) = self.watched.get_mut(number) {
            match answer {
                Ok(()) => watched.since = watched.since.or(Some(now)),
                Err(why) => watched.answer = Some(why),
            }
        }
        self.tick(now);
    }

    /// Takes a line that has begun and may go on, such as a prompt.
    pub fn begun(&mut self, line: &str, now: Duration) {
        self.console(line, now);
    }

    /// Notes which deadlines have passed; to be called now and then.
    pub fn tick(&mut self, now: Duration) {
        for watched in &mut self.watched {
            let late = now > Duration::from_millis(watched.expectation.within);
            watched.missed |= late && watched.since.is_none();
        }
    }

    /// Whether nothing that may still come would change the verdict: all is met at the same time, or the last open
    /// deadline has passed, or the kernel is dead or was not let in.
    pub fn decided(&self) -> bool {
        self.end().is_some()
            || self
                .watched
                .iter()
                .all(|watched| watched.since.is_some() || watched.missed)
    }

    /// Why nothing more can come: the kernel has died, or the firmware did not start it.
    pub fn end(&self) -> Option<Ending> {
        self.end.clone()
    }

    /// What the kernel died of, where it said so.
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// What was said last of units, by their names.
    pub fn words(&self) -> &BTreeMap<String, Words> {
        &self.words
    }

    /// Each expectation and what became of it.
    pub fn outcomes(&self) -> Vec<Outcome> {
        self.watched
            .iter()
            .map(|watched| Outcome {
                expectation: watched.expectation.clone(),
                result: match watched.since {
                    Some(at) if !watched.missed => Result::Met(at),
                    _ => Result::Missed(self.seen_instead(watched)),
                },
            })
            .collect()
    }

    /// The last reported state of every unit.
    pub fn units(&self) -> &BTreeMap<String, String> {
        &self.units
    }

    /// The reported name of process 1.
    pub fn pid1(&self) -> Option<&str> {
        self.pid1.as_deref()
    }

    /// The last lines of the console.
    pub fn last_lines(&self) -> Vec<String> {
        self.last.iter().cloned().collect()
    }

    fn keep(&mut self, line: &str) {
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
    }

    fn note(&mut self, symptom: Symptom, line: &str) {
        let words = || line.trim().to_owned();
        let end = match symptom {
            // The first one is what the others come from.
            Symptom::Cause(cause) => {
                self.cause.get_or_insert(cause);
                return;
            }
            Symptom::Panic => Ending::Panic(words()),
            Symptom::Refused => Ending::Refused(words()),
            Symptom::NoBootEntry => Ending::NoBootEntry(words()),
        };
        self.end.get_or_insert(end);
    }

    fn console(&mut self, line: &str, now: Duration) {
        self.update(now, |what| match what {
            Expected::Console(text) if line.contains(text.as_str()) => Some(true),
            _ => None,
        });
    }

    fn report(&mut self, report: &str, now: Duration) {
        if let Some(name) = report.strip_prefix("pid1=") {
            self.pid1 = Some(name.to_owned());
            self.update(now, |what| match what {
                Expected::Pid1(wanted) => Some(wanted == name),
                _ => None,
            });
        }
        let state = report
            .strip_prefix("unit=")
            .and_then(|rest| rest.split_once(" state="));
        if let Some((unit, state)) = state {
            self.units.insert(unit.to_owned(), state.to_owned());
            self.update(now, |what| match what {
                Expected::Unit {
                    name,
                    state: wanted,
                } if name == unit => Some(holds(*wanted, state)),
                _ => None,
            });
        }
    }

    /// Sets since when expectations hold: `Some(true)` now or since before, `Some(false)` no longer, `None` as it was.
    fn update(&mut self, now: Duration, holds: impl Fn(&Expected) -> Option<bool>) {
        self.tick(now);
        for watched in &mut self.watched {
            match holds(&watched.expectation.what) {
                Some(true) => watched.since = watched.since.or(Some(now)),
                Some(false) => watched.since = None,
                None => {}
            }
        }
        self.tick(now);
    }

    /// What was seen in place of what was expected, as a clause.
    fn seen_instead(&self, watched: &Watched) -> String {
        match &watched.expectation.what {
            Expected::Console(_) => "it was not seen on the console in time".to_owned(),
            Expected::Pid1(_) => match &self.pid1 {
                Some(name) => format!("process 1 is `{name}`"),
                None => "no report was seen on the console".to_owned(),
            },
            Expected::Unit { name, .. } => match self.units.get(name) {
                Some(state) => format!("`{name}` is {state}"),
                None if self.units.is_empty() => "no report was seen on the console".to_owned(),
                None => format!("zinit knows no unit `{name}`"),
            },
            Expected::Tcp(_) | Expected::Http { .. } => {
                let answer = watched.answer.clone();
                answer.unwrap_or_else(|| "there was no answer in time".to_owned())
            }
        }
    }
}

fn holds(wanted: UnitState, state: &str) -> bool {
    match wanted {
        UnitState::Running => state == "running",
        UnitState::Success => state == "success",
        UnitState::Up => matches!(state, "running" | "success"),
    }
}
