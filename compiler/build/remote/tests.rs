//! Input roots, and what of an answer is believed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::input::{Folders, Input, Maker};
use super::job::{Job, Programs};
use super::outcome::verify;
use super::own::Own;
use super::{shared, *};
use crate::build::capture::Mark;
use crate::build::perform::run::{RequestMount, RequestRoot};
use crate::remote::{Blob, Content};
use crate::tree::{Entry, ImagePath, Node, Origin, Store, Tree};

fn path(text: &str) -> ImagePath {
    ImagePath::new(text).expect("sound")
}

fn mark() -> Mark {
    Mark {
        origin: Origin::new("source x"),
        epoch: 7,
    }
}

fn file(content: &[u8]) -> Entry {
    let size = content.len() as u64;
    Entry::file(Digest::of(content), size, 0o644, 7, mark().origin)
}

/// A store with a toolchain and a source, and a command on them.
struct Bench {
    _folder: tempfile::TempDir,
    store: Store,
    request: Request,
    own: Own,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path().join("store")).expect("opens");
        let mut toolchain = Tree::new();
        toolchain.insert_with_parents(
            path("/usr/bin/sh"),
            Entry {
                mode: 0o755,
                ..file(b"shell")
            },
        );
        toolchain.insert_with_parents(
            path("/bin/sh"),
            Entry::symlink("/usr/bin/sh", 7, mark().origin),
        );
        let again = Node::Hardlink {
            to: path("/usr/bin/sh"),
        };
        toolchain.insert(
            path("/usr/bin/ash"),
            Entry {
                node: again,
                mode: 0o755,
                ..file(b"")
            },
        );
        let mut source = Tree::new();
        source.insert(path("/main"), file(b"main"));
        for content in [b"shell".as_slice(), b"main"] {
            store.put(content).expect("stored");
        }
        let source = store.put_tree(&source).expect("stored");
        let mount = |at: &str, writable| RequestMount {
            tree: source,
            at: path(at),
            writable,
        };
        let request = Request {
            label: "build x".to_owned(),
            name: None,
            manifest: PathBuf::new(),
            root: RequestRoot::Toolchain(store.put_tree(&toolchain).expect("stored")),
            mounts: vec![mount("/build/source", true), mount("/build/crates", false)],
            files: BTreeMap::from([(path("/build/text"), store.put(b"text").expect("stored"))]),
            arguments: vec!["true".to_owned()],
            environment: BTreeMap::new(),
            directory: path("/build/source"),
        };
        let program = folder.path().join("zosc");
        std::fs::write(&program, "program").expect("written");
        let own = Own {
            program: (program, Blob::of(b"program")),
            libraries: Vec::new(),
            start: vec![".zosc/zosc".to_owned()],
        };
        Self {
            _folder: folder,
            store,
            request,
            own,
        }
    }

    fn input(&self, absolute_links: bool) -> Input {
        let maker = Maker {
            store: &self.store,
            own: &self.own,
            folders: &Folders::default(),
            absolute_links,
        };
        let job = Job {
            programs: Programs::Root(Vec::new()),
            mounts: Vec::new(),
            files: Vec::new(),
            arguments: self.request.arguments.clone(),
            environment: BTreeMap::new(),
            directory: self.request.directory.clone(),
            capture: path("/build/output"),
            origin: "source x".to_owned(),
            epoch: 7,
        };
        maker.input(&self.request, job).expect("made")
    }
}

fn job_of(input: &Input, store: &Store) -> Job {
    let contents = input.contents(store).into_iter();
    let mut jobs = contents.filter_map(|(_, content)| match content {
        Content::Bytes(bytes) => serde_json::from_slice(&bytes).ok(),
        Content::File(_) => None,
    });
    jobs.next_back().expect("there is a job")
}

#[test]
fn an_input_root_has_all_that_a_command_needs() {
    let bench = Bench::new();
    let input = bench.input(true);
    assert_eq!(input.folder.blob(), bench.input(true).folder.blob());
    let contents: BTreeMap<Blob, Content> = input.contents(&bench.store).into_iter().collect();
    for (blob, content) in &contents {
        let bytes = match content {
            Content::Bytes(bytes) => bytes.clone(),
            Content::File(path) => std::fs::read(path).expect("there"),
        };
        assert_eq!(Blob::of(&bytes), *blob);
    }
    for content in [b"shell".as_slice(), b"main", b"text", b"program"] {
        assert!(contents.contains_key(&Blob::of(content)));
    }
    let job = job_of(&input, &bench.store);
    let expected = ["bin", "usr"].map(str::to_owned);
    assert_eq!(job.programs, Programs::Root(expected.into()));
    let writable = job.mounts.iter().map(|mount| mount.writable);
    assert_eq!(writable.collect::<Vec<bool>>(), [true, false]);
    assert_eq!(job.files, [path("/build/text")]);
}

#[test]
fn links_are_relative_where_a_server_wants_them_so() {
    let bench = Bench::new();
    let target = |absolute_links| {
        let input = bench.input(absolute_links);
        let messages = input.folder.messages().1;
        let told: Vec<String> = messages
            .iter()
            .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
            .collect();
        told.iter().any(|message| message.contains("../usr/bin/sh"))
    };
    assert!(!target(true));
    assert!(target(false));
}

#[test]
fn only_what_a_command_can_leave_is_taken() {
    let told = |place: &str, entry: Entry| {
        let mut tree = Tree::new();
        tree.insert(path("/f"), file(b"f"));
        tree.insert(path(place), entry);
        verify(&tree, &mark()).map_err(|problem| problem.code.replace("zosc::remote::", ""))
    };
    let fails = |place: &str, entry: Entry| told(place, entry).expect_err("refused");
    let folder = || Entry::directory(0o700, 7, mark().origin);
    let link = |to: &str| Entry {
        node: Node::Hardlink { to: path(to) },
        ..file(b"")
    };
    assert_eq!(told("/d", folder()), Ok(()));
    assert_eq!(told("/", folder()), Ok(()));
    assert_eq!(told("/g", link("/f")), Ok(()));
    assert_eq!(
        told("/l", Entry::symlink("/etc/shadow", 7, mark().origin)),
        Ok(())
    );
    for entry in [
        folder().owned_by(0, 5),
        Entry {
            xattrs: [("user.x".to_owned(), Vec::new())].into(),
            ..file(b"x")
        },
        Entry {
            node: Node::CharDevice { major: 1, minor: 3 },
            ..file(b"")
        },
        Entry {
            node: Node::Fifo,
            ..file(b"")
        },
    ] {
        assert_eq!(fails("/x", entry), "unportable-output");
    }
    for (place, entry) in [
        ("/x", Entry::directory(0o755, 8, mark().origin)),
        (
            "/x",
            Entry::directory(0o755, 7, Origin::new("package busybox-1")),
        ),
        ("/x", Entry::directory(0o10_755, 7, mark().origin)),
        ("/f/x", file(b"x")),
        ("/none/x", file(b"x")),
        ("/x", link("/y")),
        ("/", file(b"x")),
    ] {
        assert_eq!(fails(place, entry), "odd-output", "{place}");
    }
}

/// Whoever changes this shares nothing with the versions before.
#[test]
fn the_name_of_a_shared_result_is_what_it_was() {
    let entry = shared::entry(&Digest::of(b"key"));
    let expected = "eef2de2720ca119030df36d93264cb1e7610294f1f1b7d7eea301920bc38d12f";
    assert_eq!(entry.blob.digest.to_string(), expected);
}
