//! What is signed of a PE file, and where the signature goes ("Windows Authenticode Portable Executable Signature Format").

use crate::efi::pe::{Pe, u16_at, u32_at};
use crate::efi::uki::put;
use crate::tree::{Digest, Hasher};

/// Offset of `CheckSum` in the optional header.
const CHECKSUM: usize = 64;
/// Entries of the table start at multiples of this.
const ALIGNMENT: usize = 8;
/// `dwLength`, `wRevision` and `wCertificateType`, before the signature itself.
const ENTRY_HEADER: usize = 8;
/// `WIN_CERT_REVISION_2_0`.
const REVISION: u16 = 0x0200;
/// `WIN_CERT_TYPE_PKCS_SIGNED_DATA`.
const PKCS7: u16 = 0x0002;
/// More signatures than any file has; a bound for hostile ones.
const MOST_ENTRIES: usize = 64;

/// The file as it will be with its signature, but without that: padded to a multiple of eight, since the padding is signed too.
pub(super) fn prepare(program: &[u8]) -> Result<(Pe, Vec<u8>), &'static str> {
    let pe = Pe::read(program)?;
    if pe.security.is_none() {
        return Err("its headers have no place for a signature");
    }
    let (start, size) = pe.certificates;
    let end = (start as usize).checked_add(size as usize);
    if size > 0 && end.is_none_or(|end| end.next_multiple_of(ALIGNMENT) < program.len()) {
        return Err("its table of signatures is not at its end");
    }
    let mut padded = program.to_vec();
    padded.resize(program.len().next_multiple_of(ALIGNMENT), 0);
    Ok((pe, padded))
}

/// SHA-256 over the file without its checksum, the directory entry of the table, and the table.
pub(super) fn digest(pe: &Pe, file: &[u8]) -> Digest {
    let checksum = pe.optional + CHECKSUM;
    let security = pe.security.unwrap_or(checksum + 4);
    let (start, size) = pe.certificates;
    let end = match size {
        0 => file.len(),
        _ => (start as usize).min(file.len()),
    };
    let mut hasher = Hasher::new();
    for (from, to) in [(0, checksum), (checksum + 4, security), (security + 8, end)] {
        hasher.update(file.get(from..to).unwrap_or(&[]));
    }
    hasher.finish()
}

/// Adds a signature to a prepared file: a new table, or one more entry of the table that is there.
pub(super) fn attach(pe: &Pe, file: &mut Vec<u8>, message: &[u8]) -> Result<(), &'static str> {
    let entry = ENTRY_HEADER + message.len();
    let (start, size) = match pe.certificates {
        (_, 0) => (file.len(), 0),
        (start, size) => (start as usize, size as usize),
    };
    // An entry that is there may end without padding.
    let size = size.next_multiple_of(ALIGNMENT);
    let size = size + entry.next_multiple_of(ALIGNMENT);
    let field = |value: usize| u32::try_from(value).map_err(|_| "it is larger than 4 GiB");
    file.extend_from_slice(&field(entry)?.to_le_bytes());
    file.extend_from_slice(&REVISION.to_le_bytes());
    file.extend_from_slice(&PKCS7.to_le_bytes());
    file.extend_from_slice(message);
    file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
    let place = pe
        .security
        .ok_or("its headers have no place for a signature")?;
    put(file, place, &field(start)?.to_le_bytes());
    put(file, place + 4, &field(size)?.to_le_bytes());
    Ok(())
}

/// The signatures in the table.
pub(super) fn table<'a>(pe: &Pe, file: &'a [u8]) -> Vec<&'a [u8]> {
    let (start, size) = (pe.certificates.0 as usize, pe.certificates.1 as usize);
    let end = start.saturating_add(size).min(file.len());
    let mut rest = file.get(start..end).unwrap_or(&[]);
    let mut found = Vec::new();
    while let Some(length) = u32_at(rest, 0).filter(|_| found.len() < MOST_ENTRIES) {
        let length = length as usize;
        let Some(message) = rest.get(ENTRY_HEADER..length) else {
            break;
        };
        if u16_at(rest, 6) == Some(PKCS7) {
            found.push(message);
        }
        rest = rest
            .get(length.next_multiple_of(ALIGNMENT)..)
            .unwrap_or(&[]);
    }
    found
}
