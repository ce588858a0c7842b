use std::fs::{self, Permissions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::*;
use crate::flist::{CHUNK, Head, Route};
use crate::publish::blocks::{Blocks, FolderStore, Layout, Routes};

static GOES_ON: AtomicBool = AtomicBool::new(false);
static STOPPED: AtomicBool = AtomicBool::new(true);

fn work(connections: usize, cancel: &AtomicBool) -> Work<'_> {
    Work {
        connections,
        cancel,
        progress: &|done, total| assert!(done <= total),
    }
}

/// A folder with one of each kind of thing, a store, and a list on its way.
struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        let case = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let large: Vec<u8> = (0..CHUNK + 5000).map(|at| (at % 251) as u8).collect();
        fs::create_dir_all(case.path("from/lib/empty")).unwrap();
        fs::write(case.path("from/lib/large"), &large).unwrap();
        fs::write(case.path("from/lib/twin"), &large).unwrap();
        fs::write(case.path("from/lib/nothing"), "").unwrap();
        fs::write(case.path("from/tool"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(case.path("from/tool"), Permissions::from_mode(0o4755)).unwrap();
        fs::set_permissions(case.path("from/lib/empty"), Permissions::from_mode(0o555)).unwrap();
        symlink("/etc/passwd", case.path("from/link")).unwrap();
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn routes(&self) -> Routes<'static> {
        let store: Box<dyn Blocks> =
            Box::new(FolderStore::new(&self.path("blobs"), Layout::Sharded));
        Routes::new(vec![(0..=255, store)]).unwrap()
    }

    fn pack(&self, list: &str, threads: usize) -> Result<Written, Diagnostics> {
        let head = Head {
            routes: vec![Route::all("https://h/b")],
            epoch: 1_000_000_000,
            ..Head::default()
        };
        let stores = self.routes();
        let packing = Packing {
            folder: &self.path("from"),
            owners: Owners::Root,
            head: &head,
            stores: &stores,
            public: None,
            threads,
            list: &self.path(list),
        };
        let total = scan(packing.folder)?.bytes;
        pack(&packing, total, work(threads, &GOES_ON))
    }

    fn list(&self) -> List {
        self.pack("list.fl", 2).unwrap();
        List::open(&self.path("list.fl")).unwrap()
    }

    fn unpack(&self, list: &List, cancel: &AtomicBool) -> Result<Unpacked, Diagnostics> {
        self.unpack_over(list, false, cancel)
    }

    fn unpack_over(
        &self,
        list: &List,
        replaces: bool,
        cancel: &AtomicBool,
    ) -> Result<Unpacked, Diagnostics> {
        let unpacking = Unpacking {
            list,
            store: &self.routes(),
            folder: &self.path("to"),
            ownership: Ownership::Own,
            replaces,
        };
        unpack(&unpacking, work(3, cancel))
    }

    /// The file of a block in the store.
    fn blob(&self, list: &List, at: usize) -> PathBuf {
        let block = Distinct::of(list).blocks[at].0;
        self.path("blobs").join(Layout::Sharded.name(&block.id))
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap().flatten();
        let mut names: Vec<_> = entries
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn codes(problems: &Diagnostics) -> Vec<&str> {
    problems.iter().map(|problem| problem.code).collect()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o7777
}

#[test]
fn a_folder_gives_the_same_list_whoever_works_at_it() {
    let case = Case::new();
    let first = case.pack("first.fl", 1).unwrap();
    assert_eq!(
        (first.packed.files, first.packed.blocks, first.new),
        (4, 3, 3)
    );
    assert_eq!(first.new_bytes, first.packed.stored_bytes);
    let second = case.pack("second.fl", 4).unwrap();
    assert_eq!((second.new, second.new_bytes), (0, 0));
    let read = |name: &str| fs::read(case.path(name)).unwrap();
    assert_eq!(read("first.fl"), read("second.fl"));
    assert_eq!(mode(&case.path("first.fl")), 0o644);
}

#[test]
fn what_is_unpacked_is_what_was_packed() {
    let case = Case::new();
    let list = case.list();
    let unpacked = case.unpack(&list, &GOES_ON).unwrap();
    assert_eq!(unpacked.files, 4);
    for name in ["lib/large", "lib/twin", "lib/nothing", "tool"] {
        let read = |folder: &str| fs::read(case.path(folder).join(name)).unwrap();
        assert_eq!(read("to"), read("from"), "{name}");
    }
    let link = fs::read_link(case.path("to/link")).unwrap();
    assert_eq!(link, Path::new("/etc/passwd"));
    // Nobody gets the rights of whoever unpacks.
    assert_eq!(mode(&case.path("to/tool")), 0o755);
    assert_eq!(mode(&case.path("to/lib/empty")), 0o555);
    assert_eq!(
        case.path("to/tool").metadata().unwrap().mtime(),
        1_000_000_000
    );
    assert_eq!(case.names(), ["blobs", "from", "list.fl", "to"]);
}

#[test]
fn a_folder_in_use_stays_unless_it_may_go() {
    let case = Case::new();
    let list = case.list();
    fs::create_dir(case.path("to")).unwrap();
    case.unpack(&list, &GOES_ON).expect("an empty one is taken");
    fs::write(case.path("to/mine"), "precious").unwrap();
    let refused = case.unpack(&list, &GOES_ON).expect_err("not empty");
    assert_eq!(codes(&refused), ["zosc::publish::not-empty"]);
    assert!(case.path("to/mine").exists());
    case.unpack_over(&list, true, &GOES_ON).unwrap();
    assert!(case.path("to/tool").exists() && !case.path("to/mine").exists());
    assert_eq!(case.names(), ["blobs", "from", "list.fl", "to"]);
}

#[test]
fn a_failure_or_an_end_leaves_no_part_of_a_folder() {
    let case = Case::new();
    let list = case.list();
    let names = case.names();
    let stopped = case.unpack(&list, &STOPPED).expect_err("stopped");
    assert_eq!(codes(&stopped), ["zosc::publish::cancelled"]);
    assert_eq!(case.names(), names);
    fs::write(case.blob(&list, 0), "other").unwrap();
    fs::remove_file(case.blob(&list, 1)).unwrap();
    let failed = case.unpack(&list, &GOES_ON).expect_err("broken");
    let told = [
        "zosc::publish::missing-blocks",
        "zosc::publish::wrong-blocks",
    ];
    assert_eq!(codes(&failed), told);
    assert_eq!(case.names(), names);
}

#[test]
fn what_killed_processes_left_goes() {
    let case = Case::new();
    let list = case.list();
    fs::create_dir(case.path(".zosc-unpack-left")).unwrap();
    case.unpack(&list, &GOES_ON).unwrap();
    assert!(!case.path(".zosc-unpack-left").exists());
}

#[test]
fn everything_that_is_wrong_with_a_store_is_told_in_one_run() {
    let case = Case::new();
    let list = case.list();
    let check = |selection| verify(&list, &case.routes(), selection, work(2, &GOES_ON));
    let sound = check(Selection::All);
    assert_eq!((sound.blocks, sound.checked), (3, 3));
    assert!(sound.problems().is_empty());
    fs::remove_file(case.blob(&list, 0)).unwrap();
    fs::write(case.blob(&list, 2), "other").unwrap();
    let broken = check(Selection::All);
    let problems = broken.problems();
    let told = [
        "zosc::publish::missing-blocks",
        "zosc::publish::wrong-blocks",
    ];
    assert_eq!(codes(&problems), told);
    assert!(
        problems
            .iter()
            .all(|problem| problem.message.starts_with("1 of 3 blocks is "))
    );
    let first: Vec<_> = broken.faults.iter().map(|fault| fault.id).collect();
    assert_eq!(first.len(), 2);
    let again = check(Selection::All);
    assert!(again.faults.iter().map(|fault| fault.id).eq(first));
    assert_eq!(check(Selection::Sample(1)).checked, 1);
    let stopped = verify(&list, &case.routes(), Selection::All, work(2, &STOPPED));
    assert!(stopped.stopped && stopped.checked == 0);
}

#[test]
fn a_store_that_never_answers_is_not_asked_for_every_block() {
    struct Silent;
    impl Blocks for Silent {
        fn address(&self) -> String {
            "https://h/b".to_owned()
        }
        fn read(
            &self,
            _: &crate::flist::BlockId,
        ) -> Result<Vec<u8>, Vec<crate::publish::blocks::Tried>> {
            Err(vec![crate::publish::blocks::Tried {
                place: self.address(),
                found: crate::publish::blocks::Found::Failed("nobody answers".to_owned()),
            }])
        }
        fn write(
            &self,
            _: &crate::flist::BlockId,
            _: &[u8],
        ) -> Result<crate::publish::blocks::Put, Diagnostic> {
            unreachable!("nothing is written")
        }
        fn has(&self, _: &crate::flist::BlockId) -> Result<bool, Diagnostic> {
            Ok(false)
        }
    }
    let case = Case::new();
    for number in 0..40 {
        fs::write(
            case.path("from").join(number.to_string()),
            format!("file {number}"),
        )
        .unwrap();
    }
    let list = case.list();
    let verified = verify(&list, &Silent, Selection::All, work(1, &GOES_ON));
    assert_eq!((verified.blocks, verified.checked), (43, 8));
    assert_eq!(
        codes(&verified.problems()),
        ["zosc::publish::unread-blocks"]
    );
}

#[test]
fn a_sample_is_spread_over_all() {
    let case = Case::new();
    for number in 0..40 {
        fs::write(
            case.path("from").join(number.to_string()),
            format!("file {number}"),
        )
        .unwrap();
    }
    let list = case.list();
    let store = case.routes();
    let sample = verify(&list, &store, Selection::Sample(10), work(2, &GOES_ON));
    assert_eq!((sample.blocks, sample.checked), (43, 10));
    let more = verify(&list, &store, Selection::Sample(100), work(2, &GOES_ON));
    assert_eq!(more.checked, 43);
}

#[test]
fn blocks_are_copied_once_and_only_whole_ones() {
    let case = Case::new();
    let list = case.list();
    let to = FolderStore::new(&case.path("copy"), Layout::Flat);
    let copied = copy(&list, &case.routes(), &to, work(2, &GOES_ON)).unwrap();
    assert_eq!((copied.new, copied.present, copied.ids.len()), (3, 0, 3));
    assert!(
        copied
            .ids
            .iter()
            .all(|id| case.path("copy").join(id.to_string()).exists())
    );
    fs::write(case.blob(&list, 0), "other").unwrap();
    let again = copy(&list, &case.routes(), &to, work(2, &GOES_ON)).unwrap();
    assert_eq!(
        (again.new, again.present),
        (0, 3),
        "nothing is fetched that is there"
    );
    let other = FolderStore::new(&case.path("other"), Layout::Flat);
    let refused = copy(&list, &case.routes(), &other, work(2, &GOES_ON)).expect_err("broken");
    assert_eq!(codes(&refused), ["zosc::publish::wrong-blocks"]);
    let stopped = copy(&list, &case.routes(), &other, work(2, &STOPPED)).expect_err("stopped");
    assert_eq!(codes(&stopped), ["zosc::publish::cancelled"]);
}

#[test]
fn a_file_that_changes_while_it_is_packed_is_an_error() {
    let case = Case::new();
    let steps = walk::packables(&case.path("from"), Owners::Kept).unwrap();
    let is_tool = |packable: &crate::flist::Packable<'_>| packable.entry.path.as_str() == "/tool";
    let mut tool = steps.flatten().find(is_tool).unwrap();
    let mut content = String::new();
    tool.content
        .read_to_string(&mut content)
        .expect("as it was");
    fs::write(case.path("from/tool"), "#!/bin/ba\n").unwrap();
    let error = tool.content.read(&mut [0]).expect_err("changed");
    assert!(error.to_string().contains("changed"));
}

#[test]
fn what_no_list_can_hold_is_told_before_anything_is_written() {
    use std::os::unix::ffi::OsStrExt as _;
    let case = Case::new();
    for name in [&b"a\xff"[..], b"b\n"] {
        let name = std::ffi::OsStr::from_bytes(name);
        fs::write(case.path("from").join(name), "").unwrap();
    }
    let told = case.pack("list.fl", 1).expect_err("two names");
    assert_eq!(codes(&told), ["zosc::publish::bad-file-name"; 2]);
    assert_eq!(case.names(), ["from"]);
    let told = scan(&case.path("none")).expect_err("not there");
    assert_eq!(codes(&told), ["zosc::publish::unreadable-folder"]);
}

#[test]
fn special_files_stay_out_and_are_named() {
    let case = Case::new();
    let _socket = std::os::unix::net::UnixListener::bind(case.path("from/socket")).unwrap();
    let scanned = scan(&case.path("from")).unwrap();
    let warning = left_out(&scanned.left_out).expect("a warning");
    assert_eq!(warning.code, "zosc::publish::left-out");
    assert_eq!(warning.notes, ["`/socket`"]);
    let list = case.list();
    assert!(
        list.entries()
            .all(|(_, entry)| entry.path.as_str() != "/socket")
    );
    assert_eq!(left_out(&[]), None);
}

#[test]
fn a_store_that_refuses_ends_the_run_without_a_list() {
    let case = Case::new();
    fs::write(case.path("blobs"), "no folder").unwrap();
    let told = case.pack("list.fl", 2).expect_err("refused");
    assert_eq!(codes(&told), ["zosc::publish::unusable-folder"]);
    assert_eq!(case.names(), ["blobs", "from"]);
}
