//! What a content names where it is a tree or an unpacked package; everything else in a store names nothing, whatever it spells.
//!
//! Comes in: a content by its digest, which may be of any size and hold anything. Goes out: the contents that it leads to. Reads a tree line by line and no more
//! of anything than a package can have.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _};

use crate::lock;
use crate::tree::{Digest, Node, Store, Tree};

/// The longest line of a tree, with all extended attributes of its entry.
const LONGEST_LINE: u64 = 16 << 20;
/// The largest package that is followed: one with half a million files.
const LARGEST_PACKAGE: u64 = 256 << 20;

/// A content that another leads to, with its size where that tells it.
type Named = (Digest, Option<u64>);

/// The contents that a content leads to.
pub(super) fn named_by(store: &Store, digest: &Digest) -> Vec<Named> {
    let named = || -> io::Result<Option<Vec<Named>>> {
        let mut reader = BufReader::new(File::open(store.blob_path(digest))?);
        // Of most contents, which may be large, this is all that is read.
        if reader.fill_buf()?.first() != Some(&b'{') {
            return Ok(None);
        }
        if let Some(named) = by_tree(&mut reader)? {
            return Ok(Some(named));
        }
        reader.rewind()?;
        let mut bytes = Vec::new();
        reader.take(LARGEST_PACKAGE).read_to_end(&mut bytes)?;
        Ok(lock::named_by_package(&bytes))
    };
    named().ok().flatten().unwrap_or_default()
}

/// The files of a tree; `None` where it is none.
fn by_tree(reader: &mut impl BufRead) -> io::Result<Option<Vec<Named>>> {
    let mut named = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        reader
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(Some(named));
        }
        let Ok((_, entry)) = Tree::decode_line(&line) else {
            return Ok(None);
        };
        if let Node::File { digest, size } = entry.node {
            named.push((digest, Some(size)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apk::{Checksum, PackageInfo, ScriptKind, UnpackedPackage};
    use crate::tree::{Entry, ImagePath, Origin};

    #[test]
    fn only_trees_and_packages_lead_anywhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        let file = store.put(b"content").expect("stored");
        let entry = Entry::file(file, 7, 0o644, 0, Origin::new("file /a"));
        let path = |text| ImagePath::new(text).expect("sound");
        let tree: Tree = [(path("/a"), entry.clone()), (path("/b"), entry)]
            .into_iter()
            .collect();
        let tree = store.put_tree(&tree).expect("stored");
        assert_eq!(named_by(&store, &tree), [(file, Some(7)); 2]);
        let package = UnpackedPackage {
            info: PackageInfo::default(),
            identity: Checksum::of(b""),
            archive_size: 1,
            scripts: [(ScriptKind::Trigger, file)].into(),
            files: Vec::new(),
        };
        let package = serde_json::to_vec(&package).expect("text");
        let package = store.put(&package).expect("stored");
        assert_eq!(named_by(&store, &package), [(file, None)]);
        // A bill, a file of an image: JSON that spells digests and leads nowhere.
        for text in [
            format!("{{\"files\":[{{\"digest\":\"{file}\",\"size\":7}}]}}"),
            format!("{{\n  \"sha256\": \"{file}\"\n}}\n"),
            format!("{{{file}"),
            file.to_string(),
        ] {
            let content = store.put(text.as_bytes()).expect("stored");
            assert_eq!(named_by(&store, &content), [], "{text}");
        }
    }
}
