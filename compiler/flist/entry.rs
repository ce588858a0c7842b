//! What stands in a list: entries, and what the list says of itself.

use std::collections::BTreeMap;

use crate::tree::ImagePath;

/// What stands at one path of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it is.
    pub path: ImagePath,
    /// What it is.
    pub kind: Kind,
    /// Permission, setuid, setgid and sticky bits: 12 bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group. Every version of `rfs` shows the owner in its place.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: u64,
}

/// What an entry is, with what that needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Bytes of content.
        size: u64,
    },
    /// A symbolic link.
    Symlink {
        /// Its text, not resolved.
        target: Vec<u8>,
    },
    /// A character device. A mounted list shows none of these and of what follows.
    CharDevice(Device),
    /// A block device.
    BlockDevice(Device),
    /// A named pipe.
    Fifo,
    /// A socket, which some program has left.
    Socket,
}

/// The numbers of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// The driver's.
    pub major: u32,
    /// The device's.
    pub minor: u32,
}

impl Kind {
    /// The type bits of `st_mode`.
    pub(super) fn bits(&self) -> u32 {
        match self {
            Self::Fifo => 0o010_000,
            Self::CharDevice(_) => 0o020_000,
            Self::Directory => 0o040_000,
            Self::BlockDevice(_) => 0o060_000,
            Self::File { .. } => 0o100_000,
            Self::Symlink { .. } => 0o120_000,
            Self::Socket => 0o140_000,
        }
    }

    /// What `st_size` says; of a directory nothing, since that depends on the file system.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::File { size } => *size,
            Self::Symlink { target } => target.len() as u64,
            _ => 0,
        }
    }

    /// `st_rdev`.
    pub(super) fn rdev(&self) -> u64 {
        match self {
            Self::CharDevice(device) | Self::BlockDevice(device) => {
                rustix::fs::makedev(device.major, device.minor)
            }
            _ => 0,
        }
    }
}

impl Device {
    /// The numbers in an `st_rdev`.
    pub(super) fn of(rdev: u64) -> Self {
        Self {
            major: rustix::fs::major(rdev),
            minor: rustix::fs::minor(rdev),
        }
    }
}

/// What a list says beside its files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// Where blocks are read from.
    pub routes: Vec<Route>,
    /// What a reader is told, by name: `version`, `description`, `author`, others.
    pub tags: BTreeMap<String, String>,
    /// The latest time that an entry may have, in seconds since 1970.
    pub epoch: u64,
}

/// A place that has the blocks whose names begin with one of these bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The first byte.
    pub start: u8,
    /// The last one.
    pub end: u8,
    /// The address, as `rfs` reads it.
    pub url: String,
}

impl Route {
    /// A place that has all blocks.
    pub fn all(url: impl Into<String>) -> Self {
        Self {
            start: 0,
            end: u8::MAX,
            url: url.into(),
        }
    }

    /// Whether blocks of this name are read there.
    pub fn leads(&self, id: &super::BlockId) -> bool {
        (self.start..=self.end).contains(&id.prefix())
    }
}
