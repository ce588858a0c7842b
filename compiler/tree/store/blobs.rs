//! Single contents that come and go in pieces.

use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use tempfile::{NamedTempFile, TempPath};

use super::Store;
use super::refusal::unusable;
use crate::diagnostic::Diagnostic;
use crate::io::at_path;
use crate::tree::{Digest, Hasher};

impl Store {
    /// A blob to be read once, from its start to its end, and verified on the way.
    pub fn stream(&self, digest: &Digest) -> Result<BlobReader, Diagnostic> {
        let (file, facts) = self.opened(digest)?;
        let is_sound = self.is_vouched_for(digest, &facts);
        Ok(BlobReader {
            file,
            hasher: (!is_sound).then(Hasher::new),
            digest: *digest,
            path: self.blob_path(digest),
        })
    }

    /// Begins a blob whose content comes in pieces.
    pub fn writer(&self) -> Result<BlobWriter, Diagnostic> {
        let folder = self.temporary();
        let file = NamedTempFile::new_in(&folder).map_err(|error| unusable(&folder, &error))?;
        Ok(BlobWriter {
            file: io::BufWriter::with_capacity(1 << 16, file),
            hasher: Hasher::new(),
            size: 0,
            store: self.clone(),
        })
    }
}

/// A blob being read; what comes before its end is not vouched for, and the end of a damaged one is an error.
#[derive(Debug)]
pub struct BlobReader {
    file: fs::File,
    /// Of a content that may be damaged.
    hasher: Option<Hasher>,
    digest: Digest,
    path: PathBuf,
}

impl BlobReader {
    /// Reads what is left, and says whether the whole was sound; a damaged blob is removed.
    pub fn finish(mut self) -> Result<(), Diagnostic> {
        match io::copy(&mut self, &mut io::sink()) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(Store::discard(&self.digest, &self.path))
            }
            Err(error) => Err(unusable(&self.path, &error)),
        }
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..count]);
            let is_end = count == 0 && !buffer.is_empty();
            if is_end && hasher.clone().finish() != self.digest {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        Ok(count)
    }
}

/// A blob being written; dropped unfinished, it leaves nothing behind.
pub struct BlobWriter {
    file: io::BufWriter<NamedTempFile>,
    hasher: Hasher,
    size: u64,
    store: Store,
}

impl BlobWriter {
    /// The digest of what has been written so far.
    pub fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }

    /// Names the blob by its digest and returns that and its size in bytes.
    pub fn finish(self) -> Result<(Digest, u64), Diagnostic> {
        self.finish_if(|_| true)
    }

    /// As [`BlobWriter::finish`], but keeps the content only where it has the expected digest; returns the one it has.
    pub fn finish_expecting(self, expected: Digest) -> Result<(Digest, u64), Diagnostic> {
        self.finish_if(|digest| *digest == expected)
    }

    /// Ends the content without giving it its name.
    pub(in super::super) fn stage(self) -> Result<(Digest, u64, TempPath), Diagnostic> {
        let file = self
            .file
            .into_inner()
            .map_err(|error| unusable(&self.store.root, error.error()))?;
        Ok((self.hasher.finish(), self.size, file.into_temp_path()))
    }

    fn finish_if(self, keep: impl Fn(&Digest) -> bool) -> Result<(Digest, u64), Diagnostic> {
        let digest = self.hasher.finish();
        let file = self
            .file
            .into_inner()
            .map_err(|error| unusable(&self.store.root, error.error()))?;
        if keep(&digest) && !self.store.need_not_write(&digest, self.size) {
            self.store.admit(&digest, file.into_temp_path())?;
        }
        Ok((digest, self.size))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        let count = written.map_err(|error| at_path(&self.store.root, error))?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.file.flush();
        flushed.map_err(|error| at_path(&self.store.root, error))
    }
}
