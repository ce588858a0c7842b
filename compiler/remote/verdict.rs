//! Why a command was not executed, in words.

use tonic::Code;

use super::connection::Trouble;
use super::{Client, Failure, Kind};
use crate::diagnostic::Diagnostic;

const DOING: &str = "had a command executed";

impl Client {
    /// The server did not execute a command, and says why.
    pub(super) fn failed(&self, code: Code, words: &str) -> Failure {
        if code == Code::DeadlineExceeded {
            let problem = Diagnostic::error(
                "zosc::remote::timed-out",
                format!("`{}` ended a command that took too long", self.endpoint()),
            )
            .help("the server or its workers have a limit of their own; it says which");
            return Failure::new(Kind::Final, self.said(problem, words));
        }
        // Servers have several ways of saying that they lack an input.
        let kind = match code {
            Code::FailedPrecondition | Code::Internal | Code::NotFound => Kind::Lost,
            _ => Kind::Final,
        };
        let problem = Diagnostic::error(
            "zosc::remote::failed",
            format!("`{}` could not execute a command ({code:?})", self.endpoint()),
        )
        .help("the server's log says more; `--remote-property` says what a worker must have, and each server knows other words");
        Failure::new(kind, self.said(problem, words))
    }

    /// A command that nobody can be made to execute.
    pub(super) fn given_up(&self, trouble: &Trouble) -> Failure {
        match trouble {
            Trouble::Status(status)
                if matches!(status.code(), Code::FailedPrecondition | Code::NotFound)
                    || status.code() == Code::Internal
                        && std::error::Error::source(status).is_none() =>
            {
                self.failed(status.code(), status.message())
            }
            trouble => self.connection.failure(DOING, trouble),
        }
    }

    /// No worker took the command in time.
    pub(super) fn not_begun(&self) -> Failure {
        let problem = Diagnostic::error(
            "zosc::remote::queued-too-long",
            format!(
                "no worker of `{}` began a command within {} s",
                self.endpoint(),
                self.connection.settings.queue.as_secs_f64()
            ),
        )
        .help("perhaps no worker has the properties that are asked for (`--remote-property`); `--remote-timeout` gives more time");
        Failure::new(Kind::Unreachable, problem)
    }

    /// The worker should have ended the command, and has not.
    pub(super) fn overdue(&self) -> Failure {
        let problem = Diagnostic::error(
            "zosc::remote::no-answer",
            format!(
                "`{}` did not end a command whose time was over long ago",
                self.endpoint()
            ),
        )
        .help("the worker is stuck; its log on the server may tell why");
        Failure::new(Kind::Unreachable, problem)
    }

    fn said(&self, problem: Diagnostic, words: &str) -> Diagnostic {
        match self.connection.clean(words).as_str() {
            "" => problem,
            words => problem.note(format!("the server says: {words}")),
        }
    }
}
