//! The client: questions about contents, and their answers, each waited for on the thread that asks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bazel_remote_apis::build::bazel::remote::execution::v2::FindMissingBlobsRequest;
use bazel_remote_apis::build::bazel::remote::execution::v2::content_addressable_storage_client::ContentAddressableStorageClient;
use tonic::transport::Channel;

use super::connection::Connection;
use super::waiting::wait;
use super::{Abilities, Blob, Failure, Kind, Settings};
use crate::diagnostic::Diagnostic;

/// How many contents are asked after in one message.
const ASKED: usize = 2000;

/// The largest message that is taken: a batch with everything around it.
pub(super) const MOST_MESSAGE: usize = 8 << 20;

/// A server that was asked what it can; may be cloned and used by many threads at a time.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) connection: Arc<Connection>,
    abilities: Arc<Abilities>,
}

impl Client {
    /// Connects to a server, and asks what it can.
    pub fn connect(settings: &Settings, cancel: &AtomicBool) -> Result<Self, Failure> {
        let connection = Connection::new(settings)?;
        let abilities = wait(cancel, connection.abilities())?;
        Ok(Self {
            connection: Arc::new(connection),
            abilities: Arc::new(abilities),
        })
    }

    /// What the server says it can.
    pub fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    /// Where the server is.
    pub fn endpoint(&self) -> &str {
        &self.connection.settings.endpoint
    }

    /// Words that came from the server's side, as they may be shown: on one line, not too long, without what is secret.
    pub fn clean(&self, words: &str) -> String {
        self.connection.clean(words)
    }

    pub(super) async fn lacking(&self, blobs: &BTreeSet<Blob>) -> Result<BTreeSet<Blob>, Failure> {
        let all: Vec<Blob> = blobs.iter().copied().collect();
        let mut missing = BTreeSet::new();
        for some in all.chunks(ASKED) {
            let question = FindMissingBlobsRequest {
                instance_name: self.connection.instance(),
                blob_digests: some.iter().map(|blob| blob.to_api()).collect(),
                ..Default::default()
            };
            let ask = async || {
                let request = self.connection.request(question.clone());
                self.contents().find_missing_blobs(request).await
            };
            let answer = self.connection.ask("asked what it lacks", ask).await?;
            for digest in &answer.missing_blob_digests {
                // What nobody asked after is nobody's concern.
                let blob = Blob::from_api(Some(digest)).filter(|blob| blobs.contains(blob));
                missing.insert(blob.ok_or_else(|| {
                    self.odd("says that it lacks a content that nobody asked after")
                })?);
            }
        }
        Ok(missing)
    }

    /// The part of the server that keeps contents.
    pub(super) fn contents(&self) -> ContentAddressableStorageClient<Channel> {
        ContentAddressableStorageClient::new(self.connection.channel.clone())
            .max_decoding_message_size(MOST_MESSAGE)
            .max_encoding_message_size(MOST_MESSAGE)
    }

    /// An answer that makes no sense.
    pub(super) fn odd(&self, what: &str) -> Failure {
        let problem = Diagnostic::error(
            "zosc::remote::odd-answer",
            format!("`{}` {what}", self.endpoint()),
        )
        .help("nothing of the answer was used; a server or a proxy in between is out of order");
        Failure::new(Kind::Final, problem)
    }

    /// A content that is not what its name says.
    pub(super) fn wrong_content(&self, blob: &Blob, how: &str) -> Failure {
        let problem = Diagnostic::error(
            "zosc::remote::wrong-content",
            format!(
                "what `{}` sends as the content {} {how}",
                self.endpoint(),
                blob.digest.short()
            ),
        )
        .help("nothing of it was kept; the server's storage is damaged, or somebody changes what is in it");
        Failure::new(Kind::Lost, problem)
    }
}
