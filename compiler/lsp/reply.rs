//! The answer to one request, on its way back to the loop.

use std::sync::mpsc::Sender;

use super::dispatch::{Answer, fault};
use super::protocol::ErrorCode;
use super::server::Event;

/// Sends an answer when it goes, whatever happened: where a feature has panicked, it says so.
pub(super) struct Reply {
    ticket: u64,
    events: Sender<Event>,
    pub(super) answer: Option<Answer>,
}

impl Reply {
    /// The reply to the request with this ticket.
    pub(super) fn to(ticket: u64, events: Sender<Event>) -> Self {
        Self {
            ticket,
            events,
            answer: None,
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let none = || {
            Err(fault(
                ErrorCode::InternalError,
                "zosc failed at this request: please report it",
            ))
        };
        let answer = self.answer.take().unwrap_or_else(none);
        let _ = self.events.send(Event::Answered {
            ticket: self.ticket,
            answer,
        });
    }
}
