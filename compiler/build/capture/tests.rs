use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::sync::atomic::AtomicBool;

use super::super::materialise::materialise;
use super::super::sandbox::{Access, Identity, RootFs, Sandbox};
use super::super::scratch::Scratch;
use super::*;

fn path(text: &str) -> ImagePath {
    ImagePath::new(text).expect("valid")
}

fn mark() -> Mark {
    Mark {
        origin: Origin::new("script test"),
        epoch: 1_000_000,
    }
}

struct Bench {
    _folder: tempfile::TempDir,
    store: Store,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        Self {
            _folder: folder,
            store,
        }
    }

    fn file(&self, content: &str, mode: u32) -> Entry {
        let digest = self.store.put(content.as_bytes()).expect("stored");
        let origin = Origin::new("package x");
        Entry::file(digest, content.len() as u64, mode, 77, origin)
    }

    fn tree(&self) -> Tree {
        let origin = Origin::new("package x");
        let mut tree = Tree::new();
        tree.insert(
            path("/etc"),
            Entry::directory(0o755, 55, Origin::new("package base")),
        );
        tree.insert(path("/etc/conf"), self.file("conf", 0o640).owned_by(0, 42));
        tree.insert(path("/bin"), Entry::directory(0o555, 55, origin.clone()));
        tree.insert(path("/bin/z"), self.file("program", 0o4755));
        let mut link = self.file("", 0o4755);
        link.node = Node::Hardlink { to: path("/bin/z") };
        tree.insert(path("/bin/a"), link);
        tree.insert(
            path("/sh"),
            Entry::symlink("/etc/nowhere", 66, origin.clone()),
        );
        tree.insert(
            path("/home"),
            Entry::directory(0o700, 55, origin.clone()).owned_by(1000, 1000),
        );
        let mut device = Entry::directory(0o600, 9, origin.clone());
        device.node = Node::CharDevice { major: 1, minor: 3 };
        tree.insert(path("/null"), device);
        let mut fifo = Entry::directory(0o600, 9, origin);
        fifo.node = Node::Fifo;
        tree.insert(path("/fifo"), fifo);
        tree.insert_with_parents(path("/no/entry/above"), self.file("x", 0o444));
        tree.remove(&path("/no"));
        tree
    }

    fn materialise(&self, tree: &Tree) -> (Scratch, Base) {
        let scratch = Scratch::new(&self.store).expect("made");
        let base = materialise(tree, &self.store, scratch.path(), &AtomicBool::new(false))
            .expect("materialised");
        (scratch, base)
    }

    fn capture(&self, scratch: &Scratch, base: &Base) -> Tree {
        capture(scratch.path(), base, &[], &self.store, &mark()).expect("captured")
    }
}

#[test]
fn an_untouched_tree_comes_back_as_it_was() {
    let bench = Bench::new();
    let mut tree = bench.tree();
    if let Some(entry) = tree.get_mut(&path("/etc/conf")) {
        entry.xattrs.insert("user.note".into(), b"kept".to_vec());
        // VFS_CAP_REVISION_2, effective, CAP_NET_BIND_SERVICE.
        let mut capability = vec![1, 0, 0, 2, 0, 4, 0, 0];
        capability.resize(20, 0);
        entry
            .xattrs
            .insert("security.capability".into(), capability);
    }
    let (scratch, base) = bench.materialise(&tree);
    let see = |name: &str| fs::symlink_metadata(scratch.path().join(name)).expect("there");
    assert_eq!(see("bin/z").mode() & 0o7777, 0o4755);
    assert_eq!(see("bin/z").ino(), see("bin/a").ino());
    assert_eq!(
        (
            see("etc").mtime(),
            see("etc/conf").mtime(),
            see("sh").mtime()
        ),
        (55, 77, 66)
    );
    if !gives_owners() {
        assert_eq!((see("etc/conf").gid(), see("home").uid()), (42, 1000));
    }
    assert_eq!(bench.capture(&scratch, &base), tree);
}

#[test]
fn changes_carry_the_mark_and_the_rest_stays() {
    let bench = Bench::new();
    let tree = bench.tree();
    let (scratch, base) = bench.materialise(&tree);
    let root = scratch.path();
    fs::write(root.join("etc/conf"), "CONF").expect("same length, other content");
    fs::write(root.join("etc/new"), "new").expect("written");
    fs::remove_file(root.join("sh")).expect("removed");
    fs::set_permissions(root.join("fifo"), fs::Permissions::from_mode(0o644)).expect("changed");
    let captured = bench.capture(&scratch, &base);
    let changed: Vec<String> = captured
        .iter()
        .filter(|(at, entry)| tree.get(at) != Some(entry))
        .map(|(at, entry)| format!("{at} {} {}", entry.mtime, entry.origin))
        .collect();
    assert_eq!(
        changed,
        [
            "/etc/conf 1000000 script test",
            "/etc/new 1000000 script test",
            "/fifo 1000000 script test"
        ]
    );
    assert!(!captured.contains(&path("/sh")));
    assert_eq!(captured.len(), tree.len());
}

#[test]
fn a_rewrite_with_the_same_content_is_no_change() {
    let bench = Bench::new();
    let tree = bench.tree();
    let (scratch, base) = bench.materialise(&tree);
    let file = scratch.path().join("etc/conf");
    fs::write(&file, "other").expect("written");
    fs::write(&file, "conf").expect("written back");
    assert_eq!(bench.capture(&scratch, &base), tree);
}

#[test]
fn broken_and_new_hard_links_are_seen() {
    let bench = Bench::new();
    let tree = bench.tree();
    let (scratch, base) = bench.materialise(&tree);
    let root = scratch.path();
    fs::set_permissions(root.join("bin"), fs::Permissions::from_mode(0o755)).expect("changed");
    fs::remove_file(root.join("bin/z")).expect("removed");
    fs::hard_link(root.join("etc/conf"), root.join("conf")).expect("linked");
    let captured = bench.capture(&scratch, &base);
    let heir = captured.get(&path("/bin/a")).expect("there");
    assert_eq!(heir.node, bench.file("program", 0o755).node);
    assert_eq!(heir.origin, Origin::new("package x"));
    let link = captured.get(&path("/conf")).expect("there");
    assert_eq!(
        link.node,
        Node::Hardlink {
            to: path("/etc/conf")
        }
    );
    assert_eq!(
        captured.get(&path("/etc/conf")),
        tree.get(&path("/etc/conf"))
    );
}

#[test]
fn nothing_is_written_through_a_link_of_the_tree() {
    let bench = Bench::new();
    let outside = tempfile::tempdir().expect("a folder");
    let origin = Origin::new("hostile");
    for target in [&*outside.path().to_string_lossy(), "../..", "other"] {
        let mut tree = Tree::new();
        tree.insert(path("/a"), Entry::symlink(target, 0, origin.clone()));
        tree.insert(path("/a/b"), bench.file("x", 0o644));
        let scratch = Scratch::new(&bench.store).expect("made");
        let refused = materialise(&tree, &bench.store, scratch.path(), &AtomicBool::new(false));
        assert_eq!(
            refused.expect_err("refused").code,
            "zosc::build::unplaceable-path"
        );
    }
    assert_eq!(fs::read_dir(outside.path()).expect("lists").count(), 0);
}

#[test]
fn links_are_read_and_not_followed() {
    let bench = Bench::new();
    let scratch = Scratch::new(&bench.store).expect("made");
    std::os::unix::fs::symlink("/etc", scratch.path().join("link")).expect("linked");
    let _socket = std::os::unix::net::UnixListener::bind(scratch.path().join("socket"))
        .expect("a short path");
    let captured = bench.capture(&scratch, &Base::default());
    let paths: Vec<_> = captured.iter().map(|(at, _)| at.to_string()).collect();
    assert_eq!(paths, ["/link"]);
}

#[test]
fn names_that_no_image_holds_are_refused() {
    let bench = Bench::new();
    for name in ["a\nb", "\u{7}"] {
        let scratch = Scratch::new(&bench.store).expect("made");
        fs::write(scratch.path().join(name), "").expect("written");
        let refused = capture(scratch.path(), &Base::default(), &[], &bench.store, &mark());
        assert_eq!(
            refused.expect_err("refused").code,
            "zosc::build::strange-name"
        );
    }
}

/// All that is listed counts, read or not: what waits in folders above, and sockets, which become nothing.
#[test]
fn more_files_than_the_limit_are_not_read_back() {
    let bench = Bench::new();
    let (base, mark) = (Base::default(), mark());
    let read = |scratch: &Scratch| {
        let root = open_directory(scratch.path()).expect("opens");
        let mut reader = Reader::new(&root, scratch.path(), &base, &[], &bench.store, &mark);
        reader.limits = Limits {
            entries: 100,
            depth: 3,
        };
        reader.read(root).map(|tree| tree.len())
    };
    let code = |scratch: &Scratch| read(scratch).expect_err("refused").code;
    let write = |scratch: &Scratch, name: String| {
        fs::write(scratch.path().join(name), "").expect("written");
    };
    let flat = Scratch::new(&bench.store).expect("made");
    (0..100).for_each(|number| write(&flat, number.to_string()));
    assert_eq!(read(&flat), Ok(100));
    let socket = std::os::unix::net::UnixListener::bind(flat.path().join("socket"));
    socket.expect("a short path");
    assert_eq!(code(&flat), "zosc::build::too-many-files");
    let nested = Scratch::new(&bench.store).expect("made");
    fs::create_dir(nested.path().join("0")).expect("made");
    (1..50).for_each(|number| write(&nested, number.to_string()));
    (0..50).for_each(|number| write(&nested, format!("0/{number}")));
    assert_eq!(read(&nested), Ok(100));
    write(&nested, "0/50".to_owned());
    assert_eq!(code(&nested), "zosc::build::too-many-files");
    let deep = Scratch::new(&bench.store).expect("made");
    fs::create_dir_all(deep.path().join("1/2/3")).expect("made");
    assert_eq!(read(&deep), Ok(3));
    fs::create_dir(deep.path().join("1/2/3/4")).expect("made");
    assert_eq!(code(&deep), "zosc::build::too-many-files");
    assert_eq!((LIMITS.entries, LIMITS.depth), (2_000_000, 512));
}

#[test]
fn a_damaged_blob_is_never_materialised() {
    let bench = Bench::new();
    let tree = bench.tree();
    let digest = crate::tree::Digest::of(b"conf");
    fs::write(bench.store.blob_path(&digest), "bent").expect("damaged");
    let scratch = Scratch::new(&bench.store).expect("made");
    let refused = materialise(&tree, &bench.store, scratch.path(), &AtomicBool::new(false));
    assert_eq!(
        refused.expect_err("refused").code,
        "zosc::store::damaged-blob"
    );
}

/// As root, and as an ordinary user with subordinate ids, what a script did to owners comes back.
#[test]
fn owners_given_inside_come_back() {
    let Ok(busybox) = fs::read("/bin/busybox") else {
        eprintln!("skipped: needs the static busybox (apt-get install busybox-static)");
        return;
    };
    let bench = Bench::new();
    let mut tree = bench.tree();
    let digest = bench.store.put(&busybox).expect("stored");
    let size = busybox.len() as u64;
    tree.insert(
        path("/busybox"),
        Entry::file(digest, size, 0o755, 0, Origin::new("package busybox")),
    );
    let (scratch, mut base) = bench.materialise(&tree);
    let script = "b=/busybox; $b stat -c %u:%g:%a /etc/conf /home && $b chown 7:8 /fifo && \
         $b chmod 4711 /busybox && $b touch /home/x && $b chown 1000 /home/x && $b ln /home/x /a && $b chmod 2755 /a";
    let mut sandbox = Sandbox::new(
        RootFs::Writable(scratch.path().into()),
        ["/busybox", "sh", "-c", script],
    )
    .bind(bench.store.logs(), "/logs", Access::Read);
    sandbox.identity = Identity::Accounts;
    sandbox.owners = base.hand_over();
    let mut text = String::new();
    let run = sandbox.run(&AtomicBool::new(false), &mut |line| {
        text.push_str(&String::from_utf8_lossy(line));
        text.push(' ');
    });
    let outcome = match run {
        Err(refused) if refused.code == "zosc::build::no-subordinate-ids" => {
            eprintln!("skipped: {}", refused.message);
            return;
        }
        outcome => outcome.expect("made"),
    };
    assert_eq!(text, "0:42:640 1000:1000:700 ");
    assert!(outcome.end.is_success());
    let captured = capture(
        scratch.path(),
        &base,
        &outcome.owners,
        &bench.store,
        &mark(),
    )
    .expect("captured");
    let changed: Vec<String> = captured
        .iter()
        .filter(|(at, entry)| tree.get(at) != Some(entry))
        .map(|(at, entry)| format!("{at} {:o} {}:{}", entry.mode, entry.uid, entry.gid))
        .collect();
    assert_eq!(
        changed,
        [
            "/a 2755 1000:0",
            "/busybox 4711 0:0",
            "/fifo 600 7:8",
            "/home/x 2755 1000:0"
        ]
    );
}

#[test]
fn an_ordinary_user_gets_the_same_trees() {
    use super::super::sandbox::as_user;

    for test in [
        "an_untouched_tree_comes_back_as_it_was",
        "changes_carry_the_mark_and_the_rest_stays",
        "owners_given_inside_come_back",
    ] {
        as_user(&format!("build::capture::tests::{test}"));
    }
}
