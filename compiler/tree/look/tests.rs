use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn look(mtime: (i64, i64), ctime: (i64, i64)) -> Look {
    Look {
        device: 1,
        inode: 2,
        size: 3,
        mtime,
        ctime,
    }
}

#[test]
fn what_changed_just_now_or_will_have_is_not_settled() {
    let fine = look((5, 1), (10, 500_000_000));
    assert!(!fine.is_settled(10_500) && !fine.is_settled(10_600));
    assert!(fine.is_settled(10_601));
    let coarse = look((10, 0), (10, 0));
    assert!(!coarse.is_settled(11_999));
    assert!(coarse.is_settled(12_001));
    // The clock was set back, or someone dated the file ahead.
    assert!(!look((5, 1), (99, 1)).is_settled(50_000));
    assert!(!look((99, 1), (5, 1)).is_settled(50_000));
}

/// A folder with a file that has been as it is for a while, and a store.
struct Bench {
    folder: tempfile::TempDir,
    store: Store,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path().join("store")).expect("opens");
        Self { folder, store }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("file")
    }

    fn write(&self, content: &str) {
        fs::write(self.path(), content).expect("written");
    }

    fn wait(&self) {
        let facts = || fs::metadata(self.path()).expect("there");
        while !Look::of(&facts()).is_settled(unix_milliseconds()) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn digest(&self) -> Digest {
        let mut known = Known::at(&self.store, self.folder.path());
        let (digest, _) = known.file(&self.path()).expect("stored").expect("read");
        known.keep();
        digest
    }

    /// Whether the file would be read again.
    fn is_known(&self) -> bool {
        let known = Known::at(&self.store, self.folder.path());
        let name = self.path().to_string_lossy().into_owned();
        let facts = fs::metadata(self.path()).expect("there");
        known
            .before
            .files
            .get(&name)
            .is_some_and(|(look, _)| *look == Look::of(&facts))
    }
}

#[test]
fn a_settled_file_is_read_once_and_a_lost_content_again() {
    let bench = Bench::new();
    bench.write("one");
    bench.digest();
    assert!(!bench.is_known(), "it has just changed");
    bench.wait();
    let digest = bench.digest();
    assert!(bench.is_known());
    assert_eq!(bench.digest(), digest);
    fs::remove_file(bench.store.blob_path(&digest)).expect("removed");
    assert_eq!(bench.digest(), digest);
    assert!(bench.store.contains(&digest));
}

#[test]
fn an_edit_is_found_whatever_its_size_and_time() {
    let bench = Bench::new();
    bench.write("one");
    bench.wait();
    bench.digest();
    let time = fs::metadata(bench.path())
        .and_then(|facts| facts.modified())
        .expect("a time");
    bench.write("two");
    let file = File::options()
        .write(true)
        .open(bench.path())
        .expect("opens");
    file.set_modified(time).expect("set");
    assert_eq!(bench.digest(), Digest::of(b"two"), "`ctime` tells");
    bench.wait();
    bench.digest();
    // Another file of the same size and time takes its name.
    let other = bench.folder.path().join("other");
    fs::write(&other, "six").expect("written");
    File::options()
        .write(true)
        .open(&other)
        .and_then(|file| file.set_modified(time))
        .expect("set");
    fs::rename(&other, bench.path()).expect("renamed");
    assert_eq!(bench.digest(), Digest::of(b"six"), "the inode tells");
}

#[test]
fn a_file_from_the_future_is_read_every_time() {
    let bench = Bench::new();
    bench.write("one");
    bench.wait();
    let ahead = fs::metadata(bench.path())
        .and_then(|facts| facts.modified())
        .expect("a time")
        + Duration::from_hours(1);
    let file = File::options()
        .write(true)
        .open(bench.path())
        .expect("opens");
    file.set_modified(ahead).expect("set");
    bench.digest();
    assert!(!bench.is_known());
}

proptest! {
    #[test]
    fn no_change_after_a_settled_look_goes_unseen(
        before in 0_i64..5000, read in 0_i64..5000, later in 0_i64..5000, tick in 1_i64..=10
    ) {
        // Times of files are multiples of a tick; the file is read at `read`, and changes again `later` milliseconds after.
        let stamp = |moment: i64| {
            let moment = moment / tick * tick;
            (moment / 1000, moment % 1000 * 1_000_000 + 1)
        };
        let seen = look(stamp(before), stamp(before));
        let changed = look(stamp(before), stamp(read + later));
        prop_assert!(!seen.is_settled(read as u64) || seen != changed);
    }
}

#[test]
fn a_tree_is_made_once_for_each_look_of_its_files() {
    let bench = Bench::new();
    let made = std::cell::Cell::new(0);
    let make = |store: &Store, name: &str, is_settled: bool| {
        made_of(store, name, || {
            made.set(made.get() + 1);
            Ok((Tree::new(), is_settled))
        })
        .expect("stored")
    };
    let first = make(&bench.store, "one", true);
    assert_eq!(make(&bench.store, "one", true), first);
    assert_eq!(made.get(), 1);
    make(&bench.store, "other", false);
    make(&bench.store, "other", false);
    assert_eq!(made.get(), 3);
    // Those who have met damage have everything made again.
    make(&bench.store.distrusting(), "one", true);
    assert_eq!(made.get(), 4);
}
