//! The binary index of kmod: a trie with compressed paths, big-endian, children before parents.
//!
//! The format is told in the comment at the head of kmod's `libkmod/libkmod-index.c`, version 2.1.

use std::collections::BTreeMap;

const MAGIC: u32 = 0xB007_F457;
const VERSION: u32 = 0x0002_0001;
const HAS_PREFIX: u32 = 0x8000_0000;
const HAS_VALUES: u32 = 0x4000_0000;
const HAS_CHILDREN: u32 = 0x2000_0000;
const OFFSET_MASK: usize = 0x0FFF_FFFF;
/// Keys are cut here by kmod itself (`PATH_MAX`); it also bounds the depth of the trie.
const LONGEST_KEY: usize = 4095;

/// An index of values by key.
#[derive(Debug, Default)]
pub(super) struct Index {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    /// What follows the byte under which the parent holds this node.
    prefix: Vec<u8>,
    /// Values by priority, of equal ones the latest first.
    values: Vec<(u32, String)>,
    children: BTreeMap<u8, Node>,
}

impl Index {
    /// Adds a value under a key; keys that the format cannot hold (not ASCII, or too long) are left out.
    pub(super) fn insert(&mut self, key: &str, value: &str, priority: u32) {
        if !key.is_ascii() || !value.is_ascii() || key.len() > LONGEST_KEY {
            return;
        }
        let mut node = &mut self.root;
        let mut rest = key.as_bytes();
        let mut fresh = false;
        loop {
            if fresh {
                node.prefix = rest.to_vec();
                rest = &[];
            } else {
                let common = node
                    .prefix
                    .iter()
                    .zip(rest)
                    .take_while(|(one, other)| one == other)
                    .count();
                node.split(common);
                rest = rest.get(common..).unwrap_or(&[]);
            }
            let Some((byte, below)) = rest.split_first() else {
                let place = node.values.partition_point(|(known, _)| *known < priority);
                node.values.insert(place, (priority, value.to_owned()));
                return;
            };
            fresh = !node.children.contains_key(byte);
            node = node.children.entry(*byte).or_default();
            rest = below;
        }
    }

    /// The index file; `None` where it would be larger than the format can address.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        bytes.extend(MAGIC.to_be_bytes());
        bytes.extend(VERSION.to_be_bytes());
        bytes.extend([0; 4]);
        let root = self.root.encode(&mut bytes)?;
        bytes.get_mut(8..12)?.copy_from_slice(&root.to_be_bytes());
        Some(bytes)
    }
}

impl Node {
    /// Keeps the first bytes of the prefix and moves everything else one node down.
    fn split(&mut self, keep: usize) {
        let Some(byte) = self.prefix.get(keep).copied() else {
            return;
        };
        let below = Self {
            prefix: self.prefix.split_off(keep + 1),
            values: std::mem::take(&mut self.values),
            children: std::mem::take(&mut self.children),
        };
        self.prefix.truncate(keep);
        self.children.insert(byte, below);
    }

    /// Writes what is below, then itself, and returns its offset with the flags of what it has.
    fn encode(&self, bytes: &mut Vec<u8>) -> Option<u32> {
        let mut offsets = BTreeMap::new();
        for (byte, child) in &self.children {
            offsets.insert(*byte, child.encode(bytes)?);
        }
        if bytes.len() > OFFSET_MASK {
            return None;
        }
        let mut offset = bytes.len() as u32;
        if !self.prefix.is_empty() {
            bytes.extend(&self.prefix);
            bytes.push(0);
            offset |= HAS_PREFIX;
        }
        if let (Some((first, _)), Some((last, _))) =
            (offsets.first_key_value(), offsets.last_key_value())
        {
            bytes.extend([*first, *last]);
            for byte in *first..=*last {
                let child = offsets.get(&byte).copied().unwrap_or(0);
                bytes.extend(child.to_be_bytes());
            }
            offset |= HAS_CHILDREN;
        }
        if !self.values.is_empty() {
            bytes.extend((self.values.len() as u32).to_be_bytes());
            for (priority, value) in &self.values {
                bytes.extend(priority.to_be_bytes());
                bytes.extend(value.as_bytes());
                bytes.push(0);
            }
            offset |= HAS_VALUES;
        }
        Some(offset)
    }
}
