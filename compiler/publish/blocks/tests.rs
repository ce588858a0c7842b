use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use super::*;
use crate::diagnostic::{Diagnostics, Severity};
use crate::flist::{Route, Sealed, seal};
use crate::io::{Answer, MemoryNetwork, Resume};

/// A server that answers as told, and remembers what it was asked for.
#[derive(Default)]
struct Server {
    answers: BTreeMap<String, Result<Vec<u8>, Failure>>,
    otherwise: Option<Failure>,
    asked: Mutex<Vec<String>>,
}

impl Server {
    fn with(mut self, url: &str, answer: Result<Vec<u8>, Failure>) -> Self {
        self.answers.insert(url.to_owned(), answer);
        self
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Network for Server {
    fn open(&self, url: &str, _: Resume<'_>) -> Result<Answer, Failure> {
        self.asked.lock().unwrap().push(url.to_owned());
        let otherwise = Err(self.otherwise.clone().unwrap_or(Failure::NotFound));
        let bytes = self.answers.get(url).cloned().unwrap_or(otherwise)?;
        Ok(Answer {
            total: Some(bytes.len() as u64),
            offset: 0,
            version: None,
            body: Box::new(std::io::Cursor::new(bytes)),
        })
    }
}

fn block(text: &str) -> (BlockId, Vec<u8>) {
    let Sealed { block, bytes } = seal(text.as_bytes());
    (block.id, bytes)
}

fn found(tried: Result<Vec<u8>, Vec<Tried>>) -> Vec<Found> {
    let tried = tried.expect_err("not there").into_iter();
    tried.map(|tried| tried.found).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<_> = names
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn blocks_lie_below_their_first_two_digits_or_flat() {
    let (id, _) = block("hello");
    let hex = "43569db4b44e807640de79fb7175eae3e6379082c562999f431830d4ed818577";
    assert_eq!(Layout::Sharded.name(&id), format!("43/{hex}"));
    assert_eq!(Layout::Flat.name(&id), hex);
    for (url, layout) in [
        ("https://h/b", Layout::Sharded),
        ("dir:///srv", Layout::Sharded),
        ("s3s://h:443/b", Layout::Flat),
    ] {
        assert_eq!(Layout::of_route(url), layout, "{url}");
    }
}

#[test]
fn a_folder_takes_a_block_once_and_hands_it_out_from_either_place() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("new/blobs");
    let (id, bytes) = block("hello");
    for layout in [Layout::Sharded, Layout::Flat] {
        let store = FolderStore::new(&root, layout);
        assert!(!store.has(&id).unwrap());
        assert_eq!(store.write(&id, &bytes), Ok(Put::New));
        assert_eq!(store.write(&id, &bytes), Ok(Put::Present));
        assert!(store.has(&id).unwrap());
        let other = FolderStore::new(&root, Layout::Sharded);
        assert_eq!(other.read(&id), Ok(bytes.clone()));
        fs::remove_file(root.join(layout.name(&id))).unwrap();
    }
    let store = FolderStore::new(&root, Layout::Sharded);
    assert_eq!(found(store.read(&id)), [Found::Nothing, Found::Nothing]);
}

#[test]
fn damage_in_a_folder_is_seen_and_what_is_cut_short_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = FolderStore::new(folder.path(), Layout::Sharded);
    let (id, bytes) = block("hello");
    store.write(&id, &bytes).unwrap();
    let path = folder.path().join(Layout::Sharded.name(&id));
    fs::write(&path, &bytes[..4]).unwrap();
    let damaged = Found::Other(BlockId::of(&bytes[..4]));
    assert_eq!(found(store.read(&id)), [damaged]);
    assert_eq!(store.write(&id, &bytes), Ok(Put::New));
    assert_eq!(store.read(&id), Ok(bytes));
    fs::write(&path, vec![0; SEALED_LIMIT + 1]).unwrap();
    assert_eq!(found(store.read(&id)), [Found::TooMuch]);
}

#[test]
fn several_write_to_a_folder_at_once_and_leftovers_go() {
    let folder = tempfile::tempdir().unwrap();
    let (id, bytes) = block("hello");
    let shard = folder.path().join("43");
    fs::create_dir(&shard).unwrap();
    fs::write(shard.join(".zosc-left"), "half a block").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let store = FolderStore::new(folder.path(), Layout::Sharded);
                store.write(&id, &bytes).unwrap();
            });
        }
    });
    assert_eq!(names(&shard), [id.to_string()]);
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "no folder").unwrap();
    let (id, bytes) = block("hello");
    let problem = FolderStore::new(&file, Layout::Flat).write(&id, &bytes);
    assert_eq!(
        problem.expect_err("refused").code,
        "zosc::publish::unusable-folder"
    );
}

#[test]
fn a_web_server_is_asked_as_rfs_asks_it() {
    let (id, bytes) = block("hello");
    let sharded = format!("https://h/b/{}", Layout::Sharded.name(&id));
    let flat = format!("https://h/b/{id}");
    let read = |server: &Server, layout: Layout| {
        let read = WebStore::new("https://h/b", layout, server).read(&id);
        (read, server.asked())
    };
    let server = Server::default().with(&sharded, Ok(bytes.clone()));
    assert_eq!(
        read(&server, Layout::Sharded),
        (Ok(bytes.clone()), vec![sharded.clone()])
    );
    let server = Server::default().with(&flat, Ok(bytes.clone()));
    let asked = vec![sharded.clone(), flat.clone()];
    assert_eq!(read(&server, Layout::Sharded), (Ok(bytes.clone()), asked));
    assert_eq!(
        read(
            &Server::default().with(&flat, Ok(bytes.clone())),
            Layout::Flat
        )
        .1,
        vec![flat.clone()]
    );
    // 403 for what is not there: the flat name is not asked for.
    let server = Server::default()
        .with(&sharded, Err(Failure::Status(403)))
        .with(&flat, Ok(bytes.clone()));
    let (answer, asked) = read(&server, Layout::Sharded);
    assert_eq!((found(answer), asked.len()), (vec![Found::Refused(403)], 1));
    let server = Server::default().with(&sharded, Ok(b"<html>".to_vec()));
    let page = Found::Other(BlockId::of(b"<html>"));
    assert_eq!(found(read(&server, Layout::Sharded).0), [page]);
    let server = Server::default().with(&sharded, Ok(vec![0; SEALED_LIMIT + 1]));
    assert_eq!(found(read(&server, Layout::Sharded).0), [Found::TooMuch]);
}

#[test]
fn nobody_writes_to_a_web_server() {
    let network = MemoryNetwork::default();
    let store = WebStore::new("https://h/b", Layout::Sharded, &network);
    let (id, bytes) = block("hello");
    assert!(store.write(&id, &bytes).is_err());
    assert_eq!(store.has(&id), Ok(false));
}

fn folder_store(folder: &Path) -> Box<dyn Blocks> {
    Box::new(FolderStore::new(folder, Layout::Sharded))
}

#[test]
fn blocks_go_to_every_store_that_their_first_byte_leads_to() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let routes = Routes::new(vec![
        (0..=255, folder_store(&place("all"))),
        (0x00..=0x42, folder_store(&place("low"))),
        (0x43..=0xff, folder_store(&place("high"))),
    ])
    .unwrap();
    let (id, bytes) = block("hello");
    assert_eq!(routes.write(&id, &bytes), Ok(Put::New));
    assert!(routes.has(&id).unwrap());
    assert!(place("all/43").exists() && place("high/43").exists() && !place("low").exists());
    fs::remove_dir_all(place("all")).unwrap();
    assert!(!routes.has(&id).unwrap());
    assert_eq!(routes.read(&id), Ok(bytes.clone()));
    assert_eq!(routes.write(&id, &bytes), Ok(Put::New));
    assert_eq!(routes.write(&id, &bytes), Ok(Put::Present));
    fs::remove_dir_all(place("all")).unwrap();
    fs::remove_dir_all(place("high")).unwrap();
    assert_eq!(found(routes.read(&id)).len(), 4, "two places in each");
}

#[test]
fn hashes_without_a_store_are_told() {
    let gap = |ranges: &[std::ops::RangeInclusive<u8>]| routes::gap(ranges.iter());
    assert_eq!(gap(&[0..=255]), None);
    assert_eq!(gap(&[0x80..=0xff, 0x00..=0x7f]), None);
    assert_eq!(gap(&[0x00..=0x10, 0x20..=0xff]), Some(0x11..=0x1f));
    assert_eq!(gap(&[0x00..=0x7f]), Some(0x80..=0xff));
    assert_eq!(gap(&[]), Some(0x00..=0xff));
    let refused = Routes::new(vec![(0..=9, folder_store(Path::new("/none")))]);
    let problem = refused.err().expect("refused");
    assert_eq!(problem.code, "zosc::publish::range-gap");
    assert!(problem.help.unwrap().contains("0a-ff=ADDRESS"));
}

#[test]
fn a_route_that_only_rfs_reads_is_no_problem_beside_one_that_zosc_reads() {
    let network = MemoryNetwork::default();
    let of = |urls: &[&str]| {
        let mut problems = Diagnostics::new();
        let routes: Vec<Route> = urls.iter().copied().map(Route::all).collect();
        let is_some = Routes::of_list(&routes, &network, &mut problems).is_some();
        let codes = problems
            .iter()
            .map(|problem| (problem.code, problem.severity));
        (is_some, codes.collect::<Vec<_>>())
    };
    let bad = "zosc::check::bad-route";
    assert_eq!(of(&["https://h/b"]), (true, vec![]));
    assert_eq!(
        of(&["zdb://h:9900/x", "https://h/b"]),
        (true, vec![(bad, Severity::Warning)])
    );
    assert_eq!(
        of(&["zdb://h:9900/x"]),
        (false, vec![(bad, Severity::Error)])
    );
    assert_eq!(
        of(&[]),
        (false, vec![("zosc::publish::range-gap", Severity::Error)])
    );
}

#[test]
fn what_was_written_is_read_again_where_machines_look() {
    let (id, bytes) = block("hello");
    let sharded = format!("https://h/b/{}", Layout::Sharded.name(&id));
    let proven = |server: &Server| {
        let mut problems = Diagnostics::new();
        let route = [Route::all("https://h/b")];
        let public = Routes::of_list(&route, server, &mut problems).unwrap();
        prove("s3://zos/blobs", &[id], &public)
    };
    let code = |server: Server| {
        let problems = proven(&server).expect_err("disproved");
        let problem = problems.iter().next().unwrap().clone();
        assert!(problem.notes[0].contains(&sharded), "{problem:?}");
        problem.code
    };
    assert_eq!(proven(&Server::default().with(&sharded, Ok(bytes))), Ok(()));
    assert_eq!(code(Server::default()), "zosc::publish::route-elsewhere");
    assert_eq!(
        code(Server::default().with(&sharded, Ok(b"<html>".to_vec()))),
        "zosc::publish::route-elsewhere"
    );
    assert_eq!(
        code(Server::default().with(&sharded, Err(Failure::Status(403)))),
        "zosc::publish::route-refused"
    );
    let offline = Server {
        otherwise: Some(Failure::Offline),
        ..Server::default()
    };
    assert_eq!(code(offline), "zosc::publish::route-unreachable");
}
