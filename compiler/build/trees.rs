//! Trees that several actions look at, decoded once: the whole image is what every segment is taken from.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::diagnostic::Diagnostic;
use crate::tree::{Digest, Store, Tree};

/// How many trees are kept for each image: that before and after something is done to it.
const EACH: usize = 2;
/// For how many images.
const IMAGES: usize = 4;

/// A tree that somebody decodes, or has decoded.
type Slot = Arc<Mutex<Option<Arc<Tree>>>>;

/// The trees that were asked for last.
#[derive(Debug)]
pub(super) struct Trees {
    recent: Mutex<VecDeque<(Digest, Slot)>>,
    most: usize,
}

impl Trees {
    /// Keeps what so many images need that are built together.
    pub(super) fn of_images(count: usize) -> Self {
        Self {
            recent: Mutex::default(),
            most: EACH * count.clamp(1, IMAGES),
        }
    }

    /// A stored tree. Who asks while another decodes it waits for that.
    pub(super) fn get(&self, store: &Store, digest: &Digest) -> Result<Arc<Tree>, Diagnostic> {
        let slot = self.slot(digest);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tree) = &*slot {
            return Ok(Arc::clone(tree));
        }
        let tree = Arc::new(store.get_tree(digest)?);
        *slot = Some(Arc::clone(&tree));
        Ok(tree)
    }

    fn slot(&self, digest: &Digest) -> Slot {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = recent.iter().find(|(known, _)| known == digest) {
            return Arc::clone(slot);
        }
        if recent.len() == self.most {
            recent.pop_front();
        }
        let slot = Slot::default();
        recent.push_back((*digest, Arc::clone(&slot)));
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Entry, ImagePath, Origin};

    #[test]
    fn a_tree_is_decoded_once_while_it_is_among_the_last() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        let trees = Trees::of_images(1);
        let stored = |name: &str| {
            let mut tree = Tree::new();
            let path = ImagePath::new(name).expect("a sound path");
            tree.insert(path, Entry::directory(0o755, 0, Origin::new("test")));
            store.put_tree(&tree).expect("stored")
        };
        let [first, second, third] = ["/a", "/b", "/c"].map(stored);
        let decoded = trees.get(&store, &first).expect("there");
        trees.get(&store, &second).expect("there");
        assert!(Arc::ptr_eq(
            &decoded,
            &trees.get(&store, &first).expect("there")
        ));
        trees.get(&store, &third).expect("there");
        assert!(!Arc::ptr_eq(
            &decoded,
            &trees.get(&store, &first).expect("there")
        ));
        assert!(trees.get(&store, &Digest::of(b"none")).is_err());
    }
}
