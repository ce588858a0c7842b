//! Contents on their way from the server, each hashed before it is anybody's.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::atomic::AtomicBool;

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tonic::Code;

use super::attempts::is_passing;
use super::parcel::{AT_ONCE, Parcel, parcels};
use super::progress::{Mark, Progress};
use super::waiting::wait;
use super::{Blob, Client, Failure, Kind};
use crate::diagnostic::Diagnostic;
use crate::tree::Store;

const DOING: &str = "fetched contents";

impl Client {
    /// Brings contents into the store, those that are not there; `tell` hears how many bytes are here, of how many.
    ///
    /// On a failure, what came whole stays: it is what its name says.
    pub fn download(
        &self,
        blobs: &[Blob],
        store: &Store,
        tell: &mut dyn FnMut(u64, u64),
        cancel: &AtomicBool,
    ) -> Result<(), Failure> {
        let wanted: BTreeSet<Blob> = blobs
            .iter()
            .filter(|blob| !store.contains_sized(&blob.digest, blob.size))
            .copied()
            .collect();
        let progress = Progress::new(
            wanted
                .iter()
                .fold(0, |sum, blob| blob.size.saturating_add(sum)),
            tell,
        );
        wait(cancel, async {
            stream::iter(parcels(&wanted, self.abilities().room()))
                .map(|parcel| self.receive(parcel, store, &progress))
                .buffer_unordered(AT_ONCE)
                .try_collect::<()>()
                .await
        })
    }

    /// A content of at most so many bytes, in memory.
    pub fn read(&self, blob: &Blob, most: u64, cancel: &AtomicBool) -> Result<Vec<u8>, Failure> {
        if blob.size > most {
            let problem = Diagnostic::error(
                "zosc::remote::too-large",
                format!(
                    "`{}` has a content of {} bytes where at most {most} make sense",
                    self.endpoint(),
                    blob.size
                ),
            )
            .help("nothing of it was fetched; what made it is not what zosc asked for");
            return Err(Failure::new(Kind::Final, problem));
        }
        wait(cancel, async {
            let mut bytes = Vec::new();
            if blob.size.saturating_add(super::abilities::BESIDE) <= self.abilities().room() {
                let come = self.receive_batch(&[*blob]).await?;
                bytes = come.into_values().next().unwrap_or_default();
            } else {
                let mut take = |piece: &[u8]| {
                    bytes.extend_from_slice(piece);
                    Ok(())
                };
                self.fetch(blob, &mut take).await?;
            }
            self.verified(blob, bytes)
        })
    }

    async fn receive(
        &self,
        parcel: Parcel,
        store: &Store,
        progress: &Progress<'_>,
    ) -> Result<(), Failure> {
        let _lane = self.connection.lanes.acquire().await;
        match parcel {
            Parcel::Batch(blobs) => {
                for (blob, bytes) in self.receive_batch(&blobs).await? {
                    let bytes = self.verified(&blob, bytes)?;
                    store.put(&bytes)?;
                    progress.add(blob.size);
                }
                Ok(())
            }
            Parcel::Stream(blob) => self.receive_stream(&blob, store, progress).await,
        }
    }

    async fn receive_stream(
        &self,
        blob: &Blob,
        store: &Store,
        progress: &Progress<'_>,
    ) -> Result<(), Failure> {
        let mut writer = store.writer()?;
        let (mut mark, mut at) = (Mark::new(progress), 0);
        let mut take = |piece: &[u8]| {
            let written = writer.write_all(piece);
            written.map_err(|error| store.unusable(&error))?;
            at += piece.len() as u64;
            mark.reach(at);
            Ok(())
        };
        self.fetch(blob, &mut take).await?;
        let (digest, _) = writer.finish_expecting(blob.digest)?;
        if digest == blob.digest {
            Ok(())
        } else {
            Err(self.wrong_content(blob, OTHER))
        }
    }

    fn verified(&self, blob: &Blob, bytes: Vec<u8>) -> Result<Vec<u8>, Failure> {
        if Blob::of(&bytes) == *blob {
            Ok(bytes)
        } else {
            Err(self.wrong_content(blob, OTHER))
        }
    }

    /// Fetches contents in one message; again those that did not come at first.
    async fn receive_batch(&self, blobs: &[Blob]) -> Result<BTreeMap<Blob, Vec<u8>>, Failure> {
        let mut come = BTreeMap::new();
        let mut attempts = self.connection.attempts();
        loop {
            let wanted = blobs.iter().filter(|blob| !come.contains_key(*blob));
            let question = api::BatchReadBlobsRequest {
                instance_name: self.connection.instance(),
                digests: wanted.map(|blob| blob.to_api()).collect(),
                ..Default::default()
            };
            if question.digests.is_empty() {
                return Ok(come);
            }
            let ask = async || {
                let request = self.connection.request(question.clone());
                self.contents().batch_read_blobs(request).await
            };
            let answer = self.connection.ask(DOING, ask).await?;
            // What is not spoken of may come next time.
            let (mut code, mut words) = (Code::Aborted, String::new());
            for one in answer.responses {
                let blob = Blob::from_api(one.digest.as_ref()).filter(|blob| blobs.contains(blob));
                let blob = blob.ok_or_else(|| self.odd("sends a content that nobody asked for"))?;
                match one.status.unwrap_or_default() {
                    status if status.code != 0 => {
                        (code, words) = (Code::from_i32(status.code), status.message);
                    }
                    _ if one.compressor != 0 => {
                        return Err(
                            self.odd("sends a content packed in a way that nobody asked for")
                        );
                    }
                    _ => drop(come.insert(blob, one.data)),
                }
            }
            let is_whole = blobs.iter().all(|blob| come.contains_key(blob));
            let goes_on = is_whole || is_passing(code) && attempts.again().await;
            if !goes_on {
                return Err(self.connection.refusal(DOING, code, &words));
            }
        }
    }
}

const OTHER: &str = "is something else";
