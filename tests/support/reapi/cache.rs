//! Results of actions, and what the server says that it can.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bazel_remote_apis::build::bazel::semver::SemVer;
use tonic::{Request, Response, Status, async_trait};

use super::protocol::action_cache_server::ActionCache;
use super::protocol::capabilities_server::Capabilities;
use super::protocol::{
    ActionCacheUpdateCapabilities, ActionResult, CacheCapabilities, ExecutionCapabilities,
    GetActionResultRequest, GetCapabilitiesRequest, ServerCapabilities, UpdateActionResultRequest,
    digest_function, symlink_absolute_path_strategy,
};
use super::{Call, Fault, Service};

/// Results by the hashes of their actions.
#[derive(Default)]
pub(super) struct Results(Mutex<BTreeMap<String, ActionResult>>);

impl Results {
    pub(super) fn get(&self, hash: &str) -> Option<ActionResult> {
        self.0.lock().unwrap().get(hash).cloned()
    }

    pub(super) fn keep(&self, hash: &str, result: ActionResult) {
        self.0.lock().unwrap().insert(hash.to_owned(), result);
    }

    pub(super) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    pub(super) fn all(&self) -> Vec<(String, ActionResult)> {
        self.0.lock().unwrap().clone().into_iter().collect()
    }

    pub(super) fn edit(&self, edit: impl Fn(&mut ActionResult)) {
        self.0.lock().unwrap().values_mut().for_each(edit);
    }
}

#[async_trait]
impl ActionCache for Service {
    async fn get_action_result(
        &self,
        request: Request<GetActionResultRequest>,
    ) -> Result<Response<ActionResult>, Status> {
        let digest = request.get_ref().action_digest.clone().unwrap_or_default();
        let what = vec![digest.hash.clone()];
        let fault = self
            .0
            .meet(Call::GetResult, what, request.metadata())
            .await?;
        let mut result = self
            .0
            .results
            .get(&digest.hash)
            .ok_or_else(|| Status::not_found("no such result"))?;
        if let Some(Fault::EditResult(edit)) = fault {
            edit(&mut result);
        }
        Ok(Response::new(result))
    }

    async fn update_action_result(
        &self,
        request: Request<UpdateActionResultRequest>,
    ) -> Result<Response<ActionResult>, Status> {
        let digest = request.get_ref().action_digest.clone().unwrap_or_default();
        let what = vec![digest.hash.clone()];
        self.0
            .meet(Call::UpdateResult, what, request.metadata())
            .await?;
        if !self.0.manners.takes_results {
            return Err(Status::permission_denied("results are the workers'"));
        }
        let result = request.into_inner().action_result.unwrap_or_default();
        self.0.results.keep(&digest.hash, result.clone());
        Ok(Response::new(result))
    }
}

#[async_trait]
impl Capabilities for Service {
    async fn get_capabilities(
        &self,
        request: Request<GetCapabilitiesRequest>,
    ) -> Result<Response<ServerCapabilities>, Status> {
        let what = vec![request.get_ref().instance_name.clone()];
        self.0
            .meet(Call::Capabilities, what, request.metadata())
            .await?;
        let manners = &self.0.manners;
        let function = if manners.knows_sha256 {
            digest_function::Value::Sha256
        } else {
            digest_function::Value::Blake3
        };
        let version = |(major, minor)| {
            Some(SemVer {
                major,
                minor,
                ..SemVer::default()
            })
        };
        Ok(Response::new(ServerCapabilities {
            cache_capabilities: Some(CacheCapabilities {
                digest_functions: vec![function.into()],
                action_cache_update_capabilities: Some(ActionCacheUpdateCapabilities {
                    update_enabled: manners.takes_results,
                }),
                max_batch_total_size_bytes: manners.batch,
                symlink_absolute_path_strategy: symlink_absolute_path_strategy::Value::Allowed
                    .into(),
                ..CacheCapabilities::default()
            }),
            execution_capabilities: Some(ExecutionCapabilities {
                digest_function: function.into(),
                digest_functions: vec![function.into()],
                exec_enabled: manners.executes,
                ..ExecutionCapabilities::default()
            }),
            low_api_version: version(manners.versions[0]),
            high_api_version: version(manners.versions[1]),
            ..ServerCapabilities::default()
        }))
    }
}
