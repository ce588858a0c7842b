//! Lists of flists that lie in an image: what they hold, and where that is read.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::flist::{Kind, List};
use crate::tree::{ImagePath, Node, Store, Tree};

/// How the name of a list ends.
const ENDING: &str = ".fl";
/// How its content begins.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// A list in an image.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct FlistReport {
    /// Where it lies in the image.
    pub path: ImagePath,
    /// What it says of itself, by name: `version`, `description`.
    pub tags: BTreeMap<String, String>,
    /// Where contents are read from.
    pub routes: Vec<String>,
    /// How many entries it has.
    pub entries: u64,
    /// How many of them are regular files.
    pub files: u64,
    /// Bytes of their content, none of which is in the image.
    pub content: u64,
    /// How many different blocks that content is made of.
    pub blocks: u64,
}

/// The lists of an image, in the order of their paths; one that cannot be read becomes a remark.
pub fn flists(tree: &Tree, store: &Store, remarks: &mut Vec<String>) -> Vec<FlistReport> {
    let mut reports = Vec::new();
    for (path, list) in lists(tree, store) {
        match list {
            Ok(list) => reports.push(report(path, &list)),
            Err(problem) => remarks.push(format!("`{path}`: {}", problem.message)),
        }
    }
    reports
}

/// The lists in a tree, each read when its turn comes.
pub fn lists<'a>(
    tree: &'a Tree,
    store: &'a Store,
) -> impl Iterator<Item = (&'a ImagePath, Result<List, crate::diagnostic::Diagnostic>)> {
    tree.iter().filter_map(|(path, entry)| {
        let Node::File { digest, .. } = &entry.node else {
            return None;
        };
        let is_named_so = path.file_name().ends_with(ENDING);
        let begins = || store.head(digest, SQLITE.len() as u64);
        let is_list = is_named_so && begins().is_ok_and(|head| head == SQLITE);
        is_list.then(|| (path, List::open(&store.blob_path(digest))))
    })
}

fn report(path: &ImagePath, list: &List) -> FlistReport {
    let sizes = list.entries().filter_map(|(_, entry)| match entry.kind {
        Kind::File { size } => Some(size),
        _ => None,
    });
    let (mut files, mut content) = (0, 0_u64);
    for size in sizes {
        files += 1;
        content = content.saturating_add(size);
    }
    let blocks: BTreeSet<_> = list.all_blocks().iter().map(|block| block.id).collect();
    FlistReport {
        path: path.clone(),
        tags: list.tags().clone(),
        routes: list
            .routes()
            .iter()
            .map(|route| route.url.clone())
            .collect(),
        entries: list.len() as u64,
        files,
        content,
        blocks: blocks.len() as u64,
    }
}
