//! Results of actions, as a server keeps them.

use std::sync::atomic::AtomicBool;

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use bazel_remote_apis::build::bazel::remote::execution::v2::action_cache_client::ActionCacheClient;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::connection::Trouble;
use super::waiting::wait;
use super::{Blob, Client, Failure, Kind};

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActionResult {
    /// What it ended with.
    pub exit_code: i32,
    /// Folders that came out: the path, and the message that describes it, for [`super::files_of`].
    pub folders: Vec<(String, Blob)>,
    /// Files that came out: the path, the content, and whether it is executable.
    pub files: Vec<(String, Blob, bool)>,
    /// What it said.
    pub stdout: Output,
    /// What it said beside that.
    pub stderr: Output,
    /// Where it was executed; may be empty.
    pub worker: String,
}

/// What a command said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// It stands in the answer.
    Inline(Vec<u8>),
    /// It is a content.
    Blob(Blob),
}

impl Default for Output {
    fn default() -> Self {
        Self::Inline(Vec::new())
    }
}

impl Client {
    /// The result of an action that the server keeps, if it does.
    ///
    /// One that makes no sense is a failure of [`Kind::Lost`]: it counts as none.
    pub fn result_of(
        &self,
        action: &Blob,
        cancel: &AtomicBool,
    ) -> Result<Option<ActionResult>, Failure> {
        wait(cancel, self.kept(action))
    }

    /// Gives the server the result of an action to keep; whether it takes it.
    pub fn keep_result(
        &self,
        action: &Blob,
        result: &ActionResult,
        cancel: &AtomicBool,
    ) -> Result<bool, Failure> {
        if !self.abilities().keeps_results {
            return Ok(false);
        }
        wait(cancel, self.keep(action, result))
    }

    async fn kept(&self, action: &Blob) -> Result<Option<ActionResult>, Failure> {
        const DOING: &str = "asked for a result";
        let connection = &self.connection;
        let mut attempts = connection.attempts();
        loop {
            let question = connection.request(api::GetActionResultRequest {
                instance_name: connection.instance(),
                action_digest: Some(action.to_api()),
                ..Default::default()
            });
            let mut results = self.results();
            let answer = connection
                .in_time(results.get_action_result(question))
                .await;
            let trouble = match answer {
                Ok(answer) => return self.result(answer.into_inner()).map(Some).map_err(as_lost),
                Err(Trouble::Status(status)) if is_none(&status) => return Ok(None),
                Err(trouble) => trouble,
            };
            if is_too_long(&trouble) {
                return Err(as_lost(connection.failure(DOING, &trouble)));
            }
            if !(trouble.is_passing() && attempts.again().await) {
                return Err(connection.failure(DOING, &trouble));
            }
        }
    }

    async fn keep(&self, action: &Blob, result: &ActionResult) -> Result<bool, Failure> {
        let connection = &self.connection;
        let mut attempts = connection.attempts();
        loop {
            let question = connection.request(api::UpdateActionResultRequest {
                instance_name: connection.instance(),
                action_digest: Some(action.to_api()),
                action_result: Some(result.to_api()),
                ..Default::default()
            });
            let mut results = self.results();
            let answer = connection
                .in_time(results.update_action_result(question))
                .await;
            let trouble = match answer {
                Ok(_) => return Ok(true),
                Err(Trouble::Status(status)) if is_refused(&status) => return Ok(false),
                Err(trouble) => trouble,
            };
            if !(trouble.is_passing() && attempts.again().await) {
                return Err(connection.failure("gave it a result to keep", &trouble));
            }
        }
    }

    /// Reads a result, whichever of its places a server uses.
    pub(super) fn result(&self, result: api::ActionResult) -> Result<ActionResult, Failure> {
        let odd = || self.odd("has a result with an output that has no name");
        let blob = |digest: &Option<api::Digest>| Blob::from_api(digest.as_ref()).ok_or_else(odd);
        let mut folders = Vec::new();
        for folder in result.output_directories {
            folders.push((folder.path, blob(&folder.tree_digest)?));
        }
        let mut files = Vec::new();
        for file in result.output_files {
            files.push((file.path, blob(&file.digest)?, file.is_executable));
        }
        let worker = result.execution_metadata.unwrap_or_default().worker;
        Ok(ActionResult {
            exit_code: result.exit_code,
            folders,
            files,
            stdout: output(result.stdout_raw, result.stdout_digest.as_ref()),
            stderr: output(result.stderr_raw, result.stderr_digest.as_ref()),
            worker: self.connection.clean(&worker),
        })
    }

    fn results(&self) -> ActionCacheClient<Channel> {
        ActionCacheClient::new(self.connection.channel.clone())
    }
}

/// Whatever is wrong with a result that is kept, the action may be executed.
fn as_lost(failure: Failure) -> Failure {
    Failure {
        kind: Kind::Lost,
        ..failure
    }
}

/// Whether an answer is longer than any is that makes sense.
fn is_too_long(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Status(status) if status.code() == Code::OutOfRange)
}

/// Whether a server keeps no such result, or none at all.
fn is_none(status: &Status) -> bool {
    matches!(status.code(), Code::NotFound | Code::Unimplemented)
}

/// Whether a server takes results from others, or from nobody.
fn is_refused(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::PermissionDenied | Code::Unauthenticated | Code::Unimplemented
    )
}

fn output(raw: Vec<u8>, digest: Option<&api::Digest>) -> Output {
    match Blob::from_api(digest) {
        Some(blob) if raw.is_empty() && blob.size > 0 => Output::Blob(blob),
        _ => Output::Inline(raw),
    }
}

impl ActionResult {
    fn to_api(&self) -> api::ActionResult {
        let folder = |(path, blob): &(String, Blob)| api::OutputDirectory {
            path: path.clone(),
            tree_digest: Some(blob.to_api()),
            ..Default::default()
        };
        let file = |(path, blob, is_executable): &(String, Blob, bool)| api::OutputFile {
            path: path.clone(),
            digest: Some(blob.to_api()),
            is_executable: *is_executable,
            ..Default::default()
        };
        let (stdout_raw, stdout_digest) = self.stdout.to_api();
        let (stderr_raw, stderr_digest) = self.stderr.to_api();
        api::ActionResult {
            output_files: self.files.iter().map(file).collect(),
            output_directories: self.folders.iter().map(folder).collect(),
            exit_code: self.exit_code,
            stdout_raw,
            stdout_digest,
            stderr_raw,
            stderr_digest,
            execution_metadata: (!self.worker.is_empty()).then(|| api::ExecutedActionMetadata {
                worker: self.worker.clone(),
                ..Default::default()
            }),
            ..Default::default()
        }
    }
}

impl Output {
    fn to_api(&self) -> (Vec<u8>, Option<api::Digest>) {
        match self {
            Self::Inline(bytes) => (bytes.clone(), None),
            Self::Blob(blob) => (Vec::new(), Some(blob.to_api())),
        }
    }
}
