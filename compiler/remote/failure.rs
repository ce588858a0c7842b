//! What goes wrong with a server, and whether somebody can do something about it.

use crate::diagnostic::Diagnostic;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What can be done about it.
    pub kind: Kind,
    /// What is told of it.
    pub problem: Diagnostic,
}

/// What can be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The server cannot be reached, or does not answer in time: another executor may do the work.
    Unreachable,
    /// Something is missing on the server, or may be: it can be sent again, and a result that lacks it counts as none.
    Lost,
    /// Somebody wanted it to stop.
    Cancelled,
    /// Nothing but telling it.
    Final,
}

impl Failure {
    pub(super) fn new(kind: Kind, problem: Diagnostic) -> Self {
        Self { kind, problem }
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        failure.problem
    }
}

impl From<Diagnostic> for Failure {
    fn from(problem: Diagnostic) -> Self {
        Self::new(Kind::Final, problem)
    }
}
