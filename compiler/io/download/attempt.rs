//! One address, asked until it yields everything or is given up.

use std::io::{Read, Write};
use std::thread::sleep;
use std::time::Duration;

use super::pace::{Pace, Patience};
use super::refusal::unwritable;
use super::{Failure, Network, Progress, Request, Resume, Version};
use crate::diagnostic::Diagnostic;
use crate::io::Stopwatch;

/// Pauses before an address is asked again after a passing failure; one more attempt than pauses is made.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(4),
];

/// Most attempts at one address, however much each of them yields.
const MOST_ATTEMPTS: usize = 50;

/// Why an attempt ended without a full sink.
pub(super) enum Broken {
    /// The address failed.
    Failure(Failure),
    /// The receiving side failed; no other address helps.
    Sink(Diagnostic),
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// One address, asked until it yields everything or is given up.
pub(super) struct Attempt<'r, B> {
    pub(super) patience: Patience,
    pub(super) network: &'r dyn Network,
    pub(super) request: Request<'r>,
    pub(super) url: &'r str,
    pub(super) had: Option<&'r Version>,
    pub(super) progress: &'r dyn Fn(Progress<'_>),
    pub(super) begin: &'r mut B,
}

/// What has come so far.
pub(super) struct Partial<S> {
    pub(super) sink: S,
    received: u64,
    pub(super) version: Option<String>,
}

impl<S: Write, B: FnMut() -> Result<S, Diagnostic>> Attempt<'_, B> {
    pub(super) fn fetch(&mut self) -> Result<Partial<S>, Broken> {
        let mut partial = None;
        let mut pauses = PAUSES.iter();
        for _ in 0..MOST_ATTEMPTS {
            let before = received(partial.as_ref());
            let failure = match self.once(&mut partial) {
                Ok(whole) => return Ok(whole),
                Err(Broken::Failure(failure)) if failure.may_pass() => failure,
                Err(other) => return Err(other),
            };
            if received(partial.as_ref()) > before {
                pauses = PAUSES.iter();
            }
            let Some(pause) = pauses.next() else {
                return Err(failure.into());
            };
            sleep(*pause);
        }
        Err(Failure::Passing("the connection broke too often".to_owned()).into())
    }

    /// Asks once, and reads until the end or a failure.
    fn once(&mut self, partial: &mut Option<Partial<S>>) -> Result<Partial<S>, Broken> {
        let resume = Resume {
            offset: received(partial.as_ref()),
            version: partial
                .as_ref()
                .and_then(|partial| partial.version.as_deref()),
            had: self.had.map(|had| had.name.as_str()),
        };
        let answer = self.network.open(self.url, resume)?;
        let limit = self.request.limit;
        if answer.total.is_some_and(|total| total > limit) {
            return Err(Failure::TooLarge { limit }.into());
        }
        let continues = answer.offset > 0 && answer.offset == resume.offset;
        if answer.offset > 0 && !continues {
            *partial = None;
            return Err(Failure::Passing("the server went on at another place".to_owned()).into());
        }
        let mut current = match partial.take().filter(|_| continues) {
            Some(current) => current,
            None => Partial {
                sink: (self.begin)().map_err(Broken::Sink)?,
                received: 0,
                version: answer.version,
            },
        };
        match self.read(answer.body, answer.total, &mut current) {
            Ok(()) => Ok(current),
            Err(broken) => {
                *partial = Some(current);
                Err(broken)
            }
        }
    }

    fn read(
        &self,
        mut body: Box<dyn Read + Send>,
        total: Option<u64>,
        partial: &mut Partial<S>,
    ) -> Result<(), Broken> {
        let mut buffer = vec![0; 1 << 16];
        let clock = Stopwatch::start();
        let mut pace = Pace::new(self.patience, partial.received);
        loop {
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(broken_off(&error, total, partial.received).into()),
            };
            partial.received += count as u64;
            if partial.received > self.request.limit {
                return Err(Failure::TooLarge {
                    limit: self.request.limit,
                }
                .into());
            }
            if pace.is_too_slow(clock.elapsed(), partial.received) {
                return Err(Failure::TooSlow(self.patience).into());
            }
            let bytes = buffer.get(..count).unwrap_or_default();
            partial
                .sink
                .write_all(bytes)
                .map_err(|error| Broken::Sink(unwritable(&self.request, &error)))?;
            let (subject, received) = (self.request.subject, partial.received);
            (self.progress)(Progress {
                subject,
                received,
                total,
            });
        }
        match total {
            Some(announced) if announced != partial.received => Err(Failure::Truncated {
                received: partial.received,
                announced,
            }
            .into()),
            _ => Ok(()),
        }
    }
}

fn received<S>(partial: Option<&Partial<S>>) -> u64 {
    partial.map_or(0, |partial| partial.received)
}

fn broken_off(error: &std::io::Error, total: Option<u64>, received: u64) -> Failure {
    match total {
        Some(announced) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Failure::Truncated {
                received,
                announced,
            }
        }
        _ => Failure::Passing(format!(
            "the connection broke after {received} bytes: {error}"
        )),
    }
}
