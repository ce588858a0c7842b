//! A store with builds of two manifests, looked after.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::build::{ActionRecord, OutputRecord, Record, records};
use crate::tree::{Digest, Entry, ImagePath, Origin, Shelf, Store, Tree};

/// Later than everything that a test writes.
const LATER: i64 = 1 << 50;

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

    fn manifest(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name).join("zos.kdl");
        fs::create_dir_all(path.parent().expect("has one")).expect("made");
        fs::write(&path, "").expect("written");
        path
    }

    /// The key and the tree of an action that made a file with this text, and one that all have.
    fn action(&self, text: &str) -> (Digest, Digest) {
        let file = |path: &str, text: &str| {
            let digest = self.store.put(text.as_bytes()).expect("stored");
            let entry = Entry::file(digest, text.len() as u64, 0o644, 0, Origin::new("file x"));
            (ImagePath::new(path).expect("sound"), entry)
        };
        let tree: Tree = [file("/own", text), file("/shared", "shared")]
            .into_iter()
            .collect();
        let output = self.store.put_tree(&tree).expect("stored");
        let key = Digest::of(format!("key of {text}").as_bytes());
        let result = format!("{output}\n");
        self.store
            .record_action(&key, result.as_bytes())
            .expect("stored");
        (key, output)
    }

    /// Leaves what a build of a manifest leaves that made a file with this text.
    fn build(&self, number: u32, project: &str, text: &str) {
        let (key, output) = self.action(text);
        let manifest = self.manifest(project);
        let path = manifest.with_file_name("out");
        fs::write(&path, text).expect("written");
        let image = OutputRecord {
            kind: "initramfs".to_owned(),
            name: "out".to_owned(),
            path,
            digest: Digest::of(text.as_bytes()),
            size: text.len() as u64,
        };
        let action = ActionRecord {
            label: "install".to_owned(),
            stage: "alpine_packages".to_owned(),
            kind: "merge".to_owned(),
            key,
            output,
            performed: true,
            started: 0,
            elapsed: 0,
            cause: Vec::new(),
            place: String::new(),
        };
        let record = Record {
            number,
            manifest,
            name: "test".to_owned(),
            started: u64::from(number),
            elapsed: 0,
            lock: None,
            tree: Some(output),
            build_id: None,
            actions: vec![action],
            outputs: vec![image],
        };
        let text = serde_json::to_vec(&record).expect("JSON");
        let path = crate::build::record_file(&self.store, number);
        self.store.write_new(&path, &text).expect("stored");
    }

    fn has(&self, text: &str) -> bool {
        self.store.contains(&Digest::of(text.as_bytes()))
    }

    fn collect(&self, keep: &[&str], largest: Option<u64>, now: i64, dry_run: bool) -> Collected {
        let periods = keep.iter().map(|word| word.parse().expect("sound"));
        let keep = Keep {
            periods: periods.collect(),
            largest: largest.map(Size),
        };
        collect(&self.store, &keep, now, dry_run, &AtomicBool::new(false)).expect("collects")
    }

    fn verify(&self, dry_run: bool) -> Verified {
        let looking = Looking {
            jobs: 2,
            dry_run,
            progress: &|_, _| {},
            cancel: &AtomicBool::new(false),
        };
        verify(&self.store, &looking).expect("looks")
    }
}

#[test]
fn what_only_older_builds_need_goes() {
    let bench = Bench::new();
    bench.build(1, "a", "first");
    bench.build(2, "a", "second");
    bench.build(3, "b", "other");
    let planned = bench.collect(&["1"], None, 0, true);
    assert!(bench.has("first") && records(&bench.store).len() == 3);
    let done = bench.collect(&["1"], None, 0, false);
    assert_eq!(
        (planned.freed, planned.left),
        (done.freed.clone(), done.left)
    );
    assert_eq!((done.forgotten, done.kept), (vec![1], vec![2, 3]));
    assert_eq!(done.freed[&Kind::Packages].count, 2);
    assert_eq!(done.freed[&Kind::Results].count, 1);
    assert!(!bench.has("first"));
    assert!(bench.has("second") && bench.has("other") && bench.has("shared"));
    assert!(bench.verify(false).is_sound());
    // A manifest that is gone has no last builds.
    fs::remove_file(bench.folder.path().join("b/zos.kdl")).expect("removed");
    assert_eq!(bench.collect(&["1"], None, 0, false).forgotten, [3]);
    assert_eq!(
        bench.collect(&["1"], None, 0, false).total(),
        Amount::default()
    );
}

#[test]
fn what_no_build_names_stays_for_a_day() {
    let bench = Bench::new();
    bench.build(1, "a", "first");
    bench.action("failed");
    bench.store.put(b"fetched").expect("stored");
    bench
        .store
        .write_note(&Digest::of(b"n"), b"4")
        .expect("written");
    assert_eq!(
        bench.collect(&["1"], None, 0, false).total(),
        Amount::default()
    );
    assert!(bench.has("failed") && bench.has("fetched"));
    let later = bench.collect(&[], None, LATER, false);
    assert_eq!(later.freed[&Kind::Unnamed].count, 3);
    assert_eq!(
        (
            later.freed[&Kind::Results].count,
            later.freed[&Kind::Notes].count
        ),
        (1, 1)
    );
    assert!(!bench.has("failed") && !bench.has("fetched") && bench.has("first"));
    let all = bench.collect(&["0"], None, 0, false);
    assert_eq!(all.forgotten, [1]);
    assert!(
        bench
            .store
            .list(Shelf::Blobs)
            .expect("lists")
            .files
            .is_empty()
    );
}

#[test]
fn the_oldest_builds_make_room() {
    let bench = Bench::new();
    bench.build(1, "a", "first");
    bench.build(2, "b", "second");
    let all = occupied(&bench.store.root().join("blobs"));
    let fits = bench.collect(&[], Some(all), 0, true);
    assert!(fits.forgotten.is_empty());
    let done = bench.collect(&[], Some(bench.one_build()), 0, false);
    assert_eq!(done.forgotten, [1]);
    assert!(bench.has("second") && !bench.has("first"));
    assert_eq!(bench.collect(&[], Some(1), 0, false).forgotten, [2]);
    // By age.
    bench.build(9, "a", "third");
    assert_eq!(bench.collect(&["1h"], None, 3_600_009, false).kept, [9]);
    assert_eq!(
        bench.collect(&["1h"], None, 3_600_010, false).forgotten,
        [9]
    );
}

impl Bench {
    fn one_build(&self) -> u64 {
        let inventory = inventory(&self.store).expect("counts");
        let second = inventory.builds.last().expect("there");
        assert_eq!((second.all.count, second.own.count), (3, 2));
        assert_eq!(inventory.kinds[&Kind::Packages].count, 5);
        second.all.bytes
    }
}

#[test]
fn damage_of_each_sort_is_found_and_removed() {
    let bench = Bench::new();
    bench.build(1, "a", "first");
    bench.build(2, "a", "second");
    bench
        .store
        .write_note(&Digest::of(b"n"), b"4")
        .expect("written");
    assert!(bench.verify(false).is_sound());
    let store = &bench.store;
    let truncate = |path: PathBuf| fs::write(path, "x").expect("damaged");
    truncate(store.blob_path(&Digest::of(b"first")));
    truncate(store.shelf_path(Shelf::Notes, &Digest::of(b"n")));
    truncate(store.shelf_path(Shelf::Results, &Digest::of(b"key of second")));
    truncate(crate::build::record_file(store, 2));
    truncate(store.root().join("blobs/stray"));
    let looked = bench.verify(true);
    // The result that leads to the damaged content is the sixth.
    assert_eq!(looked.damaged.len(), 6, "{:?}", looked.damaged);
    assert_eq!(bench.verify(true), looked);
    let mended = bench.verify(false);
    assert_eq!((&mended.damaged, mended.removed), (&looked.damaged, true));
    assert!(mended.summary().is_some());
    assert!(bench.verify(false).is_sound());
    assert!(!bench.has("first") && bench.has("second"));
}

#[test]
fn outputs_go_and_what_is_not_ours_stays() {
    let bench = Bench::new();
    bench.build(1, "a", "first");
    bench.build(2, "b", "second");
    let (ours, theirs) = (bench.manifest("a"), bench.manifest("b"));
    fs::write(theirs.with_file_name("out"), "edited").expect("written");
    let cleaned = clean(&bench.store, &ours, false).expect("cleans");
    assert_eq!(cleaned.removed, [(ours.with_file_name("out"), 5)]);
    assert!(cleaned.is_known && cleaned.foreign.is_empty());
    let cleaned = clean(&bench.store, &theirs, false).expect("cleans");
    assert_eq!(
        (cleaned.removed.len(), cleaned.foreign.iter().count()),
        (0, 1)
    );
    assert_eq!(
        fs::read(theirs.with_file_name("out")).expect("stays"),
        b"edited"
    );
    let never = AtomicBool::new(false);
    let forgotten = forget_project(&bench.store, &ours, 0, false, &never).expect("forgets");
    assert_eq!((forgotten.forgotten, forgotten.kept), (vec![1], vec![2]));
    assert!(!bench.has("first") && bench.has("second"));
}
