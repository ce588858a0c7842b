//! Lists that `rfs pack` has written, in tests/fixtures/flist.

use super::*;

/// What the folder held that `rfs` packed, by what it says of each file.
fn folder() -> Vec<(Entry, Vec<u8>)> {
    let large = [vec![0; 2 * CHUNK], noise(1000, 3)].concat();
    let made = |(entry, content): (Entry, Vec<u8>), mode: u32, owner: (u32, u32)| {
        let (uid, gid) = owner;
        (
            Entry {
                mode,
                uid,
                gid,
                mtime: 1_700_000_000,
                ..entry
            },
            content,
        )
    };
    vec![
        made(bare("/", Kind::Directory), 0o755, (0, 0)),
        made(bare("/bin", Kind::Directory), 0o755, (0, 0)),
        made(file("/bin/hello", b"hello"), 0o4755, (0, 0)),
        made(file("/bin/large", &large), 0o644, (0, 0)),
        made(file("/bin/large-again", &large), 0o644, (0, 0)),
        made(
            file("/bin/whole", &b"zosc".repeat(CHUNK / 4)),
            0o644,
            (0, 0),
        ),
        made(bare("/empty", Kind::Directory), 0o700, (0, 0)),
        made(bare("/etc", Kind::Directory), 0o755, (0, 0)),
        made(symlink("/etc/absolute", "/etc/empty"), 0o777, (0, 0)),
        made(bare("/etc/deep", Kind::Directory), 0o755, (0, 0)),
        made(bare("/etc/deep/er", Kind::Directory), 0o755, (0, 0)),
        made(file("/etc/deep/er/noise", &noise(300, 5)), 0o644, (0, 0)),
        made(file("/etc/empty", b""), 0o644, (7, 8)),
        made(file("/etc/ünïcode name", b"x"), 0o644, (0, 0)),
        made(symlink("/link", "bin/hello"), 0o777, (7, 8)),
        made(
            bare("/null", Kind::CharDevice(Device { major: 1, minor: 3 })),
            0o644,
            (0, 0),
        ),
        made(bare("/pipe", Kind::Fifo), 0o644, (0, 0)),
    ]
}

#[test]
fn a_list_of_rfs_is_read_and_has_the_blocks_that_zosc_makes() {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/flist/rfs-75e19dc.fl");
    let list = List::open(&list).expect("a list");
    let (_kept, ours, _) = packed(&folder(), 2);
    let ours = List::open(&ours).expect("a list");
    let blocks_of = |list: &List| -> Vec<(Entry, Vec<Block>)> {
        let entries = list.entries();
        entries
            .map(|(number, entry)| (entry, list.blocks(number).to_vec()))
            .collect()
    };
    assert_eq!(blocks_of(&list), blocks_of(&ours));
    let expected: Vec<Entry> = folder().into_iter().map(|(entry, _)| entry).collect();
    assert_eq!(
        list.entries().map(|(_, entry)| entry).collect::<Vec<_>>(),
        expected
    );
    let routes = [
        Route::all("dir:///srv/zosc-blobs"),
        Route {
            start: 0x80,
            end: 0xff,
            url: "dir:///srv/zosc-more".into(),
        },
    ];
    assert_eq!(list.routes(), routes);
    let tags = [("description", "made by rfs"), ("version", "1.0")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(list.tags(), &BTreeMap::from(tags));
}
