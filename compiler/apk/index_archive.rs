//! The archive of an index: `APKINDEX.tar.gz`, a gzip member with signatures and one with the text.

use std::io::Read as _;

use super::fault::Fault;
use super::keys::Key;
use super::members::Members;
use super::signature::verify_index;
use super::tarball::TarReader;
use crate::diagnostic::Diagnostic;

/// Most bytes that an index may inflate to: Alpine's largest has 8 MB.
const TEXT_LIMIT: u64 = 256 << 20;

/// Checks the signature of an index and takes its text out, ready for [`Index::parse`](super::index::Index::parse).
///
/// `subject` names the index in errors, for example its address.
///
/// # Errors
/// Those of [`verify_index`], and of a broken archive.
pub fn open_index(archive: &[u8], keys: &[Key], subject: &str) -> Result<Vec<u8>, Diagnostic> {
    verify_index(archive, keys, subject)?;
    let mut members = Members::new(archive);
    let read = |members: &mut Members<&[u8]>| {
        members.next::<_, ()>(TEXT_LIMIT, |_| Ok(()))?;
        let (text, ()) = members.next(TEXT_LIMIT, |content| {
            let mut tar = TarReader::new(content);
            while let Some(header) = tar.next()? {
                if header.path == "APKINDEX" {
                    let mut text = Vec::new();
                    tar.read_to_end(&mut text)?;
                    return Ok(text);
                }
            }
            Err(Fault::malformed("it holds no file `APKINDEX`"))
        })?;
        Ok(text)
    };
    read(&mut members).map_err(|fault: Fault| fault.about(&format!("the index `{subject}`")))
}
