//! What stands at one path of a tree.

use std::collections::BTreeMap;
use std::fmt;

use base64::engine::general_purpose::STANDARD as BASE64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Digest, ImagePath};

/// Who put an entry there: `package busybox-1.36.1-r15`, `source zinit`, `unit sshd`, `file /etc/motd`.
///
/// A kind, a space and a name; never a line number or a path of the build machine, so that the same content keeps its
/// digest when a manifest is moved or reformatted.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Origin(std::sync::Arc<str>);

impl Origin {
    /// An origin from its full text.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().into())
    }

    /// The full text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first word: `package`, `source`, `unit`, `file`, …
    pub fn kind(&self) -> &str {
        self.0.split(' ').next().unwrap_or("")
    }

    /// What follows the first word.
    pub fn name(&self) -> &str {
        self.0.split_once(' ').map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The kind of a file, with what that kind needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Node {
    /// A regular file.
    File {
        /// The blob with its content.
        digest: Digest,
        /// Bytes of content.
        size: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink {
        /// The text of the link, not resolved.
        target: String,
    },
    /// A further name of the regular file at `to`, in the same tree.
    Hardlink {
        /// The path of the [`Node::File`] it shares.
        to: ImagePath,
    },
    /// A character device.
    CharDevice {
        /// The driver's number.
        major: u32,
        /// The device's number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// The driver's number.
        major: u32,
        /// The device's number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
}

/// What stands at one path of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its kind.
    #[serde(flatten)]
    pub node: Node,
    /// Permission, setuid, setgid and sticky bits: 12 bits. Hard links carry their target's.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: u64,
    /// Extended attributes by full name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", with = "xattrs")]
    pub xattrs: BTreeMap<String, Vec<u8>>,
    /// Who put it there.
    pub origin: Origin,
}

impl Entry {
    fn new(node: Node, mode: u32, mtime: u64, origin: Origin) -> Self {
        Self {
            node,
            mode,
            uid: 0,
            gid: 0,
            mtime,
            xattrs: BTreeMap::new(),
            origin,
        }
    }

    /// A regular file of root's.
    pub fn file(digest: Digest, size: u64, mode: u32, mtime: u64, origin: Origin) -> Self {
        Self::new(Node::File { digest, size }, mode, mtime, origin)
    }

    /// A directory of root's.
    pub fn directory(mode: u32, mtime: u64, origin: Origin) -> Self {
        Self::new(Node::Directory, mode, mtime, origin)
    }

    /// A symbolic link of root's; its mode is 0777, as Linux shows it.
    pub fn symlink(target: impl Into<String>, mtime: u64, origin: Origin) -> Self {
        Self::new(
            Node::Symlink {
                target: target.into(),
            },
            0o777,
            mtime,
            origin,
        )
    }

    /// The same entry with another owner.
    pub fn owned_by(mut self, uid: u32, gid: u32) -> Self {
        self.uid = uid;
        self.gid = gid;
        self
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        matches!(self.node, Node::Directory)
    }
}

/// Attribute values are bytes; JSON holds them as base64.
mod xattrs {
    use base64::Engine as _;

    use super::{BASE64, BTreeMap, Deserialize};

    pub(super) fn serialize<S: serde::Serializer>(
        map: &BTreeMap<String, Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(map.iter().map(|(name, value)| (name, BASE64.encode(value))))
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<String, Vec<u8>>, D::Error> {
        BTreeMap::<String, String>::deserialize(deserializer)?
            .into_iter()
            .map(|(name, value)| {
                Ok((
                    name,
                    BASE64.decode(value).map_err(serde::de::Error::custom)?,
                ))
            })
            .collect()
    }
}
