//! The files of the firmware packages that a manifest names.

use crate::kmod::select_firmware;
use crate::tree::{Node, Tree};

/// Where firmware lies in packages.
const FOLDERS: [&str; 2] = ["/lib/firmware/", "/usr/lib/firmware/"];

/// What is known of the firmware that can be taken.
#[derive(Debug, Clone, Default)]
pub struct Firmware {
    pool: Tree,
    /// Paths below the folder of firmware, sorted, with bytes; a link has none.
    files: Vec<(String, u64)>,
}

/// A file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirmwareFacts<'a> {
    /// Its path below `/lib/firmware`, with the ending of a packed file.
    pub path: &'a str,
    /// Its bytes; 0 for a link.
    pub size: u64,
}

/// What a pattern stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matched {
    /// Paths of files below `/lib/firmware`, links left out.
    pub files: Vec<String>,
    /// Their bytes.
    pub bytes: u64,
}

impl Firmware {
    /// The files of packages, merged.
    pub fn of(pool: Tree) -> Self {
        let mut files: Vec<(String, u64)> = pool
            .iter()
            .filter_map(|(path, entry)| match entry.node {
                Node::File { size, .. } => Some((below(path.as_str())?, size)),
                Node::Symlink { .. } | Node::Hardlink { .. } => Some((below(path.as_str())?, 0)),
                _ => None,
            })
            .collect();
        files.sort();
        Self { pool, files }
    }

    /// The files whose paths begin with a text, by path.
    pub fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = FirmwareFacts<'a>> + 'a {
        let start = self
            .files
            .partition_point(|(path, _)| path.as_str() < prefix);
        let behind = self.files.iter().skip(start);
        behind
            .take_while(move |(path, _)| path.starts_with(prefix))
            .map(|(path, size)| FirmwareFacts { path, size: *size })
    }

    /// What names and patterns stand for, each file once.
    pub fn matched<S: AsRef<str>>(&self, wanted: &[S]) -> Matched {
        let taken = select_firmware(&self.pool, wanted).tree;
        let mut matched = Matched::default();
        for (path, entry) in taken.iter() {
            if let Node::File { size, .. } = entry.node {
                matched.files.extend(below(path.as_str()));
                matched.bytes += size;
            }
        }
        matched
    }
}

/// A path below the folder of firmware.
fn below(path: &str) -> Option<String> {
    let mut folders = FOLDERS.iter();
    let below = folders.find_map(|folder| path.strip_prefix(folder))?;
    Some(below.to_owned())
}
