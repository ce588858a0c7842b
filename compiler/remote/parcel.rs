//! What goes together: small contents in batches, large ones by themselves.

use std::collections::BTreeSet;

use super::Blob;
use super::abilities::BESIDE;

/// How many parcels are under way at a time, for one caller.
pub(super) const AT_ONCE: usize = 4;

/// Contents that go in one go.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parcel {
    /// Several in one message.
    Batch(Vec<Blob>),
    /// One, in a stream of messages.
    Stream(Blob),
}

/// Divides contents up, where one message has so much room.
pub(super) fn parcels(blobs: &BTreeSet<Blob>, room: u64) -> Vec<Parcel> {
    let mut parcels = Vec::new();
    let (mut batch, mut left) = (Vec::new(), room);
    for blob in blobs {
        let needed = blob.size.saturating_add(BESIDE);
        if needed > room {
            parcels.push(Parcel::Stream(*blob));
            continue;
        }
        if needed > left {
            parcels.push(Parcel::Batch(std::mem::take(&mut batch)));
            left = room;
        }
        batch.push(*blob);
        left -= needed;
    }
    if !batch.is_empty() {
        parcels.push(Parcel::Batch(batch));
    }
    parcels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Digest;

    #[test]
    fn small_contents_share_a_message_and_large_ones_have_a_stream() {
        let blob = |number: u8, size| Blob {
            digest: Digest::from_bytes([number; 32]),
            size,
        };
        let blobs: BTreeSet<Blob> = [(1, 400), (2, 5000), (3, 400), (4, 0), (5, 872), (6, 873)]
            .map(|(number, size)| blob(number, size))
            .into();
        let expected = [
            Parcel::Stream(blob(2, 5000)),
            Parcel::Batch(vec![blob(1, 400)]),
            Parcel::Batch(vec![blob(3, 400), blob(4, 0)]),
            Parcel::Stream(blob(6, 873)),
            Parcel::Batch(vec![blob(5, 872)]),
        ];
        assert_eq!(parcels(&blobs, 1000), expected);
    }
}
