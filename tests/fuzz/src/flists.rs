//! Promises of `flist` about lists from elsewhere.

use std::collections::BTreeSet;
use std::path::Path;

use zosc::flist::{Block, Entry, Head, Kind, List};

use super::can_be_shown;

/// Reads a list; what is accepted is one sorted tree, and written again it reads the same, whoever writes it.
pub fn flist(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("list"), bytes).expect("writable");
    let list = match List::open(&at("list")) {
        Ok(list) => list,
        Err(problem) => return can_be_shown(&problem),
    };
    is_one_tree(&list);
    let head = Head {
        routes: list.routes().to_vec(),
        tags: list.tags().clone(),
        epoch: u64::MAX,
    };
    let written = |list: &List, path: &Path| {
        list.write(&head, path)
            .expect("what was read can be written");
        List::open(path).expect("what was written can be read")
    };
    let again = written(&list, &at("again"));
    assert_eq!(facts(&again), facts(&list));
    assert_eq!((again.routes(), again.tags()), (list.routes(), list.tags()));
    written(&again, &at("third"));
    let [second, third] = ["again", "third"].map(|name| std::fs::read(at(name)).expect("written"));
    assert!(second == third, "the same list is the same bytes");
}

fn is_one_tree(list: &List) {
    let mut directories = BTreeSet::new();
    let mut last = None;
    for (number, entry) in list.entries() {
        assert!(
            last.as_ref().is_none_or(|last| *last < entry.path),
            "sorted"
        );
        let parent = entry.path.parent();
        assert!(
            parent.is_none_or(|parent| directories.contains(&parent)),
            "{}",
            entry.path
        );
        assert!(list.blocks(number).is_empty() || matches!(entry.kind, Kind::File { .. }));
        if entry.kind == Kind::Directory {
            directories.insert(entry.path.clone());
        }
        last = Some(entry.path);
    }
}

fn facts(list: &List) -> Vec<(Entry, &[Block])> {
    let entries = list.entries();
    entries
        .map(|(number, entry)| (entry, list.blocks(number)))
        .collect()
}
