//! Empty disks in QEMU's own format, qcow2 version 3, as QEMU's `docs/interop/qcow2.txt` has it.
//!
//! So that `qemu-img`, a package of its own in most distributions, is needed for nothing.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use crate::check::LARGEST_DISK;

/// 64 KiB, what `qemu-img` takes as well.
const CLUSTER: u64 = 1 << CLUSTER_BITS;
const CLUSTER_BITS: u32 = 16;
const MAGIC: [u8; 4] = *b"QFI\xfb";
const HEADER: u32 = 104;

/// What the disk of one entry of the first table holds.
const ENTRY_COVERS: u64 = CLUSTER * (CLUSTER / 8);

/// The beginning of an empty disk of this size; whatever else there is comes as it is written.
fn empty(size: u64) -> Vec<u8> {
    let entries = size.div_ceil(ENTRY_COVERS).max(1);
    let tables = (entries * 8).div_ceil(CLUSTER);
    // The header, the table of reference counts, one block of them, and the first table.
    let used = 3 + tables;
    let mut header = Vec::new();
    header.extend(MAGIC);
    header.extend(3_u32.to_be_bytes());
    // No other file behind it.
    header.extend([0; 12]);
    header.extend(CLUSTER_BITS.to_be_bytes());
    header.extend(size.to_be_bytes());
    // Not encrypted.
    header.extend([0; 4]);
    header.extend((entries as u32).to_be_bytes());
    header.extend((3 * CLUSTER).to_be_bytes());
    header.extend(CLUSTER.to_be_bytes());
    header.extend(1_u32.to_be_bytes());
    // No snapshots, no features.
    header.extend([0; 12 + 24]);
    // Counts of sixteen bits.
    header.extend(4_u32.to_be_bytes());
    header.extend(HEADER.to_be_bytes());
    let mut bytes = vec![0; (used * CLUSTER) as usize];
    bytes[..header.len()].copy_from_slice(&header);
    let at = CLUSTER as usize;
    bytes[at..at + 8].copy_from_slice(&(2 * CLUSTER).to_be_bytes());
    for cluster in 0..used as usize {
        let at = 2 * CLUSTER as usize + 2 * cluster;
        bytes[at..at + 2].copy_from_slice(&1_u16.to_be_bytes());
    }
    bytes
}

/// Writes an empty disk of at most [`LARGEST_DISK`] bytes: its reference counts fit one cluster by far.
pub(super) fn create(path: &Path, size: u64) -> io::Result<()> {
    if size > LARGEST_DISK {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    File::create_new(path)?.write_all(&empty(size))
}

/// The size of the disk that a file holds, as the machine sees it; `None` where it is no such file.
pub(super) fn size(path: &Path) -> io::Result<Option<u64>> {
    let mut header = [0; 32];
    match File::open(path)?.read_exact(&mut header) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let (magic, size) = (&header[..4], header[24..].try_into());
    Ok(size.ok().filter(|_| magic == MAGIC).map(u64::from_be_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_the_size_that_is_asked_for_or_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let disk = folder.path().join("disk.qcow2");
        assert!(create(&disk, LARGEST_DISK + 1).is_err() && !disk.exists());
        create(&disk, LARGEST_DISK).unwrap();
        assert_eq!(size(&disk).unwrap(), Some(LARGEST_DISK));
    }
}
