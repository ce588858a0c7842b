//! Promises of `archive` about an initramfs and about archives of sources.

use std::collections::BTreeMap;
use std::io::{Seek as _, Write as _};

use zosc::archive::{self, Compression, Limits, Unpacking};
use zosc::tree::{Node, Origin, Store, Tree};

use super::{archives, can_be_shown};

/// The names of source archives that the first byte chooses from.
const NAMES: [&str; 7] = [
    "x.tar",
    "x.tar.gz",
    "x.tar.xz",
    "x.tar.zst",
    "x.zip",
    "x.deb",
    "x.apk",
];

/// What an archive of a fuzzer may claim.
const LIMITS: Limits = Limits {
    bytes: 16 << 20,
    entries: 4096,
};

/// Reads an initramfs as the kernel would. What is accepted is one tree within its limits; packed again, in each compression,
/// it is the same tree.
pub fn initramfs(bytes: &[u8]) {
    let (_folder, store) = archives::store();
    let origin = Origin::new("image fuzz");
    let contents = match archive::read(bytes, &store, &origin, LIMITS) {
        Ok(contents) => contents,
        Err(problem) => return can_be_shown(&problem),
    };
    let unpacked: u64 = contents.frames.iter().map(|frame| frame.unpacked).sum();
    assert!(unpacked <= LIMITS.bytes.max(bytes.len() as u64));
    let mut end = 0;
    for frame in &contents.frames {
        assert!(frame.offset >= end, "frames follow one another");
        end = frame.offset + frame.stored;
    }
    assert!(end <= bytes.len() as u64, "frames lie in the file");
    is_one_tree(&contents.tree, &store);
    for compression in [Compression::None, Compression::Gzip] {
        let mut packed = Vec::new();
        let written = archive::pack(&contents.tree, &store, u64::MAX, compression, &mut packed);
        if let Err(problem) = written {
            can_be_shown(&problem);
            continue;
        }
        let again = archive::read(&packed, &store, &origin, Limits::default());
        let again = again.expect("what was written can be read");
        assert_eq!(again.remarks, Vec::<String>::new());
        assert_eq!(firsts(&again.tree), firsts(&contents.tree));
    }
}

/// A tree in which the first name of each file is the one that has it; which one it is otherwise depends on an archive's order.
fn firsts(tree: &Tree) -> Tree {
    let mut first = BTreeMap::new();
    for (path, entry) in tree.iter() {
        if let Node::Hardlink { to } = &entry.node {
            first.entry(to).or_insert(path.min(to));
        }
    }
    let mut settled = tree.clone();
    for (path, entry) in settled.iter_mut() {
        let holder = match &entry.node {
            Node::Hardlink { to } => to.clone(),
            _ => path.clone(),
        };
        let Some(first) = first.get(&holder) else {
            continue;
        };
        entry.node = if path == *first {
            tree.get(&holder)
                .expect("a link leads to a file")
                .node
                .clone()
        } else {
            let to = (*first).clone();
            Node::Hardlink { to }
        };
    }
    settled
}

/// Unpacks a source's archive, of the kind that the first byte names; a tar archive also with its checksums mended. What is
/// accepted is one tree, all of whose contents are stored.
pub fn source_archive(bytes: &[u8]) {
    let Some((kind, content)) = bytes.split_first() else {
        return;
    };
    let name = NAMES[usize::from(*kind) % NAMES.len()];
    source(name, content);
    let mended = archives::mended(content);
    if name == "x.tar" && mended != content {
        source(name, &mended);
    }
}

fn source(name: &str, content: &[u8]) {
    let (_folder, store) = archives::store();
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(content).expect("written");
    file.rewind().expect("rewound");
    match Unpacking::new(name, "source fuzz", &store).tree_of(file) {
        Ok(tree) => is_one_tree(&tree, &store),
        Err(problem) => can_be_shown(&problem),
    }
}

/// Everything lies in directories, and all contents in the store; links to files lead to files.
pub fn is_one_tree(tree: &Tree, store: &Store) {
    assert_eq!(Tree::decode(&tree.encode()).as_ref(), Ok(tree));
    for (path, entry) in tree.iter() {
        let parent = path.parent().filter(|parent| !parent.is_root());
        let inside = parent.is_none_or(|parent| {
            let found = tree.get(&parent);
            found.is_some_and(zosc::tree::Entry::is_directory)
        });
        assert!(inside, "{path}");
        match &entry.node {
            Node::File { digest, size } => {
                assert!(store.contains_sized(digest, *size), "{path}");
            }
            Node::Hardlink { to } => {
                let target = tree.get(to).map(|target| &target.node);
                assert!(matches!(target, Some(Node::File { .. })), "{path} to {to}");
            }
            _ => {}
        }
    }
}
