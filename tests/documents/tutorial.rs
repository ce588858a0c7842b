//! The tutorial, word by word: on a fresh clone, with a store of its own, to an image that boots.

use std::path::PathBuf;
use std::process::Command;

use super::blocks::root;
use super::following::Reader;

#[test]
fn the_tutorial_ends_in_a_booted_image() {
    if std::env::var_os("ZOSC_SLOW_TESTS").is_none() {
        println!("skipped: the tutorial compiles zosc; ZOSC_SLOW_TESTS=1 follows it");
        return;
    }
    if !rustix::process::getuid().is_root() {
        println!("skipped: the tutorial installs packages as root");
        return;
    }
    let mut reader = Reader::without_zosc();
    let clone = reader.place().join("zosc");
    let cloned = Command::new("git")
        .args(["clone", "--quiet"])
        .arg(root())
        .arg(&clone)
        .status()
        .unwrap();
    if !cloned.success() {
        println!("skipped: the tutorial begins with a clone, and this is none");
        return;
    }
    // What cargo compiles of others stays from one run to the next.
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    std::fs::create_dir_all(&target).unwrap();
    std::os::unix::fs::symlink(target, clone.join("target")).unwrap();
    reader.enter(&clone);
    reader.follow("tutorial.md");
    assert!(reader.ran() > 10, "the tutorial has commands");
}
