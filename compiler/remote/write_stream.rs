//! One large content on its way to the server, which goes on where it was cut off.

use std::pin::pin;

use bazel_remote_apis::google::bytestream::byte_stream_client::ByteStreamClient;
use bazel_remote_apis::google::bytestream::{QueryWriteStatusRequest, WriteRequest};
use futures_util::future::{Either, select};
use futures_util::stream;
use tokio::sync::mpsc;
use tonic::Status;
use tonic::transport::Channel;

use super::connection::{Trouble, unique};
use super::content::below;
use super::progress::{Mark, Progress};
use super::upload::{changed, unreadable};
use super::{Blob, Client, Content, Failure};
use crate::tree::Hasher;

const DOING: &str = "sent a content";

/// How much goes in a message.
const PIECE: usize = 256 << 10;

/// How many messages are ready before the connection takes them.
const READY: usize = 2;

/// After so many bytes, an attempt was worth it.
pub(super) const WORTH: u64 = 1 << 20;

/// Why a stream ended.
enum Ended {
    /// Because of the server, or what is between us and it.
    There(Trouble),
    /// Because of the content.
    Here(Failure),
}

impl From<Trouble> for Ended {
    fn from(trouble: Trouble) -> Self {
        Self::There(trouble)
    }
}

impl Client {
    /// Sends a content in pieces.
    pub(super) async fn write(
        &self,
        blob: &Blob,
        content: &Content,
        progress: &Progress<'_>,
    ) -> Result<(), Failure> {
        let mut mark = Mark::new(progress);
        let mut attempts = self.connection.attempts();
        let (mut name, mut offset) = (self.new_name(blob), 0);
        // Servers that do not know of each other may each say something else.
        let mut furthest = 0;
        loop {
            let sent = self.write_from(&name, blob, content, offset, &mut mark);
            let trouble = match sent.await {
                Ok(()) => {
                    mark.reach(blob.size);
                    return Ok(());
                }
                Err(Ended::Here(failure)) => return Err(failure),
                Err(Ended::There(trouble)) => trouble,
            };
            if !(trouble.is_passing() && attempts.again().await) {
                return Err(self.connection.failure(DOING, &trouble));
            }
            let committed = self.committed(&name).await;
            if let Some(taken) = committed.filter(|taken| *taken <= blob.size) {
                if taken >= furthest + WORTH {
                    attempts = self.connection.attempts();
                    furthest = taken;
                }
                offset = taken;
            } else {
                // A server that knows nothing of it may still be busy with the name.
                (name, offset) = (self.new_name(blob), 0);
            }
        }
    }

    fn new_name(&self, blob: &Blob) -> String {
        let upload = format!("uploads/{}/{}", unique(), blob.resource(""));
        below(&self.connection.settings.instance, &upload)
    }

    /// How much of an upload the server has, where it can say that.
    async fn committed(&self, name: &str) -> Option<u64> {
        let question = QueryWriteStatusRequest {
            resource_name: name.to_owned(),
        };
        let mut streams = self.streams();
        let answer = streams.query_write_status(self.connection.request(question));
        let answer = self.connection.in_time(answer).await.ok()?;
        u64::try_from(answer.into_inner().committed_size).ok()
    }

    async fn write_from(
        &self,
        name: &str,
        blob: &Blob,
        content: &Content,
        offset: u64,
        mark: &mut Mark<'_, '_>,
    ) -> Result<(), Ended> {
        let (sender, mut receiver) = mpsc::channel(READY);
        let pieces = stream::poll_fn(move |context| receiver.poll_recv(context));
        let mut streams = self.streams();
        let answer = pin!(streams.write(self.connection.request(pieces)));
        let feed = pin!(self.feed(name, blob, content, offset, sender, mark));
        let answer = match select(answer, feed).await {
            // Somebody else was quicker, or something is wrong.
            Either::Left((answer, _)) => answer.map_err(Trouble::Status)?,
            Either::Right((fed, answer)) => {
                fed?;
                self.connection.in_time(answer).await?
            }
        };
        let taken = answer.into_inner().committed_size;
        if u64::try_from(taken) == Ok(blob.size) {
            return Ok(());
        }
        let status = Status::aborted(format!("{taken} of {} bytes were taken", blob.size));
        Err(Ended::There(Trouble::Status(status)))
    }

    /// Hands pieces of a content on from an offset. All of it is hashed, and the last piece goes only where it is what it should be.
    async fn feed(
        &self,
        name: &str,
        blob: &Blob,
        content: &Content,
        offset: u64,
        sender: mpsc::Sender<WriteRequest>,
        mark: &mut Mark<'_, '_>,
    ) -> Result<(), Ended> {
        let here = |error| Ended::Here(unreadable(content, &error));
        let mut reader = content.open().map_err(here)?;
        let mut hasher = Hasher::new();
        let mut at = 0;
        while at < blob.size {
            let most = usize::try_from(blob.size - at).map_or(PIECE, |left| left.min(PIECE));
            let mut piece = vec![0; most];
            reader.read_exact(&mut piece).map_err(here)?;
            hasher.update(&piece);
            let begin = at;
            at += piece.len() as u64;
            let is_last = at == blob.size;
            if is_last && hasher.clone().finish() != blob.digest {
                return Err(Ended::Here(changed(content)));
            }
            // A last piece goes again even if the server has it: it says that there is no more.
            if at <= offset && !is_last {
                continue;
            }
            let skipped = usize::try_from(offset.saturating_sub(begin)).unwrap_or(0);
            let message = WriteRequest {
                resource_name: name.to_owned(),
                write_offset: i64::try_from(begin + skipped as u64).unwrap_or(i64::MAX),
                finish_write: is_last,
                data: piece.split_off(skipped.min(most)),
            };
            match tokio::time::timeout(self.connection.settings.answer, sender.send(message)).await
            {
                Ok(Ok(())) => mark.reach(begin),
                // Nobody listens: the answer says why.
                Ok(Err(_)) => return Ok(()),
                Err(_) => return Err(Ended::There(Trouble::Silent)),
            }
        }
        Ok(())
    }

    /// The part of the server that takes and gives large contents.
    pub(super) fn streams(&self) -> ByteStreamClient<Channel> {
        ByteStreamClient::new(self.connection.channel.clone())
    }
}
