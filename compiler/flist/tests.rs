use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;
use rusqlite::Connection;

use super::*;
use crate::tree::ImagePath;

mod hostile;
mod packing;
mod vectors;

fn path(text: &str) -> ImagePath {
    ImagePath::new(text).expect("valid")
}

fn entry(at: &str, kind: Kind) -> Entry {
    Entry {
        path: path(at),
        kind,
        mode: 0o640,
        uid: 7,
        gid: 8,
        mtime: 5,
    }
}

/// A file, and its content.
fn file(at: &str, content: &[u8]) -> (Entry, Vec<u8>) {
    let size = content.len() as u64;
    (entry(at, Kind::File { size }), content.to_vec())
}

fn bare(at: &str, kind: Kind) -> (Entry, Vec<u8>) {
    (entry(at, kind), Vec::new())
}

fn symlink(at: &str, target: &str) -> (Entry, Vec<u8>) {
    bare(
        at,
        Kind::Symlink {
            target: target.into(),
        },
    )
}

fn head() -> Head {
    Head {
        routes: vec![
            Route::all("https://flists.example/blobs"),
            Route {
                start: 0x80,
                end: 0xff,
                url: "dir:///srv".into(),
            },
        ],
        tags: [("version", "1.2"), ("description", "for tests")]
            .map(|(key, value)| (key.into(), value.into()))
            .into(),
        epoch: 1_700_000_000,
    }
}

/// Blocks that lie in memory.
#[derive(Default)]
struct Blocks(Mutex<BTreeMap<BlockId, Vec<u8>>>);

impl Sink for Blocks {
    fn put(&self, id: &BlockId, bytes: &[u8]) -> Result<(), Diagnostic> {
        let before = self.0.lock().unwrap().insert(*id, bytes.to_vec());
        assert_eq!(before, None, "a block is put once");
        assert!(bytes.len() <= SEALED_LIMIT);
        Ok(())
    }
}

impl Blocks {
    fn content(&self, list: &List, ino: u64) -> Vec<u8> {
        let blocks = self.0.lock().unwrap();
        let open = |block: &Block| open(block, &blocks[&block.id]).expect("opens");
        list.blocks(ino).iter().flat_map(open).collect()
    }
}

fn watch(cancel: &AtomicBool) -> Watch<'_> {
    Watch {
        cancel,
        progress: &|_| {},
    }
}

fn try_pack(
    files: &[(Entry, Vec<u8>)],
    threads: usize,
    sink: &dyn Sink,
    list: &Path,
) -> Result<Packed, Diagnostic> {
    let entries = files
        .iter()
        .map(|(entry, content)| Ok(Packable::file(entry.clone(), content.as_slice())));
    pack(
        entries,
        &head(),
        threads,
        sink,
        list,
        &watch(&AtomicBool::new(false)),
    )
}

/// A list of these files in a folder of its own, and their blocks.
fn packed(files: &[(Entry, Vec<u8>)], threads: usize) -> (tempfile::TempDir, PathBuf, Blocks) {
    let folder = tempfile::tempdir().unwrap();
    let (list, blocks) = (folder.path().join("a b?#%.fl"), Blocks::default());
    try_pack(files, threads, &blocks, &list).expect("packs");
    (folder, list, blocks)
}

/// Bytes that do not repeat.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

fn samples() -> Vec<(Entry, Vec<u8>)> {
    let large = noise(2 * CHUNK + 17, 3);
    vec![
        bare("/", Kind::Directory),
        bare("/bin", Kind::Directory),
        file("/bin/empty", b""),
        file("/bin/hello", b"hello"),
        file("/bin/large", &large),
        file("/bin/large-again", &large),
        file("/bin/whole", &vec![0; CHUNK]),
        bare("/dev", Kind::Directory),
        bare("/dev/null", Kind::CharDevice(Device { major: 1, minor: 3 })),
        bare(
            "/dev/sda",
            Kind::BlockDevice(Device {
                major: 8,
                minor: 300,
            }),
        ),
        bare("/dev/pipe", Kind::Fifo),
        bare("/dev/socket", Kind::Socket),
        symlink("/link", "bin/hello"),
        file("/ünïcode name", b"x"),
    ]
    .into_iter()
    .map(|(entry, content)| (entry.path.clone(), (entry, content)))
    .collect::<BTreeMap<_, _>>()
    .into_values()
    .collect()
}

#[test]
fn a_block_is_what_rfs_makes_of_it() {
    let bytes = |hex: &str| -> Vec<u8> {
        let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(digits).collect()
    };
    let sealed = seal(b"hello");
    let key = "324dcf027dd4a30a932c441f365a25e86b173defa4b8e58948253471b81b72cf";
    assert_eq!(sealed.block.key[..], bytes(key));
    assert_eq!(
        sealed.bytes,
        bytes("eb5520dbdc937864eee10f334d9fe7947560aae07b9470")
    );
    let id = "43569db4b44e807640de79fb7175eae3e6379082c562999f431830d4ed818577";
    assert_eq!(sealed.block.id.to_string(), id);
    assert_eq!(id.parse(), Ok(sealed.block.id));
    assert!(id.to_uppercase().parse::<BlockId>().is_err() && id[1..].parse::<BlockId>().is_err());
    assert_eq!(open(&sealed.block, &sealed.bytes), Ok(b"hello".to_vec()));
}

#[test]
fn a_list_reads_back_as_what_was_packed() {
    let files = samples();
    let (_folder, list, blocks) = packed(&files, 2);
    let list = List::open(&list).expect("a list");
    assert_eq!(list.routes(), head().routes);
    assert_eq!(list.tags(), &head().tags);
    assert_eq!(list.len(), files.len());
    for ((number, found), (given, content)) in list.entries().zip(&files) {
        assert_eq!(&found, given);
        assert_eq!(&blocks.content(&list, number), content, "{}", given.path);
        assert_eq!(list.blocks(number).len(), content.len().div_ceil(CHUNK));
        if matches!(found.kind, Kind::File { .. }) {
            found
                .check_length(content.len() as u64)
                .expect("as long as it says");
            assert!(found.check_length(content.len() as u64 + 1).is_err());
        }
    }
}

/// Bytes that SQLite would set by what it has done and by its own version; and a digest that a change of SQLite would move.
#[test]
fn a_list_is_pinned() {
    let (_folder, list, _) = packed(&samples(), 2);
    let bytes = std::fs::read(list).unwrap();
    assert_eq!(
        bytes[16..20],
        [0x10, 0, 1, 1],
        "pages of 4096 bytes, a rollback journal"
    );
    assert_eq!(bytes[24..28], [0, 0, 0, 1]);
    assert_eq!(bytes[32..40], [0; 8], "no free pages");
    assert_eq!(bytes[92..96], [0, 0, 0, 1]);
    assert_eq!(bytes[96..100], 3_040_000_u32.to_be_bytes());
    let digest = crate::tree::Digest::of(&bytes).to_string();
    assert_eq!(
        digest,
        "c0426c6f0a82cf3c288640e6aa914aee69991ff579feea348218bc23b4e75551"
    );
}

#[test]
fn sqlite_finds_the_list_sound_and_in_order() {
    let (_folder, list, _) = packed(&samples(), 2);
    let connection = Connection::open(&list).unwrap();
    let text = |sql: &str| {
        connection
            .query_row(sql, [], |row| row.get::<_, String>(0))
            .unwrap()
    };
    let number = |sql: &str| {
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(text("PRAGMA integrity_check"), "ok");
    assert_eq!(text("PRAGMA journal_mode"), "delete");
    assert_eq!(
        text("SELECT name FROM inode WHERE ino = 1 AND parent = 0"),
        "/"
    );
    assert_eq!(
        number("SELECT mode FROM inode WHERE name = 'hello'"),
        0o100_640
    );
    assert_eq!(number("SELECT size FROM inode WHERE name = 'link'"), 9);
    assert_eq!(text("SELECT typeof(data) FROM extra"), "blob");
    assert_eq!(
        text("SELECT group_concat(DISTINCT typeof(id) || length(key)) FROM block"),
        "blob32"
    );
    for table in ["inode", "extra", "block", "tag", "route"] {
        let statement = connection
            .prepare(&format!("SELECT * FROM {table}"))
            .unwrap();
        let columns: Vec<&str> = statement.column_names().collect();
        let columns = columns.join(" IS NULL OR ");
        assert_eq!(
            number(&format!(
                "SELECT count(*) FROM {table} WHERE {columns} IS NULL"
            )),
            0,
            "{table}"
        );
    }
    // As `rfs` asks for them, without an order.
    let mut children = connection
        .prepare("SELECT name FROM inode WHERE parent = 1")
        .unwrap();
    let names: Vec<String> = children
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(names, ["bin", "dev", "link", "ünïcode name"]);
}

#[test]
fn another_head_gives_the_list_that_packing_with_it_would_have() {
    let files = samples();
    let (folder, list, _) = packed(&files, 1);
    let other = Head {
        routes: vec![Route::all("dir:///elsewhere")],
        tags: BTreeMap::new(),
        epoch: 3,
    };
    let (moved, expected) = (folder.path().join("moved"), folder.path().join("expected"));
    List::open(&list)
        .expect("a list")
        .write(&other, &moved)
        .expect("written");
    let entries = files
        .iter()
        .map(|(entry, content)| Ok(Packable::file(entry.clone(), content.as_slice())));
    pack(
        entries,
        &other,
        3,
        &Blocks::default(),
        &expected,
        &watch(&AtomicBool::new(false)),
    )
    .expect("packs");
    assert!(std::fs::read(&moved).unwrap() == std::fs::read(&expected).unwrap());
    // A list that is there is replaced as a whole.
    List::open(&moved)
        .expect("a list")
        .write(&head(), &list)
        .expect("written");
    assert_eq!(List::open(&list).expect("a list").routes(), head().routes);
}

#[test]
fn routes_go_by_the_first_byte_of_a_name() {
    let id = BlockId([0x80; 32]);
    let route = |start, end| Route {
        start,
        end,
        url: String::new(),
    };
    assert!(route(0x80, 0x80).leads(&id) && Route::all("x").leads(&id));
    assert!(!route(0, 0x7f).leads(&id) && !route(0x81, 0xff).leads(&id));
}

/// Trees of every shape: directories, files with contents of interesting sizes, links, devices.
fn trees() -> impl Strategy<Value = Vec<(Entry, Vec<u8>)>> {
    let name = "[a-cé .-]{1,3}";
    let size = prop_oneof![4 => 0..300_usize, 1 => (CHUNK - 2)..(CHUNK + 3)];
    let leaf = (
        0..6_u8,
        size,
        any::<u64>(),
        0..0o10000_u32,
        any::<(u32, u32)>(),
        0..1_800_000_000_u64,
    );
    let one = (prop::collection::vec(name, 1..5), leaf);
    prop::collection::vec(one, 0..24).prop_map(|all| {
        let mut tree: BTreeMap<ImagePath, (Entry, Vec<u8>)> = BTreeMap::new();
        for (names, (kind, size, seed, mode, (uid, gid), mtime)) in all {
            let Ok(path) = ImagePath::new(&names.join("/")) else {
                continue;
            };
            let is_above = |other: &ImagePath| path.starts_with(other) || other.starts_with(&path);
            if path.is_root() || tree.keys().any(is_above) {
                continue;
            }
            let content = if kind < 2 {
                noise(size, seed % 5)
            } else {
                Vec::new()
            };
            let kind = match kind {
                0 | 1 => Kind::File {
                    size: content.len() as u64,
                },
                2 => Kind::Symlink {
                    target: noise(1 + size % 40, 9)
                        .iter()
                        .map(|byte| byte | 1)
                        .collect(),
                },
                3 => Kind::Directory,
                4 => Kind::CharDevice(Device {
                    major: uid % 4096,
                    minor: gid % (1 << 20),
                }),
                _ => Kind::Fifo,
            };
            tree.insert(
                path.clone(),
                (
                    Entry {
                        path,
                        kind,
                        mode,
                        uid,
                        gid,
                        mtime,
                    },
                    content,
                ),
            );
        }
        tree.into_values().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn blocks_open_to_what_they_were_made_of(plain in prop::collection::vec(0..4_u8, 0..5000), at in any::<prop::sample::Index>()) {
        let sealed = seal(&plain);
        prop_assert_eq!(open(&sealed.block, &sealed.bytes), Ok(plain));
        let mut damaged = sealed.bytes.clone();
        let at = at.index(damaged.len());
        damaged[at] ^= 1;
        prop_assert!(open(&sealed.block, &damaged).is_err());
        // Under its own name it fails at the tag.
        let renamed = Block { id: BlockId::of(&damaged), key: sealed.block.key };
        prop_assert!(open(&renamed, &damaged).is_err());
    }

    #[test]
    fn any_tree_reads_back(tree in trees(), threads in 1..4_usize) {
        let (_folder, list, blocks) = packed(&tree, threads);
        let list = List::open(&list).expect("a list");
        let given: BTreeMap<&ImagePath, &(Entry, Vec<u8>)> = tree.iter().map(|both| (&both.0.path, both)).collect();
        let mut seen = BTreeSet::new();
        for (number, found) in list.entries() {
            prop_assert!(seen.last().is_none_or(|last| *last < found.path), "sorted");
            if let Some((entry, content)) = given.get(&found.path) {
                let mtime = entry.mtime.min(head().epoch);
                prop_assert_eq!(&found, &Entry { mtime, ..entry.clone() });
                prop_assert_eq!(&blocks.content(&list, number), content);
            } else {
                prop_assert_eq!((found.mode, &found.kind), (0o755, &Kind::Directory));
            }
            seen.insert(found.path);
        }
        prop_assert!(given.keys().all(|path| seen.contains(*path)));
    }
}
