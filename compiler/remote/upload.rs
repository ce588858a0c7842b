//! Contents on their way to the server: those that it lacks, each hashed once more before it counts as sent.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::sync::atomic::AtomicBool;

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use bazel_remote_apis::google::rpc;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tonic::Code;

use super::attempts::is_passing;
use super::parcel::{AT_ONCE, Parcel, parcels};
use super::progress::Progress;
use super::waiting::wait;
use super::{Blob, Client, Content, Failure, Kind};
use crate::diagnostic::Diagnostic;

const DOING: &str = "sent contents";

/// What had to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Uploaded {
    /// How many contents.
    pub blobs: usize,
    /// How many bytes.
    pub bytes: u64,
}

impl Client {
    /// Sends the contents that the server lacks; `tell` hears how many bytes are sent, of how many.
    pub fn upload(
        &self,
        contents: &[(Blob, Content)],
        tell: &mut dyn FnMut(u64, u64),
        cancel: &AtomicBool,
    ) -> Result<Uploaded, Failure> {
        let named: BTreeMap<Blob, &Content> = contents
            .iter()
            .map(|(blob, content)| (*blob, content))
            .collect();
        wait(cancel, async {
            let missing = self.lacking(&named.keys().copied().collect()).await?;
            self.fits(&missing)?;
            let bytes = missing.iter().map(|blob| blob.size).sum();
            let progress = Progress::new(bytes, tell);
            stream::iter(parcels(&missing, self.abilities().room()))
                .map(|parcel| self.send(parcel, &named, &progress))
                .buffer_unordered(AT_ONCE)
                .try_collect::<()>()
                .await?;
            Ok(Uploaded {
                blobs: missing.len(),
                bytes,
            })
        })
    }

    fn fits(&self, blobs: &BTreeSet<Blob>) -> Result<(), Failure> {
        let most = match self.abilities().largest {
            0 => u64::MAX,
            stated => stated,
        };
        let Some(blob) = blobs.iter().find(|blob| blob.size > most) else {
            return Ok(());
        };
        let problem = Diagnostic::error(
            "zosc::remote::too-large",
            format!(
                "`{}` takes contents of at most {most} bytes, and one that it needs has {}",
                self.endpoint(),
                blob.size
            ),
        )
        .help("the server's configuration says how large a content may be");
        Err(Failure::new(Kind::Final, problem))
    }

    async fn send(
        &self,
        parcel: Parcel,
        contents: &BTreeMap<Blob, &Content>,
        progress: &Progress<'_>,
    ) -> Result<(), Failure> {
        let _lane = self.connection.lanes.acquire().await;
        match parcel {
            Parcel::Stream(blob) => self.write(&blob, contents[&blob], progress).await,
            Parcel::Batch(blobs) => {
                let mut requests = Vec::new();
                for blob in &blobs {
                    requests.push(api::batch_update_blobs_request::Request {
                        digest: Some(blob.to_api()),
                        data: whole(blob, contents[blob])?,
                        ..Default::default()
                    });
                }
                self.send_batch(requests).await?;
                progress.add(blobs.iter().map(|blob| blob.size).sum());
                Ok(())
            }
        }
    }

    /// Sends a batch, and again what was not taken at first.
    async fn send_batch(
        &self,
        mut requests: Vec<api::batch_update_blobs_request::Request>,
    ) -> Result<(), Failure> {
        let mut attempts = self.connection.attempts();
        loop {
            let ask = async || {
                let question = api::BatchUpdateBlobsRequest {
                    instance_name: self.connection.instance(),
                    requests: requests.clone(),
                    ..Default::default()
                };
                let request = self.connection.request(question);
                self.contents().batch_update_blobs(request).await
            };
            let answer = self.connection.ask(DOING, ask).await?;
            let mut statuses: BTreeMap<Option<Blob>, rpc::Status> = answer
                .responses
                .into_iter()
                .map(|one| {
                    (
                        Blob::from_api(one.digest.as_ref()),
                        one.status.unwrap_or_default(),
                    )
                })
                .collect();
            // What is not spoken of was not taken.
            requests.retain(|one| {
                let blob = Blob::from_api(one.digest.as_ref());
                statuses.get(&blob).is_none_or(|status| status.code != 0)
            });
            let Some(first) = requests.first() else {
                return Ok(());
            };
            let status = statuses.remove(&Blob::from_api(first.digest.as_ref()));
            let (code, words) = status.map_or((Code::Aborted, String::new()), |status| {
                (Code::from_i32(status.code), status.message)
            });
            if !(is_passing(code) && attempts.again().await) {
                return Err(self.connection.refusal(DOING, code, &words));
            }
        }
    }
}

/// A content in memory, which is what its name says.
fn whole(blob: &Blob, content: &Content) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = content
        .open()
        .and_then(|reader| reader.take(blob.size + 1).read_to_end(&mut bytes));
    read.map_err(|error| unreadable(content, &error))?;
    if Blob::of(&bytes) == *blob {
        Ok(bytes)
    } else {
        Err(changed(content))
    }
}

/// A content is not what it was when it got its name.
pub(super) fn changed(content: &Content) -> Failure {
    trouble(content, "is not what it was")
}

/// A content cannot be read.
pub(super) fn unreadable(content: &Content, error: &std::io::Error) -> Failure {
    trouble(content, &format!("cannot be read: {error}"))
}

fn trouble(content: &Content, how: &str) -> Failure {
    let named = match content {
        Content::Bytes(_) => "a content that is to be sent".to_owned(),
        Content::File(path) => format!("`{}`, which is to be sent,", path.display()),
    };
    let problem = Diagnostic::error("zosc::remote::changed-content", format!("{named} {how}"))
        .help("`zosc store verify` takes damaged contents out of the store; then run the command again");
    Failure::new(Kind::Final, problem)
}
