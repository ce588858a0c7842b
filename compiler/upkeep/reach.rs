//! What can be got to from somewhere: contents by their digests, each with what it is.
//!
//! Whatever spells a digest out in zosc's own notes keeps the content of that name: locks, requests and sandboxes do, in 64 hexadecimal digits. So this does
//! not have to know their shapes, and a word that looks like a reference keeps too much at worst. Contents may be anybody's and of any
//! size; of those only trees and unpacked packages lead on ([`named_by`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::Kind;
use super::named::named_by;
use crate::build::{self, Record};
use crate::tree::{Digest, Store};

/// Contents that are needed.
pub(super) struct Reach<'s> {
    store: &'s Store,
    /// Contents, with what each of them is.
    pub(super) contents: BTreeMap<Digest, Kind>,
    /// Keys of actions.
    pub(super) keys: BTreeSet<Digest>,
    /// Contents whose own references were followed.
    followed: BTreeSet<Digest>,
}

impl<'s> Reach<'s> {
    pub(super) fn new(store: &'s Store) -> Self {
        Self {
            store,
            contents: BTreeMap::new(),
            keys: BTreeSet::new(),
            followed: BTreeSet::new(),
        }
    }

    /// All that a build used and made.
    pub(super) fn build(&mut self, record: &Record) {
        for kind in Kind::OF_ACTIONS {
            let actions = record.actions.iter();
            for action in actions.filter(|action| Kind::of(action) == kind) {
                self.keys.insert(action.key);
                self.content(action.output, kind);
                for piece in build::pieces(self.store, &action.output) {
                    self.result(piece, kind);
                }
            }
        }
        for output in &record.outputs {
            self.content(output.digest, Kind::Images);
        }
        for digest in record.tree.iter().chain(&record.build_id) {
            self.content(*digest, Kind::Trees);
        }
        if let Some(lock) = record.lock {
            self.add(lock, Kind::Trees);
            let text = fs::read(self.store.blob_path(&lock)).unwrap_or_default();
            self.text(&text, Kind::Packages);
        }
    }

    /// What was done under a key, and what it yielded.
    pub(super) fn result(&mut self, key: Digest, kind: Kind) {
        self.keys.insert(key);
        if let Some(output) = build::result(self.store, &key) {
            self.content(output, kind);
        }
    }

    /// All that a text names, such as a lock.
    pub(super) fn text(&mut self, text: &[u8], kind: Kind) {
        for digest in digests_in(text) {
            self.content(digest, kind);
        }
    }

    /// A content, and what it names where it is a tree or an unpacked package.
    pub(super) fn content(&mut self, digest: Digest, kind: Kind) {
        if !self.followed.insert(digest) {
            return;
        }
        self.add(digest, kind);
        for (named, _) in named_by(self.store, &digest) {
            self.add(named, kind);
        }
    }

    fn add(&mut self, digest: Digest, kind: Kind) {
        self.contents.entry(digest).or_insert(kind);
    }
}

/// The digests that a text spells out.
pub(super) fn digests_in(text: &[u8]) -> impl Iterator<Item = Digest> + '_ {
    const DIGITS: usize = 64;
    let words = text.split(|byte| !byte.is_ascii_hexdigit());
    let words = words.filter(|word| word.len() == DIGITS);
    words.filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Entry, ImagePath, Origin, Tree};

    #[test]
    fn a_tree_leads_to_its_files_and_a_text_to_what_it_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        let file = store.put(b"content").expect("stored");
        let entry = Entry::file(file, 7, 0o644, 0, Origin::new("file /a"));
        let path = ImagePath::new("/a").expect("sound");
        let tree: Tree = [(path, entry)].into_iter().collect();
        let tree = store.put_tree(&tree).expect("stored");
        let other = Digest::of(b"not there");
        let mut reach = Reach::new(&store);
        let text = format!(
            "tree=\"{tree}\" sha256={other}, {} {other}0",
            &other.to_string()[1..]
        );
        reach.text(text.as_bytes(), Kind::Packages);
        let mut wanted = vec![file, tree, other];
        wanted.sort();
        let found: Vec<Digest> = reach.contents.into_keys().collect();
        assert_eq!(found, wanted);
    }
}
