//! Pages that begin in a fresh clone, and compile zosc: the tutorial and the one on contributing.

use super::blocks::root;
use super::following::Reader;

/// A reader of such a page; says why there is none.
fn reader(page: &str, units: u8) -> Option<Reader> {
    if std::env::var_os("ZOSC_SLOW_TESTS").is_none() {
        println!("skipped: {page} compiles zosc; ZOSC_SLOW_TESTS=1 follows it");
        return None;
    }
    let reader = Reader::in_clone(page, units);
    if reader.is_none() {
        println!("skipped: {page} begins with a clone, and this is none");
    }
    reader
}

/// Word by word, to an image that boots.
#[test]
fn the_tutorial() {
    if !rustix::process::getuid().is_root() {
        println!("skipped: the tutorial installs packages as root");
        return;
    }
    let Some(mut reader) = reader("tutorial", 101) else {
        return;
    };
    reader.follow("tutorial.md");
    assert!(reader.ran() > 10, "the tutorial has commands");
}

/// Without compiling them: the changes of the page on contributing fit the tree.
#[test]
fn the_changes_of_contributing_fit() {
    if root().join(".git").exists() {
        Reader::new().change("contributing.md");
    } else {
        println!("skipped: the changes are made in a clone, and this is none");
    }
}

/// Its changes compile, what is generated can be made anew, and an image has what they bring.
#[test]
fn contributing() {
    let Some(mut reader) = reader("contributing", 102) else {
        return;
    };
    reader.follow("contributing.md");
    assert!(reader.ran() > 2, "the page has commands");
}
