//! What a server says of a command that it was given.

use bazel_remote_apis::build::bazel::remote::execution::v2::{
    ExecuteOperationMetadata, ExecuteResponse, execution_stage,
};
use bazel_remote_apis::google::longrunning::{Operation, operation};
use bazel_remote_apis::google::protobuf::Any;
use bazel_remote_apis::google::rpc::Status;
use prost::Message;

/// How far a command is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// The server has it, and says no more than that.
    Accepted,
    /// The server looks whether it has the result.
    Checking,
    /// It waits for a worker.
    Queued,
    /// A worker executes it.
    Executing {
        /// Which; empty where the server does not say.
        worker: String,
    },
}

/// The end of a command.
#[derive(Debug)]
pub(super) enum End {
    /// It was executed, or could not be: that is said in it.
    Response(Box<ExecuteResponse>),
    /// The server gave up.
    Error(Status),
}

/// How far an operation is; `clean` makes what a worker calls itself fit to be shown.
pub(super) fn stage(operation: &Operation, clean: impl Fn(&str) -> String) -> Stage {
    let told: Option<ExecuteOperationMetadata> = operation.metadata.as_ref().and_then(unpack);
    let Some(told) = told else {
        return Stage::Accepted;
    };
    match execution_stage::Value::try_from(told.stage) {
        Ok(execution_stage::Value::CacheCheck) => Stage::Checking,
        Ok(execution_stage::Value::Queued) => Stage::Queued,
        Ok(execution_stage::Value::Executing | execution_stage::Value::Completed) => {
            let metadata = told.partial_execution_metadata.unwrap_or_default();
            Stage::Executing {
                worker: clean(&metadata.worker),
            }
        }
        _ => Stage::Accepted,
    }
}

/// The end of an operation that is done; nothing where it has none that could be understood.
pub(super) fn end(operation: Operation) -> Option<End> {
    match operation.result? {
        operation::Result::Error(status) => Some(End::Error(status)),
        operation::Result::Response(any) => unpack(&any).map(Box::new).map(End::Response),
    }
}

/// A message out of its wrapping.
fn unpack<T: Message + Default + Named>(any: &Any) -> Option<T> {
    let name = any.type_url.rsplit(['/', '.']).next()?;
    (name == T::NAME).then(|| T::decode(any.value.as_slice()).ok())?
}

/// The last part of what a wrapping calls a message.
trait Named {
    const NAME: &str;
}

impl Named for ExecuteOperationMetadata {
    const NAME: &str = "ExecuteOperationMetadata";
}

impl Named for ExecuteResponse {
    const NAME: &str = "ExecuteResponse";
}
