//! Operations: actions on their way through the stages, and who follows them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use bazel_remote_apis::google::longrunning::operations_server::Operations as OperationsApi;
use bazel_remote_apis::google::longrunning::{
    CancelOperationRequest, DeleteOperationRequest, GetOperationRequest, ListOperationsRequest,
    ListOperationsResponse, Operation, WaitOperationRequest, operation,
};
use bazel_remote_apis::google::{protobuf, rpc};
use prost::Message as _;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, async_trait};

use super::faults::LONG;
use super::manners::KNOWN_PROPERTY;
use super::protocol::execution_server::Execution;
use super::protocol::{
    Action, ActionResult, Digest, ExecuteOperationMetadata, ExecuteRequest, ExecuteResponse,
    ExecutedActionMetadata, WaitExecutionRequest, execution_stage,
};
use super::worker::{self, WORKER};
use super::{Call, Fault, LostInput, Service, State, UnknownProperty};

/// How far an action has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It waits for a worker.
    Queued,
    /// A worker has it, and has not begun.
    Executing,
    /// The command has ended, and nobody was told.
    Ended,
}

/// Where actions wait for the test.
#[derive(Default)]
pub(super) struct Gates {
    held: watch::Sender<Option<Stage>>,
    reached: Mutex<Vec<Stage>>,
    more: Condvar,
}

impl Gates {
    pub(super) fn hold(&self, stage: Stage) {
        self.held.send_replace(Some(stage));
    }

    pub(super) fn release(&self) {
        self.held.send_replace(None);
    }

    pub(super) fn await_stage(&self, stage: Stage, count: usize) {
        let reached = self.reached.lock().unwrap();
        let is_short =
            |reached: &mut Vec<Stage>| reached.iter().filter(|at| **at == stage).count() < count;
        let waited = self.more.wait_timeout_while(reached, LONG, is_short);
        assert!(
            !waited.unwrap().1.timed_out(),
            "{count} actions never came to {stage:?}"
        );
    }

    pub(super) fn reached(&self, stage: Stage) -> usize {
        let reached = self.reached.lock().unwrap();
        reached.iter().filter(|at| **at == stage).count()
    }

    async fn pass(&self, stage: Stage) {
        self.reached.lock().unwrap().push(stage);
        self.more.notify_all();
        let mut held = self.held.subscribe();
        let _ = held.wait_for(|held| *held != Some(stage)).await;
    }
}

/// An action while it is carried out, and when it is over.
pub(super) struct Running {
    name: String,
    /// Everything that followers are told, from the beginning.
    told: watch::Sender<Vec<Operation>>,
    is_cancelled: watch::Sender<bool>,
    /// The same, for who does not wait.
    stop: Arc<AtomicBool>,
}

impl Running {
    fn tell(&self, operation: Operation) {
        self.told.send_modify(|told| told.push(operation));
    }

    fn cancel(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.is_cancelled.send_replace(true);
    }
}

#[derive(Default)]
pub(super) struct Operations {
    known: Mutex<BTreeMap<String, Arc<Running>>>,
    made: AtomicUsize,
}

impl Operations {
    fn new_one(&self) -> Arc<Running> {
        let number = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        let running = Arc::new(Running {
            name: format!("operations/{number}"),
            told: watch::Sender::default(),
            is_cancelled: watch::Sender::default(),
            stop: Arc::default(),
        });
        let mut known = self.known.lock().unwrap();
        known.insert(running.name.clone(), Arc::clone(&running));
        running
    }

    fn get(&self, name: &str) -> Result<Arc<Running>, Status> {
        let known = self.known.lock().unwrap();
        let found = known.get(name).cloned();
        found.ok_or_else(|| Status::not_found("no such operation"))
    }

    /// Stops and forgets all of them.
    pub(super) fn abandon(&self) {
        let known = std::mem::take(&mut *self.known.lock().unwrap());
        for running in known.values() {
            running.cancel();
        }
    }
}

impl State {
    /// An operation as it is told at a stage.
    fn at(&self, name: &str, action: &Digest, stage: execution_stage::Value) -> Operation {
        let metadata = ExecuteOperationMetadata {
            stage: stage.into(),
            action_digest: Some(action.clone()),
            partial_execution_metadata: (stage >= execution_stage::Value::Executing).then(|| {
                ExecutedActionMetadata {
                    worker: WORKER.to_owned(),
                    ..ExecutedActionMetadata::default()
                }
            }),
            ..ExecuteOperationMetadata::default()
        };
        Operation {
            name: name.to_owned(),
            metadata: self
                .manners
                .tells_stages
                .then(|| any("ExecuteOperationMetadata", &metadata)),
            ..Operation::default()
        }
    }

    fn done(&self, name: &str, action: &Digest, response: &ExecuteResponse) -> Operation {
        Operation {
            done: true,
            result: Some(operation::Result::Response(any(
                "ExecuteResponse",
                response,
            ))),
            ..self.at(name, action, execution_stage::Value::Completed)
        }
    }

    /// What is answered where an input is not there.
    pub(super) fn lost(&self, hash: &str) -> ExecuteResponse {
        let (code, exit_code) = match self.manners.lost_input {
            LostInput::InternalWithExitZero => (Code::Internal, Some(0)),
            LostInput::BareWithOddExit => (Code::FailedPrecondition, Some(-178)),
            LostInput::Precondition => (Code::FailedPrecondition, None),
        };
        ExecuteResponse {
            result: exit_code.map(|exit_code| ActionResult {
                exit_code,
                ..ActionResult::default()
            }),
            ..failed(code, &format!("the blob {hash} is not there"))
        }
    }

    /// The response that an earlier result is enough for.
    fn cached(&self, action: &Digest, skip: bool) -> Option<ExecuteResponse> {
        if skip || !self.manners.reuses_results {
            return None;
        }
        Some(ExecuteResponse {
            result: Some(self.results.get(&action.hash)?),
            cached_result: true,
            ..ExecuteResponse::default()
        })
    }

    /// Executes an action, from the queue to the response.
    async fn carry_out(self: Arc<Self>, running: Arc<Running>, digest: Digest, action: Action) {
        let tell = |stage| running.tell(self.at(&running.name, &digest, stage));
        let end = |response: &ExecuteResponse| {
            running.tell(self.done(&running.name, &digest, response));
        };
        tell(execution_stage::Value::Queued);
        match (unknown_property(&action), self.manners.unknown_property) {
            (None, _) | (_, UnknownProperty::Ignored) => {}
            (Some(name), UnknownProperty::Refused) => {
                let message = format!("no worker has the property {name}");
                return end(&failed(Code::FailedPrecondition, &message));
            }
            (_, UnknownProperty::Unanswered) => std::future::pending().await,
        }
        let mut is_cancelled = running.is_cancelled.subscribe();
        let work = async {
            self.gates.pass(Stage::Queued).await;
            tell(execution_stage::Value::Executing);
            self.gates.pass(Stage::Executing).await;
            let fault = self.faults.take(Call::Work);
            let (state, stop) = (Arc::clone(&self), Arc::clone(&running.stop));
            let (action, spoils) = (action.clone(), fault.clone());
            let work = move || worker::perform(&state, &action, spoils.as_ref(), &stop);
            let response = tokio::task::spawn_blocking(work).await.unwrap();
            self.gates.pass(Stage::Ended).await;
            (response, fault)
        };
        let (mut response, fault) = tokio::select! {
            done = work => done,
            _ = is_cancelled.wait_for(|is| *is) => (failed(Code::Cancelled, "cancelled"), None),
        };
        if self.keeps(&action, &response) {
            let result = response.result.clone().unwrap_or_default();
            self.results.keep(&digest.hash, result);
        }
        if let Some(Fault::EditResponse(edit)) = fault {
            edit(&mut response);
        }
        end(&response);
    }

    fn keeps(&self, action: &Action, response: &ExecuteResponse) -> bool {
        let is_well = response
            .status
            .as_ref()
            .is_none_or(|status| status.code == 0);
        let ended = response.result.as_ref().map(|result| result.exit_code);
        is_well && !action.do_not_cache && (ended == Some(0) || self.manners.keeps_failures)
    }

    /// Sends what an operation tells, or what a fault leaves of it.
    async fn follow(self: Arc<Self>, running: Arc<Running>, fault: Option<Fault>, ear: Ear) {
        let mut told = running.told.subscribe();
        let mut sent = 0;
        loop {
            match fault {
                Some(Fault::CutAfter(most)) if sent >= most => self.cut().await,
                Some(Fault::BreakAfter(most)) if sent >= most => {
                    let _ = ear.send(Err(Status::unavailable("broken on demand"))).await;
                    return;
                }
                Some(Fault::EndAfter(most)) if sent >= most => return,
                Some(Fault::SilenceAfter(most)) if sent >= most => return ear.closed().await,
                _ => {}
            }
            let next = told.wait_for(|told| told.len() > sent).await;
            let Ok(operation) = next.map(|told| told[sent].clone()) else {
                return;
            };
            // A server that is killed has no last words.
            if self.connections.is_closed() {
                return;
            }
            let is_done = operation.done;
            sent += 1;
            if ear.send(Ok(operation)).await.is_err() || is_done {
                return;
            }
        }
    }

    fn followed(
        self: &Arc<Self>,
        running: Arc<Running>,
        fault: Option<Fault>,
    ) -> Response<ReceiverStream<Result<Operation, Status>>> {
        let (ear, stream) = mpsc::channel(1);
        tokio::spawn(Arc::clone(self).follow(running, fault, ear));
        Response::new(ReceiverStream::new(stream))
    }
}

/// A property of the action that is not known here.
fn unknown_property(action: &Action) -> Option<String> {
    let platform = action.platform.as_ref()?;
    let unknown = |property: &&super::protocol::platform::Property| property.name != KNOWN_PROPERTY;
    let property = platform.properties.iter().find(unknown)?;
    Some(property.name.clone())
}

type Ear = mpsc::Sender<Result<Operation, Status>>;

/// A message within another, with the name of its kind.
fn any(name: &str, message: &impl prost::Message) -> protobuf::Any {
    protobuf::Any {
        type_url: format!("type.googleapis.com/build.bazel.remote.execution.v2.{name}"),
        value: message.encode_to_vec(),
    }
}

pub(super) fn failed(code: Code, message: &str) -> ExecuteResponse {
    ExecuteResponse {
        status: Some(rpc::Status {
            code: code as i32,
            message: message.to_owned(),
            ..rpc::Status::default()
        }),
        ..ExecuteResponse::default()
    }
}

#[async_trait]
impl Execution for Service {
    type ExecuteStream = ReceiverStream<Result<Operation, Status>>;

    async fn execute(
        &self,
        request: Request<ExecuteRequest>,
    ) -> Result<Response<Self::ExecuteStream>, Status> {
        let digest = request.get_ref().action_digest.clone().unwrap_or_default();
        let what = vec![digest.hash.clone()];
        let fault = self.0.meet(Call::Execute, what, request.metadata()).await?;
        let running = self.0.operations.new_one();
        let skip = request.get_ref().skip_cache_lookup;
        let bytes = self.0.storage.get(&digest.hash);
        let tell_done = |response| running.tell(self.0.done(&running.name, &digest, &response));
        match (&fault, bytes, self.0.cached(&digest, skip)) {
            (Some(Fault::DoneWithNothing), ..) => running.tell(Operation {
                name: running.name.clone(),
                done: true,
                ..Operation::default()
            }),
            (Some(Fault::DoneWithError(code, message)), ..) => running.tell(Operation {
                name: running.name.clone(),
                done: true,
                result: failed(*code, message).status.map(operation::Result::Error),
                ..Operation::default()
            }),
            (_, _, Some(response)) => tell_done(response),
            (_, None, _) => tell_done(self.0.lost(&digest.hash)),
            (_, Some(bytes), _) => {
                let action = Action::decode(bytes.as_slice())
                    .map_err(|error| Status::invalid_argument(error.to_string()))?;
                let state = Arc::clone(&self.0);
                tokio::spawn(state.carry_out(Arc::clone(&running), digest, action));
            }
        }
        Ok(self.0.followed(running, fault))
    }

    type WaitExecutionStream = ReceiverStream<Result<Operation, Status>>;

    async fn wait_execution(
        &self,
        request: Request<WaitExecutionRequest>,
    ) -> Result<Response<Self::WaitExecutionStream>, Status> {
        let what = vec![request.get_ref().name.clone()];
        let fault = self.0.meet(Call::Wait, what, request.metadata()).await?;
        let running = self.0.operations.get(&request.get_ref().name)?;
        Ok(self.0.followed(running, fault))
    }
}

#[async_trait]
impl OperationsApi for Service {
    async fn cancel_operation(
        &self,
        request: Request<CancelOperationRequest>,
    ) -> Result<Response<protobuf::Empty>, Status> {
        let what = vec![request.get_ref().name.clone()];
        self.0.meet(Call::Cancel, what, request.metadata()).await?;
        if !self.0.manners.cancels {
            return Err(Status::unimplemented("CancelOperation"));
        }
        self.0.operations.get(&request.get_ref().name)?.cancel();
        Ok(Response::new(protobuf::Empty {}))
    }

    async fn get_operation(
        &self,
        request: Request<GetOperationRequest>,
    ) -> Result<Response<Operation>, Status> {
        let running = self.0.operations.get(&request.get_ref().name)?;
        let last = running.told.borrow().last().cloned();
        Ok(Response::new(last.unwrap_or_default()))
    }

    async fn list_operations(
        &self,
        _: Request<ListOperationsRequest>,
    ) -> Result<Response<ListOperationsResponse>, Status> {
        Err(Status::unimplemented("ListOperations"))
    }

    async fn delete_operation(
        &self,
        _: Request<DeleteOperationRequest>,
    ) -> Result<Response<protobuf::Empty>, Status> {
        Err(Status::unimplemented("DeleteOperation"))
    }

    async fn wait_operation(
        &self,
        _: Request<WaitOperationRequest>,
    ) -> Result<Response<Operation>, Status> {
        Err(Status::unimplemented("WaitOperation"))
    }
}
