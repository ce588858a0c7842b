//! Uploads of files: whole where they are small, else in parts, several at a time.
//!
//! The file is hashed while it is read, parts that are there already among it, and an upload is completed only if it is what it should be. So
//! what goes on after an interruption can be nothing else than what began.

use std::fs::File;
use std::future::Future;
use std::io::Read as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use object_store::aws::AmazonS3;
use object_store::multipart::{MultipartStore as _, PartId};
use object_store::path::Path;
use object_store::{PutMultipartOptions, PutPayload};
use tokio::task::JoinSet;

use super::bucket::{Bucket, attributes};
use super::note::{Note, Slot};
use super::parts::{WHOLE, at_once, part_size};
use super::trouble::Trouble;
use super::{Facts, Object, Source, changed, unreadable};
use crate::diagnostic::Diagnostic;
use crate::publish::waiting::{cancelled, wait};
use crate::tree::{Digest, Hasher};

/// How often a part is signed and sent anew, beside what the client tries by itself.
const ROUNDS: u32 = 3;

/// Why an upload in parts ended early.
enum Broken {
    /// The server knows nothing of it, or not of all its parts.
    Lost(Trouble),
    /// It cannot go on.
    Failed(Diagnostic),
}

impl From<Diagnostic> for Broken {
    fn from(problem: Diagnostic) -> Self {
        Self::Failed(problem)
    }
}

/// What came of a part.
type Sent = (u64, Result<PartId, Trouble>);

impl Bucket<'_> {
    pub(super) fn upload(
        &self,
        key: &str,
        source: Source<'_>,
        facts: &Facts,
        progress: &dyn Fn(u64),
    ) -> Result<(), Diagnostic> {
        if source.size <= WHOLE {
            let bytes = whole(&source)?;
            self.write(key, &bytes, facts)?;
            progress(source.size);
            return Ok(());
        }
        let path = self.path(key)?;
        let place = format!("{} {}", self.named.endpoint, self.named.bucket);
        let slot = Slot::take(&self.notes, &place, path.as_ref());
        let parts = Parts {
            bucket: self,
            key,
            path,
            source,
            slot,
            progress,
        };
        if let Some(note) = parts.left()? {
            match parts.send(note.clone()) {
                Ok(()) => return parts.verify(),
                Err(Broken::Failed(problem)) => return Err(problem),
                // It may be gone because it was completed.
                Err(Broken::Lost(_)) if parts.is_there()? => return Ok(()),
                Err(Broken::Lost(_)) => parts.give_up(&note)?,
            }
        }
        let note = parts.begin(facts)?;
        match parts.send(note) {
            Ok(()) => parts.verify(),
            Err(Broken::Failed(problem)) => Err(problem),
            // A completion that was obeyed while its answer was lost is tried again, and then there is nothing to complete.
            Err(Broken::Lost(_)) if parts.is_there()? => Ok(()),
            Err(Broken::Lost(trouble)) => Err(self.unwritten(key, &trouble)),
        }
    }
}

/// One upload in parts.
struct Parts<'p> {
    bucket: &'p Bucket<'p>,
    key: &'p str,
    path: Path,
    source: Source<'p>,
    slot: Slot,
    progress: &'p dyn Fn(u64),
}

impl Parts<'_> {
    /// What an earlier process left of this upload. One of another content is given up.
    fn left(&self) -> Result<Option<Note>, Diagnostic> {
        let Some(note) = self.slot.read() else {
            return Ok(None);
        };
        let is_same = note.sha256 == self.source.digest && note.size == self.source.size;
        if !is_same {
            self.give_up(&note)?;
            return Ok(None);
        }
        Ok(Some(note))
    }

    fn begin(&self, facts: &Facts) -> Result<Note, Diagnostic> {
        let Source { digest, size, .. } = self.source;
        let begun = self.bucket.send(|client| {
            let options = PutMultipartOptions {
                attributes: attributes(facts, &digest),
                ..PutMultipartOptions::default()
            };
            let path = self.path.clone();
            async move { client.create_multipart_opts(&path, options).await }
        })?;
        let upload = begun.map_err(|trouble| self.bucket.unwritten(self.key, &trouble))?;
        let note = self.slot.begin(digest, size, part_size(size), upload);
        self.slot.write(&note);
        Ok(note)
    }

    /// Tells the server to forget an upload. Where it does not, its owner's rules for unfinished uploads do that.
    fn give_up(&self, note: &Note) -> Result<(), Diagnostic> {
        self.slot.clear();
        let client = self.bucket.client()?;
        let aborted = client.abort_multipart(&self.path, &note.upload);
        self.bucket.wait(aborted).map(|_| ())
    }

    /// Sends what is missing, and completes the upload.
    fn send(&self, mut note: Note) -> Result<(), Broken> {
        let runtime = crate::io::runtime()?;
        let mut file =
            File::open(self.source.path).map_err(|error| unreadable(&self.source, &error))?;
        let (mut hasher, mut done) = (Hasher::new(), 0);
        let mut sending: JoinSet<Sent> = JoinSet::new();
        for number in 0..note.size.div_ceil(note.part_size) {
            let left = note.size - number * note.part_size;
            let bytes = read(&mut file, left.min(note.part_size), &self.source)?;
            hasher.update(&bytes);
            if note.parts.contains_key(&number) {
                done += bytes.len() as u64;
                (self.progress)(done);
                continue;
            }
            while sending.len() >= at_once(note.part_size) {
                self.finish_one(&mut sending, &mut note, &mut done)?;
            }
            let part = self.part(number, bytes, &note)?;
            sending.spawn_on(part, runtime.handle());
            self.look_up()?;
        }
        while !sending.is_empty() {
            self.finish_one(&mut sending, &mut note, &mut done)?;
        }
        let is_longer = file
            .read(&mut [0])
            .map_err(|error| unreadable(&self.source, &error))?
            > 0;
        if is_longer || hasher.finish() != self.source.digest {
            self.give_up(&note)?;
            return Err(changed(&self.source).into());
        }
        self.complete(note)
    }

    fn look_up(&self) -> Result<(), Diagnostic> {
        if self.bucket.cancel.load(Ordering::Relaxed) {
            Err(cancelled())
        } else {
            Ok(())
        }
    }

    /// The sending of one part.
    fn part(
        &self,
        number: u64,
        bytes: Vec<u8>,
        note: &Note,
    ) -> Result<impl Future<Output = Sent> + Send + 'static, Diagnostic> {
        let client = self.bucket.client()?;
        let (path, upload) = (self.path.clone(), note.upload.clone());
        Ok(async move { (number, send_part(client, path, upload, number, bytes).await) })
    }

    /// Waits until some part is there, and notes it down.
    fn finish_one(
        &self,
        sending: &mut JoinSet<Sent>,
        note: &mut Note,
        done: &mut u64,
    ) -> Result<(), Broken> {
        let next = wait(self.bucket.cancel, sending.join_next())?;
        let (number, sent) = match next {
            Some(Ok(sent)) => sent,
            // Nothing is under way, or a thread of the client's ended by itself.
            None => return Ok(()),
            Some(Err(error)) => {
                let trouble = Trouble::Odd(error.to_string());
                return Err(self.bucket.unwritten(self.key, &trouble).into());
            }
        };
        match sent {
            Ok(part) => {
                let left = note.size - number * note.part_size;
                *done += left.min(note.part_size);
                note.parts.insert(number, part.content_id);
                self.slot.write(note);
                (self.progress)(*done);
                Ok(())
            }
            Err(trouble) => Err(self.broken(trouble)),
        }
    }

    fn complete(&self, note: Note) -> Result<(), Broken> {
        let parts: Vec<PartId> = note
            .parts
            .values()
            .map(|part| PartId {
                content_id: part.clone(),
            })
            .collect();
        let client = self.bucket.client()?;
        let completed = client.complete_multipart(&self.path, &note.upload, parts);
        match self.bucket.wait(completed)? {
            Ok(_) => {
                self.slot.clear();
                Ok(())
            }
            Err(trouble) => Err(self.broken(trouble)),
        }
    }

    /// What may pass, a key that expired among it, leaves the note for the next process.
    fn broken(&self, trouble: Trouble) -> Broken {
        if trouble.is_lost_upload() {
            return Broken::Lost(trouble);
        }
        Broken::Failed(self.bucket.unwritten(self.key, &trouble))
    }

    /// Whether the object is there as it should be.
    fn is_there(&self) -> Result<bool, Diagnostic> {
        let Source { digest, size, .. } = self.source;
        let there = self.bucket.head(self.key)?;
        let is_there =
            there.is_some_and(|there| there.size == size && there.digest == Some(digest));
        if is_there {
            self.slot.clear();
            (self.progress)(size);
        }
        Ok(is_there)
    }

    /// Looks at what was completed: servers that keep what they are told of an object tell its digest, and all of them its size.
    fn verify(&self) -> Result<(), Diagnostic> {
        let Source { digest, size, .. } = self.source;
        let there = self.bucket.head(self.key)?;
        let same =
            |there: &Object| there.size == size && there.digest.is_none_or(|told| told == digest);
        if there.as_ref().is_some_and(same) {
            return Ok(());
        }
        let what = self.bucket.named.object(self.path.as_ref());
        let now = there.map_or_else(
            || "is not there".to_owned(),
            |there| format!("has {} bytes, and {size} were sent", there.size),
        );
        Err(Diagnostic::error(
            "zosc::publish::incomplete",
            format!("{what} was uploaded, and {now}"),
        )
        .help("run the command again; does somebody else publish to the same place?"))
    }
}

/// Sends a part until it is there: the client tries again by itself, and each round signs anew.
async fn send_part(
    client: AmazonS3,
    path: Path,
    upload: String,
    number: u64,
    bytes: Vec<u8>,
) -> Result<PartId, Trouble> {
    let payload = PutPayload::from(bytes);
    let mut round = 1;
    loop {
        let sent = client
            .put_part(&path, &upload, number as usize, payload.clone())
            .await;
        match sent.map_err(Trouble::from) {
            Err(trouble) if trouble.may_pass() && round < ROUNDS => {
                tokio::time::sleep(Duration::from_secs(u64::from(round))).await;
                round += 1;
            }
            sent => return sent,
        }
    }
}

/// A small file as a whole.
fn whole(source: &Source<'_>) -> Result<Vec<u8>, Diagnostic> {
    let unreadable = |error: std::io::Error| unreadable(source, &error);
    let file = File::open(source.path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(source.size + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 != source.size || Digest::of(&bytes) != source.digest {
        return Err(changed(source));
    }
    Ok(bytes)
}

/// The next bytes of a file, all of them.
fn read(file: &mut File, count: u64, source: &Source<'_>) -> Result<Vec<u8>, Diagnostic> {
    let mut bytes = Vec::with_capacity(count as usize);
    let read = file.take(count).read_to_end(&mut bytes);
    match read {
        Ok(read) if read as u64 == count => Ok(bytes),
        Ok(_) => Err(changed(source)),
        Err(error) => Err(unreadable(source, &error)),
    }
}
