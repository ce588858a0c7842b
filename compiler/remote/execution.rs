//! A command from the moment that the server has everything until it is over, whatever happens to the connection meanwhile.

use std::cell::RefCell;
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use bazel_remote_apis::build::bazel::remote::execution::v2::execution_client::ExecutionClient;
use bazel_remote_apis::google::longrunning::operations_client::OperationsClient;
use bazel_remote_apis::google::longrunning::{CancelOperationRequest, Operation};
use bazel_remote_apis::google::rpc;
use futures_util::{Stream, StreamExt as _, TryFutureExt as _};
use tonic::{Code, Response, Status};

use super::client::MOST_MESSAGE;
use super::connection::Trouble;
use super::operation::{End, Stage, end, stage};
use super::waiting::wait;
use super::{ActionResult, Client, Failure, Prepared};
use crate::io::{self, Stopwatch};

/// How long a server may take to hear that a command is not wanted any more.
const FAREWELL: Duration = Duration::from_secs(3);

/// How often a command may begin from the start with all its time, because a worker or a server was lost.
const MOST_ANEW: u32 = 5;

/// Whether the server may answer with a result that it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// It may.
    Ask,
    /// It executes the command, whatever it has.
    Skip,
}

/// A command that was executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// What became of it.
    pub result: ActionResult,
    /// Whether the server had the result already.
    pub cached: bool,
}

/// What is known of a command that is under way.
struct Course<'t> {
    action: &'t Prepared,
    lookup: Lookup,
    /// What the server calls it.
    name: &'t RefCell<Option<String>>,
    stage: Option<Stage>,
    tell: &'t mut dyn FnMut(Stage),
    /// Since it was given to the server.
    begun: Stopwatch,
    /// Since a worker has it.
    executing: Option<Stopwatch>,
    /// How often it has begun anew.
    anew: u32,
}

/// Why a server is no longer listened to.
enum Broken {
    /// It may be asked again.
    There(Trouble),
    /// It could not do it, and may be given it again.
    Answered(Trouble),
    /// It is over.
    Over(Failure),
}

impl Client {
    /// Has an action executed whose messages and inputs the server has; `tell` hears how far it is.
    ///
    /// Where the failure is [`super::Kind::Lost`], inputs may be missing on the server: send them again, and try once more.
    pub fn execute(
        &self,
        action: &Prepared,
        lookup: Lookup,
        tell: &mut dyn FnMut(Stage),
        cancel: &AtomicBool,
    ) -> Result<Executed, Failure> {
        let name = RefCell::new(None);
        let course = Course {
            action,
            lookup,
            name: &name,
            stage: None,
            tell,
            begun: Stopwatch::start(),
            executing: None,
            anew: 0,
        };
        let outcome = wait(cancel, self.carry_out(course));
        if let (Err(_), Some(name)) = (&outcome, name.take()) {
            self.call_off(name)?;
        }
        outcome
    }

    async fn carry_out(&self, mut course: Course<'_>) -> Result<Executed, Failure> {
        let mut attempts = self.connection.attempts();
        loop {
            let since = Stopwatch::start();
            let was_waiting = course.name.borrow().is_some();
            let (trouble, is_answer) = match self.follow(&mut course).await {
                Ok(executed) => return Ok(executed),
                Err(Broken::Over(failure)) => return Err(failure),
                Err(Broken::There(trouble)) => (trouble, false),
                Err(Broken::Answered(trouble)) => (trouble, true),
            };
            // A server that was started anew knows nothing of what it had before: it is given the action again.
            let is_forgotten = was_waiting && is_unknown(&trouble);
            if is_forgotten {
                course.name.take();
                course.begin_anew();
            }
            // Whoever listened for long has lost a connection that was good. A command that ends its worker is no such thing.
            let was_good = since.elapsed() > self.connection.settings.answer;
            if was_good && !is_answer && !is_forgotten {
                attempts = self.connection.attempts();
            }
            if !((is_forgotten || trouble.is_passing()) && attempts.again().await) {
                return Err(self.given_up(&trouble));
            }
        }
    }

    /// Listens to a server until the command is over or the connection is.
    async fn follow(&self, course: &mut Course<'_>) -> Result<Executed, Broken> {
        let mut operations = pin!(self.operations(course));
        loop {
            let patience = self.patience(course)?;
            let operation = match tokio::time::timeout(patience, operations.next()).await {
                Ok(Some(Ok(operation))) => operation,
                Ok(Some(Err(status))) => return Err(Broken::There(status.into())),
                Ok(None) => {
                    let ended = Status::unavailable("it stopped telling how far a command is");
                    return Err(Broken::There(ended.into()));
                }
                Err(_) => {
                    // Many have nothing to say for hours; that they are there is another question.
                    self.patience(course)?;
                    self.connection.is_there().await.map_err(Broken::There)?;
                    continue;
                }
            };
            if let Some(executed) = self.heard(course, operation)? {
                return Ok(executed);
            }
        }
    }

    /// Gives the action to the server, or asks how far it is with the one that it has.
    fn operations(
        &self,
        course: &Course<'_>,
    ) -> impl Stream<Item = Result<Operation, Status>> + use<> {
        let connection = self.connection.clone();
        let name = course.name.borrow().clone();
        let question = api::ExecuteRequest {
            instance_name: connection.instance(),
            skip_cache_lookup: course.lookup == Lookup::Skip,
            action_digest: Some(course.action.blob.to_api()),
            ..Default::default()
        };
        let opened = async move {
            let mut execution = ExecutionClient::new(connection.channel.clone())
                .max_decoding_message_size(MOST_MESSAGE);
            let answer = match name {
                None => execution.execute(connection.request(question)).await,
                Some(name) => {
                    let question = api::WaitExecutionRequest { name };
                    execution.wait_execution(connection.request(question)).await
                }
            };
            answer.map(Response::into_inner)
        };
        opened.try_flatten_stream()
    }

    /// How long to listen before something is to be done; an error where the command has had its time.
    fn patience(&self, course: &Course<'_>) -> Result<Duration, Broken> {
        let settings = &self.connection.settings;
        let (given, since) = match (&course.stage, course.executing, course.action.timeout) {
            // What a worker does before and after the command has a place in this as well.
            (Some(Stage::Executing { .. }), Some(since), Some(timeout)) => {
                (timeout + settings.queue, since)
            }
            (None | Some(Stage::Queued | Stage::Checking), _, _) => (settings.queue, course.begun),
            // Where nobody says whether it waits or runs, it has the time of both.
            (Some(Stage::Accepted), _, Some(timeout)) => (timeout + settings.queue, course.begun),
            _ => return Ok(settings.answer),
        };
        match given.checked_sub(since.elapsed()) {
            Some(left) => Ok(left.min(settings.answer).max(Duration::from_millis(1))),
            None if course.executing.is_some() || course.stage == Some(Stage::Accepted) => {
                Err(Broken::Over(self.overdue()))
            }
            None => Err(Broken::Over(self.not_begun())),
        }
    }

    /// Takes in what the server says; what became of the command, once it is over.
    fn heard(
        &self,
        course: &mut Course<'_>,
        operation: Operation,
    ) -> Result<Option<Executed>, Broken> {
        if !operation.done {
            let stage = stage(&operation, |worker| self.connection.clean(worker));
            if !operation.name.is_empty() {
                course.name.replace(Some(operation.name));
            }
            course.reach(stage);
            return Ok(None);
        }
        course.name.take();
        match end(operation) {
            Some(End::Response(response)) => self.over(*response).map(Some),
            Some(End::Error(status)) => Err(self.not_executed(&status)),
            None => Err(Broken::Over(
                self.odd("ended a command without a word about it"),
            )),
        }
    }

    /// What became of a command: first whether it was executed at all.
    fn over(&self, response: api::ExecuteResponse) -> Result<Executed, Broken> {
        let status = response.status.unwrap_or_default();
        if status.code != 0 {
            return Err(self.not_executed(&status));
        }
        let result = response
            .result
            .ok_or_else(|| self.odd("executed a command and has no result"));
        let result = result.and_then(|result| self.result(result));
        Ok(Executed {
            result: result.map_err(Broken::Over)?,
            cached: response.cached_result,
        })
    }

    /// A command that was not executed to its end.
    fn not_executed(&self, status: &rpc::Status) -> Broken {
        match Code::from_i32(status.code) {
            code @ (Code::Unavailable | Code::ResourceExhausted | Code::Aborted) => {
                Broken::Answered(Status::new(code, status.message.clone()).into())
            }
            code => Broken::Over(self.failed(code, &status.message)),
        }
    }

    /// Tells the server that nobody waits for a command any more; not every server understands that.
    fn call_off(&self, name: String) -> Result<(), Failure> {
        let mut operations = OperationsClient::new(self.connection.channel.clone());
        let request = self.connection.request(CancelOperationRequest { name });
        io::runtime()?.block_on(async {
            let told = operations.cancel_operation(request);
            // Whatever is said to it, zosc goes on.
            let _ = tokio::time::timeout(FAREWELL, told).await;
        });
        Ok(())
    }
}

impl Course<'_> {
    /// Notes how far the command is, and tells it where that is news.
    fn reach(&mut self, stage: Stage) {
        if self.stage.as_ref() == Some(&stage) {
            return;
        }
        match stage {
            Stage::Executing { .. } => {
                self.executing.get_or_insert_with(Stopwatch::start);
            }
            // A worker was lost, and another is waited for.
            _ => self.begin_anew(),
        }
        (self.tell)(stage.clone());
        self.stage = Some(stage);
    }

    /// Gives the server the time again that a command may wait, where a worker had it already.
    fn begin_anew(&mut self) {
        if self.executing.is_some() && self.anew < MOST_ANEW {
            self.anew += 1;
            self.executing = None;
            self.begun = Stopwatch::start();
            self.stage = None;
        }
    }
}

/// Whether a server does not know an operation, or cannot be asked for one.
fn is_unknown(trouble: &Trouble) -> bool {
    let Trouble::Status(status) = trouble else {
        return false;
    };
    matches!(
        status.code(),
        Code::NotFound | Code::Unimplemented | Code::InvalidArgument
    )
}
