//! One large content on its way from the server, which goes on where it was cut off.

use bazel_remote_apis::google::bytestream::ReadRequest;
use tonic::Status;

use super::connection::Trouble;
use super::write_stream::WORTH;
use super::{Blob, Client, Failure};

const DOING: &str = "fetched a content";

/// Why a stream ended before the content did.
enum Ended {
    /// The server, or what is between us and it.
    There(Trouble),
    /// What came, or what takes it.
    Here(Failure),
}

impl Client {
    /// Fetches a content in pieces, as many bytes as it has; `take` gets each piece once.
    pub(super) async fn fetch(
        &self,
        blob: &Blob,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut attempts = self.connection.attempts();
        let mut at = 0;
        while at < blob.size {
            let begin = at;
            let trouble = match self.fetch_from(blob, &mut at, take).await {
                Ok(()) => continue,
                Err(Ended::Here(failure)) => return Err(failure),
                Err(Ended::There(trouble)) => trouble,
            };
            if at >= begin + WORTH {
                attempts = self.connection.attempts();
            }
            if !(trouble.is_passing() && attempts.again().await) {
                return Err(match trouble {
                    Trouble::Status(status) if status.message() == CUT => {
                        self.wrong_content(blob, &format!("ends after {at} of {} bytes", blob.size))
                    }
                    trouble => self.connection.failure(DOING, &trouble),
                });
            }
        }
        Ok(())
    }

    async fn fetch_from(
        &self,
        blob: &Blob,
        at: &mut u64,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Ended> {
        let there = Ended::There;
        let connection = &self.connection;
        let question = connection.request(ReadRequest {
            resource_name: blob.resource(&connection.settings.instance),
            read_offset: i64::try_from(*at).unwrap_or(i64::MAX),
            read_limit: 0,
        });
        let mut streams = self.streams();
        let answer = connection.in_time(streams.read(question)).await;
        let mut pieces = answer.map_err(there)?.into_inner();
        let mut empty = 0;
        while let Some(piece) = connection.in_time(pieces.message()).await.map_err(there)? {
            let end = at.saturating_add(piece.data.len() as u64);
            if end > blob.size {
                let how = format!("is longer than its {} bytes", blob.size);
                return Err(Ended::Here(self.wrong_content(blob, &how)));
            }
            empty += u32::from(piece.data.is_empty());
            if empty > MOST_EMPTY {
                return Err(there(Trouble::Status(Status::aborted(CUT))));
            }
            take(&piece.data).map_err(Ended::Here)?;
            *at = end;
        }
        if *at < blob.size {
            return Err(there(Trouble::Status(Status::aborted(CUT))));
        }
        Ok(())
    }
}

/// How many messages of a stream may have nothing in them.
const MOST_EMPTY: u32 = 16;

/// A stream that ends too early, without a word.
const CUT: &str = "the content was cut short";
