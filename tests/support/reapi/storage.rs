//! Blobs by their hashes, and the two services that move them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use bazel_remote_apis::google::bytestream::byte_stream_server::ByteStream;
use bazel_remote_apis::google::bytestream::{
    QueryWriteStatusRequest, QueryWriteStatusResponse, ReadRequest, ReadResponse, WriteRequest,
    WriteResponse,
};
use bazel_remote_apis::google::rpc;
use sha2::{Digest as _, Sha256};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, Streaming, async_trait};

use super::protocol::content_addressable_storage_server::ContentAddressableStorage;
use super::protocol::{
    BatchReadBlobsRequest, BatchReadBlobsResponse, BatchUpdateBlobsRequest,
    BatchUpdateBlobsResponse, Digest, FindMissingBlobsRequest, FindMissingBlobsResponse,
    GetChunkMappingRequest, GetChunkMappingResponse, GetTreeRequest, GetTreeResponse,
    RegisterChunkMappingRequest, RegisterChunkMappingResponse, SpliceBlobRequest,
    SpliceBlobResponse, SplitBlobRequest, SplitBlobResponse, batch_read_blobs_response,
    batch_update_blobs_response,
};
use super::{Call, Fault, Service, State};

/// Bytes of one message of a stream.
const PIECE: usize = 64 << 10;

#[derive(Default)]
pub(super) struct Storage {
    blobs: Mutex<BTreeMap<String, Arc<Vec<u8>>>>,
    /// What has come of uploads, by the names of their resources.
    partial: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Storage {
    pub(super) fn put(&self, bytes: &[u8]) -> Digest {
        let digest = digest_of(bytes);
        self.insert(&digest.hash, bytes.to_vec());
        digest
    }

    pub(super) fn insert(&self, hash: &str, bytes: Vec<u8>) {
        let mut blobs = self.blobs.lock().unwrap();
        blobs.insert(hash.to_owned(), Arc::new(bytes));
    }

    pub(super) fn get(&self, hash: &str) -> Option<Arc<Vec<u8>>> {
        // Nobody uploads nothing, and everybody has it.
        if hash == digest_of(&[]).hash {
            return Some(Arc::default());
        }
        self.blobs.lock().unwrap().get(hash).cloned()
    }

    pub(super) fn hashes(&self) -> Vec<String> {
        self.blobs.lock().unwrap().keys().cloned().collect()
    }

    pub(super) fn remove(&self, hash: &str) {
        self.blobs.lock().unwrap().remove(hash);
    }

    pub(super) fn clear(&self) {
        self.blobs.lock().unwrap().clear();
    }
}

pub(super) fn digest_of(bytes: &[u8]) -> Digest {
    let mut hash = String::new();
    for byte in Sha256::digest(bytes) {
        write!(hash, "{byte:02x}").unwrap();
    }
    Digest {
        hash,
        size_bytes: bytes.len() as i64,
    }
}

fn status(code: Code) -> rpc::Status {
    rpc::Status {
        code: code as i32,
        ..rpc::Status::default()
    }
}

impl State {
    /// Keeps a blob that somebody uploads, if it is what it is said to be, or if nobody looks.
    fn accept(&self, digest: &Digest, bytes: Vec<u8>) -> Result<(), Status> {
        if self.manners.verifies && digest_of(&bytes) != *digest {
            return Err(Status::invalid_argument(
                "the digest is that of other bytes",
            ));
        }
        self.storage.insert(&digest.hash, bytes);
        Ok(())
    }

    /// Refuses a batch that is larger than announced.
    fn weigh(&self, sizes: impl Iterator<Item = i64>) -> Result<(), Status> {
        let (most, sum) = (self.manners.batch, sizes.sum::<i64>());
        if most != 0 && sum > most {
            return Err(Status::invalid_argument(format!(
                "{sum} bytes in a batch that may have {most}"
            )));
        }
        Ok(())
    }
}

/// What a fault makes of bytes on their way to the client.
fn spoil(fault: Option<&Fault>, bytes: &mut Vec<u8>) {
    match fault {
        Some(Fault::Flip) => {
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
            }
        }
        Some(Fault::Lengthen) => bytes.push(0),
        _ => {}
    }
}

#[async_trait]
impl ContentAddressableStorage for Service {
    async fn find_missing_blobs(
        &self,
        request: Request<FindMissingBlobsRequest>,
    ) -> Result<Response<FindMissingBlobsResponse>, Status> {
        let hashes = request.get_ref().blob_digests.iter();
        let hashes = hashes.map(|digest| digest.hash.clone()).collect();
        let fault = self
            .0
            .meet(Call::FindMissing, hashes, request.metadata())
            .await?;
        let mut missing = request.into_inner().blob_digests;
        missing.retain(|digest| self.0.storage.get(&digest.hash).is_none());
        match fault {
            Some(Fault::NothingMissing) => missing.clear(),
            Some(Fault::StrangeMissing) => missing.push(digest_of(b"nobody asked for this")),
            _ => {}
        }
        Ok(Response::new(FindMissingBlobsResponse {
            missing_blob_digests: missing,
        }))
    }

    async fn batch_update_blobs(
        &self,
        request: Request<BatchUpdateBlobsRequest>,
    ) -> Result<Response<BatchUpdateBlobsResponse>, Status> {
        let uploads = &request.get_ref().requests;
        let hashes = uploads.iter().filter_map(|upload| upload.digest.as_ref());
        let hashes = hashes.map(|digest| digest.hash.clone()).collect();
        let fault = self
            .0
            .meet(Call::BatchUpdate, hashes, request.metadata())
            .await?;
        let mut uploads = request.into_inner().requests;
        self.0
            .weigh(uploads.iter().map(|upload| upload.data.len() as i64))?;
        let mut responses = Vec::new();
        let refused = match fault {
            Some(Fault::RefuseLast(code)) => uploads.pop().map(|upload| (upload, Some(code))),
            Some(Fault::LeaveOut) => uploads.pop().map(|upload| (upload, None)),
            _ => None,
        };
        for upload in uploads {
            let digest = upload.digest.unwrap_or_default();
            let kept = self.0.accept(&digest, upload.data);
            responses.push(batch_update_blobs_response::Response {
                digest: Some(digest),
                status: Some(status(
                    kept.map_or_else(|status| status.code(), |()| Code::Ok),
                )),
            });
        }
        if let Some((upload, Some(code))) = refused {
            responses.push(batch_update_blobs_response::Response {
                digest: upload.digest,
                status: Some(status(code)),
            });
        }
        Ok(Response::new(BatchUpdateBlobsResponse { responses }))
    }

    async fn batch_read_blobs(
        &self,
        request: Request<BatchReadBlobsRequest>,
    ) -> Result<Response<BatchReadBlobsResponse>, Status> {
        let digests = &request.get_ref().digests;
        let hashes = digests.iter().map(|digest| digest.hash.clone()).collect();
        let fault = self
            .0
            .meet(Call::BatchRead, hashes, request.metadata())
            .await?;
        let digests = request.into_inner().digests;
        self.0
            .weigh(digests.iter().map(|digest| digest.size_bytes))?;
        let mut responses: Vec<_> = digests
            .into_iter()
            .map(|digest| {
                let bytes = self.0.storage.get(&digest.hash);
                let code = if bytes.is_some() {
                    Code::Ok
                } else {
                    Code::NotFound
                };
                batch_read_blobs_response::Response {
                    digest: Some(digest),
                    data: bytes.map(Arc::unwrap_or_clone).unwrap_or_default(),
                    status: Some(status(code)),
                    ..batch_read_blobs_response::Response::default()
                }
            })
            .collect();
        if let Some(last) = responses.last_mut() {
            spoil(fault.as_ref(), &mut last.data);
            if let Some(Fault::RefuseLast(code)) = fault {
                last.status = Some(status(code));
                last.data.clear();
            }
        }
        if matches!(fault, Some(Fault::LeaveOut)) {
            responses.pop();
        }
        Ok(Response::new(BatchReadBlobsResponse { responses }))
    }

    type GetTreeStream = ReceiverStream<Result<GetTreeResponse, Status>>;

    async fn get_tree(
        &self,
        _: Request<GetTreeRequest>,
    ) -> Result<Response<Self::GetTreeStream>, Status> {
        Err(Status::unimplemented("GetTree"))
    }

    async fn split_blob(
        &self,
        _: Request<SplitBlobRequest>,
    ) -> Result<Response<SplitBlobResponse>, Status> {
        Err(Status::unimplemented("SplitBlob"))
    }

    type GetChunkMappingStream = ReceiverStream<Result<GetChunkMappingResponse, Status>>;

    async fn get_chunk_mapping(
        &self,
        _: Request<GetChunkMappingRequest>,
    ) -> Result<Response<Self::GetChunkMappingStream>, Status> {
        Err(Status::unimplemented("GetChunkMapping"))
    }

    async fn splice_blob(
        &self,
        _: Request<SpliceBlobRequest>,
    ) -> Result<Response<SpliceBlobResponse>, Status> {
        Err(Status::unimplemented("SpliceBlob"))
    }

    async fn register_chunk_mapping(
        &self,
        _: Request<Streaming<RegisterChunkMappingRequest>>,
    ) -> Result<Response<RegisterChunkMappingResponse>, Status> {
        Err(Status::unimplemented("RegisterChunkMapping"))
    }
}

/// The digest at the end of `INSTANCE/blobs/HASH/SIZE` or of `INSTANCE/uploads/UUID/blobs/HASH/SIZE`.
fn named(resource: &str) -> Result<Digest, Status> {
    let (_, rest) = resource
        .rsplit_once("blobs/")
        .ok_or_else(|| Status::invalid_argument("a resource without `blobs`"))?;
    let mut parts = rest.split('/');
    let hash = parts.next().unwrap_or_default().to_owned();
    let size = parts.next().and_then(|size| size.parse().ok());
    let size_bytes = size.ok_or_else(|| Status::invalid_argument("a resource without size"))?;
    Ok(Digest { hash, size_bytes })
}

#[async_trait]
impl ByteStream for Service {
    type ReadStream = ReceiverStream<Result<ReadResponse, Status>>;

    async fn read(
        &self,
        request: Request<ReadRequest>,
    ) -> Result<Response<Self::ReadStream>, Status> {
        let asked = request.get_ref();
        let what = vec![asked.resource_name.clone(), asked.read_offset.to_string()];
        let fault = self.0.meet(Call::Read, what, request.metadata()).await?;
        let asked = request.into_inner();
        let digest = named(&asked.resource_name)?;
        let bytes = self.0.storage.get(&digest.hash);
        let bytes = bytes.ok_or_else(|| Status::not_found("no such blob"))?;
        let mut bytes = Arc::unwrap_or_clone(bytes);
        let offset = usize::try_from(asked.read_offset).unwrap_or(usize::MAX);
        if offset > bytes.len() {
            return Err(Status::out_of_range("beyond the end"));
        }
        spoil(fault.as_ref(), &mut bytes);
        bytes.drain(..offset);
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        tokio::spawn(send(Service(self.0.clone()), bytes, fault, sender));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn write(
        &self,
        request: Request<Streaming<WriteRequest>>,
    ) -> Result<Response<WriteResponse>, Status> {
        let metadata = request.metadata().clone();
        let mut stream = request.into_inner();
        let first = stream.message().await?;
        let mut message =
            first.ok_or_else(|| Status::invalid_argument("a write without messages"))?;
        let resource = message.resource_name.clone();
        let what = vec![resource.clone(), message.write_offset.to_string()];
        let fault = self.0.meet(Call::Write, what, &metadata).await?;
        let digest = named(&resource)?;
        // Somebody else may have been quicker.
        if self.0.storage.get(&digest.hash).is_some() {
            return Ok(committed(digest.size_bytes));
        }
        loop {
            let size = self.0.append(&resource, &message)?;
            self.0.end_write(fault.as_ref(), size).await?;
            if message.finish_write {
                break;
            }
            message = stream
                .message()
                .await?
                .ok_or_else(|| Status::invalid_argument("the end came before `finish_write`"))?;
        }
        let bytes = self.0.storage.partial.lock().unwrap().remove(&resource);
        self.0.accept(&digest, bytes.unwrap_or_default())?;
        let less = i64::from(matches!(fault, Some(Fault::CommitLess)));
        Ok(committed(digest.size_bytes - less))
    }

    async fn query_write_status(
        &self,
        request: Request<QueryWriteStatusRequest>,
    ) -> Result<Response<QueryWriteStatusResponse>, Status> {
        let resource = request.get_ref().resource_name.clone();
        let what = vec![resource.clone()];
        self.0
            .meet(Call::WriteStatus, what, request.metadata())
            .await?;
        let digest = named(&resource)?;
        let complete = self.0.storage.get(&digest.hash).is_some();
        let partial = self.0.storage.partial.lock().unwrap();
        let committed_size = match partial.get(&resource) {
            _ if complete => digest.size_bytes,
            Some(bytes) => bytes.len() as i64,
            None => return Err(Status::not_found("no such upload")),
        };
        Ok(Response::new(QueryWriteStatusResponse {
            committed_size,
            complete,
        }))
    }
}

fn committed(size: i64) -> Response<WriteResponse> {
    Response::new(WriteResponse {
        committed_size: size,
    })
}

impl State {
    /// Takes one message of an upload, and returns the size so far.
    fn append(&self, resource: &str, message: &WriteRequest) -> Result<usize, Status> {
        let mut partial = self.storage.partial.lock().unwrap();
        let bytes = partial.entry(resource.to_owned()).or_default();
        // An upload may begin anew.
        if message.write_offset == 0 {
            bytes.clear();
        }
        if message.write_offset != bytes.len() as i64 {
            return Err(Status::invalid_argument(format!(
                "an offset of {} behind {} bytes",
                message.write_offset,
                bytes.len()
            )));
        }
        bytes.extend_from_slice(&message.data);
        Ok(bytes.len())
    }

    async fn end_write(&self, fault: Option<&Fault>, size: usize) -> Result<(), Status> {
        match fault {
            Some(Fault::CutAfter(most)) if size >= *most => self.cut().await,
            Some(Fault::BreakAfter(most)) if size >= *most => {
                Err(Status::unavailable("broken on demand"))
            }
            Some(Fault::SilenceAfter(most)) if size >= *most => std::future::pending().await,
            _ => Ok(()),
        }
    }
}

type Pieces = tokio::sync::mpsc::Sender<Result<ReadResponse, Status>>;

/// Sends a blob, or what a fault leaves of it.
async fn send(service: Service, bytes: Vec<u8>, fault: Option<Fault>, pieces: Pieces) {
    let most = match fault {
        Some(
            Fault::CutAfter(most)
            | Fault::BreakAfter(most)
            | Fault::EndAfter(most)
            | Fault::SilenceAfter(most),
        ) => most.min(bytes.len()),
        _ => bytes.len(),
    };
    for piece in bytes[..most].chunks(PIECE) {
        let data = piece.to_vec();
        if pieces.send(Ok(ReadResponse { data })).await.is_err() {
            return;
        }
    }
    match fault {
        Some(Fault::CutAfter(_)) => service.0.cut().await,
        Some(Fault::BreakAfter(_)) => {
            let broken = Status::unavailable("broken on demand");
            let _ = pieces.send(Err(broken)).await;
        }
        Some(Fault::SilenceAfter(_)) => pieces.closed().await,
        Some(Fault::Flood) => {
            let more = || ReadResponse {
                data: vec![0; PIECE],
            };
            while pieces.send(Ok(more())).await.is_ok() {}
        }
        _ => {}
    }
}
