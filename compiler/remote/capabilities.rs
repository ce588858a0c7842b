//! The first question: what a server can.

use bazel_remote_apis::build::bazel::remote::execution::v2::capabilities_client::CapabilitiesClient;
use bazel_remote_apis::build::bazel::remote::execution::v2::{
    GetCapabilitiesRequest, ServerCapabilities,
};
use tonic::{Code, Response, Status};

use super::attempts::Attempts;
use super::connection::{Connection, Trouble};
use super::{Abilities, Failure, Kind};
use crate::diagnostic::Diagnostic;

const DOING: &str = "asked what it can";

impl Connection {
    /// Asks, again where that may help.
    pub(super) async fn abilities(&self) -> Result<Abilities, Failure> {
        let mut attempts = Attempts::few(&self.settings);
        let answer = loop {
            let trouble = match self.in_time(self.capabilities()).await {
                Ok(answer) => break answer.into_inner(),
                Err(trouble) => trouble,
            };
            if let Trouble::Status(status) = &trouble
                && status.code() == Code::Unimplemented
            {
                return Err(self.unfit("it is no server of the Remote Execution API"));
            }
            if !(trouble.is_passing() && attempts.again().await) {
                return Err(self.failure(DOING, &trouble));
            }
        };
        Abilities::of(&answer).map_err(|why| self.unfit(&why))
    }

    /// Whether the server is still there, asked once.
    pub(super) async fn is_there(&self) -> Result<(), Trouble> {
        self.in_time(self.capabilities()).await.map(drop)
    }

    async fn capabilities(&self) -> Result<Response<ServerCapabilities>, Status> {
        let question = GetCapabilitiesRequest {
            instance_name: self.instance(),
        };
        CapabilitiesClient::new(self.channel.clone())
            .get_capabilities(self.request(question))
            .await
    }

    fn unfit(&self, why: &str) -> Failure {
        let problem = Diagnostic::error(
            "zosc::remote::unfit",
            format!("zosc cannot work with `{}`: {why}", self.settings.endpoint),
        )
        .help("zosc needs the Remote Execution API, version 2, with contents named by SHA-256; `--remote-instance` may be needed");
        Failure::new(Kind::Final, problem)
    }
}
