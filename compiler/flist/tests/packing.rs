//! What packing does, and leaves undone: order, threads, times, refusals.

use super::*;

#[test]
fn what_is_packed_is_counted_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let (files, blocks, told) = (
        samples(),
        Blocks::default(),
        Mutex::new(Progress::default()),
    );
    let entries = files
        .iter()
        .map(|(entry, content)| Ok(Packable::file(entry.clone(), content.as_slice())));
    let watch = Watch {
        cancel: &AtomicBool::new(false),
        progress: &|now| *told.lock().unwrap() = now,
    };
    let packed = pack(
        entries,
        &head(),
        2,
        &blocks,
        &folder.path().join("list"),
        &watch,
    )
    .expect("packs");
    let blocks = blocks.0.into_inner().unwrap();
    let content: usize = files.iter().map(|(_, content)| content.len()).sum();
    let stored: usize = blocks.values().map(Vec::len).sum();
    let expected = Packed {
        files: 6,
        bytes: content as u64,
        blocks: blocks.len() as u64,
        stored_bytes: stored as u64,
    };
    assert_eq!(packed, expected);
    assert_eq!(blocks.len(), 6);
    assert_eq!(told.into_inner().unwrap().bytes, content as u64);
}

#[test]
fn threads_change_no_byte() {
    let files: Vec<_> = (0..40)
        .map(|number| {
            file(
                &format!("/{number:02}"),
                &noise(number * 30_011, number as u64),
            )
        })
        .collect();
    let (_folder, first, blocks) = packed(&files, 1);
    let (first, blocks) = (
        std::fs::read(first).unwrap(),
        blocks.0.into_inner().unwrap(),
    );
    for threads in [1, 2, 7] {
        let (_folder, list, others) = packed(&files, threads);
        assert!(std::fs::read(list).unwrap() == first, "{threads} threads");
        assert!(
            others.0.into_inner().unwrap() == blocks,
            "{threads} threads"
        );
    }
}

/// SQLite gives out pages in the order of the rows, and blocks become ready in any order: with as many files as fill many pages, that would show.
#[test]
fn blocks_that_take_their_time_change_no_byte() {
    let files: Vec<_> = (0..600)
        .map(|number| file(&format!("/{number:03}"), &noise(100, number)))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let list = |threads: usize, wait: u64| {
        let slow = |id: &BlockId, _: &[u8]| {
            let time = u64::from(id.prefix() % 4) * wait;
            std::thread::sleep(std::time::Duration::from_micros(time));
            Ok(())
        };
        let at = folder.path().join("list");
        try_pack(&files, threads, &slow, &at).expect("packs");
        std::fs::read(at).unwrap()
    };
    let alone = list(1, 0);
    for (threads, wait) in [(2, 300), (5, 0), (5, 500), (9, 2000)] {
        assert!(list(threads, wait) == alone, "{threads} threads");
    }
}

#[test]
fn times_end_at_the_epoch() {
    let (mut late, content) = file("/late", b"x");
    late.mtime = u64::MAX;
    let (_folder, list, _) = packed(&[(late, content)], 1);
    let times: Vec<u64> = List::open(&list)
        .expect("a list")
        .entries()
        .map(|(_, entry)| entry.mtime)
        .collect();
    assert_eq!(times, [head().epoch; 2]);
}

#[test]
fn directories_above_are_made_where_they_are_missing() {
    let (_folder, list, _) = packed(
        &[file("/a/b/c", b"x"), file("/a-b", b"y"), file("/d/e", b"")],
        1,
    );
    let list = List::open(&list).expect("a list");
    let shown: Vec<String> = list
        .entries()
        .map(|(ino, entry)| format!("{ino} {} {:o}", entry.path, entry.mode))
        .collect();
    assert_eq!(
        shown,
        [
            "1 / 755",
            "2 /a 755",
            "3 /a/b 755",
            "4 /a/b/c 640",
            "5 /a-b 640",
            "6 /d 755",
            "7 /d/e 640"
        ]
    );
    let (_folder, empty, _) = packed(&[], 1);
    assert!(List::open(&empty).expect("a list").is_empty());
}

/// A reader that yields so many bytes more or fewer than it should.
struct Fails;

impl Read for Fails {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::PermissionDenied.into())
    }
}

#[test]
fn what_cannot_be_packed_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list");
    let run = |entries: Vec<Packable<'_>>, cancel: bool| {
        let entries = entries.into_iter().map(Ok);
        let result = pack(
            entries,
            &head(),
            2,
            &Blocks::default(),
            &list,
            &watch(&AtomicBool::new(cancel)),
        );
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "nothing is left"
        );
        let problem = result.expect_err("a problem");
        format!("{} {}", problem.code, problem.message)
    };
    let sized =
        |size, content: &'static [u8]| Packable::file(entry("/a", Kind::File { size }), content);
    let bad = |what: &str| format!("zosc::flist::bad-entry `/a` {what}");
    assert_eq!(
        run(vec![sized(6, b"hello")], false),
        bad("has become shorter than 6 bytes while it was packed")
    );
    assert_eq!(
        run(vec![sized(4, b"hello")], false),
        bad("has become longer than 4 bytes while it was packed")
    );
    assert_eq!(
        run(
            vec![Packable::file(entry("/a", Kind::File { size: 1 }), Fails)],
            false
        ),
        bad("cannot be read: permission denied")
    );
    assert_eq!(
        run(vec![sized(0, b""), sized(0, b"")], false),
        bad("comes twice, or after what sorts behind it")
    );
    assert_eq!(
        run(
            vec![Packable::bare(entry("/b", Kind::Fifo)), sized(0, b"")],
            false
        ),
        bad("comes twice, or after what sorts behind it")
    );
    let below = Packable::bare(entry("/a/b/c", Kind::Fifo));
    assert_eq!(
        run(vec![sized(0, b""), below], false),
        bad("is no directory, and something lies below it")
    );
    let nowhere = Packable::bare(entry("/a", Kind::Symlink { target: Vec::new() }));
    assert_eq!(
        run(vec![nowhere], false),
        bad("is a symbolic link to what is no path")
    );
    assert_eq!(
        run(vec![sized(5, b"hello")], true),
        "zosc::flist::cancelled stopped"
    );
    let missing = try_pack(&[], 1, &Blocks::default(), &folder.path().join("no/list"))
        .expect_err("no folder");
    assert_eq!(missing.code, "zosc::flist::write-failed");
}

#[test]
fn a_sink_that_refuses_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list");
    let files: Vec<_> = (0..200)
        .map(|number| file(&format!("/{number:03}"), &noise(5_000, number)))
        .collect();
    for threads in [1, 4] {
        let refuse = |id: &BlockId, _: &[u8]| match id.prefix() {
            0x40.. => Err(Diagnostic::error("zosc::flist::cancelled", "full")),
            _ => Ok(()),
        };
        let problem = try_pack(&files, threads, &refuse, &list).expect_err("refused");
        assert_eq!(problem.message, "full");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
