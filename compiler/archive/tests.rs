use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;
use crate::tree::{Digest, Entry, ImagePath, Node, Origin, Store, Tree};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(folder.path()).expect("opens");
    (folder, store)
}

fn path(text: &str) -> ImagePath {
    ImagePath::new(text).expect("a valid path")
}

fn origin() -> Origin {
    Origin::new("archive test")
}

fn file(store: &Store, content: &[u8], mode: u32) -> Entry {
    let digest = store.put(content).expect("stored");
    Entry::file(digest, content.len() as u64, mode, 7, origin())
}

fn node(node: Node, mode: u32) -> Entry {
    Entry {
        node,
        ..Entry::directory(mode, 7, origin())
    }
}

/// A tree with every kind of node.
fn sample(store: &Store) -> Tree {
    let mut tree = Tree::new();
    tree.insert(path("/"), Entry::directory(0o755, 7, origin()));
    tree.insert_with_parents(
        path("/usr/bin/busybox"),
        file(store, b"busy", 0o4755).owned_by(0, 42),
    );
    for name in ["/usr/bin/ash", "/usr/bin/sh"] {
        let to = path("/usr/bin/busybox");
        tree.insert(
            path(name),
            node(Node::Hardlink { to }, 0o4755).owned_by(0, 42),
        );
    }
    tree.insert(path("/bin"), Entry::symlink("usr/bin", 7, origin()));
    tree.insert_with_parents(
        path("/dev/console"),
        node(Node::CharDevice { major: 5, minor: 1 }, 0o600),
    );
    tree.insert(
        path("/dev/vda"),
        node(
            Node::BlockDevice {
                major: 254,
                minor: 0,
            },
            0o660,
        ),
    );
    tree.insert(path("/dev/initctl"), node(Node::Fifo, 0o600));
    tree.insert(path("/empty"), file(store, b"", 0o644));
    tree
}

fn packed(tree: &Tree, store: &Store, compression: Compression) -> Vec<u8> {
    let mut bytes = Vec::new();
    let packed = pack(tree, store, 100, compression, &mut bytes).expect("packs");
    assert_eq!(packed.bytes, bytes.len() as u64);
    bytes
}

fn unpacked(bytes: &[u8], store: &Store) -> Contents {
    read(bytes, store, &origin(), Limits::default()).expect("reads")
}

/// The same tree with the first name of each hard-linked file as the file, which is how archives come back.
fn first_names(tree: &Tree) -> Tree {
    let mut result = tree.clone();
    let mut first: BTreeMap<ImagePath, ImagePath> = BTreeMap::new();
    for (at, entry) in tree.iter() {
        if let Node::Hardlink { to } = &entry.node {
            first
                .entry(to.clone())
                .or_insert_with(|| at.clone().min(to.clone()));
        }
    }
    for (at, entry) in tree.iter() {
        let file = match &entry.node {
            Node::Hardlink { to } => to,
            _ => at,
        };
        let Some(head) = first.get(file) else {
            continue;
        };
        result.get_mut(at).expect("there").node = if head == at {
            tree.get(file).expect("there").node.clone()
        } else {
            Node::Hardlink { to: head.clone() }
        };
    }
    result
}

#[test]
fn every_kind_of_node_survives_in_every_compression() {
    let (_folder, store) = store();
    let tree = sample(&store);
    for compression in [
        Compression::None,
        Compression::Gzip,
        Compression::Xz { level: 6 },
        Compression::Zstd { level: 19 },
    ] {
        let contents = unpacked(&packed(&tree, &store, compression), &store);
        assert_eq!(contents.tree, first_names(&tree));
        assert_eq!(contents.frames.len(), 1);
        assert_eq!(contents.frames[0].algorithm, compression.algorithm());
        assert_eq!(contents.frames[0].entries, tree.len() as u64);
        assert_eq!(contents.remarks, Vec::<String>::new());
    }
}

#[test]
fn the_size_is_known_beforehand_and_is_a_multiple_of_four() {
    let (_folder, store) = store();
    let bytes = packed(&sample(&store), &store, Compression::None);
    assert_eq!(
        Archive::new(&sample(&store), 100).expect("lays out").size(),
        bytes.len() as u64
    );
    assert_eq!(bytes.len() % 4, 0);
}

#[test]
fn the_first_name_carries_the_content_and_every_name_the_count() {
    let (_folder, store) = store();
    let bytes = packed(&sample(&store), &store, Compression::None);
    let (members, _) = members(&bytes, 100).expect("reads");
    let names: Vec<_> = members
        .iter()
        .filter(|member| member.links == 3)
        .map(|member| (member.name.as_str(), member.data, member.identity))
        .collect();
    let same = names[0].2;
    assert_eq!(
        names,
        [
            ("usr/bin/ash", &b"busy"[..], same),
            ("usr/bin/busybox", &b""[..], same),
            ("usr/bin/sh", &b""[..], same)
        ]
    );
}

#[test]
fn times_end_at_the_epoch() {
    let (_folder, store) = store();
    let mut tree = Tree::new();
    tree.insert(path("/x"), Entry::directory(0o755, 5_000, origin()));
    let contents = unpacked(&packed(&tree, &store, Compression::None), &store);
    assert_eq!(contents.tree.get(&path("/x")).map(|e| e.mtime), Some(100));
}

#[test]
fn missing_directories_are_added_before_their_files() {
    let (_folder, store) = store();
    let mut tree = Tree::new();
    tree.insert(path("/a/b/c"), file(&store, b"x", 0o644));
    let contents = unpacked(&packed(&tree, &store, Compression::None), &store);
    assert!(
        contents
            .tree
            .get(&path("/a/b"))
            .is_some_and(Entry::is_directory)
    );
    assert!(contents.remarks.is_empty());
}

#[test]
fn attributes_that_newc_cannot_hold_are_reported() {
    let (_folder, store) = store();
    let mut tree = Tree::new();
    let mut entry = file(&store, b"x", 0o755);
    entry.xattrs.insert("security.capability".into(), vec![1]);
    tree.insert(path("/ping"), entry);
    let lost = Archive::new(&tree, 0).expect("lays out").lost();
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].name, "security.capability");
    assert_eq!(lost[0].path, path("/ping"));
}

#[test]
fn what_the_format_cannot_say_is_refused() {
    let (_folder, store) = store();
    let refused = |at: &str, entry: Entry| {
        let mut tree = Tree::new();
        tree.insert(path(at), entry);
        pack(&tree, &store, 0, Compression::None, &mut std::io::sink())
            .expect_err("refused")
            .code
    };
    let huge = Entry::file(Digest::of(b""), 1 << 32, 0o644, 0, origin());
    assert_eq!(refused("/huge", huge), "zosc::archive::file-too-large");
    let trailer = file(&store, b"", 0o644);
    assert_eq!(
        refused("/TRAILER!!!", trailer),
        "zosc::archive::reserved-name"
    );
    let to = path("/nowhere");
    assert_eq!(
        refused("/x", node(Node::Hardlink { to }, 0o644)),
        "zosc::archive::dangling-hard-link"
    );
    let link = Entry::symlink("x".repeat(4096), 0, origin());
    assert_eq!(refused("/x", link), "zosc::archive::bad-link");
    let wrong = Entry::file(store.put(b"four").expect("stored"), 5, 0o644, 0, origin());
    assert_eq!(refused("/x", wrong), "zosc::archive::wrong-size");
}

#[test]
fn segments_hold_each_file_once_and_read_back_as_the_whole() {
    let (_folder, store) = store();
    let tree = sample(&store);
    let segments = split(&tree, |path, _| {
        if path.as_str().starts_with("/usr") {
            "b-programs"
        } else if path.as_str().starts_with("/dev/") {
            "c-devices"
        } else {
            "a-base"
        }
    });
    let groups: Vec<_> = segments.iter().map(|segment| segment.group).collect();
    assert_eq!(groups, ["a-base", "b-programs", "c-devices"]);
    let compressions = [
        Compression::None,
        Compression::Xz { level: 1 },
        Compression::Zstd { level: 1 },
    ];
    let parts: Vec<Vec<u8>> = segments
        .iter()
        .zip(compressions)
        .map(|(segment, compression)| packed(&segment.tree, &store, compression))
        .collect();
    let mut readers: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let mut joined = Vec::new();
    let bytes = concatenate(
        readers.iter_mut().map(|reader| reader as &mut dyn Read),
        &mut joined,
    )
    .expect("joins");
    assert_eq!(bytes, joined.len() as u64);
    let contents = unpacked(&joined, &store);
    assert_eq!(contents.tree, first_names(&tree));
    assert_eq!(contents.frames.len(), 3);
}

#[test]
fn names_of_one_file_stay_in_one_segment() {
    let (_folder, store) = store();
    let mut tree = Tree::new();
    tree.insert_with_parents(path("/a/file"), file(&store, b"x", 0o644));
    let to = path("/a/file");
    tree.insert_with_parents(path("/b/link"), node(Node::Hardlink { to }, 0o644));
    let segments = split(&tree, |path, _| {
        path.components().next().unwrap_or("").to_owned()
    });
    let with_file = segments.iter().find(|s| s.group == "a").expect("a segment");
    assert!(with_file.tree.contains(&path("/b/link")));
    assert!(with_file.tree.contains(&path("/b")));
    for segment in &segments {
        packed(&segment.tree, &store, Compression::None);
    }
}

#[test]
fn later_archives_win_as_they_do_at_boot() {
    let (_folder, store) = store();
    let mut first = Tree::new();
    first.insert_with_parents(path("/x/y"), file(&store, b"1", 0o644));
    first.insert(path("/z"), Entry::symlink("x", 0, origin()));
    first.insert(path("/gone"), Entry::directory(0o755, 0, origin()));
    let mut second = Tree::new();
    second.insert_with_parents(path("/x/y"), file(&store, b"2", 0o600));
    second.insert(path("/gone"), file(&store, b"3", 0o600));
    let mut bytes = packed(&first, &store, Compression::None);
    bytes.extend([0; 8]);
    bytes.extend(packed(&second, &store, Compression::Gzip));
    let tree = unpacked(&bytes, &store).tree;
    assert_eq!(tree.get(&path("/x/y")), Some(&file(&store, b"2", 0o600)));
    assert!(matches!(
        tree.get(&path("/gone")).map(|e| &e.node),
        Some(Node::File { .. })
    ));
    assert!(tree.contains(&path("/z")));
}

#[test]
fn entries_that_the_kernel_drops_are_told() {
    let (_folder, store) = store();
    let mut tree = Tree::new();
    tree.insert_with_parents(path("/a/b"), file(&store, b"x", 0o644));
    let mut bytes = packed(&tree, &store, Compression::None);
    // The first member is the directory `a`: 110 bytes of header and 2 of name.
    bytes.drain(..112);
    let contents = unpacked(&bytes, &store);
    assert_eq!(contents.remarks.len(), 1);
    assert!(contents.tree.is_empty());
}

#[test]
fn archives_that_escape_or_lie_are_refused() {
    let (_folder, store) = store();
    let mut tree = Tree::new();
    tree.insert(path("/aaaa"), file(&store, b"x", 0o644));
    let good = packed(&tree, &store, Compression::None);
    let code = |bytes: &[u8]| {
        read(bytes, &store, &origin(), Limits::default())
            .expect_err("refused")
            .code
    };
    let mut escaping = good.clone();
    escaping[110..114].copy_from_slice(b"../a");
    assert_eq!(code(&escaping), "zosc::archive::bad-name");
    assert_eq!(code(&good[..111]), "zosc::archive::damaged");
    let mut long = good.clone();
    long[94..102].copy_from_slice(b"FFFFFFFF");
    assert_eq!(code(&long), "zosc::archive::damaged");
    assert_eq!(code(b"hello"), "zosc::archive::not-an-archive");
    assert_eq!(code(b""), "zosc::archive::not-an-archive");
    let xz = packed(&tree, &store, Compression::Xz { level: 1 });
    assert_eq!(code(&xz[..xz.len() - 8]), "zosc::archive::damaged");
}

#[test]
fn a_bomb_is_stopped_at_the_limit() {
    let (_folder, store) = store();
    let mut tree = Tree::new();
    tree.insert(path("/zeros"), file(&store, &vec![0; 1 << 20], 0o644));
    let limits = Limits {
        bytes: 100_000,
        entries: 10,
    };
    for compression in [
        Compression::Gzip,
        Compression::Xz { level: 1 },
        Compression::Zstd { level: 1 },
    ] {
        let bytes = packed(&tree, &store, compression);
        let error = read(&bytes, &store, &origin(), limits).expect_err("refused");
        assert_eq!(error.code, "zosc::archive::too-large");
    }
}

#[test]
fn gnu_cpio_and_the_xz_and_zstd_programs_agree() {
    let (_folder, store) = store();
    let tree = sample(&store);
    let plain = packed(&tree, &store, Compression::None);
    let Some(listing) = piped("cpio", &["-itv", "--numeric-uid-gid", "--quiet"], &plain) else {
        return;
    };
    let listing = String::from_utf8(listing).expect("text");
    for line in [
        "-rwsr-xr-x   3 0        42              4",
        "crw-------   1 0        0          5,   1",
        "bin -> usr/bin",
        "prw-------",
    ] {
        assert!(listing.contains(line), "{line:?} is missing in\n{listing}");
    }
    for (program, compression) in [
        ("xz", Compression::Xz { level: 6 }),
        ("zstd", Compression::Zstd { level: 19 }),
        ("gzip", Compression::Gzip),
    ] {
        let bytes = packed(&tree, &store, compression);
        if let Some(unpacked) = piped(program, &["-dc"], &bytes) {
            assert_eq!(unpacked, plain, "{program}");
        }
    }
}

/// What a program makes of some bytes; `None`, said aloud, where it is not installed.
fn piped(program: &str, arguments: &[&str], bytes: &[u8]) -> Option<Vec<u8>> {
    let Ok(mut child) = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
    else {
        eprintln!("skipped: {program} is not installed");
        return None;
    };
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(bytes)
        .expect("writes");
    let output = child.wait_with_output().expect("ends");
    // gzip warns of the zeros behind its stream with status 2.
    assert!(!output.stdout.is_empty(), "{program} wrote nothing");
    Some(output.stdout)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_tree_survives(
        files in proptest::collection::btree_map("(/[a-c]{1,3}){1,3}", (proptest::collection::vec(any::<u8>(), 0..40), 0_u32..0o10000, any::<u32>(), any::<u32>()), 0..20),
        kind in 0_u8..4,
    ) {
        let (_folder, store) = store();
        let mut tree = Tree::new();
        for (at, (content, mode, uid, gid)) in &files {
            let at = path(at);
            let below_a_file = std::iter::successors(at.parent(), ImagePath::parent)
                .any(|parent| tree.get(&parent).is_some_and(|entry| !entry.is_directory()));
            if !below_a_file && !tree.contains(&at) {
                tree.insert_with_parents(at, file(&store, content, *mode).owned_by(*uid, *gid));
            }
        }
        let compression = [
            Compression::None,
            Compression::Gzip,
            Compression::Xz { level: 0 },
            Compression::Zstd { level: 1 },
        ][usize::from(kind)];
        let bytes = packed(&tree, &store, compression);
        prop_assert_eq!(&bytes, &packed(&tree, &store, compression));
        prop_assert_eq!(unpacked(&bytes, &store).tree, tree);
    }

    #[test]
    fn damage_is_an_error_or_another_tree_but_never_a_panic(
        at in 0_usize..600, value in any::<u8>(), cut in 0_usize..600,
    ) {
        let (_folder, store) = store();
        let mut bytes = packed(&sample(&store), &store, Compression::None);
        let length = bytes.len();
        bytes[at % length] = value;
        bytes.truncate(length - cut % length);
        let _ = read(&bytes, &store, &origin(), Limits::default());
    }

    #[test]
    fn noise_behind_a_magic_never_panics(magic in 0_usize..4, noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (_folder, store) = store();
        let mut bytes = [&b"070701"[..], b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x1f\x8b"][magic].to_vec();
        bytes.extend(noise);
        let _ = read(&bytes, &store, &origin(), Limits::default());
    }
}

mod pieces;
