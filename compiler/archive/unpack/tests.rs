//! What archives become.

use std::io::{Seek as _, Write as _};

use super::*;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    (folder, store)
}

fn unpack(bytes: &[u8], name: &str, strip: u32) -> Result<Tree, Diagnostic> {
    let (_folder, store) = store();
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("written");
    file.rewind().expect("rewound");
    Unpacking::new(name, "source x", &store)
        .strip_components(strip)
        .tree_of(file)
}

/// A tar archive; `->` makes a symlink, `=>` a hard link, a trailing slash a directory.
fn tar(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        header.set_uid(1000);
        header.set_mtime(99);
        let raw = &mut header.as_old_mut().name;
        raw[..path.len()].copy_from_slice(path.as_bytes());
        let mut body: &[u8] = b"";
        if let Some(target) = content.strip_prefix("->") {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_link_name(target).expect("a short name");
        } else if let Some(target) = content.strip_prefix("=>") {
            header.set_entry_type(tar::EntryType::Link);
            header.set_link_name(target).expect("a short name");
        } else if path.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
        } else {
            body = content.as_bytes();
        }
        header.set_size(body.len() as u64);
        header.set_cksum();
        builder.append(&header, body).expect("appended");
    }
    builder.into_inner().expect("finished")
}

fn listing(tree: &Tree) -> Vec<String> {
    tree.iter()
        .map(|(path, entry)| {
            let kind = match &entry.node {
                Node::File { size, .. } => format!("{size} bytes"),
                Node::Symlink { target } => format!("-> {target}"),
                Node::Hardlink { to } => format!("=> {to}"),
                _ => "folder".to_owned(),
            };
            let (uid, mtime) = (entry.uid, entry.mtime);
            format!("{path} {:o} {uid} {mtime} {kind}", entry.mode)
        })
        .collect()
}

const PROGRAM: [(&str, &str); 4] = [
    ("app-1.0/", ""),
    ("app-1.0/bin/app", "program"),
    ("app-1.0/app", "->bin/app"),
    ("app-1.0/again", "=>app-1.0/bin/app"),
];

const UNPACKED: [&str; 4] = [
    "/again 755 0 0 => /bin/app",
    "/app 777 0 0 -> bin/app",
    "/bin 755 0 0 folder",
    "/bin/app 755 0 0 7 bytes",
];

#[test]
fn every_compression_of_tar_gives_the_same_tree() {
    let plain = tar(&PROGRAM);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).expect("compressed");
    let mut xz = xz2::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&plain).expect("compressed");
    let zstd = zstd::encode_all(&*plain, 1).expect("compressed");
    for (name, bytes) in [
        ("app.tar", plain),
        ("app.tar.gz", gzip.finish().expect("finished")),
        ("app.txz", xz.finish().expect("finished")),
        ("app.TAR.ZST", zstd),
    ] {
        let tree = unpack(&bytes, name, 1).expect(name);
        assert_eq!(listing(&tree), UNPACKED, "{name}");
    }
}

#[test]
fn a_deb_yields_the_files_of_its_data() {
    let mut builder = ar::Builder::new(Vec::new());
    let zstd = zstd::encode_all(&*tar(&[("./usr/bin/x", "x")]), 1).expect("compressed");
    for (name, content) in [
        ("debian-binary", b"2.0\n".as_slice()),
        ("control.tar", &tar(&[("./control", "")])),
        ("data.tar.zst", &zstd),
    ] {
        let header = ar::Header::new(name.into(), content.len() as u64);
        builder.append(&header, content).expect("appended");
    }
    let bytes = builder.into_inner().expect("finished");
    let tree = unpack(&bytes, "x.deb", 0).expect("unpacks");
    assert_eq!(
        listing(&tree).last().map(String::as_str),
        Some("/usr/bin/x 755 0 0 1 bytes")
    );
    let refused = unpack(&bytes[..200], "x.deb", 0).expect_err("truncated");
    assert_eq!(refused.code, "zosc::archive::bad-archive");
}

#[test]
fn a_zip_keeps_permissions_and_links() {
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o750);
    writer.start_file("a/tool", options).expect("begun");
    writer.write_all(b"tool").expect("written");
    writer
        .add_symlink("a/link", "tool", options)
        .expect("linked");
    let bytes = writer.finish().expect("finished").into_inner();
    let tree = unpack(&bytes, "a.zip", 1).expect("unpacks");
    assert_eq!(
        listing(&tree),
        ["/link 777 0 0 -> tool", "/tool 750 0 0 4 bytes"]
    );
}

#[test]
fn an_apk_yields_its_files_without_what_describes_it() {
    let mut bytes = Vec::new();
    for part in [
        tar(&[(".SIGN.RSA.key", "signature")]),
        tar(&[(".PKGINFO", "pkgname = x")]),
        tar(&[("etc/x.conf", "conf")]),
    ] {
        let mut gzip = flate2::write::GzEncoder::new(&mut bytes, flate2::Compression::fast());
        gzip.write_all(&part).expect("compressed");
        gzip.finish().expect("finished");
    }
    let tree = unpack(&bytes, "x.apk", 0).expect("unpacks");
    assert_eq!(
        listing(&tree),
        ["/etc 755 0 0 folder", "/etc/x.conf 755 0 0 4 bytes"]
    );
}

#[test]
fn archives_cannot_leave_their_tree() {
    for entries in [
        &[("../x", "x")][..],
        &[("a/../../x", "x")],
        &[("a", "->/etc"), ("a/x", "x")],
        &[("x", "=>../etc/passwd")],
        &[("x", "=>missing")],
        &[("x", "1"), ("x", "2")],
    ] {
        let refused = unpack(&tar(entries), "x.tar", 0).expect_err("refused");
        assert_eq!(refused.code, "zosc::archive::bad-archive", "{entries:?}");
    }
    let inside = unpack(&tar(&[("/abs", "x")]), "x.tar", 0).expect("made relative");
    assert_eq!(listing(&inside), ["/abs 755 0 0 1 bytes"]);
}

/// Whether it is kept or passed over.
#[test]
fn a_bomb_among_sources_stops_at_its_limit() {
    let (_folder, store) = store();
    let zeros = "\0".repeat(1 << 20);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar(&[("a/b", "x"), ("zeros", &zeros)]))
        .expect("compressed");
    let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, content) in [("a/b", "x"), ("zeros", &zeros)] {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(name, options).expect("begun");
        zip.write_all(content.as_bytes()).expect("written");
    }
    let archives = [
        ("x.tar.gz", gzip.finish().expect("finished")),
        ("x.zip", zip.finish().expect("finished").into_inner()),
    ];
    for (name, bytes) in archives {
        let unpack = |strip, limit| {
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(&bytes).expect("written");
            file.rewind().expect("rewound");
            let unpacking = Unpacking::new(name, "source x", &store).strip_components(strip);
            Unpacking { limit, ..unpacking }.tree_of(file)
        };
        assert!(bytes.len() < 100_000, "{name}");
        unpack(0, 2 << 20).expect("within the limit");
        let kept = unpack(0, 1 << 19).expect_err("too large");
        assert!(kept.message.contains("more than 524288 bytes"), "{kept:?}");
        match unpack(1, 1 << 18) {
            // An entry of a zip that is passed over is not unpacked.
            Ok(tree) => assert_eq!((tree.len(), name), (1, "x.zip")),
            Err(over) => assert!(over.message.contains("more than it may"), "{over:?}"),
        }
    }
}

#[test]
fn what_is_no_archive_is_refused() {
    for (bytes, name) in [
        (&b"text"[..], "a.txt"),
        (b"text", "a.tar.gz"),
        (b"text", "a.zip"),
        (b"", "a.deb"),
        (b"text", "a.tar.bz2"),
        (b"", "a.tar"),
    ] {
        let refused = unpack(bytes, name, 0).expect_err(name);
        assert_eq!(refused.code, "zosc::archive::bad-archive", "{name}");
    }
}

/// An entry of a kind that says something about the next one.
fn about(kind: tar::EntryType, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut entry = header.as_bytes().to_vec();
    entry.extend(content);
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}

#[test]
fn names_and_extensions_take_bounded_memory() {
    let large = vec![b'a'; 2 << 20];
    for kind in [
        tar::EntryType::GNULongName,
        tar::EntryType::GNULongLink,
        tar::EntryType::XHeader,
    ] {
        let entry = about(kind, &large);
        let refused = unpack(&entry, "x.tar", 0).expect_err("refused");
        assert!(refused.message.contains("bytes of headers"), "{refused:#?}");
        let behind = [tar(&[("x", "x")])[..1024].to_vec(), entry].concat();
        unpack(&behind, "x.tar", 0).expect_err("refused");
    }
    // What is as large and no header is no trouble, read or not.
    let text = "a".repeat(2 << 20);
    let files = tar(&[("one", &text), ("two", &text)]);
    assert_eq!(unpack(&files, "x.tar", 0).expect("unpacks").len(), 2);
    let global = about(tar::EntryType::XGlobalHeader, &large);
    let tree = unpack(&[global, files].concat(), "x.tar", 0);
    assert_eq!(tree.expect("unpacks").len(), 2);
}

#[test]
fn a_deb_is_believed_no_sizes() {
    for (name, size) in [
        ("//", "9999999999"),
        ("#1/9999999999999", "9999999999"),
        ("debian-binary", "-1"),
        ("debian-binary", "4"),
    ] {
        let bytes = format!("!<arch>\n{name:<16}{:<32}{size:<10}`\n2.0\n", "0");
        let refused = unpack(bytes.as_bytes(), "x.deb", 0).expect_err(name);
        assert_eq!(refused.code, "zosc::archive::bad-archive", "{name}");
    }
}
