//! What is to go wrong, and what was asked: both by the number of the call.

use std::path::Path;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::State;
use super::protocol::{ActionResult, ExecuteResponse};

/// The calls that go wrong, each of the protocol but the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Capabilities,
    FindMissing,
    BatchUpdate,
    BatchRead,
    Read,
    Write,
    WriteStatus,
    GetResult,
    UpdateResult,
    Execute,
    Wait,
    Cancel,
    /// What a worker does for an action.
    Work,
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Any call is answered with this status.
    Refuse(Code, &'static str),
    /// Any call is never answered.
    Silence,
    /// Any call ends with every connection cut.
    Cut,
    /// `Read` and `Write`: the connections are cut behind this many bytes; `Execute` and `Wait`: behind this many messages.
    CutAfter(usize),
    /// The same, with the status `UNAVAILABLE`.
    BreakAfter(usize),
    /// The same, and the stream ends as if all were well.
    EndAfter(usize),
    /// The same, and nothing comes any more.
    SilenceAfter(usize),
    /// `Read` and `BatchRead`: one byte of what is sent is another.
    Flip,
    /// `Read` and `BatchRead`: there is a byte more than the digest says.
    Lengthen,
    /// `Read`: bytes without end.
    Flood,
    /// `BatchRead` and `BatchUpdate`: the last of the answers is not there.
    LeaveOut,
    /// `BatchRead` and `BatchUpdate`: the last of the answers has this status.
    RefuseLast(Code),
    /// `FindMissing`: nothing is, whatever is.
    NothingMissing,
    /// `FindMissing`: a digest is that nobody asked for.
    StrangeMissing,
    /// `Write`: fewer bytes than came are confirmed.
    CommitLess,
    /// `Execute`: the operation is done, with neither a response nor an error.
    DoneWithNothing,
    /// `Execute`: the operation is done with this error, as where a scheduler has lost it.
    DoneWithError(Code, &'static str),
    /// `GetResult`: the result is another.
    EditResult(fn(&mut ActionResult)),
    /// `Work`: the response is another; what the worker keeps as the result is as it was.
    EditResponse(fn(&mut ExecuteResponse)),
    /// `Work`: a blob that the test names by its hash is gone before the input is laid out.
    Lose(String),
    /// `Work`: something changes the folder of the action between its end and the search for outputs.
    Tamper(fn(&Path)),
}

/// A call, as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub call: Call,
    /// What it was about: hashes, or the name of a resource with the offset.
    pub what: Vec<String>,
    /// Its headers that are text.
    pub headers: Vec<(String, String)>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(there, _)| there == name)
            .map(|(_, value)| value.as_str())
    }
}

struct Rule {
    call: Call,
    fault: Fault,
    left: usize,
}

#[derive(Default)]
pub(super) struct Faults {
    rules: Mutex<Vec<Rule>>,
    asked: Mutex<Vec<Asked>>,
    more: Condvar,
}

impl Faults {
    pub(super) fn add(&self, call: Call, fault: Fault, left: usize) {
        self.rules.lock().unwrap().push(Rule { call, fault, left });
    }

    pub(super) fn clear(&self) {
        self.rules.lock().unwrap().clear();
    }

    pub(super) fn left(&self) -> usize {
        let rules = self.rules.lock().unwrap();
        rules.iter().filter(|rule| rule.left != usize::MAX).count()
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn await_calls(&self, call: Call, count: usize) {
        let asked = self.asked.lock().unwrap();
        let is_short = |asked: &mut Vec<Asked>| {
            asked.iter().filter(|asked| asked.call == call).count() < count
        };
        let (_asked, waited) = self.more.wait_timeout_while(asked, LONG, is_short).unwrap();
        assert!(!waited.timed_out(), "{call:?} was not asked {count} times");
    }

    /// Notes a call, and takes the fault that it is to run into.
    pub(super) fn note(
        &self,
        call: Call,
        what: Vec<String>,
        metadata: &MetadataMap,
    ) -> Option<Fault> {
        let headers = metadata.clone().into_headers();
        let headers = headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        let asked = Asked {
            call,
            what,
            headers,
        };
        self.asked.lock().unwrap().push(asked);
        self.more.notify_all();
        self.take(call)
    }

    /// The fault that is next for this call.
    pub(super) fn take(&self, call: Call) -> Option<Fault> {
        let mut rules = self.rules.lock().unwrap();
        let at = rules.iter().position(|rule| rule.call == call)?;
        let fault = rules[at].fault.clone();
        if rules[at].left != usize::MAX {
            rules[at].left -= 1;
        }
        if rules[at].left == 0 {
            rules.remove(at);
        }
        Some(fault)
    }
}

/// Longer than anything here takes; who waits that long waits in vain.
pub(super) const LONG: Duration = Duration::from_mins(1);

impl State {
    /// Notes a call, and lets those faults happen that any call may run into. Others are the caller's.
    pub(super) async fn meet(
        &self,
        call: Call,
        what: Vec<String>,
        metadata: &MetadataMap,
    ) -> Result<Option<Fault>, Status> {
        match self.faults.note(call, what, metadata) {
            Some(Fault::Refuse(code, message)) => Err(Status::new(code, message)),
            Some(Fault::Silence) => std::future::pending().await,
            Some(Fault::Cut) => self.cut().await,
            fault => Ok(fault),
        }
    }

    /// Cuts every connection; nobody hears more of this call.
    pub(super) async fn cut<T>(&self) -> T {
        self.connections.cut();
        std::future::pending().await
    }
}
