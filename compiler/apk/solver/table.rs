//! Names by their text, and in the order in which apk walks them.
//!
//! That order decides ties between names, so it is kept exactly: the buckets of a hash table of fixed size in turn, and
//! in a bucket the newest name first.

use std::cmp::Reverse;

use indexmap::IndexSet;

use super::universe::{Name, NameId};

/// Number of buckets in apk's table of names.
const BUCKETS: u32 = 20_000;

/// The seed that apk hashes names with.
const SEED: u32 = 5381;

/// All names.
#[derive(Debug, Default)]
pub(super) struct Table<'a> {
    texts: IndexSet<&'a str>,
    /// By number, which is that of its text.
    pub(super) names: Vec<Name<'a>>,
}

impl<'a> Table<'a> {
    /// The number of a name that is there.
    pub(super) fn find(&self, text: &str) -> Option<NameId> {
        self.texts.get_index_of(text).map(numbered)
    }

    /// The number of a name, which is added where it is missing.
    pub(super) fn number(&mut self, text: &'a str) -> NameId {
        let (number, is_new) = self.texts.insert_full(text);
        if is_new {
            self.names.push(Name {
                text,
                ..Name::default()
            });
        }
        numbered(number)
    }

    /// All names in apk's order.
    pub(super) fn walk(&self) -> Vec<NameId> {
        let mut walk: Vec<(u32, Reverse<NameId>)> = (0_u32..)
            .zip(&self.names)
            .map(|(number, name)| (bucket(name.text), Reverse(NameId(number))))
            .collect();
        walk.sort_unstable();
        walk.into_iter().map(|(_, Reverse(id))| id).collect()
    }
}

fn numbered(number: usize) -> NameId {
    NameId(number as u32)
}

fn bucket(text: &str) -> u32 {
    murmur(text.as_bytes(), SEED) % BUCKETS
}

/// MurmurHash3 for 32 bits.
fn murmur(bytes: &[u8], seed: u32) -> u32 {
    let scramble = |block: u32| {
        block
            .wrapping_mul(0xcc9e_2d51)
            .rotate_left(15)
            .wrapping_mul(0x1b87_3593)
    };
    let little_endian = |block: &[u8]| {
        block
            .iter()
            .rev()
            .fold(0_u32, |value, byte| (value << 8) | u32::from(*byte))
    };
    let blocks = bytes.chunks_exact(4);
    let tail = little_endian(blocks.remainder());
    let mut hash = blocks.fold(seed, |hash, block| {
        (hash ^ scramble(little_endian(block)))
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64)
    });
    hash ^= scramble(tail);
    hash ^= bytes.len() as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_murmur3() {
        for (text, seed, hash) in [
            ("", 0, 0),
            ("", 1, 0x514e_28b7),
            ("aaa", 0x9747_b28c, 0x283e_0130),
            ("test", 0x9747_b28c, 0x704b_81dc),
            ("Hello, world!", 0x9747_b28c, 0x2488_4cba),
        ] {
            assert_eq!(murmur(text.as_bytes(), seed), hash, "{text}");
        }
    }

    #[test]
    fn a_name_has_one_number_and_is_walked_once() {
        let mut table = Table::default();
        let (first, again, second) = (
            table.number("musl"),
            table.number("musl"),
            table.number("zlib"),
        );
        assert_eq!((first, table.find("zlib")), (again, Some(second)));
        assert_ne!(first, second);
        assert_eq!(table.find("glibc"), None);
        assert_eq!(table.walk().len(), 2);
    }
}
