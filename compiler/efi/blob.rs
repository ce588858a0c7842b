//! Bytes in memory or in a file, read a part at a time.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use crate::diagnostic::Diagnostic;

/// How much of a file is in memory at a time.
const PART: u64 = 1 << 18;

/// The bytes of a program or of one of its parts, wherever they are.
#[derive(Debug, Clone, Copy)]
pub enum Blob<'a> {
    /// In memory.
    Bytes(&'a [u8]),
    /// In a file, from its start to its end.
    File(&'a File),
}

impl<'a> From<&'a [u8]> for Blob<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Blob<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Blob<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> From<&'a File> for Blob<'a> {
    fn from(file: &'a File) -> Self {
        Self::File(file)
    }
}

impl<'a> Blob<'a> {
    /// How many bytes there are.
    pub(super) fn size(self) -> Result<u64, Diagnostic> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.len() as u64),
            Self::File(file) => Ok(file.metadata().map_err(|error| failed(&error))?.len()),
        }
    }

    /// The bytes of a range, as far as there are any; the caller knows that they are few.
    pub(super) fn part(self, range: Range<u64>) -> Result<Cow<'a, [u8]>, Diagnostic> {
        let size = self.size()?;
        let (start, end) = (range.start.min(size), range.end.min(size));
        match self {
            Self::Bytes(bytes) => {
                let part = bytes.get(start as usize..(end.max(start)) as usize);
                Ok(Cow::Borrowed(part.unwrap_or(&[])))
            }
            Self::File(file) => {
                let mut part = vec![0; end.saturating_sub(start) as usize];
                let read = file.read_exact_at(&mut part, start);
                read.map_err(|error| failed(&error))?;
                Ok(Cow::Owned(part))
            }
        }
    }

    /// Hands the bytes of a range over, a part at a time.
    pub(super) fn each(
        self,
        range: Range<u64>,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Diagnostic> {
        let end = range.end.min(self.size()?);
        let mut start = range.start;
        while start < end {
            let next = end.min(start + PART);
            take(&self.part(start..next)?).map_err(|error| failed(&error))?;
            start = next;
        }
        Ok(())
    }

    /// Writes the bytes of a range.
    pub(super) fn write(self, range: Range<u64>, output: &mut dyn Write) -> Result<(), Diagnostic> {
        self.each(range, |part| output.write_all(part))
    }
}

/// A part cannot be read, or the whole not be written.
pub(super) fn failed(error: &io::Error) -> Diagnostic {
    Diagnostic::error(
        "zosc::efi::cannot-copy",
        format!("the EFI program cannot be put together: {error}"),
    )
    .help("make room for it, then run the command again")
}
