//! Folders that came out of a command, read as what a stranger wrote.

use std::collections::BTreeMap;

use bazel_remote_apis::build::bazel::remote::execution::v2::Directory;
use prost::Message;
use prost::encoding::{DecodeContext, decode_key, skip_field};

use super::Blob;
use super::folder::is_name;
use crate::diagnostic::Diagnostic;
use crate::tree::Digest;

/// How deep folders may be.
const DEEPEST: usize = 64;

/// How much memory the entries of a folder may take altogether: one that is named twice counts twice.
const MOST: usize = 512 << 20;

/// How many entries folders may have altogether, read from their encoded form before any of them takes memory.
const MOST_ENTRIES: usize = 2_000_000;

/// What an entry takes besides its path.
const ENTRY: usize = 64;

/// The protocol's `Tree` with its folders as they are encoded, which is what their digests are of.
#[derive(Clone, PartialEq, Eq, Message)]
struct Encoded {
    #[prost(bytes = "vec", tag = "1")]
    root: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    children: Vec<Vec<u8>>,
}

/// The files of a folder that came out, by their paths in it. What is there besides folders and files is refused.
pub fn files_of(tree: &[u8]) -> Result<BTreeMap<String, Blob>, Diagnostic> {
    files_within(tree, MOST)
}

fn files_within(tree: &[u8], most: usize) -> Result<BTreeMap<String, Blob>, Diagnostic> {
    fields(tree, MOST_ENTRIES)?;
    let encoded = Encoded::decode(tree).map_err(|_| odd("cannot be read"))?;
    // One server has the root among the children, another has a child twice: it is the digest that counts.
    let children = encoded.children.iter();
    let mut reading = Reading {
        children: children
            .map(|child| (Digest::of(child), child.as_slice()))
            .collect(),
        files: BTreeMap::new(),
        left: most,
        entries: MOST_ENTRIES,
    };
    reading.folder(&encoded.root, "", DEEPEST)?;
    Ok(reading.files)
}

struct Reading<'t> {
    children: BTreeMap<Digest, &'t [u8]>,
    files: BTreeMap<String, Blob>,
    left: usize,
    entries: usize,
}

impl Reading<'_> {
    fn folder(&mut self, encoded: &[u8], prefix: &str, depth: usize) -> Result<(), Diagnostic> {
        // One that is named twice is read twice.
        self.left = self.left.checked_sub(encoded.len()).ok_or_else(too_many)?;
        self.entries -= fields(encoded, self.entries)?;
        let folder = Directory::decode(encoded).map_err(|_| odd("cannot be read"))?;
        if !folder.symlinks.is_empty() {
            return Err(odd("has links in it"));
        }
        for file in folder.files {
            let path = self.path(prefix, &file.name)?;
            let blob = Blob::from_api(file.digest.as_ref());
            let blob = blob.ok_or_else(|| odd("has a file without a digest"))?;
            if self.files.insert(path, blob).is_some() {
                return Err(odd("has a file twice"));
            }
        }
        let depth = depth.checked_sub(1).ok_or_else(|| odd("is too deep"))?;
        for below in folder.directories {
            let path = self.path(prefix, &below.name)?;
            let blob = Blob::from_api(below.digest.as_ref());
            let blob = blob.ok_or_else(|| odd("has a folder without a digest"))?;
            let child = self.children.get(&blob.digest).copied();
            // A folder with nothing in it need not be sent.
            let child = child.or_else(|| (blob == Blob::of(b"")).then_some(&[][..]));
            let child = child.ok_or_else(|| odd("lacks one of its folders"))?;
            self.folder(child, &path, depth)?;
        }
        Ok(())
    }

    /// The path of an entry, where there is room for one more.
    fn path(&mut self, prefix: &str, name: &str) -> Result<String, Diagnostic> {
        if !is_name(name) {
            return Err(odd("has an entry whose name is none"));
        }
        let needed = prefix.len() + name.len() + ENTRY;
        let left = self.left.checked_sub(needed);
        self.left = left.ok_or_else(too_many)?;
        Ok(match prefix {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        })
    }
}

/// How many fields a message has; more than `most` are an error.
fn fields(mut message: &[u8], most: usize) -> Result<usize, Diagnostic> {
    let mut count = 0;
    while !message.is_empty() {
        let skipped = decode_key(&mut message)
            .and_then(|(tag, wire)| skip_field(wire, tag, &mut message, DecodeContext::default()));
        skipped.map_err(|_| odd("cannot be read"))?;
        count += 1;
        if count > most {
            return Err(too_many());
        }
    }
    Ok(count)
}

fn too_many() -> Diagnostic {
    odd("has too many entries")
}

fn odd(how: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::remote::odd-output",
        format!("a folder that came out of a remote command {how}"),
    )
    .help("nothing of it was used; the server or a worker is out of order")
}

#[cfg(test)]
mod tests {
    use bazel_remote_apis::build::bazel::remote::execution::v2 as api;

    use super::*;

    fn file(name: &str) -> api::FileNode {
        api::FileNode {
            name: name.to_owned(),
            digest: Some(Blob::of(name.as_bytes()).to_api()),
            ..Default::default()
        }
    }

    fn below(name: &str, folder: &Directory) -> api::DirectoryNode {
        api::DirectoryNode {
            name: name.to_owned(),
            digest: Some(Blob::of(&folder.encode_to_vec()).to_api()),
        }
    }

    fn told(root: Directory, children: &[Directory]) -> Result<usize, String> {
        let tree = api::Tree {
            root: Some(root),
            children: children.to_vec(),
        };
        let files = files_within(&tree.encode_to_vec(), 1 << 20).map_err(|problem| {
            assert_eq!(problem.code, "zosc::remote::odd-output");
            problem
                .message
                .replace("a folder that came out of a remote command ", "")
        })?;
        Ok(files.len())
    }

    fn with(files: &[&str], directories: Vec<api::DirectoryNode>) -> Directory {
        Directory {
            files: files.iter().map(|name| file(name)).collect(),
            directories,
            ..Default::default()
        }
    }

    #[test]
    fn what_no_folder_can_be_is_refused() {
        let refused = |root, children: &[Directory]| told(root, children).expect_err("refused");
        let leaf = with(&["a"], vec![]);
        assert_eq!(
            refused(with(&["../a"], vec![]), &[]),
            "has an entry whose name is none"
        );
        assert_eq!(refused(with(&["a", "a"], vec![]), &[]), "has a file twice");
        let named_so = with(&[], vec![below("..", &leaf)]);
        assert_eq!(
            refused(named_so, std::slice::from_ref(&leaf)),
            "has an entry whose name is none"
        );
        assert_eq!(
            refused(with(&[], vec![below("b", &leaf)]), &[]),
            "lacks one of its folders"
        );
        let link = api::SymlinkNode {
            name: "l".to_owned(),
            target: "/etc".to_owned(),
            ..Default::default()
        };
        let linked = Directory {
            symlinks: vec![link],
            ..Default::default()
        };
        assert_eq!(refused(linked, &[]), "has links in it");
        assert_eq!(
            files_of(b"\xff\xff").expect_err("refused").code,
            "zosc::remote::odd-output"
        );
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let mut children = vec![with(&["a"], vec![])];
        for _ in 0..40 {
            // Twice the folder before: 2⁴⁰ files altogether.
            let last = children.last().expect("one").clone();
            children.push(with(&[], vec![below("x", &last), below("y", &last)]));
        }
        let root = children.pop().expect("one");
        assert_eq!(
            told(root, &children).expect_err("refused"),
            "has too many entries"
        );
        let mut children = vec![with(&["a"], vec![])];
        for _ in 0..70 {
            let last = children.last().expect("one").clone();
            children.push(with(&[], vec![below("x", &last)]));
        }
        let root = children.pop().expect("one");
        assert_eq!(told(root, &children).expect_err("refused"), "is too deep");
    }

    #[test]
    fn ways_of_servers_are_the_same_folder() {
        let leaf = with(&["a"], vec![]);
        let root = with(
            &["r"],
            vec![below("b", &leaf), below("e", &Directory::default())],
        );
        // The root repeated, a child twice, the empty folder left out.
        assert_eq!(told(root.clone(), &[root, leaf.clone(), leaf]), Ok(2));
    }
}
