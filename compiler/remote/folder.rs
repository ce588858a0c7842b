//! Folders as the protocol has them: each a message that names what is in it, so that two that are the same are one.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use prost::Message as _;

use super::Blob;
use super::action::named;
use crate::diagnostic::Diagnostic;

/// A folder that is being put together: an input root, or a part of one. Clones share what is below them.
#[derive(Debug, Clone, Default)]
pub struct Folder {
    entries: BTreeMap<String, Node>,
    /// What it is as a message, once somebody has asked.
    message: OnceLock<(Blob, Vec<u8>)>,
}

#[derive(Debug, Clone)]
enum Node {
    File { blob: Blob, is_executable: bool },
    Link(String),
    Folder(Arc<Folder>),
}

impl Folder {
    /// A folder with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a file at a path, with the folders above it.
    pub fn file(&mut self, path: &str, blob: Blob, is_executable: bool) -> Result<(), Diagnostic> {
        self.put(
            path,
            Node::File {
                blob,
                is_executable,
            },
        )
    }

    /// Puts a symbolic link at a path, with the folders above it.
    pub fn link(&mut self, path: &str, target: &str) -> Result<(), Diagnostic> {
        self.put(path, Node::Link(target.to_owned()))
    }

    /// Puts a folder at a path, with those above it; into one that is there, its contents. An empty path means this one.
    pub fn folder(&mut self, path: &str, folder: Folder) -> Result<(), Diagnostic> {
        if path.is_empty() {
            return self.merge(folder);
        }
        self.put(path, Node::Folder(Arc::new(folder)))
    }

    /// The name of the folder as a message.
    pub fn blob(&self) -> Blob {
        self.message().0
    }

    /// The name of the folder, and all messages that it consists of, each once.
    pub fn messages(&self) -> (Blob, Vec<(Blob, Vec<u8>)>) {
        let mut found = BTreeMap::new();
        self.gather(&mut found);
        let found = found
            .into_iter()
            .map(|(blob, bytes)| (blob, bytes.to_vec()));
        (self.blob(), found.collect())
    }

    /// The folder as one message, which is how a result has a folder that came out.
    pub fn tree(&self) -> (Blob, Vec<u8>) {
        let mut children = BTreeMap::new();
        for folder in self.folders() {
            folder.gather_folders(&mut children);
        }
        let tree = api::Tree {
            root: Some(self.to_api()),
            children: children.into_values().map(Folder::to_api).collect(),
        };
        named(tree.encode_to_vec())
    }

    fn put(&mut self, path: &str, node: Node) -> Result<(), Diagnostic> {
        self.message = OnceLock::new();
        let (name, rest) = match path.split_once('/') {
            Some((name, rest)) => (name, Some(rest)),
            None => (path, None),
        };
        if !is_name(name) {
            return Err(misplaced(path, "has a part that is no name"));
        }
        let Some(rest) = rest else {
            return self.put_here(name, node);
        };
        let below = self.entries.entry(name.to_owned());
        match below.or_insert_with(|| Node::Folder(Arc::default())) {
            Node::Folder(folder) => Arc::make_mut(folder).put(rest, node),
            _ => Err(misplaced(
                path,
                &format!("is below `{name}`, which is no folder"),
            )),
        }
    }

    fn put_here(&mut self, name: &str, node: Node) -> Result<(), Diagnostic> {
        match (self.entries.get_mut(name), node) {
            (Some(Node::Folder(there)), Node::Folder(folder)) => {
                Arc::make_mut(there).merge(Arc::unwrap_or_clone(folder))
            }
            (Some(Node::Folder(_)), _) => Err(misplaced(name, "is a folder already")),
            (Some(_), Node::Folder(_)) => {
                Err(misplaced(name, "is something else than a folder already"))
            }
            (_, node) => {
                self.entries.insert(name.to_owned(), node);
                Ok(())
            }
        }
    }

    fn merge(&mut self, other: Folder) -> Result<(), Diagnostic> {
        self.message = OnceLock::new();
        for (name, node) in other.entries {
            self.put_here(&name, node)?;
        }
        Ok(())
    }

    fn folders(&self) -> impl Iterator<Item = &Folder> {
        self.entries.values().filter_map(|node| match node {
            Node::Folder(folder) => Some(&**folder),
            _ => None,
        })
    }

    fn gather<'f>(&'f self, found: &mut BTreeMap<Blob, &'f [u8]>) {
        let (blob, bytes) = self.message();
        if found.insert(*blob, bytes).is_none() {
            for folder in self.folders() {
                folder.gather(found);
            }
        }
    }

    fn gather_folders<'f>(&'f self, found: &mut BTreeMap<Blob, &'f Folder>) {
        if found.insert(self.blob(), self).is_none() {
            for folder in self.folders() {
                folder.gather_folders(found);
            }
        }
    }

    fn message(&self) -> &(Blob, Vec<u8>) {
        self.message
            .get_or_init(|| named(self.to_api().encode_to_vec()))
    }

    /// The message, whose lists are in the order of names.
    fn to_api(&self) -> api::Directory {
        let mut message = api::Directory::default();
        for (name, node) in &self.entries {
            let name = name.clone();
            match node {
                Node::File {
                    blob,
                    is_executable,
                } => message.files.push(api::FileNode {
                    name,
                    digest: Some(blob.to_api()),
                    is_executable: *is_executable,
                    node_properties: None,
                }),
                Node::Link(target) => message.symlinks.push(api::SymlinkNode {
                    name,
                    target: target.clone(),
                    node_properties: None,
                }),
                Node::Folder(folder) => message.directories.push(api::DirectoryNode {
                    name,
                    digest: Some(folder.blob().to_api()),
                }),
            }
        }
        message
    }
}

/// Whether a text names one thing in a folder.
pub(super) fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

fn misplaced(path: &str, how: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::remote::misplaced",
        format!("an input of a remote command cannot be placed: `{path}` {how}"),
    )
    .help("two inputs are in each other's way: see where the toolchain has links, and where inputs are mounted")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::files_of;

    #[test]
    fn the_order_of_putting_does_not_matter_and_equal_folders_are_one_message() {
        let blob = Blob::of(b"x");
        let mut part = Folder::new();
        part.file("inner/x", blob, false).expect("placed");
        let mut first = Folder::new();
        first.folder("b", part.clone()).expect("placed");
        first.folder("a", part).expect("placed");
        first.link("l", "a/inner").expect("placed");
        first.file("b/y", blob, true).expect("placed");
        let mut second = Folder::new();
        second.file("b/y", blob, true).expect("placed");
        second.link("l", "a/inner").expect("placed");
        second.file("a/inner/x", blob, false).expect("placed");
        second.file("b/inner/x", blob, false).expect("placed");
        assert_eq!(first.messages(), second.messages());
        // The root, `a`, `b`, and `inner` once.
        assert_eq!(first.messages().1.len(), 4);
    }

    #[test]
    fn the_empty_folder_has_the_name_of_nothing() {
        assert_eq!(Folder::new().blob(), Blob::of(b""));
    }

    #[test]
    fn what_is_in_the_way_is_told() {
        let blob = Blob::of(b"x");
        let mut folder = Folder::new();
        folder.link("lib", "usr/lib").expect("placed");
        folder.file("usr/x", blob, false).expect("placed");
        let outcomes = [
            folder.file("lib/x", blob, false),
            folder.file("usr", blob, false),
            folder.folder("lib", Folder::new()),
            folder.file("../x", blob, false),
            folder.file("usr//x", blob, false),
        ];
        for outcome in outcomes {
            assert_eq!(
                outcome.expect_err("refused").code,
                "zosc::remote::misplaced"
            );
        }
    }

    #[test]
    fn a_folder_that_came_out_reads_back() {
        let mut folder = Folder::new();
        folder
            .file("report", Blob::of(b"r"), false)
            .expect("placed");
        folder
            .file("contents/a", Blob::of(b"a"), false)
            .expect("placed");
        let files = files_of(&folder.tree().1).expect("reads");
        let expected = [("contents/a", Blob::of(b"a")), ("report", Blob::of(b"r"))]
            .map(|(path, blob)| (path.to_owned(), blob));
        assert_eq!(files, expected.into());
    }
}
