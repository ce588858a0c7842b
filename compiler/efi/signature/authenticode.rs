//! What is signed of a PE file, and where the signature goes ("Windows Authenticode Portable Executable Signature Format").

use std::io::Write;

use super::cannot_sign;
use crate::diagnostic::Diagnostic;
use crate::efi::blob::{Blob, failed};
use crate::efi::pe::{Pe, u16_at, u32_at};
use crate::tree::{Digest, Hasher};

/// Within this much of a file are its headers.
const HEADERS: u64 = 1 << 20;
/// Offset of `CheckSum` in the optional header.
const CHECKSUM: usize = 64;
/// Entries of the table start at multiples of this.
const ALIGNMENT: u64 = 8;
/// `dwLength`, `wRevision` and `wCertificateType`, before the signature itself.
const ENTRY_HEADER: usize = 8;
/// `WIN_CERT_REVISION_2_0`.
const REVISION: u16 = 0x0200;
/// `WIN_CERT_TYPE_PKCS_SIGNED_DATA`.
const PKCS7: u16 = 0x0002;
/// More signatures than any file has; a bound for hostile ones.
const MOST_ENTRIES: usize = 64;
/// Most bytes of a table that another signature is added to.
const LARGEST_TABLE: u64 = 1 << 20;

/// The headers of a file that can bear a signature.
pub(super) fn headers(program: Blob<'_>) -> Result<Pe, Diagnostic> {
    let pe = Pe::read(&program.part(0..HEADERS)?).map_err(cannot_sign)?;
    let file = program.size()?;
    let headers = pe.security.map(|place| place as u64 + 8);
    let headers = headers.filter(|headers| *headers <= file);
    let headers =
        headers.ok_or_else(|| cannot_sign("its headers have no place for a signature"))?;
    let (start, size) = (u64::from(pe.certificates.0), u64::from(pe.certificates.1));
    if size == 0 {
        return Ok(pe);
    }
    if (start + size).next_multiple_of(ALIGNMENT) != file.next_multiple_of(ALIGNMENT) {
        return Err(cannot_sign("its table of signatures is not at its end"));
    }
    // Where an entry does not end where the next one begins, nobody finds one that is added.
    let is_sound = start.is_multiple_of(ALIGNMENT) && start >= headers && size <= LARGEST_TABLE;
    if !is_sound || !entries(&program.part(start..file)?).1 {
        return Err(cannot_sign("its table of signatures is damaged"));
    }
    Ok(pe)
}

/// SHA-256 over the file without its checksum, the directory entry of the table, and the table. A file without a table counts
/// as padded to a multiple of eight where it is to be signed, since the padding is signed too.
pub(super) fn digest(pe: &Pe, program: Blob<'_>, padded: bool) -> Result<Digest, Diagnostic> {
    let checksum = (pe.optional + CHECKSUM) as u64;
    let security = pe.security.map_or(checksum + 4, |place| place as u64);
    let (start, size) = pe.certificates;
    let end = match size {
        0 => program.size()?,
        _ => u64::from(start).min(program.size()?),
    };
    let mut hasher = Hasher::new();
    for range in [0..checksum, checksum + 4..security, security + 8..end] {
        program.each(range, |part| {
            hasher.update(part);
            Ok(())
        })?;
    }
    if padded && size == 0 {
        hasher.update(&[0; 8][..(end.next_multiple_of(ALIGNMENT) - end) as usize]);
    }
    Ok(hasher.finish())
}

/// Writes a program with one more signature: in a new table, or as one more entry of the table that is there.
pub(super) fn attach(
    pe: &Pe,
    program: Blob<'_>,
    message: &[u8],
    output: &mut dyn Write,
) -> Result<(), Diagnostic> {
    let place = pe
        .security
        .ok_or_else(|| cannot_sign("its headers have no place for a signature"))?;
    let place = place as u64;
    let file = program.size()?;
    let end = file.next_multiple_of(ALIGNMENT);
    let entry = (ENTRY_HEADER + message.len()) as u64;
    let (start, size) = match pe.certificates {
        (_, 0) => (end, 0),
        (start, size) => (u64::from(start), u64::from(size)),
    };
    // An entry that is there may end without padding.
    let size = size.next_multiple_of(ALIGNMENT) + entry.next_multiple_of(ALIGNMENT);
    let field = |value: u64| {
        let value = u32::try_from(value);
        let value = value.map_err(|_| cannot_sign("it is larger than 4 GiB"))?;
        Ok::<_, Diagnostic>(value.to_le_bytes())
    };
    let directory = [field(start)?, field(size)?].concat();
    let padding = [0; 8];
    let mut tail = padding[..(end - file) as usize].to_vec();
    tail.extend_from_slice(&field(entry)?);
    tail.extend_from_slice(&REVISION.to_le_bytes());
    tail.extend_from_slice(&PKCS7.to_le_bytes());
    tail.extend_from_slice(message);
    tail.extend_from_slice(&padding[..(entry.next_multiple_of(ALIGNMENT) - entry) as usize]);
    program.write(0..place, output)?;
    output
        .write_all(&directory)
        .map_err(|error| failed(&error))?;
    program.write(place + 8..file, output)?;
    output.write_all(&tail).map_err(|error| failed(&error))
}

/// The signatures in the table.
pub(super) fn table<'a>(pe: &Pe, file: &'a [u8]) -> Vec<&'a [u8]> {
    let (start, size) = (pe.certificates.0 as usize, pe.certificates.1 as usize);
    let end = start.saturating_add(size).min(file.len());
    entries(file.get(start..end).unwrap_or(&[])).0
}

/// The signatures in the bytes of a table, and whether there is room for one more behind them.
fn entries(table: &[u8]) -> (Vec<&[u8]>, bool) {
    let mut rest = table;
    let mut found = Vec::new();
    let mut count = 0;
    while let Some(length) = u32_at(rest, 0).filter(|_| count < MOST_ENTRIES) {
        let length = length as usize;
        let Some(message) = rest.get(ENTRY_HEADER..length) else {
            return (found, false);
        };
        if u16_at(rest, 6) == Some(PKCS7) {
            found.push(message);
        }
        count += 1;
        rest = rest
            .get(length.next_multiple_of(ALIGNMENT as usize)..)
            .unwrap_or(&[]);
    }
    (found, rest.is_empty() && count < MOST_ENTRIES)
}
